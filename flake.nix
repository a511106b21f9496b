{
  description = "NixOps4 deploys what is written in Nix, with native and Terraform providers";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-darwin"
        "x86_64-linux"
      ];
      forAllSystems = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      workspace = (fromTOML (builtins.readFile ./Cargo.toml)).workspace.package;
    in
    # `lib.mkRoot`, `modules.flake.default` and the like, for the flakes of deployments.
    import ./nix/modules/outputs.nix
    // {
      packages = forAllSystems (pkgs: rec {
        default = nixops4;
        nixops4 = pkgs.rustPlatform.buildRustPackage {
          pname = "nixops4";
          inherit (workspace) version;
          src = pkgs.lib.cleanSource self;
          cargoLock.lockFile = ./Cargo.lock;
          cargoBuildFlags = [
            "--package=nixops4-cli"
            "--package=nixops4-eval"
            "--package=nixops4-local"
            "--package=nixops4-tfproto"
          ];
          # The tests start plugins that are built from other registries.
          doCheck = false;
          meta = {
            description = "Deployment tool with the Nix language and Terraform providers";
            license = pkgs.lib.licenses.mit;
            mainProgram = "nixops4";
          };
        };
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.cargo
            pkgs.clippy
            pkgs.go
            pkgs.rustc
            pkgs.rustfmt
          ];
        };
      });
    };
}
