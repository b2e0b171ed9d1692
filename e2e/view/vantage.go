package view

import (
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Unseen says why something cannot be seen in this recording: a kind of event, or one of the names such as [recording.PeerDials]. "" if
// it can be seen. Only the observer that stands in for refused agents lacks anything; [recording.AnAgent] is why there are none.
func (v *View) Unseen(what string) (why string) {
	for _, c := range v.starts[recording.ByAPI].Cannot {
		if name, why, _ := strings.Cut(c, ": "); name == what {
			return why
		}
	}
	return ""
}

func (v *View) unseen(k recording.Kind) bool { return v.Unseen(string(k)) != "" }

// slowTables is how long two readings of all socket tables take without an agent.
const slowTables = 2 * time.Second

// LinksWatched reports whether each member's socket table was seen at least twice in the last d.
func (v *View) LinksWatched(d time.Duration) bool {
	switch {
	case v.unseen(recording.KindSockets):
		return true // it never will be
	case v.Unseen(recording.AnAgent) != "":
		d = max(d, slowTables)
	}
	for _, p := range v.Expected(v.end) {
		if len(Between(p.Sockets, v.end-d, v.end)) < 2 {
			return false
		}
	}
	return true
}
