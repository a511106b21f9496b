# Shared by the scripts: finding what may be on the machine, and building what is needed.
# shellcheck shell=bash

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Prints the folder of a filesystem mirror that holds the AWS provider, if there is one:
# $NIXOPS4_PLUGIN_MIRROR, or a folder named registry.terraform.io below the usual prefixes.
find_aws_mirror() {
  local prefix found
  if [ -n "${NIXOPS4_PLUGIN_MIRROR:-}" ]; then
    printf '%s\n' "$NIXOPS4_PLUGIN_MIRROR"
    return
  fi
  for prefix in "$HOME" /usr/local/share /usr/share /opt; do
    found=$(find "$prefix" -maxdepth 5 -type d -path '*/registry.terraform.io/hashicorp/aws' \
      2>/dev/null | head -n 1)
    if [ -n "$found" ]; then
      printf '%s\n' "${found%/registry.terraform.io/hashicorp/aws}"
      return
    fi
  done
}

# Makes a virtual environment with the loopback AWS API below $1 and prints its Python; prints
# nothing where that cannot be had.
install_moto() {
  local venv=$1/moto
  if [ ! -x "$venv/bin/waitress-serve" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'moto[server]' waitress; } >&2 ||
      return 0
  fi
  printf '%s\n' "$venv/bin/python"
}

# Starts the loopback AWS API with the Python $1 and its log in $2; sets moto_pid and the variables by
# which the AWS provider finds it.
start_moto() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$1" tests/scripts/aws_api.py "$port" >"$2" 2>&1 &
  moto_pid=$!
  until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
    kill -0 "$moto_pid" || { cat "$2" >&2; return 1; }
    sleep 0.1
  done
  export AWS_ENDPOINT_URL=http://127.0.0.1:$port
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-central-1
}

# Builds the plugin on the tf-provider framework into the build folder $1 and prints the program.
build_demo_plugin() {
  local manifest=tests/plugins/tf-provider/Cargo.toml
  {
    cargo build --quiet --manifest-path $manifest --target-dir "$1" -p protoc-by-protox &&
      PROTOC=$1/debug/protoc-by-protox \
        cargo build --quiet --manifest-path $manifest --target-dir "$1" -p terraform-provider-demo
  } >&2 || return 1
  printf '%s\n' "$1/debug/terraform-provider-demo"
}

# Lays out a filesystem mirror in $1 with the plugin program $2 as example/demo.
mirror_demo_plugin() {
  local os_arch
  os_arch="$(uname -s | tr '[:upper:]' '[:lower:]')_$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')"
  local package=$1/registry.opentofu.org/example/demo/0.1.0/$os_arch
  mkdir -p "$package"
  ln -sf "$2" "$package/terraform-provider-demo_v0.1.0"
}

# Writes a CLI configuration $1 that names the filesystem mirror $2 and nothing else.
write_cli_config() {
  printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$2" >"$1"
  export TF_CLI_CONFIG_FILE=$1
}
