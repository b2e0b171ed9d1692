// Package picture makes of a recording what a report draws: the life of each pod, who saw whom and which connections there were at
// any time, what was done to the workload, how long each phase took, and what was not seen.
//
// In: a view. Out: a picture, which is small: it keeps changes, not looks. It judges nothing.
package picture

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Picture is one recording.
type Picture struct {
	Scenario recording.Scenario `json:"scenario"`
	Start    time.Time          `json:"start"`
	Begin    time.Duration      `json:"begin"`         // when the scenario itself began, ns since Start: what is older was seen before it
	End      time.Duration      `json:"end"`           // ns since Start
	Cut      string             `json:"cut,omitempty"` // why the recording is not whole
	Expected int                `json:"expected"`      // how many nodes the profile has
	Pods     []Pod              `json:"pods,omitempty"`
	Acts     []Act              `json:"acts,omitempty"`
	Phases   []Phase            `json:"phases,omitempty"`
	Unseen   []Unseen           `json:"unseen,omitempty"`
	Late     time.Duration      `json:"late,omitempty"` // the longest delay of an observer's own timer
	Costs    []Cost             `json:"costs,omitempty"`
	Felt     []Felt             `json:"felt,omitempty"` // what the application lost of its peers, where it tells

	// The mesh at the end, a line for each pod and in it a letter for each pod: S sees it, - does not, ? not known, "." the pod itself,
	// a space where one of the two is not there, or where the other's VM has ended and nothing of it is left. In Links: L a connection, B one on which nothing is acknowledged, - none.
	Believes []string `json:"believes,omitempty"`
	Links    []string `json:"links,omitempty"`

	Looks  []Look        `json:"-"` // what changed in the mesh, oldest first
	Lanes  []Lane        `json:"-"` // of each pod, in the order of Pods
	Whole  Lane          `json:"-"` // the sum of all
	Full   time.Duration `json:"-"` // when the mesh was full, or full again; 0 for never, or where nothing was done
	Trails []Trail       `json:"-"`
}

// Pod is one pod of the workload.
type Pod struct {
	Name string `json:"name"`
	Node string `json:"node,omitempty"` // its node's name
	IP   string `json:"ip,omitempty"`
	Host string `json:"host,omitempty"` // the Kubernetes node that it ran on
	Life []Span `json:"life,omitempty"`
}

// Span is a time in which a pod was in one stage.
type Span struct {
	Stage view.Stage    `json:"stage"`
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
}

// Act is what was done to the workload, and until when it disturbed it. An act that is over at once has To equal to From.
type Act struct {
	What string        `json:"what"`
	Pod  string        `json:"pod,omitempty"`
	Why  string        `json:"detail,omitempty"`
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
	// Harm says that it disturbs the mesh, or breaks it: it is shaded.
	Harm bool `json:"harm,omitempty"`
}

// Unseen is a time in which an observer saw nothing, or nothing of one kind.
type Unseen struct {
	Who  string        `json:"who"`
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
	Why  string        `json:"why"`
}

// Cost is what an observer has used of the CPU, in parts of one core. Where an agent has watched several workloads at once, it is for
// all of them; "kube" is the harness itself.
type Cost struct {
	Who     string  `json:"who"`
	Average float64 `json:"average"`
	Most    float64 `json:"most"` // in the dearest five seconds
}

// Of makes the picture of a view. of is each view once, those without pods, too.
func Of(v *view.View) *Picture {
	p := &Picture{Scenario: v.Header.Scenario, Start: v.Header.Start, End: v.End(), Cut: v.Killed(), Expected: v.Profile.Replicas(), Late: v.Pressure(0, v.End())}
	for _, q := range present(v) {
		pod := Pod{Name: q.Name, Node: q.Node(), IP: q.IP(), Host: q.Last().Node}
		for _, s := range q.Life() {
			pod.Life = append(pod.Life, Span(s))
		}
		p.Pods = append(p.Pods, pod)
	}
	for _, c := range v.Costs() {
		p.Costs = append(p.Costs, Cost{Who: c.Observer, Average: c.Share(), Most: c.Most})
	}
	p.acts(v)
	p.phases(v)
	p.looks(v)
	p.begin()
	p.unseen(v)
	p.Count()
	p.trails(v)
	p.felt(v)
	return p
}

