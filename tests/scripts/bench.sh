#!/usr/bin/env bash
# Builds with optimisation and runs the benchmarks: tests/scripts/bench.sh [startup|local|many|eval|lang|plugins|aws|processes]…
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/lib.sh

target=${CARGO_TARGET_DIR:-$PWD/target}
work=$(mktemp -d)
moto_pid=
finish() {
  if [ -n "$moto_pid" ]; then kill "$moto_pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT

cargo build --release --quiet --workspace --bins --example figures --example codec
mirror=$(find_aws_mirror)
if [ -n "$mirror" ]; then
  python=$(install_moto "$target")
  if [ -n "$python" ]; then start_moto "$python" "$work/moto.log"; fi
  write_cli_config "$work/cli.tfrc" "$mirror"
  AWS_PLUGIN=$(find "$mirror" -type f -name 'terraform-provider-aws_v*' | head -n 1)
  export AWS_PLUGIN
fi
real_nix=$(tests/scripts/oracle.sh)
if [ -n "$real_nix" ]; then export NIXOPS4_TEST_NIX_INSTANTIATE=$real_nix; fi
"$target/release/nixops4-bench" "$target/release" "$@"
