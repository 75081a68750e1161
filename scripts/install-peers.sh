#!/bin/sh
# Installs the programs that the tests talk to, on Debian and its relatives, as root.
# Without root it only says what is missing: the tests that need it then skip, and say so.
# With CI set, something missing is a failure. With the argument "bench", also what benchmarks need.
set -eu

missing=
packages=
need() { # command package
  PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return
  missing="$missing $1"
  packages="$packages $2"
}

# Debian names php-fpm's command after its version, such as php-fpm8.2.
need_any_version() { # command package
  for folder in $(echo "$PATH:/usr/sbin" | tr : ' '); do
    for file in "$folder/$1" "$folder/$1"[0-9]*; do
      [ -x "$file" ] && return
    done
  done
  missing="$missing $1"
  packages="$packages $2"
}

need_library() { # file package
  PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -qF "$1" && return
  for folder in /lib /usr/lib /usr/local/lib /lib/*-linux-* /usr/lib/*-linux-*; do
    [ -e "$folder/$1" ] && return
  done
  missing="$missing $1"
  packages="$packages $2"
}

# The first python3 of the path may be another than Debian's, whose packages count.
need_python() { # module package
  for python in python3 /usr/bin/python3; do
    "$python" -c "import $1" >/dev/null 2>&1 && return
  done
  missing="$missing $2"
  packages="$packages $2"
}

need apache2 apache2-bin # with all modules, and without a service
need caddy caddy
need cgi-fcgi libfcgi-bin
need curl curl
need fish fish
need groff groff-base
need haproxy haproxy
need ip iproute2 # network namespaces, where the container may make them
need lighttpd lighttpd
[ -e /usr/lib/lighttpd/mod_openssl.so ] || {
  missing="$missing lighttpd's-mod_openssl"
  packages="$packages lighttpd-mod-openssl"
}
need m2sh mongrel2-core
need mandoc mandoc
need mongrel2 mongrel2-core
need nginx nginx-light
need pebble pebble
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] ||
  { missing="$missing nginx-stream" packages="$packages libnginx-mod-stream"; }
need openssl openssl
need systemd-analyze systemd
need wrk wrk
need zsh zsh
need redis-server redis-server
need_any_version php-fpm php-fpm
need_library libzmq.so.5 libzmq5
need_python zmq python3-zmq

if [ "${1:-}" = bench ]; then
  need cc gcc
  need go golang-go
  [ -e /usr/include/fcgiapp.h ] || { missing="$missing libfcgi" packages="$packages libfcgi-dev libc6-dev"; }
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  # Debian starts the services that it installs. Several want port 80, and what cannot start fails
  # the installation; the tests start their own. An administrator's policy is left alone.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -qq
  # Debian 12 has it in its backports alone; tests that do not find it use Redis.
  apt-cache show valkey-server >/dev/null 2>&1 && packages="$packages valkey-server"
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
  exit 0
fi
echo "install-peers: not installed, and not root on a Debian system:$missing" >&2
echo "install-peers: tests that need them will be skipped" >&2
[ -z "${CI:-}" ] || exit 1
