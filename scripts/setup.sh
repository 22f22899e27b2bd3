#!/usr/bin/env bash
# Installs what a task needs and is not there yet: Debian packages, and the go.work that points
# the Go tool at Debian's copy of go-yara (the module proxy does not carry that module).
#
#   scripts/setup.sh build            what `make build` needs
#   scripts/setup.sh test             and the peers that the tests talk to
#
# Asks for nothing, starts no service, and does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc pkg-config libyara-dev golang-github-hillu-go-yara-dev)
peers=(curl openssl squid-openssl c-icap libicapapi-dev libc-icap-mod-virus-scan
	clamav-daemon clamav clamdscan clamav-testfiles e2guardian tshark yara redis-server)

want=("${build[@]}")
case "${1:-build}" in
build) ;;
test) want+=("${peers[@]}") ;;
*)
	echo "usage: scripts/setup.sh build|test" >&2
	exit 2
	;;
esac

missing=()
for p in "${want[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done

if [ ${#missing[@]} -gt 0 ]; then
	sudo=""
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { echo "setup: missing ${missing[*]}; run as root, or install sudo" >&2; exit 1; }
		sudo=sudo
	fi
	# Debian starts a daemon when it installs one; a test machine wants none of them running.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
		$sudo chmod 755 /usr/sbin/policy-rc.d
		trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	echo "setup: installing ${missing[*]}" >&2
	log=$(mktemp)
	if ! { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
		tail -40 "$log" >&2
		exit 1
	fi
	rm -f "$log"
fi

# go.work, and not a replace in go.mod: the path belongs to this machine, not to the module.
yara=/usr/share/gocode/src/github.com/hillu/go-yara
if [ ! -f go.work ] || ! grep -q "$yara" go.work; then
	cat >go.work <<WORK
go $(awk '$1 == "go" {print $2}' go.mod)

use .

replace github.com/hillu/go-yara/v4 v4.2.4 => $yara
WORK
fi
