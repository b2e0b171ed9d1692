#!/usr/bin/env bash
# fuzz.sh [TIME]: runs every fuzz test of the module for TIME (default 30s) each. It stops at the first crash; the go
# command then writes the input to the package's testdata/fuzz, where it becomes a test case.
set -euo pipefail

time=${1:-30s}
ran=0
while read -r package; do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "fuzz $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
    ran=$((ran + 1))
  done
done < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u)
echo "$ran fuzz tests ran for $time each"
((ran > 0)) || { echo "fuzz: no fuzz test found" >&2; exit 1; }
