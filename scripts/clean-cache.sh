#!/usr/bin/env bash
# clean-cache.sh DIR: removes what meshproof built and downloaded under its cache directory DIR and says how much that
# was. state/ stays: it tells which clusters are ours, and `make clean` needs that.
set -euo pipefail

dir=${1:?usage: clean-cache.sh DIR}
[ "${dir##*/}" = meshproof ] || { echo "clean-cache: $dir does not end in /meshproof, left alone" >&2; exit 64; }
[ -d "$dir" ] || { echo "nothing to remove: there is no $dir"; exit 0; }

shopt -s nullglob dotglob
entries=()
for entry in "$dir"/*; do
  [ "${entry##*/}" = state ] || entries+=("$entry")
done
((${#entries[@]})) || { echo "nothing to remove in $dir"; exit 0; }

du -shc -- "${entries[@]}"
chmod -R u+w -- "${entries[@]}" # a Go module cache is read-only
rm -rf -- "${entries[@]}"
echo "removed from $dir"
