package view

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// On somebody's cluster an agent may come to a node long after the pods. What they did before its first look, nobody saw.

// attachGrace is how long after the report that a container runs its pod may be observed for the first time. An agent looks into a pod
// when the API server has said that it is there, which takes a second or more on a busy machine, and the VM has to boot meanwhile.
const attachGrace = 3 * time.Second

// began is when the pod's first container was reported running. It is 0 for a pod that ran when it was first reported: since when
// it runs is not known.
func (p *Pod) began() time.Duration {
	for i, e := range p.states {
		for _, c := range e.Pod.Containers {
			switch {
			case c.State == "running" && i == 0:
				return 0
			case c.State == "running":
				return e.T
			}
		}
	}
	return p.First
}

// look notes when an observer first saw anything. An agent's start, clock and gaps are written by who listens to it, perhaps later.
func (v *View) look(e recording.Event) {
	if t, known := v.looked[e.By]; !known || e.T < t {
		v.looked[e.By] = e.T
	}
}

// late are the times from the start of a node's first pod to the first look of its agent, by agent, where it came too late.
func (v *View) late() map[string]Blindness {
	all, _ := v.Once("late", func() any {
		late := map[string]Blindness{}
		for _, p := range v.Pods() {
			agent, from := p.AgentOf(), p.began()
			to, looked := v.looked[agent]
			if !looked || to-from <= attachGrace {
				continue
			}
			if b, there := late[agent]; !there || from < b.From {
				late[agent] = Blindness{Observer: agent, From: from, To: to, Why: "it came after the pods"}
			}
		}
		return late
	}).(map[string]Blindness)
	return all
}

// SeenSinceItBegan reports whether the agent of the pod's node was there when the pod began to run. What took a pod less time
// than it took the agent to come is not known.
func (v *View) SeenSinceItBegan(p *Pod) bool {
	_, looked := v.looked[p.AgentOf()]
	_, late := v.late()[p.AgentOf()]
	return looked && !late
}

// Unheard says when the pod ran and its DNS queries were not captured, "" if they were from its start to the end of the recording: a
// capture that began late, one that broke off, lost packets. Whoever says that the pod did not query something needs all of them.
func (v *View) Unheard(p *Pod) string {
	at, patience := p.began(), attachGrace
	for _, e := range p.Asked {
		from := e.T - e.Asked.Over
		if e.Asked.Lost > 0 {
			continue
		}
		if from-at > patience {
			return unheard(p, at, from)
		}
		at, patience = max(at, e.T), v.MaxGap()
	}
	// The last interval may not be over yet.
	if v.end-at > listenGrace+v.MaxGap() {
		return unheard(p, at, v.end)
	}
	return ""
}

func unheard(p *Pod, from, to time.Duration) string {
	return fmt.Sprintf("the DNS queries of %s were not captured from %.1f s to %.1f s", p.Name, from.Seconds(), to.Seconds())
}

// HeardFrom is when the capture of the pod's DNS queries began.
func (p *Pod) HeardFrom() time.Duration {
	if len(p.Asked) == 0 {
		return 0
	}
	return max(0, p.Asked[0].T-p.Asked[0].Asked.Over)
}
