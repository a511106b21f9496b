# The names of all tests that fail, with what they gave; empty when all is well.
let
  lib = import ../.;
  run =
    file:
    lib.concatMap (
      name:
      let
        test = (import file lib).${name};
      in
      if test.expr == test.expected then [ ] else [ { inherit name; inherit (test) expr expected; } ]
    ) (builtins.attrNames (import file lib));
in
run ./modules.nix ++ run ./functions.nix
