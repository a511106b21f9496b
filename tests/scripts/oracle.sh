#!/usr/bin/env bash
# Brings real Nix, as Debian's trixie packages it, into a private folder and prints the path of a
# nix-instantiate that runs from there: tests/scripts/oracle.sh [FOLDER].
#
# Nothing is installed: apt resolves and fetches the packages with a state of its own, and the
# program runs through its own dynamic loader. The folder is kept, so the next run only prints the
# path. With NIXOPS4_TEST_NIX_INSTANTIATE, that program is the one. Where there is none to be had,
# standard error says so, nothing is printed, and the exit code is 0: the tests that compare with
# real Nix then say that they are skipped.
set -euo pipefail

folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/nixops4-tests/real-nix}
release=trixie

skip() {
  echo "SKIPPED: comparing with real Nix: $*" >&2
  exit 0
}

# Evaluates what needs the loader, the libraries and the store's hashes.
works() {
  [ -x "$1" ] &&
    [ "$("$1" --eval -E 'builtins.substring 0 11 (derivation { name = "x"; system = "s"; builder = "/b"; }).outPath' 2>/dev/null)" = '"/nix/store/"' ]
}

# The mirror that this machine's apt uses itself.
mirror() {
  apt-get indextargets --format '$(SITE) $(CODENAME)' 2>/dev/null |
    awk '$1 ~ /\/debian\/?$/ { print $1; exit }'
}

# Gives apt a state of its own below $1, in which nothing is installed, with the mirror $2.
configure() {
  mkdir -p "$1"/lists/partial "$1"/archives/partial "$1"/etc/preferences.d
  : >"$1/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $2 $release main" >"$1/sources.list"
  cat >"$1/apt.conf" <<CONF
Dir::State "$1";
Dir::State::status "$1/status";
Dir::State::lists "$1/lists";
Dir::Cache "$1";
Dir::Cache::archives "$1/archives";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$1/etc/preferences.d";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
}

# Makes $program run the unpacked packages. It reads no configuration but the one written here,
# which switches on what this project's evaluator has without being asked, and keeps its store
# beside the packages, under the usual name.
write_program() {
  local root=$folder/root libraries loader draft
  libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6 -print -quit)")
  loader=$(find "$libraries" -maxdepth 1 -name 'ld-linux*.so.*' -print -quit)
  [ -n "$loader" ] || return 1
  mkdir -p "$folder/conf" "$folder/bin"
  draft=$(mktemp "$folder/bin/draft.XXXXXX")
  cat >"$draft" <<CONF
extra-experimental-features = ca-derivations flakes pipe-operators
build-users-group =
substituters =
CONF
  mv "$draft" "$folder/conf/nix.conf"
  cat >"$draft" <<WRAPPER
#!/bin/sh
export NIX_CONF_DIR='$folder/conf' NIX_USER_CONF_FILES= NIX_REMOTE='local?root=$folder/store'
exec '$loader' --argv0 nix-instantiate --library-path '$libraries' '$root/usr/bin/nix' "\$@"
WRAPPER
  chmod 755 "$draft"
  mv "$draft" "$program"
}

if [ -n "${NIXOPS4_TEST_NIX_INSTANTIATE:-}" ]; then
  printf '%s\n' "$NIXOPS4_TEST_NIX_INSTANTIATE"
  exit
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
program=$folder/bin/nix-instantiate
if [ -x "$folder/root/usr/bin/nix" ] && write_program && works "$program"; then
  printf '%s\n' "$program"
  exit
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip "this is not Debian, and NIXOPS4_TEST_NIX_INSTANTIATE names no program"
site=$(mirror)
[ -n "$site" ] || skip "apt has no Debian mirror here"

# Made beside and moved into place, as several may come at once.
new=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
configure "$new/apt" "$site"
log=$folder/log
{
  APT_CONFIG=$new/apt/apt.conf apt-get update --quiet --quiet &&
    APT_CONFIG=$new/apt/apt.conf apt-get install --quiet --quiet --yes --download-only nix-bin
} >"$log" 2>&1 ||
  skip "$release's nix-bin cannot be fetched (see $log): $(tail -n 1 "$log")"
for package in "$new"/apt/archives/*.deb; do dpkg-deb --extract "$package" "$new/root"; done
rm -rf "$new"/root/usr/share/{doc,man,perl*,locale} "$new"/root/usr/lib/*/perl*
mv -T "$new/root" "$folder/root" 2>/dev/null || [ -x "$folder/root/usr/bin/nix" ]
write_program || skip "$release's packages have no dynamic loader"
works "$program" || skip "$program does not run here: $("$program" --version 2>&1 | tail -n 1)"
printf '%s\n' "$program"
