package picture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// State is what is known of a node about another, at one time: what it believes, and what its kernel's table of sockets showed.
type State uint8

// What a node believes is State / 4, and what its sockets showed State % 4.
const (
	NotKnown State = iota
	No
	Yes
	Stalled // of sockets only: a connection on which the other end acknowledges nothing
)

// Belief is whether the node's own nodes() has the other.
func (s State) Belief() State { return s / 4 }

// Link is whether there is a connection.
func (s State) Link() State { return s % 4 }

// Look says that from T on the state of a pod about some others is another one.
type Look struct {
	T     time.Duration
	Row   int
	State State
	Of    []int // the columns
}

// Matrix is the state of all pods about all others.
type Matrix [][]State

// NewMatrix is the one of n pods before anything was seen.
func NewMatrix(n int) Matrix {
	m, all := make(Matrix, n), make([]State, n*n)
	for i := range m {
		m[i] = all[i*n : (i+1)*n]
	}
	return m
}

// Apply makes a look's change.
func (m Matrix) Apply(l Look) {
	for _, j := range l.Of {
		m[l.Row][j] = l.State
	}
}

// reading is what one look at a pod showed: of each other pod whether it believes in it, or has a connection with it.
type reading struct {
	t    time.Duration
	link bool
	of   []State // nil: from here on it is not known
}

// looks reads every pod's own views and tables, and keeps what changed.
func (p *Picture) looks(v *view.View) {
	pods := present(v)
	names := newNames(pods)
	peers := v.Peers(pods)
	for i, q := range pods {
		all := slices.Concat(p.beliefs(q, i, names), p.tables(q, peers))
		slices.SortStableFunc(all, func(a, b reading) int { return cmp.Compare(a.t, b.t) })
		p.row(i, all)
	}
	slices.SortStableFunc(p.Looks, func(a, b Look) int { return cmp.Compare(a.T, b.T) })
}

// row turns a pod's readings into changes. Changes to the same state at the same time are one.
func (p *Picture) row(i int, all []reading) {
	now := make([]State, len(p.Pods))
	for _, r := range all {
		changed := map[State][]int{}
		for j := range now {
			if j == i {
				continue
			}
			is := NotKnown
			if r.of != nil {
				is = r.of[j]
			}
			next := now[j].Belief()*4 + is
			if !r.link {
				next = is*4 + now[j].Link()
			}
			if next != now[j] {
				now[j] = next
				changed[next] = append(changed[next], j)
			}
		}
		for s := State(0); s < 16; s++ {
			if len(changed[s]) > 0 {
				p.Looks = append(p.Looks, Look{T: r.t, Row: i, State: s, Of: changed[s]})
			}
		}
	}
}

// beliefs are the views of a pod's node. After a silence of [view.Pod.MaxGap] nothing is known.
func (p *Picture) beliefs(q *view.Pod, own int, names *names) []reading {
	var all []reading
	var before []string
	var epoch int
	s := silence{end: p.End, most: q.MaxGap(), add: func(t time.Duration) { all = append(all, reading{t: t}); before = nil }}
	for _, e := range q.Nodes {
		s.heard(e.T, e.Nodes.Outcome == recording.OK)
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		at := names.epoch(e.T)
		if before != nil && at == epoch && slices.Equal(before, e.Nodes.Visible) {
			continue
		}
		before, epoch = append([]string{}, e.Nodes.Visible...), at
		of := make([]State, len(p.Pods))
		for j := range of {
			of[j] = No
		}
		for _, n := range e.Nodes.Visible {
			if j := names.owner(n, e.T); j >= 0 && j != own {
				of[j] = Yes
			}
		}
		all = append(all, reading{t: e.T, of: of})
	}
	s.over()
	return all
}

