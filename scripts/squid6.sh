#!/usr/bin/env bash
# Builds a Debian 13 tree with its Squid 6, for tests of what Debian 12's Squid 5 cannot do: it deadlocks on
# bodies of 64 KiB and more (Squid bug 5352). Takes about a minute and 500 MB, once.
#
#   scripts/squid6.sh                 builds the tree if it is not there
#   scripts/squid6.sh --path          says where it is
#
# ICAPD_SQUID6_ROOT puts it elsewhere than the user's cache folder, DEBIAN_MIRROR takes it from elsewhere.
set -euo pipefail

root=${ICAPD_SQUID6_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/icapd/debian13}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

if [ "${1:-}" = --path ]; then
	echo "$root"
	exit
fi
[ -x "$root/usr/sbin/squid" ] && exit
[ "$(id -u)" = 0 ] || { echo "squid6: needs root for the chroot" >&2; exit 1; }

new=$root.new
rm -rf "$new"
mkdir -p "$new"
log=$(mktemp)
trap 'rm -rf "$new" "$log"' EXIT
step() {
	echo "squid6: $1" >&2
	shift
	"$@" >"$log" 2>&1 || { tail -30 "$log" >&2; exit 1; }
}
step "Debian 13, from $mirror" debootstrap --variant=minbase --include=ca-certificates trixie "$new" "$mirror"
echo "deb ${mirror%/debian}/debian-security trixie-security main" >"$new/etc/apt/sources.list.d/security.list"
printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
chmod 755 "$new/usr/sbin/policy-rc.d"
step "package lists" chroot "$new" apt-get -q update
step "Squid" chroot "$new" env DEBIAN_FRONTEND=noninteractive apt-get -y -q install --no-install-recommends squid-openssl
chroot "$new" apt-get -q clean
chmod 1777 "$new/dev/shm"
mv "$new" "$root"
echo "squid6: $(chroot "$root" /usr/sbin/squid -v | head -1)" >&2
