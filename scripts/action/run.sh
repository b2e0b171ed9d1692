#!/usr/bin/env bash
# Runs meshproof and ends with 0 whatever came of it, so that the outputs arrive. The program itself writes verdict, report and the
# others, and annotates and summarizes the run.
#
# In: MESHPROOF, PROFILE, OTP, K8S, CONTEXT, JOB_INDEX.
# Out: the outputs exit-code and artifact (a name that no other job and no other run of this one has), and the program's own.
set -uo pipefail

flags=(--file "$PROFILE")
[ -z "$OTP" ] || flags+=(--otp "$OTP")
[ -z "$K8S" ] || flags+=(--k8s "$K8S")
[ -z "$CONTEXT" ] || flags+=(--context "$CONTEXT")
printf 'verdict=interrupted\nexit-code=130\n' >>"$GITHUB_OUTPUT" # should this script be killed; of two lines the later one counts
"$MESHPROOF" run "${flags[@]}"
code=$?

if [ "$(grep -c '^verdict=' "$GITHUB_OUTPUT")" -lt 2 ]; then # the program wrote none: a wrong flag, or it was killed
  if [ "$code" -eq 64 ]; then word=usage; else word=internal code=70; fi
  echo "verdict=$word" >>"$GITHUB_OUTPUT"
fi
results=$(sed -n 's/^results=//p' "$GITHUB_OUTPUT" | tail -n 1)
printf 'exit-code=%s\nartifact=%s\n' "$code" "meshproof-$GITHUB_JOB-$JOB_INDEX-${results##*/}" >>"$GITHUB_OUTPUT"
