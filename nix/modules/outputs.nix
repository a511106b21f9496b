# What NixOps4's flake offers to other flakes.
let
  root = import ./. { };
in
{
  lib = {
    inherit (root) mkRoot evalRoot;
  };
  modules = {
    flake.default = {
      _file = "<nixops4/modules/flake-module.nix>";
      imports = [ (import ./flake-module.nix { inherit (root) mkRoot; }) ];
    };
    nixops4Component.default = {
      _class = "nixops4Component";
    };
    nixops4Provider.local = {
      _class = "nixops4Provider";
      _file = "<nixops4/modules/provider-local.nix>";
      imports = [ ./provider-local.nix ];
    };
  };
}
