#!/bin/sh
# Installs the programs that the tests talk to, on Debian and its relatives, as root.
# Without root it only says what is missing: the tests that need it then skip, and say so.
# With CI set, something missing is a failure.
set -eu

missing=
packages=
need() { # command package
  PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return
  missing="$missing $1"
  packages="$packages $2"
}

need curl curl
need nginx nginx-light
need openssl openssl
need wrk wrk

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
  exit 0
fi
echo "install-peers: not installed, and not root on a Debian system:$missing" >&2
echo "install-peers: tests that need them will be skipped" >&2
[ -z "${CI:-}" ] || exit 1
