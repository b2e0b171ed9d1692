package evidence

import (
	"regexp"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

// Rejection is a line of a node's log that says that it has turned a peer away.
type Rejection struct {
	Peer string // the node name of the peer
	Why  string // the rest of the sentence
	At   time.Time
	Line string
}

// rejects matches what OTP logs when it turns a peer away (dist_util.erl), as Erlang and as Elixir print the name.
var rejects = regexp.MustCompile(`(?i)connection attempt from (?:disallowed )?node :?['"]?([^\s'",]+@[^\s'",]+)['"]?\s*(.*)$`)

// RejectedBy are the rejections of pod j's node in the log of pod i since both were started, the oldest first.
func (l *Linked) RejectedBy(i, j int) (all []Rejection) {
	p, q := l.Pods[i], l.Pods[j]
	after := lastStart(p)
	if t := lastStart(q); t.After(after) {
		after = t
	}
	for _, r := range rejections(p) {
		if q.Is(r.Peer) && r.At.After(after) {
			all = append(all, r)
		}
	}
	return all
}

// lastStart is when the last of the pod's containers was started.
func lastStart(p *view.Pod) (t time.Time) {
	for _, c := range p.Last().Containers {
		if c.Started.After(t) {
			t = c.Started
		}
	}
	return t
}

// rejections are those in the lines of the pod's log that were recorded.
func rejections(p *view.Pod) (all []Rejection) {
	for _, c := range p.Last().Containers {
		for _, line := range c.Log {
			found := rejects.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			r := Rejection{Peer: found[1], Why: strings.TrimPrefix(strings.ToLower(strings.Trim(found[2], " .*")), "rejected. "), Line: line}
			if strings.Contains(strings.ToLower(line), "disallowed") {
				r.Why = "disallowed node"
			}
			stamp, _, _ := strings.Cut(line, " ")
			r.At, _ = time.Parse(time.RFC3339Nano, stamp)
			all = append(all, r)
		}
	}
	return all
}