// present are the pods that were there in the time of the recording; others were gone when they were first reported.
func present(v *view.View) []*view.Pod {
	return slices.DeleteFunc(slices.Clone(v.Pods()), func(q *view.Pod) bool { return len(q.Life()) == 0 })
}

// begin finds when the scenario itself began: with its first act, or the first look.
func (p *Picture) begin() {
	p.Begin = p.End
	if len(p.Acts) > 0 {
		p.Begin = p.Acts[0].From
	}
	if len(p.Looks) > 0 {
		p.Begin = min(p.Begin, p.Looks[0].T)
	}
	p.Begin = max(0, p.Begin-p.Begin%time.Second)
	if p.Begin >= p.End {
		p.Begin = 0
	}
}

// there reports whether the pod exists at t. Times are compared in milliseconds, as the page's script compares them.
func (p *Pod) there(t time.Duration) bool {
	n := len(p.Life)
	return n > 0 && t.Milliseconds() >= p.Life[0].From.Milliseconds() && t.Milliseconds() <= p.Life[n-1].To.Milliseconds()
}

// alive reports whether the pod's VM may run at t: it exists, and its VM has not ended.
func (p *Pod) alive(t time.Duration) bool {
	at := t.Milliseconds()
	for i, s := range p.Life {
		from, to := s.From.Milliseconds(), s.To.Milliseconds()
		if at >= from && (at < to || at == to && i == len(p.Life)-1) {
			return s.Stage != view.Down
		}
	}
	return false
}

// acts are what was done. What heals a fault ends it, and is no act of its own.
func (p *Picture) acts(v *view.View) {
	open := map[string]int{}
	for _, e := range v.Acts() {
		a := Act{What: e.Act.Do, Why: e.Act.Detail, From: e.T, To: e.T}
		if q, ok := v.Pod(e.Act.Pod); ok {
			a.Pod = q.Name
		}
		switch e.Act.Do {
		case recording.Heal, recording.Unhealed:
			if i, there := open[e.Act.Pod]; there && e.Act.Do == recording.Heal {
				p.Acts[i].To = e.T
				delete(open, e.Act.Pod)
			}
			continue
		case recording.Apply, recording.Void:
		case recording.DeletePod:
			a.Harm, a.To = true, p.End
			if q, ok := v.Pod(e.Act.Pod); ok {
				if exit, gone := q.Exited(); gone {
					a.To = max(exit, e.T)
				}
			}
		case recording.KillContainer:
			a.Harm, a.To = true, p.End
			if q, ok := v.Pod(e.Act.Pod); ok {
				if back, is := q.BackAgain(e.T, p.End); is {
					a.To = back
				}
			}
		case recording.Rollout:
			a.Harm, a.To = true, p.End
			if to, over := lastExit(v); over {
				a.To = max(to, e.T)
			}
		default: // a fault: it lasts until it is healed
			a.Harm, a.To = true, p.End
			open[e.Act.Pod] = len(p.Acts)
		}
		p.Acts = append(p.Acts, a)
	}
}

// lastExit is when the last of the pods that a rollout replaces had ended.
func lastExit(v *view.View) (at time.Duration, over bool) {
	old, _, _ := v.Replaced()
	for _, q := range old {
		exit, gone := q.Exited()
		if !gone {
			return 0, false
		}
		at = max(at, exit)
	}
	return at, len(old) > 0
}

// unseen are the times in which an observer was blind.
func (p *Picture) unseen(v *view.View) {
	observers := []string{recording.ByKube}
	for _, q := range v.Pods() {
		observers = append(observers, q.AgentOf())
	}
	done := map[string]bool{"": true}
	for _, o := range observers {
		if done[o] {
			continue
		}
		done[o] = true
		for _, b := range v.Blind(o, 0, v.End()) {
			why := b.Why
			if b.Of != "" {
				why = "no " + string(b.Of) + ": " + why
			}
			if b.To <= p.Begin {
				continue
			}
			p.Unseen = append(p.Unseen, Unseen{Who: o, From: b.From, To: min(b.To, p.End), Why: why})
		}
	}
}
