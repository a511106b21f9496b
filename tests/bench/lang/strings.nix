# A text of 10 MB, of 250,000 lines.
{ ... }:
builtins.stringLength (
  builtins.concatStringsSep "\n" (
    builtins.genList (n: "line ${toString n} of a text that grows to ten MB") 250000
  )
)
