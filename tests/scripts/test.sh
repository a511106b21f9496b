#!/usr/bin/env bash
# Everything that has to hold: formatting, lints, all tests, the demonstration.
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

say "Formatting"
cargo fmt --all --check
say "Lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings

say "Plugins for the tests"
NIXOPS4_TEST_DEMO_PLUGIN=$(build_demo_plugin "$target/plugins")
export NIXOPS4_TEST_DEMO_PLUGIN
mirror=$(find_aws_mirror)
python=
if [ -n "$mirror" ]; then python=$(install_moto "$target"); fi
if [ -n "$python" ]; then
  start_moto "$python" "$work/moto.log"
  export NIXOPS4_PLUGIN_MIRROR=$mirror
else
  echo "SKIPPED: no AWS provider, or no imitation of its API, is on this machine; its tests say so"
fi

say "Real Nix, to compare with"
real_nix=$(tests/scripts/oracle.sh)
if [ -n "$real_nix" ]; then
  export NIXOPS4_TEST_NIX_INSTANTIATE=$real_nix
  "$real_nix" --version
fi

say "Tests"
cargo build --workspace --bins --quiet
cargo test --workspace --quiet 2>&1 | tee "$work/tests.log"

say "Demonstration"
if [ -n "$moto_pid" ]; then kill "$moto_pid" && moto_pid=; fi
unset AWS_ENDPOINT_URL
tests/scripts/demo.sh

# A skipped test has passed as far as the harness knows.
passed=$(awk '/^test result: ok/ { passed += $4 } END { print passed + 0 }' "$work/tests.log")
skipped=$( (grep --only-matching 'SKIPPED: [^ ]*' "$work/tests.log" || true) | sort -u | wc -l)
printf '\n%s passed, 0 failed, %s skipped\n' "$((passed - skipped))" "$skipped"
