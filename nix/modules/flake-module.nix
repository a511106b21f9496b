# A flake-parts module: the option `nixops4` describes the deployment that becomes the flake output of that name.
{ mkRoot }:
{
  config,
  lib,
  withSystem,
  options,
  ...
}:
{
  _class = "flake";
  options.nixops4 = lib.mkOption {
    type = lib.types.deferredModule;
    description = "The root component of the deployment.";
  };
  config = lib.mkIf options.nixops4.isDefined {
    flake.nixops4 = mkRoot {
      modules = [
        config.nixops4
        (
          { resourceProviderSystem, ... }:
          {
            _class = "nixops4Component";
            _module.args.withResourceProviderSystem = withSystem resourceProviderSystem;
          }
        )
      ];
      specialArgs = { inherit withSystem; };
    };
    perSystem =
      { system, ... }:
      {
        checks.nixops4-providers = config.flake.nixops4.getProviders { inherit system; };
      };
  };
}
