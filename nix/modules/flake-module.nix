# A flake-parts module: the option `nixops4` describes the deployment that becomes the flake output of that name.
{ mkRoot }:
{
  config,
  lib,
  withSystem,
  ...
}:
{
  _class = "flake";
  options.nixops4 = lib.mkOption {
    type = lib.types.deferredModule;
    default = { };
    description = "The root component of the deployment.";
  };
  config = {
    flake.nixops4 = mkRoot {
      modules = [
        (
          { resourceProviderSystem, ... }:
          {
            _class = "nixops4Component";
            _module.args.withResourceProviderSystem = lib.mkDefault (withSystem resourceProviderSystem);
          }
        )
        config.nixops4
      ];
      specialArgs = { inherit withSystem; };
      prefix = [ "nixops4" ];
    };
    perSystem =
      { system, ... }:
      {
        checks.nixops-providers = config.flake.nixops4.getProviders { inherit system; };
      };
  };
}
