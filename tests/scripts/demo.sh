#!/usr/bin/env bash
# The main job, start to end: plan, apply, an empty second plan, a change, destroy; over a real
# provider plugin and local files in one graph.
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

say "Building nixops4"
cargo build --release --quiet --bins
nixops4=$target/release/nixops4

mirror=$(find_aws_mirror)
python=
if [ -n "$mirror" ]; then python=$(install_moto "$target"); fi
if [ -n "$python" ]; then
  say "Using the AWS provider below $mirror and an imitation of AWS on this machine"
  start_moto "$python" "$work/moto.log"
  deployment=aws
  before='{ name = "demo"; parameter = "/demo/subnet"; }'
  after='{ name = "renamed"; parameter = "/demo/subnet-id"; }'
else
  say "No AWS provider is on this machine: building a plugin on the tf-provider framework"
  plugin=$(build_demo_plugin "$target/plugins")
  mirror=$work/mirror
  mirror_demo_plugin "$mirror" "$plugin"
  deployment=service
  before="{ name = \"demo\"; backup = \"10.1.0.0/16\"; directory = \"$work/service\"; }"
  after="{ name = \"renamed\"; backup = \"10.2.0.0/16\"; directory = \"$work/service\"; }"
fi
write_cli_config "$work/cli.tfrc" "$mirror"
cp tests/demo/$deployment/nixops4.nix "$work/"
cd "$work"

run() {
  printf '\n\033[36m$ nixops4 %s\033[0m\n' "$*"
  "$nixops4" "$@"
}

say "The deployment"
cat nixops4.nix
echo "$before" >settings.nix

say "What would be done"
run plan
say "Doing it"
run apply --yes
printf '\ninventory.txt:\n' && cat inventory.txt

say "A second plan finds nothing to do (exit code 0)"
run plan --detailed-exitcode

say "Changed settings: one update in place, one replacement, and what depends on it"
echo "$after" >settings.nix
code=0
run plan --detailed-exitcode || code=$?
[ "$code" = 2 ] || { echo "expected exit code 2 of the plan, got $code" >&2; exit 1; }
run apply --yes
printf '\ninventory.txt:\n' && cat inventory.txt
run plan --detailed-exitcode

say "Deleting everything"
run destroy --yes
[ ! -e inventory.txt ] || { echo "inventory.txt is still there" >&2; exit 1; }

say "Done"
