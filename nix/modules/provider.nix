# A provider, as declared in `providers.<name>`.
{ lib, openInputs }:
{ config, name, ... }:
let
  inherit (lib) mkOption types;
in
{
  _class = "nixops4Provider";
  options = {
    type = mkOption {
      type = types.nullOr (
        types.enum [
          "stdio"
          "tfplugin"
        ]
      );
      default = null;
      description = ''
        How the provider is spoken to: "stdio" is NixOps4's own protocol, "tfplugin" that of Terraform and OpenTofu
        plugins. Where it is not set, a provider with `source`, or with an executable called `terraform-provider-…`,
        is a plugin.
      '';
    };
    executable = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Path or name of the program.";
    };
    args = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Arguments of the program.";
    };
    source = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Source address of a plugin, such as `hashicorp/aws`.";
    };
    version = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Version constraint of a plugin, such as `~> 5.0`.";
    };
    config = mkOption {
      type = openInputs;
      default = { };
      description = "The provider's configuration, following its schema.";
    };
    name = mkOption {
      type = types.str;
      default = name;
      description = "The provider's name, for people.";
    };
    description = mkOption {
      type = types.str;
      default = "";
      description = "What the provider provides.";
    };
    sourceBaseUrl = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Where the provider's source can be read, for documentation.";
    };
    sourceName = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "What that place is called.";
    };
    resourceTypes = mkOption {
      type = types.lazyAttrsOf (
        types.submoduleWith {
          class = "nixops4ResourceType";
          specialArgs.provider = config;
          modules = [
            (import ./resource-type.nix {
              inherit lib;
              provider = config;
            })
          ];
        }
      );
      default = { };
      description = "The types of resources. A provider that describes itself need not list them.";
    };
  };
}
