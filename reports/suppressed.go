package reports

import (
	"fmt"
	"io"

	"meshproof.dev/meshproof/e2e/judge"
)

// suppressions are the subjects of a result that fail, and whose objects say why they may.
func suppressions(r judge.Result) []judge.Subject {
	var all []judge.Subject
	for _, s := range r.Subjects {
		if s.Verdict == judge.Suppressed {
			all = append(all, s)
		}
	}
	return all
}

// suppressed lists them.
func suppressed(w io.Writer, r judge.Result) {
	for _, s := range suppressions(r) {
		fmt.Fprintf(w, "           suppressed for %s: %s\n             by its annotation: %s\n", s.Subject, s.Message, s.Reason)
	}
}
