#!/usr/bin/env bash
# docker-daemon.sh start [DOCKERD FLAGS] | stop | status | run COMMAND: a current docker daemon for a Debian machine that has none, or
# one too old to run privileged containers. Needs root and the docker command. Nothing of the machine's own is changed:
# the daemon is Debian's docker.io in a root file system below the user's cache directory, and it runs in mount and
# process namespaces of its own. So nothing of it can outlive its first process.
#
#   eval "$(scripts/docker-daemon.sh start)"    prints the line that sets DOCKER_HOST
#   scripts/docker-daemon.sh stop               ends the daemon with all its containers; images stay for the next time
#   scripts/docker-daemon.sh run make e2e       both around a command, which also gets ENGINE=docker
#
# A plain chroot is not enough: there `docker exec` ends in the machine's own root, because runc cannot pivot_root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meshproof
root=$cache/docker-daemon/root
state=$cache/state/docker-daemon # kept by make clean-cache, as all that says what still runs
socket=$state/docker.sock

# 64 to 70 are the exit codes of README's table.
fail() { echo "docker-daemon: $2" >&2; exit "$1"; }

# When a process began, so that a process id that is used again is not taken for the daemon.
began() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }

# Sets $pid to the daemon's first process, seen from outside of its namespaces. Fails if it does not run.
find_daemon() {
  local start
  read -r pid start 2>/dev/null <"$state/pid" || return
  [ -n "$start" ] && [ "$(began "$pid")" = "$start" ]
}

