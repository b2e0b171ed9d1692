#!/usr/bin/env bash
# reproduce.sh DIST [-platforms linux/amd64]: makes the release in the folder DIST again, of the same commit in another clone and
# with empty build caches, and compares the files byte by byte. With fewer platforms only their files are compared.
set -euo pipefail
dist=$(realpath "${1:?usage: reproduce.sh DIST [flags of scripts/dist]}")
shift
[ -z "$(git status --porcelain)" ] || { echo 'reproduce: the checkout has changes that are in no commit' >&2; exit 64; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
git clone --quiet --no-checkout "$(git rev-parse --path-format=absolute --git-common-dir)" "$work/another place"
commit=$(git rev-parse HEAD)
cd "$work/another place"
git -c advice.detachedHead=false checkout --quiet "$commit"
GOCACHE="$work/go-build" go run ./scripts/dist -out "$work/again" "$@"
cd "$work/again"
bad=0
for f in meshproof_*; do
  if cmp "$f" "$dist/$f"; then echo "same bytes: $f"; else bad=1; fi
done
exit $bad
