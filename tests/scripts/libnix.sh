#!/usr/bin/env bash
# The second engine, Nix itself: builds `nixops4-eval` with it and holds it to the same tests. Where
# the libraries of Nix cannot be had, says so and ends well.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/lib.sh

say "The libraries of Nix"
code=0
variables=$(tests/scripts/libnix-build.sh) || code=$?
case $code in
  0) ;;
  3) echo "SKIPPED: the libraries of Nix cannot be had here, so nothing is tested with them" && exit 0 ;;
  *) echo "SKIPPED: the libraries of Nix could not be built here, so nothing is tested with them" && exit 0 ;;
esac
eval "$variables"

# Apart from the target folder of everything else, in which a `nixops4-eval` without libnix is.
target=${CARGO_TARGET_DIR:-$PWD/target}
features=(-p nixops4-eval --features libnix --target-dir "$target/libnix")

# A place of their own for what tests put into a store.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "Lints"
cargo clippy "${features[@]}" --all-targets --quiet -- -D warnings
say "The tests of the protocol, with Nix"
cargo test "${features[@]}" --quiet --bins
NIXOPS4_TEST_EVALUATOR=libnix cargo test "${features[@]}" --quiet --tests
say "A deployment, with Nix"
cargo build "${features[@]}" --quiet
cargo build --workspace --bins --quiet
NIXOPS4_TEST_LIBNIX=$target/libnix/debug/nixops4-eval \
  cargo test -p nixops4-tests --test e2e --quiet -- libnix::
