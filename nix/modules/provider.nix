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
    package = mkOption {
      # A path stays where it is; a package is where it has been built.
      type = types.nullOr (
        types.coercedTo (types.addCheck types.raw (x: builtins.isPath x || x ? outPath)) toString types.str
      );
      default = null;
      description = ''
        A folder with a plugin in it, used instead of what `source` would find: a package such as
        `pkgs.terraform-providers.hashicorp_aws`, or an unpacked release.
      '';
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
    meta = mkOption {
      type = openInputs;
      default = { };
      description = ''
        What the plugin is told with every call beside its configuration, where its schema knows such a thing: what
        `provider_meta` is in Terraform.
      '';
    };
    concurrency = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      description = ''
        How many calls to this provider may run at once, within `--parallelism`. Calls that only check or describe do not
        count.
      '';
    };
    rateLimit = mkOption {
      type = types.nullOr (
        types.submodule {
          options = {
            calls = mkOption {
              type = types.ints.positive;
              description = "How many calls may begin within any span of `perSeconds`.";
            };
            perSeconds = mkOption {
              type = types.numbers.positive;
              default = 1;
              description = "The length of that span.";
            };
          };
        }
      );
      default = null;
      description = "How often this provider may be called, for services that refuse more.";
    };
    timeouts =
      let
        seconds =
          description:
          mkOption {
            type = types.nullOr types.numbers.positive;
            default = null;
            inherit description;
          };
      in
      {
        start = seconds "After how many seconds a program that was started and cannot be asked yet is given up.";
        plan = seconds "After how many seconds a call is given up that changes nothing: checking, reading, planning.";
        apply = seconds ''
          After how many seconds a call is given up that changes something. What it was to change is in doubt then. Where
          this is not set, such a call may take as long as it likes.
        '';
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
