# A fold over 1,000,000 integers.
{ ... }: builtins.foldl' (sum: n: sum + n) 0 (builtins.genList (n: n) 1000000)
