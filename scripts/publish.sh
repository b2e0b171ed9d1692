#!/usr/bin/env bash
# publish.sh DIST: makes the GitHub release of the tag TAG with all files in the folder DIST. Its notes are the tag's section of
# CHANGELOG.md. gh and its token (GH_TOKEN) are the runner's.
set -euo pipefail
dist=${1:?usage: TAG=v1.2.3 publish.sh DIST}
: "${TAG:?names no tag}"
[ -e "$dist/meshproof_${TAG#v}_linux_amd64.tar.gz" ] || { echo "publish: $dist has no release of $TAG" >&2; exit 1; }
notes=$(awk -v head="## [${TAG#v}]" 'index($0, head) == 1 { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md)
[ -n "$notes" ] || { echo "publish: CHANGELOG.md has no section [${TAG#v}]" >&2; exit 1; }
gh release create "$TAG" --verify-tag --title "$TAG" --notes "$notes" "$dist"/meshproof* "$dist/checksums.txt"
