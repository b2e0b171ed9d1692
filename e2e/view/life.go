package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Stage is what a pod and its VM were for a time.
type Stage string

// The stages of a pod. A pod that is deleted is Leaving until its VM has ended. Down is a pod without a VM after it had one.
const (
	Created Stage = "created"
	Running Stage = "running"
	IsReady Stage = "ready"
	Leaving Stage = "leaving"
	Down    Stage = "down"
)

// Span is a time in which a pod was in one stage.
type Span struct {
	Stage    Stage
	From, To time.Duration
}

// Life is what became of the pod, from the first report of it until it was gone or the recording ended.
func (p *Pod) Life() []Span {
	var times []time.Duration
	for _, e := range p.states {
		times = append(times, e.T)
	}
	for _, e := range p.process {
		if e.T >= p.First {
			times = append(times, e.T)
		}
	}
	slices.Sort(times)
	var all []Span
	for _, t := range slices.Compact(times) {
		stage, there := p.stage(t)
		if n := len(all); n > 0 {
			all[n-1].To = t
			if there && all[n-1].Stage == stage {
				continue
			}
		}
		if !there {
			break
		}
		all = append(all, Span{Stage: stage, From: t, To: t})
	}
	if n := len(all); n > 0 {
		if s := p.At(p.view.end); s != nil && !s.Gone {
			all[n-1].To = p.view.end
		}
	}
	return all
}

// stage is the pod's at t; there is false before it was reported, and once it is gone.
func (p *Pod) stage(t time.Duration) (stage Stage, there bool) {
	s := p.At(t)
	if s == nil || s.Gone {
		return "", false
	}
	vm := last(p.process, t)
	began := vm != nil || len(p.process) == 0 && (runs(s) || ended(s) || restarted(s))
	up := vm != nil && !vm.Process.Exited || vm == nil && len(p.process) == 0 && runs(s)
	switch {
	case began && !up:
		return Down, true
	case s.Deleting:
		return Leaving, true
	case s.Ready:
		return IsReady, true
	case up:
		return Running, true
	}
	return Created, true
}

func restarted(s *recording.Pod) bool {
	return slices.ContainsFunc(s.Containers, func(c recording.Container) bool { return c.Restarts > 0 })
}

// Acts are what the scenario, or a fault, did to the workload, oldest first.
func (v *View) Acts() []recording.Event { return v.acts }
