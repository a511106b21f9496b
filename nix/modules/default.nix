# The modules that describe a deployment, on the library of ../lib.
{
  lib ? import ../lib,
}:
let
  root = import ./root.nix { inherit lib; };
in
{
  inherit (root) evalRoot mkRoot load;
  inherit lib;
}
