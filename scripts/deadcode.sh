#!/bin/sh
# Prints the functions that nothing uses, and fails where there is any: those that no program and no test reaches, and those
# that only tests of their own package reach. The second look leaves out what scripts/deadcode.allow names.
#
# In: the deadcode program of golang.org/x/tools. Run in the checkout's root.
set -eu
everywhere=$("$1" -test ./...)
# The Ginkgo suite has no main function but that of its tests.
programs=$("$1" -test ./e2e/cmd/... ./e2e/suites ./scripts/bench ./scripts/dist ./scripts/gotally)
bad=0
if [ -n "$everywhere" ]; then
  echo "$everywhere"
  bad=1
fi
[ -z "$programs" ] || echo "$programs" | awk -v allow=scripts/deadcode.allow '
  BEGIN { while ((getline line < allow) > 0) if (line !~ /^#/ && split(line, f, " ") > 1) ok[f[1] " " f[2]] = 1 }
  { split($0, place, ":"); file = place[1]; folder = file; sub(/[^\/]*$/, "", folder) }
  (file " " $NF) in ok || (file " *") in ok || (folder " *") in ok { next }
  { print $0 " (but for tests of its own package)"; bad = 1 }
  END { exit bad }' || bad=1
exit $bad
