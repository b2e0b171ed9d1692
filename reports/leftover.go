package reports

import (
	"fmt"
	"io"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Leftover is something that a run made and could not remove, or whose removal nobody waited for.
type Leftover struct {
	What   string `json:"what"`             // such as "namespace meshproof-shop-01234"
	Why    string `json:"why"`              // it stays
	Remove string `json:"remove,omitempty"` // the command that removes it
}

// leftovers writes what was left behind, and how to remove it.
func leftovers(w io.Writer, all []Leftover) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\nleft behind\n")
	for _, l := range all {
		fmt.Fprintf(w, "  %s\n      %s\n", l.What, indented(l.Why))
		if l.Remove != "" {
			fmt.Fprintf(w, "      remove it with: %s\n", l.Remove)
		}
	}
}

// indented is a text of several lines below a heading.
func indented(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n      ")
}

// named are the names of what was left behind, for one line.
func named(all []Leftover) string {
	var names []string
	for _, l := range all {
		names = append(names, l.What)
	}
	return "left behind: " + strings.Join(names, ", ")
}

// cleanUp is the errored case run/clean-up of a run that left something behind.
func cleanUp(all []Leftover) junitCase {
	var text strings.Builder
	leftovers(&text, all)
	return junitCase{Classname: "run", Name: "run/clean-up", Time: "0.000",
		Error: &junitProblem{Type: exitcode.Word(exitcode.Internal), Message: named(all), Text: strings.TrimPrefix(text.String(), "\n")}}
}
