#!/usr/bin/env bash
# gke.sh up | push | e2e | down: a GKE cluster for one conformance run, made and removed by Terraform. docs/gke.md explains it.
#
# In: PROJECT (required), REGION, AUTOPILOT=1, NODES, PROFILE, YES=1 (do not ask), MESHPROOF and PUSH (the programs), from the environment.
# State: below the user's cache directory, one folder per project, which `make clean-cache` keeps. It has no credentials: those are
# application default credentials, which Terraform, gcloud and meshproof read themselves.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=meshproof
region=${REGION:-europe-west4} nodes=${NODES:-3} autopilot=false
[ "${AUTOPILOT:-0}" != 1 ] || autopilot=true

fail() { echo "gke: $2" >&2; exit "$1"; }
say() { printf '%s\n' "$@" >&2; }

[ -n "${PROJECT:-}" ] || fail 64 "PROJECT= is missing: the Google Cloud project that pays, as in make gke-$1 PROJECT=my-project"
[[ $PROJECT =~ ^[a-z][-a-z0-9:.]+$ ]] || fail 64 "PROJECT=$PROJECT is not the ID of a project"
terraform=$(command -v terraform || command -v tofu) || fail 69 "neither terraform nor tofu is on PATH"
command -v gcloud >/dev/null || fail 69 "gcloud is not on PATH"
command -v gke-gcloud-auth-plugin >/dev/null || fail 69 "gke-gcloud-auth-plugin is not on PATH; gcloud components install gke-gcloud-auth-plugin"

state=${XDG_CACHE_HOME:-$HOME/.cache}/meshproof/state/gke/$PROJECT
export TF_DATA_DIR=$state/terraform
# A file of our own: get-credentials would make the cluster the current context of the user's file.
export KUBECONFIG=$state/kubeconfig
export CLOUDSDK_CORE_DISABLE_PROMPTS=1 # gcloud asks, for instance, whether it may enable an API

# The prices are those of docs/gke.md, whose table has their date and source.
cost() {
  if [ "$autopilot" = true ]; then
    say "cost: about 0.10 USD an hour for the cluster, and about 0.06 USD for each CPU hour that pods request (docs/gke.md)"
  else
    say "cost: about 0.10 USD an hour for the cluster and 0.08 USD for each of its $nodes nodes (docs/gke.md)"
  fi
}

tf() { "$terraform" -chdir="$here" "$@"; }

# In: a subcommand that changes something. Terraform shows its plan and asks, unless YES=1.
change() {
  local args=("$@" -var "project=$PROJECT" -var "region=$region" -var "name=$name" -var "autopilot=$autopilot" -var "nodes=$nodes")
  [ "${YES:-0}" != 1 ] || args+=(-input=false -auto-approve)
  tf "${args[@]}"
}

init() {
  mkdir -p "$state"
  tf init -input=false -backend-config="path=$state/terraform.tfstate"
}

# What up was told is kept, so that the other commands need PROJECT only.
standing() {
  [ -s "$state/up" ] || fail 64 "nothing of project $PROJECT is known on this machine; run make gke-up PROJECT=$PROJECT first"
  # shellcheck source=/dev/null
  . "$state/up"
}

up() {
  say "creates in project $PROJECT, region $region: a network, a registry for images, a service account for nodes, and a GKE cluster" \
    "with the name $name ($([ "$autopilot" = true ] && echo Autopilot || echo "Standard, $nodes nodes")). This takes about ten minutes."
  cost
  say "make gke-down PROJECT=$PROJECT removes all of it; until then it costs money"
  init
  printf 'region=%q\nautopilot=%q\nnodes=%q\n' "$region" "$autopilot" "$nodes" >"$state/up"
  change apply
  location=$(tf output -raw location)
  gcloud container clusters get-credentials "$name" --location "$location" --project "$PROJECT"
  say "the cluster is there: KUBECONFIG=$KUBECONFIG, context $(context)"
}

context() { echo "gke_${PROJECT}_$(tf output -raw location)_$name"; }

push() {
  standing
  say "builds the images of profile ${PROFILE:-dns-a} and pushes them to the registry $name of project $PROJECT; deploys nothing" \
    "cost: cents for what the registry stores (docs/gke.md)"
  local registry
  registry=$(tf output -raw registry)
  exec "$PUSH" "${PROFILE:-dns-a}" "$(context)" "$registry"
}

# In: further flags of meshproof run.
e2e() {
  standing
  say "runs profile ${PROFILE:-dns-a} on the cluster $name of project $PROJECT: pushes its images to the cluster's registry, deploys it" \
    "into a namespace of its own, and removes that at the end"
  cost
  local registry
  registry=$(tf output -raw registry)
  exec "$MESHPROOF" run -f "${PROFILE:-dns-a}" --context "$(context)" --push "$registry" ${ACCEPT_UNSEEN:+--accept-unseen="$ACCEPT_UNSEEN"} "$@"
}

down() {
  standing
  say "removes from project $PROJECT what make gke-up created there: the cluster and all that runs on it, the registry with its images," \
    "the service account, the network. This takes about five minutes. The project's APIs stay enabled."
  init
  change destroy
  left || fail 1 "the project is not clean; remove what is listed above, or it goes on costing money"
  rm -rf "$state"
  say "nothing is left in project $PROJECT of what make gke-up created"
}

# Looks for what is left, by label and by name, and prints it. Fails if there is something, or if it cannot look.
left() {
  local found=0 what lines
  while read -r what; do
    # shellcheck disable=SC2086 # words of a command, from the list below
    lines=$(gcloud $what --project "$PROJECT" --format 'value(name)') || { say "cannot look: gcloud $what"; found=1; continue; }
    [ -z "$lines" ] || { say "still there: $lines (gcloud $what)"; found=1; }
  done <<LIST
container clusters list --filter=resourceLabels.made-by=meshproof
compute instances list --filter=labels.made-by=meshproof
compute disks list --filter=labels.goog-k8s-cluster-name=$name
artifacts repositories list --filter=labels.made-by=meshproof
iam service-accounts list --filter=email~^$name-nodes@
compute networks subnets list --filter=name=$name
compute networks list --filter=name=$name
LIST
  [ "$found" = 0 ]
}

case ${1:-} in
up | push | e2e | down) "$@" ;;
*) fail 64 "usage: gke.sh up | push | e2e | down" ;;
esac
