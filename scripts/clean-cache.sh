#!/usr/bin/env bash
# clean-cache.sh DIR: removes the files that meshproof built and downloaded in its cache directory DIR, and prints their
# size. state/ is kept: it lists our clusters, which `make clean` needs.
set -euo pipefail

dir=${1:?usage: clean-cache.sh DIR}
[ "${dir##*/}" = meshproof ] || { echo "clean-cache: $dir does not end in /meshproof; nothing was removed" >&2; exit 64; }
[ -d "$dir" ] || { echo "nothing to remove: $dir does not exist"; exit 0; }

if XDG_CACHE_HOME=${dir%/*} "${BASH_SOURCE[0]%/*}/docker-daemon.sh" status >/dev/null; then
  echo "clean-cache: a docker daemon runs in $dir; nothing was removed. End it first: scripts/docker-daemon.sh stop" >&2
  exit 69
fi

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
