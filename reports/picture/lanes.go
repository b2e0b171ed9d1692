package picture

import (
	"slices"
	"time"
)

// Lane is how many others a node believed in, and how many its sockets were connected to, over time.
type Lane struct {
	Believes, Links []Step
	Of              int // of how many
}

// Step says that from T on it was that many. Known is false where it was not seen.
type Step struct {
	T     time.Duration
	N     int // of those whose VM runs
	Dead  int // of those whose VM has ended
	Known bool
}

// Count makes the lanes, and the mesh at the end, of the looks.
func (p *Picture) Count() {
	p.Whole = Lane{}
	p.lanes()
	p.Believes, p.Links = p.At(p.End)
}

// lanes counts along the time. Of a pod whose VM does not run nothing is counted.
func (p *Picture) lanes() {
	n := len(p.Pods)
	p.Lanes = make([]Lane, n)
	of := max(0, p.Expected-1)
	for i := range p.Lanes {
		p.Lanes[i].Of = of
	}
	p.Whole.Of = of * p.Expected
	m, lives := NewMatrix(n), p.turns()
	count := make([][2]Step, n)
	sum := func(t time.Duration, rows []int) {
		for _, i := range rows {
			b, l := p.count(m, i, t)
			lane := &p.Lanes[i]
			lane.Believes, lane.Links = put(lane.Believes, b), put(lane.Links, l)
			count[i] = [2]Step{b, l}
		}
		b, l := Step{T: t}, Step{T: t}
		for _, c := range count {
			b.add(c[0])
			l.add(c[1])
		}
		p.Whole.Believes, p.Whole.Links = put(p.Whole.Believes, b), put(p.Whole.Links, l)
	}
	every := make([]int, n)
	for i := range every {
		every[i] = i
	}
	for k := 0; k < len(p.Looks) || len(lives) > 0; {
		if len(lives) > 0 && (k == len(p.Looks) || lives[0] <= p.Looks[k].T) {
			sum(lives[0], every)
			lives = lives[1:]
			continue
		}
		t, rows := p.Looks[k].T, []int{}
		for ; k < len(p.Looks) && p.Looks[k].T == t; k++ {
			m.Apply(p.Looks[k])
			rows = append(rows, p.Looks[k].Row)
		}
		sum(t, slices.Compact(rows))
	}
}

// turns are the times at which a pod came to another stage.
func (p *Picture) turns() []time.Duration {
	var all []time.Duration
	for _, q := range p.Pods {
		for _, s := range q.Life {
			all = append(all, s.From, s.To)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *Picture) count(m Matrix, i int, t time.Duration) (b, l Step) {
	b.T, l.T = t, t
	if !p.Pods[i].alive(t) {
		return b, l
	}
	for j, s := range m[i] {
		if j == i {
			continue
		}
		b.see(s.Belief(), p.Pods[j].alive(t))
		l.see(s.Link(), p.Pods[j].alive(t))
	}
	return b, l
}

func (s *Step) see(is State, alive bool) {
	s.Known = s.Known || is != NotKnown
	switch {
	case is != Yes:
	case alive:
		s.N++
	default:
		s.Dead++
	}
}

func (s *Step) add(o Step) {
	s.N, s.Dead, s.Known = s.N+o.N, s.Dead+o.Dead, s.Known || o.Known
}

// put adds a step unless it is as the one before; of one time the last counts.
func put(steps []Step, s Step) []Step {
	if n := len(steps); n > 0 && steps[n-1].T == s.T {
		steps = steps[:n-1]
	}
	if n := len(steps); n > 0 && steps[n-1].N == s.N && steps[n-1].Dead == s.Dead && steps[n-1].Known == s.Known {
		return steps
	}
	return append(steps, s)
}
