#!/usr/bin/env bash
# Fails where the run did, with its exit code (docs/exit-codes.md).
#
# In: EXIT_CODE, FAIL_ON ("fail" lets a run pass that could not decide something; "unknown" does not).
set -euo pipefail

if [ "$EXIT_CODE" = 2 ] && [ "$FAIL_ON" = fail ]; then
  echo "meshproof ended with 2 (unknown), and fail-on: fail lets that pass"
  exit 0
fi
echo "meshproof ended with $EXIT_CODE"
exit "$EXIT_CODE"
