package judge

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// findingsOf is what the check finds. If the check panics, that is a bug of ours, and all other checks are judged nevertheless.
func findingsOf(c check.Check, v *view.View) (found []check.Finding, bug string) {
	defer func() {
		if r := recover(); r != nil {
			found, bug = nil, fmt.Sprintf("a bug of ours in %s: %v (%s)", c.ID, r, place())
		}
	}()
	return c.Judge(v), ""
}

// place is where the panic began: the functions of ours that were running, the innermost first.
func place() string {
	const ours, most = "meshproof.dev/meshproof/", 4
	calls := make([]uintptr, 64)
	frames := runtime.CallersFrames(calls[:runtime.Callers(2, calls)])
	var all []string
	for panicked := false; len(all) < most; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && strings.HasPrefix(f.Function, ours):
			all = append(all, fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(all, ", called by ")
}
