#!/usr/bin/env bash
# Fuzzes the language: tests/scripts/fuzz.sh parse|eval [SECONDS]. What it learns is kept below
# target/fuzz and is where the next run goes on from; what breaks it is written there too.
#
# The stable toolchain does: the instrumentation is the compiler's own, and libFuzzer comes with
# libfuzzer-sys.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=${1:?parse or eval}
seconds=${2:-60}
target=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
crate=nix/lang/fuzz
corpus=$target/corpus/$name
mkdir -p "$corpus" "$target/artifacts"

# Each recorded expression is a seed, and so is each file of the crate's own.
awk -v folder="$corpus" '
  /^[=~]> / { if (text != "") { n++; printf "%s", text >(folder "/recorded-" n); close(folder "/recorded-" n) }; text = ""; next }
  { text = text $0 "\n" }
' nix/lang/tests/conformance/*.txt
cp "$crate"/seeds/* "$corpus"

# For the host named, so that build scripts are not instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" \
  cargo build --quiet --release --manifest-path "$crate/Cargo.toml" --target-dir "$target" --target "$host" --bin "$name"
nice -n 19 "$target/$host/release/$name" -artifact_prefix="$target/artifacts/" -dict="$crate/nix.dict" \
  -max_len=400 -timeout=10 -rss_limit_mb=2048 -max_total_time="$seconds" -print_final_stats=1 "$corpus"
