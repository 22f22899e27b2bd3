#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other, and stops at the first finding.
#
#   scripts/fuzz.sh 60s               all targets, 60 seconds each
#   scripts/fuzz.sh 10m ./icap/...    the targets of some packages
#
# The list comes from the sources, so that a new target cannot be forgotten; an empty list is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-30s}
shift || true
[ $# -gt 0 ] || set -- ./...

count=0
while read -r pkg dir; do
	targets=$(grep -hoE '^func Fuzz[A-Za-z0-9_]*\(' "$dir"/*_test.go 2>/dev/null | sed 's/^func //; s/($//' | sort -u || true)
	for target in $targets; do
		echo "== $pkg $target $time"
		go test -run "^$target\$" -fuzz "^$target\$" -fuzztime "$time" "$pkg"
		count=$((count + 1))
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' "$@")

if [ "$count" -eq 0 ]; then
	echo "fuzz: no fuzz target in $*" >&2
	exit 1
fi
echo "fuzz: $count targets, $time each, no finding"