// tables are the connections in a pod's table of sockets.
func (p *Picture) tables(q *view.Pod, peers *view.Peers) []reading {
	var all []reading
	s := silence{end: p.End, most: q.MaxGap(), add: func(t time.Duration) { all = append(all, reading{t: t, link: true}) }}
	for _, e := range q.Sockets {
		s.heard(e.T, e.Sockets.Outcome == recording.OK)
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		of := make([]State, len(p.Pods))
		for j := range of {
			of[j] = No
		}
		peers.Each(e, q, func(j int, l *recording.Link) {
			is := Yes
			if l.Backoff > 0 {
				is = Stalled
			}
			if of[j] != Yes {
				of[j] = is
			}
		})
		if n := len(all); n > 0 && slices.Equal(all[n-1].of, of) {
			continue
		}
		all = append(all, reading{t: e.T, link: true, of: of})
	}
	s.over()
	return all
}

// silence notes when something that is looked at often was not seen for too long.
type silence struct {
	end   time.Duration
	last  time.Duration
	heart bool          // something was seen, and is still true
	most  time.Duration // how long no look is no silence
	add   func(time.Duration)
}

func (s *silence) heard(t time.Duration, ok bool) {
	if s.heart && t-s.last > s.most {
		s.add(s.last + s.most)
		s.heart = false
	}
	if ok {
		s.last, s.heart = t, true
	}
}

func (s *silence) over() { s.heard(s.end, false) }

// names finds the pod that a node name belongs to. A name comes back where pods of a StatefulSet are replaced: it is then the
// younger pod's from when its VM runs.
type names struct {
	pods   []*view.Pod
	of     map[string][]int
	from   []time.Duration // when each pod's VM was first seen
	begins []time.Duration // the same, sorted
}

func newNames(pods []*view.Pod) *names {
	n := &names{pods: pods, of: map[string][]int{}}
	for i, q := range pods {
		if name := q.Node(); name != "" {
			n.of[name] = append(n.of[name], i)
		}
		from := q.First
		for _, s := range q.Life() {
			if s.Stage != view.Created {
				from = s.From
				break
			}
		}
		n.from = append(n.from, from)
	}
	n.begins = slices.Sorted(slices.Values(n.from))
	return n
}

// epoch changes whenever a name may belong to another pod.
func (n *names) epoch(t time.Duration) int {
	i, _ := slices.BinarySearch(n.begins, t+1)
	return i
}

// owner is the place of the pod, -1 for a name of no pod.
func (n *names) owner(name string, t time.Duration) int {
	all := n.of[name]
	if len(all) == 0 {
		return slices.IndexFunc(n.pods, func(q *view.Pod) bool { return q.Node() == "" && q.IP() != "" && strings.HasSuffix(name, "@"+q.IP()) })
	}
	found := all[0]
	for _, i := range all[1:] {
		if n.from[i] <= t {
			found = i
		}
	}
	return found
}

// some reports whether anything but a no is known: of a pod whose VM has ended that alone matters.
func (s State) some() bool { return s.Belief() == Yes || s.Link() >= Yes }

// At is the mesh at t, a line of letters for each pod, as Believes and Links are.
func (p *Picture) At(t time.Duration) (beliefs, tables []string) {
	n := len(p.Pods)
	m := NewMatrix(n)
	for _, l := range p.Looks {
		if l.T.Milliseconds() > t.Milliseconds() {
			break
		}
		m.Apply(l)
	}
	for i := range n {
		believes, links := make([]byte, n), make([]byte, n)
		alive := p.Pods[i].alive(t)
		for j := range n {
			believes[j], links[j] = "?-S?"[m[i][j].Belief()], "?-LB"[m[i][j].Link()]
			switch {
			case i == j:
				believes[j], links[j] = '.', '.'
			case !alive || !p.Pods[j].there(t) || !p.Pods[j].alive(t) && !m[i][j].some():
				believes[j], links[j] = ' ', ' '
			}
		}
		beliefs, tables = append(beliefs, string(believes)), append(tables, string(links))
	}
	return beliefs, tables
}
