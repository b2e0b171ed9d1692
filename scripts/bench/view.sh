#!/usr/bin/env bash
# view.sh ROUNDS: measures how fast kubectl gets a full-mesh view, which is nodes() of each pod, in two ways: the release's
# eval, and erl_call if the container has it. All pods are called at the same time, which is the fastest way with kubectl.
# It uses the current context of KUBECONFIG and changes nothing in the cluster.
#
# Stdout: one line per round, "METHOD<tab>SECONDS". A round in which a node does not list all others is an error, so that
# only complete answers are measured. A method that the image lacks is skipped, with a message on stderr.
#
#   NAMESPACE  (default)   SELECTOR (app=derl)   CONTAINER ()   REPLICAS (3)   KUBECTL (kubectl)
#   EVAL       how to evaluate an expression in the container   (/opt/derl/bin/derl eval)
#   ERL_CALL   erl_call's path in the container                 (searched)
#   NODE, COOKIE_ENV  for erl_call: the node's name, as the container's shell expands it, and the name of the
#              environment variable with the cookie             (derl@$POD_IP, COOKIE)
set -euo pipefail

rounds=${1:-10}
replicas=${REPLICAS:-3}
read -ra eval_command <<<"${EVAL:-/opt/derl/bin/derl eval}"
node=${NODE:-'derl@$POD_IP'}
cookie=${COOKIE_ENV:-COOKIE}
answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT

k() { "${KUBECTL:-kubectl}" -n "${NAMESPACE:-default}" "$@"; }
in_pod() { # pod command...
  local pod=$1
  shift
  k exec "$pod" ${CONTAINER:+-c "$CONTAINER"} -- "$@"
}

mapfile -t pods < <(k get pods -l "${SELECTOR:-app=derl}" --field-selector=status.phase=Running \
  -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}')
if ((${#pods[@]} != replicas)); then
  echo "view: ${#pods[@]} pods are running, expected $replicas" >&2
  exit 1
fi

by_eval() { in_pod "$1" "${eval_command[@]}" 'nodes().'; }
by_erl_call() { in_pod "$1" sh -c "exec '$erl_call' -c \"\$$cookie\" -name \"$node\" -a 'erlang nodes'"; }

round() { # method
  local pod began ended count running=()
  began=$(date +%s.%N)
  for pod in "${pods[@]}"; do
    "by_$1" "$pod" >"$answers/$pod" 2>&1 &
    running+=($!)
  done
  wait "${running[@]}" || true # the answers are checked below
  ended=$(date +%s.%N)
  for pod in "${pods[@]}"; do
    count=$(tr -cd @ <"$answers/$pod" | wc -c)
    if ((count != replicas - 1)); then
      echo "view: $1 on $pod lists $count other nodes: $(tail -n 3 "$answers/$pod")" >&2
      exit 1
    fi
  done
  awk -v n="$1" -v a="$began" -v b="$ended" 'BEGIN { printf "%s\t%.4f\n", n, b - a }'
}

methods=(eval)
erl_call=${ERL_CALL:-$(in_pod "${pods[0]}" sh -c 'command -v erl_call || find / -xdev -type f -name erl_call 2>/dev/null | head -n 1' || true)}
if [ -n "$erl_call" ]; then
  methods+=(erl_call)
else
  echo "view: the container has no erl_call; this method is skipped" >&2
fi
for ((i = 0; i < rounds; i++)); do # alternating, so that a busy moment affects both
  for method in "${methods[@]}"; do round "$method"; done
done
