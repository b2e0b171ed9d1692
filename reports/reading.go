package reports

import (
	"fmt"
	"io"
	"strings"
)

// Reading is one thing that lint looks for in the manifests of an application, and where it saw it.
type Reading struct {
	What string   `json:"what"`
	Seen []string `json:"seen,omitempty"` // nothing: it was not seen
}

// mostSeen is how many places a line of the console names.
const mostSeen = 3

// readings say first how much lint could read, before any verdict: a check that found nothing to judge says little.
func readings(w io.Writer, p Profile) {
	for _, r := range p.Reading {
		seen := "not seen"
		if n := len(r.Seen); n > mostSeen {
			seen = fmt.Sprintf("%s; and %d more", strings.Join(r.Seen[:mostSeen], "; "), n-mostSeen)
		} else if n > 0 {
			seen = strings.Join(r.Seen, "; ")
		}
		fmt.Fprintf(w, "  %-10s %s\n", r.What, seen)
	}
}

// unreadID names, in every format, the result of a workload of which nothing could be read.
const unreadID = "lint/nothing-read"

// unread is the errored case of a workload of which nothing could be read.
func unread(p Profile) junitSuite {
	name := title(p)
	c := junitCase{Classname: "meshproof." + name + ".lint", Name: unreadID, Time: seconds(0), Error: &junitProblem{Type: "unknown", Message: p.Unread, Text: p.Unread}}
	return junitSuite{Name: name + " lint", Tests: 1, Errors: 1, Time: seconds(0), Cases: []junitCase{c}}
}
