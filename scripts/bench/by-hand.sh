#!/usr/bin/env bash
# by-hand.sh: does what `make e2e` does, as a person would at a prompt: create a kind cluster, apply the manifests, wait
# until every node lists all others (kubectl exec … eval 'nodes().'), delete a pod, wait again, hold, delete the cluster.
# The bench compares it with `make e2e`, with the same images and objects. It uses a separate kubeconfig.
#
# Stdout: one line per phase, "NAME<tab>SECONDS", the last one "total". Everything else goes to stderr. The exit code is 0
# only if the mesh was complete before and after the deletion; the cluster is deleted in any case.
#
#   NODE_IMAGE      the node's image, in the engine's store                              (must be given)
#   APP_IMAGES      archives to load into the node, space-separated paths               (must be given; may be empty)
#   MANIFESTS       a file or folder for `kubectl apply -f`, images already named        (must be given)
#   NAMESPACE       namespace of the objects                                             (default; created if missing)
#   SELECTOR        label selector of the pods                                           (app=derl)
#   CONTAINER       the container for kubectl exec; empty: the pod's default             ()
#   REPLICAS        number of pods in the mesh                                           (3)
#   EVAL            how to evaluate an Erlang expression inside the container            (/opt/derl/bin/derl eval)
#   HOLD_FORMED     seconds to watch the formed mesh                                     (0)
#   HOLD_RECOVERED  seconds to watch the recovered mesh                                  (10)
#   BUDGET          timeout of a wait for the mesh, in seconds                           (120)
#   ENGINE          docker or podman; CONTAINERS_CONF is inherited                       (podman if docker is missing)
#   KIND            the kind binary                                                      (built from go.mod's version)
#   KIND_CONFIG     configuration for kind create cluster                                (none)
#   KUBECTL         the kubectl binary                                                   (PATH's, else the node's own)
set -euo pipefail

: "${NODE_IMAGE:?}" "${APP_IMAGES?}" "${MANIFESTS:?}"
namespace=${NAMESPACE:-default} selector=${SELECTOR:-app=derl} replicas=${REPLICAS:-3}
read -ra eval_command <<<"${EVAL:-/opt/derl/bin/derl eval}"
read -ra archives <<<"$APP_IMAGES"
name=byhand-$$
node=$name-control-plane
work=$(mktemp -d)
kubectl=${KUBECTL:-kubectl}
export KUBECONFIG=$work/kubeconfig
if [ -z "${ENGINE:-}" ]; then
  if command -v docker >/dev/null; then ENGINE=docker; else ENGINE=podman; fi
fi
export KIND_EXPERIMENTAL_PROVIDER=$ENGINE

# kind mounts /lib/modules into the node. If the host has none, docker creates the folder and podman fails. Then kind uses a
# wrapper of podman that mounts an empty folder instead, and the host is not changed.
if [ "$ENGINE" = podman ] && [ ! -d /lib/modules ]; then
  mkdir -p "$work/bin" "$work/modules"
  cat >"$work/bin/podman" <<SHIM
#!/usr/bin/env bash
exec '$(command -v podman)' "\${@/#\/lib\/modules:\/lib\/modules:/$work/modules:/lib/modules:}"
SHIM
  chmod +x "$work/bin/podman"
  PATH=$work/bin:$PATH
fi

now() { date +%s.%N; }
say() { echo "by hand: $*" >&2; }
began=$(now) last=$began excluded=0

# Ends a phase and prints how long it took.
phase() {
  local t
  t=$(now)
  awk -v n="$1" -v a="$last" -v b="$t" 'BEGIN { printf "%s\t%.2f\n", n, b - a }'
  last=$t
}

made=
cleanup() {
  local rc=$?
  trap '' INT TERM
  if [ -n "$made" ]; then "$KIND" delete cluster --name "$name" >&2 || rc=70; fi
  rm -rf "$work"
  exit "$rc"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -z "${KIND:-}" ]; then
  KIND=${XDG_CACHE_HOME:-$HOME/.cache}/meshproof/bin/kind
  say "building kind"
  (cd "$(dirname "${BASH_SOURCE[0]}")/../.." && go build -o "$KIND" sigs.k8s.io/kind)
  began=$(now) last=$began
fi

k() { "$kubectl" -n "$namespace" "$@"; }

pods() { k get pods -l "$selector" --field-selector=status.phase=Running -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{"\n"}{end}' | awk 'NF == 1 { print $1 }'; }

# True if the mesh is complete: the number of pods is right, and each node lists all others. Sets $seen to the observation.
full() {
  local pod all count
  all=$(pods)
  count=$(wc -w <<<"$all")
  seen="$count of $replicas pods are running"
  [ "$count" = "$replicas" ] || return 1
  for pod in $all; do
    seen=$(k exec "$pod" ${CONTAINER:+-c "$CONTAINER"} -- "${eval_command[@]}" 'nodes().' 2>&1) || { seen="$pod: $seen"; return 1; }
    count=$(tr -cd @ <<<"$seen" | wc -c)
    seen="$pod lists $count other nodes: $seen"
    [ "$count" = "$((replicas - 1))" ] || return 1
  done
}

wait_full() {
  local until=$((SECONDS + ${BUDGET:-120}))
  until full; do
    ((SECONDS < until)) || { say "the mesh was not complete within ${BUDGET:-120} s; last state: $seen"; k get pods -o wide >&2; exit 1; }
    sleep 0.5
  done
}

hold() { # seconds
  [ "$1" != 0 ] || return 0
  sleep "$1"
  full || { say "the mesh did not stay complete: $seen"; exit 1; }
}

made=yes
"$KIND" create cluster --name "$name" --image "$NODE_IMAGE" ${KIND_CONFIG:+--config "$KIND_CONFIG"} >&2
phase create

if ! command -v "$kubectl" >/dev/null; then
  # A user has kubectl. If it is missing, the node's kubectl is copied, and that time is not counted.
  "$ENGINE" cp "$node:$("$ENGINE" exec "$node" sh -c 'command -v kubectl')" "$work/kubectl"
  kubectl=$work/kubectl
  excluded=$(awk -v a="$last" -v b="$(now)" 'BEGIN { print b - a }')
  last=$(now)
fi
"$kubectl" wait --for=condition=Ready "node/$node" --timeout=120s >&2
phase node-ready

for archive in "${archives[@]}"; do
  "$KIND" load image-archive --name "$name" "$archive" >&2
done
phase load

"$kubectl" get namespace "$namespace" >/dev/null 2>&1 || "$kubectl" create namespace "$namespace" >&2
k apply -f "$MANIFESTS" >&2
phase apply

wait_full
say "$seen"
phase formation
hold "${HOLD_FORMED:-0}"
phase hold-formed

k delete pod "$(pods | head -n 1)" --wait=false >&2
wait_full
say "$seen"
phase recovery
hold "${HOLD_RECOVERED:-10}"
phase hold-recovered

"$KIND" delete cluster --name "$name" >&2
made=
phase delete

awk -v a="$began" -v b="$last" -v x="$excluded" 'BEGIN { printf "total\t%.2f\n", b - a - x }'
