#!/bin/sh
# Runs the commands of documents, as a reader would: those in a block of shell below the line <!-- nightly -->. Each document gets a
# fresh clone of this checkout's last commit in an empty folder, and its blocks are one script, which ends with the first command
# that fails.
#
# In: documents, in the checkout's root. With -n the scripts are printed, not run.
set -eu
dry=
if [ "${1:-}" = -n ]; then
  dry=1
  shift
fi
root=$(pwd)
work=$(mktemp -d)
trap 'clean; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP # else a shell ends without the line above

# clean removes what make built for the clone: that lies in the cache, in a folder that is named for the clone's own path.
clean() {
  [ -d "$work/clone" ] || return 0
  bin=$(cd "$work/clone" && dirname "$(make build)")
  case $bin in */meshproof/bin/[0-9]*) rm -rf "$bin" ;; esac
  rm -rf "$work/clone"
}

for page in "$@"; do
  script=$work/$(basename "$page" .md).sh
  awk '
    /^<!-- nightly -->$/ { wanted = 1; next }
    /^```sh$/ && wanted { inside = 1; wanted = 0; next }
    /^```$/ { inside = 0 }
    inside { print }
    !inside && NF { wanted = 0 }
  ' "$page" >"$script"
  if [ ! -s "$script" ]; then
    echo "docs-commands: $page has no block of shell below <!-- nightly -->" >&2
    exit 1
  fi
  if [ -n "$dry" ]; then
    echo "# $page"
    cat "$script"
    continue
  fi
  echo "docs-commands: $page, in a fresh clone"
  clean
  git clone --quiet "$root" "$work/clone"
  (cd "$work/clone" && sh -eux "$script") </dev/null || {
    echo "docs-commands: $page: a command failed; the last lines above say which" >&2
    exit 1
  }
done
