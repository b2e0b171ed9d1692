#!/usr/bin/env bash
# Makes the recordings under fixtures/recordings anew on a real cluster, and writes the verdicts that `make test` holds
# them to. Look at the difference before it is committed: git diff fixtures/recordings.
#
# What is not made here stays as it is: no-agents is a run on a cluster with fixtures/policies/autopilot.yaml.
#
# In: the meshproof binary, then flags for its kill matrix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
meshproof=$1
shift
# The healthy base, dns-a, comes with its mutants. Each folder has the name of what it is a recording of.
mutants=(link-dropped cookie-differs selector-typo virtual-ip)
"$meshproof" kill-matrix "$@" "${mutants[@]}"
out=fixtures/recordings
for name in dns-a "${mutants[@]}"; do
  rm -rf "${out:?}/$name"
  mkdir -p "$out/$name"
  [ "$name" = dns-a ] && workload=dns-a || workload=dns-a-$name
  for file in reports/out/latest/recordings/"$workload".*.jsonl; do
    scenario=${file%.jsonl}
    cp "$file" "$out/$name/${scenario##*.}.jsonl"
  done
done
go test ./e2e/judge -run TestRecordings -count 1 -update
du -b "$out"/*/*.jsonl
