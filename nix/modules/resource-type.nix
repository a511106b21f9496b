# A type of resources that a provider offers, as declared in `providers.<p>.resourceTypes.<t>`.
{ lib, provider }:
{ name, ... }:
let
  inherit (lib) mkOption types;
in
{
  _class = "nixops4ResourceType";
  options = {
    description = mkOption {
      type = types.str;
      default = "";
      description = "What such a resource is.";
    };
    requireState = mkOption {
      type = types.bool;
      default = false;
      description = "Whether such a resource cannot do without state.";
    };
    inputs = mkOption {
      type = types.deferredModule;
      default = { };
      description = "A module that declares the inputs as options.";
    };
    outputs = mkOption {
      type = types.deferredModule;
      default = { };
      description = "A module that declares the outputs as options.";
    };
    outputsSkeleton = mkOption {
      type = types.lazyAttrsOf types.raw;
      default = { };
      internal = true;
      description = "Names of outputs beside those that `outputs` declares.";
    };
    type = mkOption {
      type = types.str;
      default = name;
      description = "The provider's name for the type.";
    };
    provider = {
      executable = mkOption {
        type = types.nullOr types.str;
        default = provider.executable;
        description = "The program that provides this type.";
      };
      args = mkOption {
        type = types.listOf types.str;
        default = provider.args;
        description = "Its arguments.";
      };
      type = mkOption {
        type = types.nullOr types.str;
        default = provider.type;
        description = "How it is spoken to.";
      };
    };
  };
}
