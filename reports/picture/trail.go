package picture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Trail is what one pod was seen to do to find its peers.
type Trail struct {
	Pod      string
	Asked    []string // names, with how often
	Got      []string // what DNS answered, beside Asked
	Dialled  []string // ports, with how many peers
	Answered []string // how that was answered, beside Dialled
	Missing  string   // what of it was not captured
	Nothing  bool     // nothing was
	Bad      int      // dials that were refused, or not answered
}

// trails are those of the pods whose DNS queries or connections were captured.
func (p *Picture) trails(v *view.View) {
	for _, q := range v.Pods() {
		t := v.Trail(q)
		if t.Over == 0 && t.Unheard == "" {
			continue
		}
		p.Trails = append(p.Trails, trail(v, q, t))
	}
}

func trail(v *view.View, q *view.Pod, t view.Trail) Trail {
	r := Trail{Pod: q.Name, Missing: t.Unheard, Nothing: t.Over == 0}
	if r.Missing == "" && !t.Dials {
		r.Missing = "what it dialled was not captured"
	}
	for _, s := range v.Seeks(q, t) {
		r.Asked = append(r.Asked, fmt.Sprintf("%s %s, %s", s.Name, s.Type, times(s.Count)))
		r.Got = append(r.Got, got(s))
	}
	ports := map[string]*view.Target{}
	peers := map[string]int{}
	for _, d := range t.Peers() {
		port := d.Addr[strings.LastIndexByte(d.Addr, ':')+1:]
		if ports[port] == nil {
			ports[port] = &view.Target{}
		}
		sum := ports[port]
		peers[port]++
		sum.Count, sum.Accepted, sum.Refused, sum.Unanswered = sum.Count+d.Count, sum.Accepted+d.Accepted, sum.Refused+d.Refused, sum.Unanswered+d.Unanswered
	}
	byNumber := func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
	for _, port := range slices.SortedFunc(maps.Keys(ports), byNumber) {
		sum, what := ports[port], "peers"
		if peers[port] == 1 {
			what = "peer"
		}
		what = fmt.Sprintf("%d %s on port %s", peers[port], what, port)
		if sum.Count != peers[port] {
			what += ", " + times(sum.Count)
		}
		r.Bad += sum.Refused + sum.Unanswered
		r.Dialled = append(r.Dialled, what)
		r.Answered = append(r.Answered, answered(ports[port].Dialled))
	}
	if t.ToAPI > 0 {
		r.Dialled = append(r.Dialled, "the API server, "+times(t.ToAPI))
		r.Answered = append(r.Answered, "")
	}
	return r
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// most is how many addresses a cell names.
const most = 4

func got(q recording.Question) string {
	var all []string
	if n := len(q.Got); n > 0 {
		named := strings.Join(q.Got[:min(n, most)], ", ")
		if n > most {
			named += fmt.Sprintf(" and %d more", n-most)
		}
		all = append(all, named)
	}
	if n := q.RCodes["NOERROR"] - q.Empty; n > 0 && len(all) == 0 {
		all = append(all, "answers, "+times(n)) // what they were is not in old recordings
	}
	for _, code := range slices.Sorted(maps.Keys(q.RCodes)) {
		if code != "NOERROR" {
			all = append(all, code+" "+times(q.RCodes[code]))
		}
	}
	if q.Empty > 0 {
		all = append(all, "no record, "+times(q.Empty))
	}
	if len(all) == 0 {
		return "no answer"
	}
	return strings.Join(all, "; ")
}

func answered(d recording.Dialled) string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(d.Accepted, "accepted")
	add(d.Refused, "refused")
	add(d.Unanswered, "unanswered")
	if len(all) == 0 {
		return "not seen"
	}
	return strings.Join(all, ", ")
}
