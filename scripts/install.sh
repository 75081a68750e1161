#!/bin/sh
# Installs gatehouse, the latest version or the one that is named:
#
#     curl -fsSL https://github.com/gatehouse/gatehouse/releases/latest/download/install.sh | sh
#     sh install.sh [VERSION]
#
# GATEHOUSE_INSTALL   folder to install to (default: ~/.gatehouse/bin); beside a folder called bin, in
#                     share, go the manual page and completions for bash, zsh and fish
# GATEHOUSE_RELEASES  where releases are (default: https://github.com/gatehouse/gatehouse/releases)

set -eu

fail() {
  echo "install gatehouse: $*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# Prints what the executables for this system are called after.
target() {
  system=$(uname -s)
  machine=$(uname -m)
  # A shell that is translated for another machine says so of itself.
  if [ "$system $machine" = "Darwin x86_64" ] &&
    [ "$(sysctl -n hw.optional.arm64 2>/dev/null || true)" = 1 ]; then
    machine=arm64
  fi
  case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no executable for $system on $machine" ;;
  esac
  case $system in
    Linux)
      case $(ldd --version 2>&1 || true) in
        *musl*) fail "the executable needs glibc, and this system has musl" ;;
      esac
      echo "$machine-unknown-linux-gnu"
      ;;
    Darwin) echo "$machine-apple-darwin" ;;
    *) fail "there is no executable for $system here: see $releases" ;;
  esac
}

# Downloads URL $1 to file $2.
download() {
  if has curl; then
    curl -fsSL --connect-timeout 30 -o "$2" "$1" 2>/dev/null || fail "cannot download $1"
  elif has wget; then
    wget -q -T 30 -O "$2" "$1" 2>/dev/null || fail "cannot download $1"
  else
    fail "neither curl nor wget is there to download $1"
  fi
}

# Prints the SHA-256 of file $1.
sha256() {
  if has sha256sum; then
    sha256sum "$1"
  else
    shasum -a 256 "$1"
  fi | cut -d ' ' -f 1
}

main() {
  [ $# -le 1 ] || fail "one argument at the most: the version"
  releases=${GATEHOUSE_RELEASES:-https://github.com/gatehouse/gatehouse/releases}
  releases=${releases%/}
  version=${1:-latest}
  case $version in
    latest) base=$releases/latest/download ;;
    *[!0-9A-Za-z.+-]*) fail "not a version: $version" ;;
    *) base=$releases/download/v${version#v} ;;
  esac
  folder=${GATEHOUSE_INSTALL:-${HOME:?is not set, nor GATEHOUSE_INSTALL}/.gatehouse/bin}
  target=$(target)
  has sha256sum || has shasum || fail "neither sha256sum nor shasum is there to check downloads"
  archive=gatehouse-$target.tar.gz

  mkdir -p "$folder" 2>/dev/null || fail "cannot make the folder $folder"
  # On the same file system, so that the executable is replaced in one step.
  work=$(mktemp -d "$folder/.install-XXXXXX" 2>/dev/null) || fail "cannot write to $folder"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM

  download "$base/SHA256SUMS" "$work/SHA256SUMS"
  expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "$base has no $archive"
  download "$base/$archive" "$work/$archive"
  actual=$(sha256 "$work/$archive")
  [ "$actual" = "$expected" ] ||
    fail "$base/$archive is not what was released: its SHA-256 is $actual, not $expected"
  tar -xzf "$work/$archive" -C "$work" gatehouse 2>/dev/null || fail "cannot unpack $archive"
  chmod 755 "$work/gatehouse"
  installed=$("$work/gatehouse" --version 2>/dev/null) || fail "$archive does not run here"
  mv -f "$work/gatehouse" "$folder/gatehouse" 2>/dev/null || fail "cannot write $folder/gatehouse"
  # Versions before these had the executable alone.
  case $folder in
    */bin)
      if tar -tzf "$work/$archive" 2>/dev/null | grep -q '^share/'; then
        tar -xzf "$work/$archive" -C "${folder%/bin}" share 2>/dev/null ||
          fail "cannot write ${folder%/bin}/share"
      fi
      ;;
  esac

  echo "$installed"
  echo "is installed as $folder/gatehouse"
  case :$PATH: in
    *:"$folder":*) ;;
    *) echo "Add it to your PATH: export PATH=\"$folder:\$PATH\"" ;;
  esac
}

# Here at the end: of a script that is cut off nothing is done.
main "$@"
