# Two commands for a fresh machine with a Rust toolchain.
.PHONY: demo test

# Builds nixops4 and shows the main job: plan, apply, change, destroy.
demo:
	tests/scripts/demo.sh

# Runs everything that has to hold.
test:
	tests/scripts/test.sh
