#!/usr/bin/env bash
# Builds the C API of Nix from Debian's source package, once, and prints the variables that a build
# of `nixops4-eval --features libnix` needs. Nothing is installed outside a cache folder, except
# Debian packages, and those only as root.
#
#   eval "$(tests/scripts/libnix-build.sh)"
#
# Ends with 3, and says why, where that cannot be done on this machine.
set -euo pipefail

suite=trixie
# Counts changes to how things are built.
recipe=1
cache=${NIXOPS4_LIBNIX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nixops4/libnix}

say() { printf '\n== %s ==\n' "$*" >&2; }
give_up() {
  printf 'libnix: %s\n' "$*" >&2
  exit 3
}

# What an installed Nix brings needs no building.
if [ -z "${NIXOPS4_LIBNIX_FROM_SOURCE:-}" ] && pkg-config --atleast-version=2.26 nix-expr-c 2>/dev/null; then
  echo "libnix: that of this machine, $(pkg-config --modversion nix-expr-c)" >&2
  exit 0
fi

command -v apt-get >/dev/null || give_up "there is no Debian here to take the sources of Nix from"

# A place of its own for what apt-get knows of that suite.
apt_dir=$cache/apt
mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial"
# The archive that this machine uses anyway.
uri=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sed -n '/\/debian\/$/{p;q}' || true)
[ -n "$uri" ] || give_up "apt-get knows no archive of Debian to take the sources of Nix from"
printf 'deb %s %s main\ndeb-src %s %s main\n' "$uri" "$suite" "$uri" "$suite" >"$apt_dir/sources.list"
cat >"$apt_dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt_dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt_dir";
Dir::State::status "/dev/null";
Dir::Cache "$apt_dir";
APT::Sandbox::User "";
CONF
from_suite() { APT_CONFIG=$apt_dir/apt.conf "$@" >&2; }

version_file=$cache/version
prefix_of() { echo "$cache/$1-$recipe"; }
if [ ! -s "$version_file" ] || [ ! -e "$(prefix_of "$(cat "$version_file")")/done" ]; then
  say "The sources of Nix that Debian has"
  from_suite apt-get update --quiet=2 || give_up "Debian's archive cannot be reached"
  version=$(APT_CONFIG=$apt_dir/apt.conf apt-cache showsrc --only-source nix |
    sed -n 's/^Version: //p' | sort --version-sort | tail -n 1) || true
  [ -n "$version" ] || give_up "Debian $suite has no source package nix"
  echo "$version" >"$version_file"
fi
version=$(cat "$version_file")
prefix=$(prefix_of "$version")

build() {
  local work=$1
  local packages=(
    bison flex g++ cmake ninja-build pkg-config dpkg-dev python3
    libboost-dev libboost-context-dev libboost-coroutine-dev libboost-container-dev
    nlohmann-json3-dev libtoml11-dev libarchive-dev libbrotli-dev libcurl4-gnutls-dev
    libsqlite3-dev libsodium-dev libseccomp-dev libssl-dev libgc-dev libclang-dev
    libpcre2-dev libhttp-parser-dev zlib1g-dev
  )
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || give_up "these Debian packages are missing: ${missing[*]}"
    say "Packages that building Nix needs"
    apt-get update --quiet=2 >&2 || true
    apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >&2 ||
      give_up "these Debian packages cannot be installed: ${missing[*]}"
  fi

  say "Sources"
  (cd "$work" && from_suite apt-get source --quiet=2 "nix=$version") ||
    give_up "the sources of nix $version cannot be had"
  # The build system is a program in Python: that of the same suite runs here too.
  (cd "$work" && from_suite apt-get download --quiet=2 meson && dpkg-deb -x meson_*.deb meson) ||
    give_up "meson cannot be had"
  local nix
  nix=$(find "$work" -maxdepth 1 -type d -name 'nix-*')

  export CXXFLAGS="-w"
  if ! grep -q git_mempack_write_thin_pack /usr/include/git2/sys/mempack.h 2>/dev/null; then
    say "libgit2, for that of this machine is too old"
    (cd "$work" && from_suite apt-get source --quiet=2 libgit2) || give_up "the sources of libgit2 cannot be had"
    local git2
    git2=$(find "$work" -maxdepth 1 -type d -name 'libgit2-*')
    cmake -S "$git2" -B "$work/git2" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib \
      -DCMAKE_INSTALL_PREFIX="$prefix" -DBUILD_TESTS=OFF -DBUILD_CLI=OFF -DUSE_SSH=OFF \
      -DUSE_HTTPS=OpenSSL -DUSE_HTTP_PARSER=http-parser -DREGEX_BACKEND=pcre2 \
      -DUSE_NTLMCLIENT=OFF -DUSE_GSSAPI=OFF >&2
    nice ninja -C "$work/git2" >&2
    ninja -C "$work/git2" install >&2
  fi
  # In older headers of the collector these types, which are structs in all but name, hide what they
  # are there to say.
  if ! sed -n '/class traceable_allocator<void>/,/typedef/p' /usr/include/gc/gc_allocator.h | grep -q public; then
    mkdir -p "$prefix/include/collector"
    cp -r /usr/include/gc "$prefix/include/collector/"
    sed -i '/^ *class [a-z_]*<void> {$/a public:' "$prefix/include/collector/gc/gc_allocator.h"
    CXXFLAGS="-I$prefix/include/collector $CXXFLAGS"
  fi
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

  say "Nix $version: its libraries and their C wrappers"
  cat >"$nix/meson.build" <<'MESON'
project('nix-c-api', 'cpp', version : files('.version'), subproject_dir : 'src')
foreach library : ['libutil', 'libstore', 'libfetchers', 'libexpr', 'libflake',
                   'libutil-c', 'libstore-c', 'libexpr-c', 'libflake-c']
  subproject(library)
endforeach
MESON
  rm -f "$nix/meson.options"
  # The small vectors of older versions of Boost do not turn into spans by themselves.
  sed -i 's/callFunction(vFun, vArgs, v, pos)/callFunction(vFun, {vArgs.data(), vArgs.size()}, v, pos)/' \
    "$nix/src/libexpr/eval.cc"
  local meson=(python3 "$work/meson/usr/bin/meson")
  export PYTHONPATH=$work/meson/usr/lib/python3/dist-packages
  "${meson[@]}" setup "$nix/build" "$nix" --prefix="$prefix" --libdir=lib --localstatedir=/nix/var \
    --buildtype=plain -Doptimization=1 -Ddebug=false -Dlibutil:cpuid=disabled -Dlibexpr:gc=enabled >&2
  nice ninja -C "$nix/build" >&2
  "${meson[@]}" install -C "$nix/build" --quiet >&2
}

if [ ! -e "$prefix/done" ]; then
  # One at a time; whoever comes second finds it done.
  exec 9>"$cache/lock"
  flock 9
  if [ ! -e "$prefix/done" ]; then
    rm -rf "$prefix"
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    build "$work"
    touch "$prefix/done"
  fi
  exec 9>&-
fi

cat <<VARIABLES
export PKG_CONFIG_PATH='$prefix/lib/pkgconfig'
export LD_LIBRARY_PATH='$prefix/lib'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export BINDGEN_EXTRA_CLANG_ARGS='-std=c2x'
VARIABLES
