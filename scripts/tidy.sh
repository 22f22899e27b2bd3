#!/usr/bin/env bash
# go mod tidy, for the main module and the gateway's. It needs go-yara's go.mod, which the module proxy does not
# have, so it works on copies of go.mod that point at Debian's package.
set -euo pipefail
cd "$(dirname "$0")/.."
yara=/usr/share/gocode/src/github.com/hillu/go-yara
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for dir in . gateway/caddy; do
	(
		cd "$dir"
		cp go.mod "$tmp/go.mod"
		cp go.sum "$tmp/go.sum"
		echo "replace github.com/hillu/go-yara/v4 v4.2.4 => $yara" >>"$tmp/go.mod"
		GOWORK=off go mod tidy -modfile="$tmp/go.mod"
		grep -v "go-yara/v4 .*=> $yara" "$tmp/go.mod" >go.mod
		cp "$tmp/go.sum" go.sum
	)
done
