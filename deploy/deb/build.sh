#!/usr/bin/env bash
# Makes a Debian package of bin/icapd, or of the program in ICAPD, in a folder (bin without an argument), and prints
# its name.
#
#   deploy/deb/build.sh [FOLDER]
#
# VERSION is what git describe says: v1.2.3, v1.2.3-4-gabcdef, or a mere commit, which sorts before any release.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath "${1:-bin}")
program=$(realpath "${ICAPD:-bin/icapd}")

version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo unknown)}
case "$version" in
v[0-9]*) version=${version#v} ;;
[0-9]*.*) ;;
*) version=0~git$version ;;
esac
version=${version//-/+}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# dpkg-shlibdeps knows which packages, from which version on, have what the program is linked with.
mkdir "$work/debian"
printf 'Source: icapd\n\nPackage: icapd\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps --warnings=0 -O "$program" | sed -n 's/^shlibs:Depends=//p')
gzip -9nc deploy/deb/icapd.8 >"$work/icapd.8.gz"

nfpm=$(GOWORK=off go -C deploy/tools tool -n nfpm)
cd deploy/deb
ICAPD_PROGRAM=$program ICAPD_MANUAL=$work/icapd.8.gz ICAPD_VERSION=$version ICAPD_DEPENDS=${depends:?} ICAPD_ARCH=$(dpkg --print-architecture) \
	"$nfpm" package --config nfpm.yaml --packager deb --target "$out" >"$work/log" || {
	cat "$work/log" >&2
	exit 1
}
echo "$out/icapd_${version}_$(dpkg --print-architecture).deb"
