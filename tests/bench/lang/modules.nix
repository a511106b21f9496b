# 1,000 submodules, each with options that are declared, defaulted, defined and merged.
{ libPath }:
let
  lib = import libPath;
  inherit (lib) mkOption mkIf mkDefault types;

  service =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = false;
        };
        port = mkOption { type = types.int; };
        name = mkOption {
          type = types.str;
          default = name;
        };
        labels = mkOption {
          type = types.attrsOf types.str;
          default = { };
        };
        address = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
        packages = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
      };
      config = mkIf config.enable {
        labels.port = mkDefault (toString config.port);
        packages = [ "base" ];
      };
    };

  evaluated = lib.evalModules {
    modules = [
      { options.services = mkOption { type = types.attrsOf (types.submodule service); }; }
      {
        config.services = lib.listToAttrs (
          lib.genList (n: {
            name = "service${toString n}";
            value = {
              enable = lib.mod n 2 == 0;
              port = 1000 + n;
              packages = [ "p${toString n}" ];
            };
          }) 1000
        );
      }
      { config.services.service7.labels.extra = "x"; }
    ];
  };
in
builtins.stringLength (builtins.toJSON evaluated.config.services)
