#!/usr/bin/env bash
# Everything that has to hold: formatting, lints, all tests, the demonstration.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/lib.sh

target=${CARGO_TARGET_DIR:-$PWD/target}

say "Formatting"
cargo fmt --all --check
say "Lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings

say "Plugins for the tests"
NIXOPS4_TEST_DEMO_PLUGIN=$(build_demo_plugin "$target/plugins")
export NIXOPS4_TEST_DEMO_PLUGIN
mirror=$(find_aws_mirror)
if [ -n "$mirror" ]; then
  NIXOPS4_TEST_AWS_MIRROR=$mirror
  NIXOPS4_TEST_MOTO=$(install_moto "$target")
  export NIXOPS4_TEST_AWS_MIRROR NIXOPS4_TEST_MOTO
else
  echo "SKIPPED: no AWS provider is on this machine; its tests will say so"
fi

say "Tests"
cargo build --workspace --bins --quiet
cargo test --workspace --quiet

say "Demonstration"
tests/scripts/demo.sh