answers() { [ "$(docker --host "unix://$socket" version --format '{{.Server.Os}}' 2>/dev/null)" = linux ]; }

can_run() {
  [ "$(id -u)" = 0 ] || fail 69 "only root can mount the daemon's file system; run it as root"
  [ "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null)" = debian ] ||
    fail 69 "this machine is not a Debian; install docker as its own documentation says, and set DOCKER_HOST if it is not the default"
  command -v docker >/dev/null || fail 69 "there is no docker command on PATH; apt-get install docker.io brings one of any age"
  # The bridge and the firewall rules of a docker daemon have fixed names, so two daemons would share them.
  if ip link show docker0 >/dev/null 2>&1 && ! [ -e "$state/network-is-ours" ]; then
    fail 69 "another docker daemon has its bridge docker0 on this machine; use that daemon, or end it and remove the bridge (ip link delete docker0)"
  fi
  ((${#socket} < 108)) || fail 69 "$socket is longer than a socket's path may be; set XDG_CACHE_HOME to a shorter one"
}

make_root() {
  local packages suite mirror
  [ -x "$root/usr/sbin/dockerd" ] && return
  suite=$(sed -n 's/^DOCKER_SUITE=//p' "$here/versions.env")
  packages=$(sed -n 's/^APT_DOCKER=//p' "$here/versions.env")
  command -v mmdebstrap >/dev/null || fail 69 "mmdebstrap is not installed; apt-get install mmdebstrap"
  mirror=$("$here/debian-mirror") || exit 69
  echo "docker-daemon: unpacking Debian $suite with ${packages// /, } (half a minute, the first time)" >&2
  rm -rf "$root" "$root.part"
  mkdir -p "${root%/*}"
  mmdebstrap --quiet --variant=minbase --include="${packages// /,}" "$suite" "$root.part" "$mirror" >&2
  mv "$root.part" "$root"
}

# Runs as the first process of the new namespaces: enters the root file system and becomes dockerd.
inside() {
  cd "$root"
  mount --bind . .
  cd "$root" # the mount, not what lies under it
  mount -t proc proc proc
  for m in sys dev; do mount --rbind "/$m" "$m"; done
  mount -t tmpfs tmpfs run
  # What is mounted into containers, the harness's cache above all, lies in one of these. Without what is mounted below them: this
  # root file system lies in the cache, and a node that sees a second /sys in it takes that for its own.
  for m in "$HOME" /tmp "$cache"; do
    mkdir -p ".$m"
    mount --bind "$m" ".$m"
  done
  cp -L /etc/resolv.conf /etc/hosts etc/
  [ ! -r /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
  mkdir -p .old
  pivot_root . .old
  cd /
  umount -l /.old
  PATH=/usr/sbin:/usr/bin:/sbin:/bin exec tini -- dockerd --host "unix://$socket" "$@"
}

# Removes what dockerd leaves in the machine's network even when it ends well: bridges, rules, chains. In: the policy that
# the chain FORWARD had before. It runs in the root file system, whose iptables speaks to the kernel as the daemon's did.
clean_network() {
  local bridge table
  for bridge in $(ip -o link show type bridge | grep -oE '(docker0|br-[0-9a-f]{12})' | sort -u); do
    ip link delete "$bridge"
  done
  for table in filter nat; do
    # Rules first, then the chains that they name. xargs reads the quotes of a rule's comment.
    iptables -w -t "$table" -S | sed -nE '/DOCKER|docker0|br-[0-9a-f]{12}/s/^-A/-D/p' | xargs -rL1 iptables -w -t "$table"
    iptables -w -t "$table" -S | sed -n 's/^-N DOCKER/-X DOCKER/p' | xargs -rL1 iptables -w -t "$table"
  done
  iptables -w -P FORWARD "$1"
}

in_root() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"; }

# shellcheck disable=SC2120 # run gives it no flags
start() {
  can_run
  if find_daemon && answers; then
    echo "export DOCKER_HOST=unix://$socket"
    return
  fi
  stop
  make_root
  in_root iptables -w -S FORWARD | sed -n 's/^-P FORWARD //p' >"$state/network-is-ours"
  setsid unshare --mount --pid --fork --kill-child --propagation private \
    "${BASH_SOURCE[0]}" inside "$@" >"$state/log" 2>&1 </dev/null 9>&- &
  outer=$!
  for _ in $(seq 120); do
    pid=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null) || break # it has ended
    pid=${pid// /}
    [ -z "$pid" ] || echo "$pid $(began "$pid")" >"$state/pid"
    if [ -n "$pid" ] && answers; then
      echo "export DOCKER_HOST=unix://$socket"
      return
    fi
    sleep 0.25
  done
  tail -n 5 "$state/log" >&2
  stop
  fail 70 "the daemon did not answer within 30 s; its log is $state/log"
}

stop() {
  if find_daemon; then
    kill -TERM "$pid"
    # dockerd gives containers 15 s. The end of the first process is the end of all that it started, by the kernel.
    for _ in $(seq 120); do [ -n "$(began "$pid")" ] || break; sleep 0.25; done
    [ -z "$(began "$pid")" ] || kill -KILL "$pid"
    for _ in $(seq 40); do [ -n "$(began "$pid")" ] || break; sleep 0.25; done
    [ -z "$(began "$pid")" ] || fail 70 "process $pid does not end; the daemon may still run"
  fi
  if [ -e "$state/network-is-ours" ] && [ -d "$root/usr" ]; then
    in_root bash -c "$(declare -f clean_network); clean_network $(cat "$state/network-is-ours")"
  fi
  rm -f "$state/pid" "$state/network-is-ours" "$socket"
}

# In: a command. Its exit code is the script's. A daemon that was there before stays.
run() {
  if ! find_daemon; then
    trap 'flock 9; stop' EXIT
    trap 'exit 130' INT TERM
  fi
  # shellcheck disable=SC2119
  start >/dev/null
  flock -u 9
  DOCKER_HOST=unix://$socket ENGINE=docker "$@" 9>&-
}

case ${1:-} in
start | stop | run)
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock 9 # two at once would start two daemons
  "$@"
  ;;
status)
  if find_daemon && answers; then
    echo "running: process $pid, DOCKER_HOST=unix://$socket"
  else
    echo "not running"
    exit 1
  fi
  ;;
inside) "$@" ;;
*) fail 64 "usage: docker-daemon.sh start [DOCKERD FLAGS] | stop | status | run COMMAND" ;;
esac
