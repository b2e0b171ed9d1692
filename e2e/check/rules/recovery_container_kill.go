package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryContainerKill() check.Check {
	return check.Check{
		ID: "recovery/container-kill", Title: "takes a node back into the mesh after its container was killed", Rung: check.Recovery, Level: check.Required, Scenario: "container-kill", Also: []recording.Scenario{"kill-in-partition"}, Settles: true,
		Reads: []recording.Kind{recording.KindPod, recording.KindNodes, recording.KindDist},
		Why: "A crash, an OOM kill or a failed liveness probe restarts the container in its pod: the pod keeps its address and its node name, and the volumes keep the files of the dead VM. " +
			"Deleting a pod does not test that.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts",
		Causes: map[string][]string{"not-restarted": nil, "same-creation": nil, "not-rejoined": nil},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			act, killed := v.Act(recording.KillContainer)
			var victim *view.Pod
			if killed {
				victim, killed = v.Pod(act.Act.Pod)
			}
			if !killed {
				return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no container was killed in this recording"}}
			}
			back, ok := victim.BackAgain(act.T, v.End())
			if !ok {
				return []check.Finding{notBack(v, victim, act)}
			}
			of := evidence.GroupsAtEnd(v)
			together := func(p, q *view.Pod) bool { return !evidence.MeansFullMesh(v) && of[p] == of[q] }
			var all []check.Finding
			for _, p := range v.Expected(act.T) {
				if p != victim && !p.Leaving(v.End()) {
					all = append(all, rejoined(v, p, victim, act, back, together), rejoined(v, victim, p, act, back, together))
				}
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnPod(victim), Outcome: check.Unseen, Message: "there was no other node when the container of " + victim.Name + " was killed"}}
			}
			return all
		}),
	}
}

// notBack judges a pod whose node was not seen with a new creation.
func notBack(v *view.View, p *view.Pod, act recording.Event) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, At: v.End()}
	was, _ := p.CreationAt(act.T)
	since := (v.End() - act.T).Seconds()
	n, t, why := check.ViewAt(p, v.End())
	switch {
	case was == 0:
		f.Message = fmt.Sprintf("the creation of %s before its container was killed is not known", evidence.NodeOrPod(p))
	case n != nil && n.Creation == was && startedAgain(p, act.T):
		f.Fail("same-creation", fmt.Sprintf("%s has the same creation %d after its container was killed: its peers cannot distinguish the new node from the dead one", evidence.NodeOrPod(p), was),
			"run epmd inside the pod, not on the host; without epmd the creation is random since OTP 23")
		f.At = t
	case n != nil:
		f.Message = fmt.Sprintf("the exit of the VM of %s was not seen", p.Name)
	default:
		down := downContainer(p)
		if down == nil {
			f.Message = why
			return f
		}
		f.Fail("not-restarted", fmt.Sprintf("%.0f s after the container of %s was killed, its node has not come back: container %s is %s%s", since, p.Name, down.Name, down.State, evidence.Because(*down)),
			"read in the log of the container why it does not start a second time in the same pod: files of the dead VM are still on its volumes (a lock, a PID file, an incomplete file)",
			evidence.LastLog(*down)...)
		f.Try = fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", v.Header.Namespace, p.Name, down.Name)
	}
	return f
}

// startedAgain reports whether another VM than before was seen in the pod after t.
func startedAgain(p *view.Pod, t time.Duration) bool {
	before := 0
	for _, e := range p.VMs {
		if e.T <= t {
			before = e.VM.PID
		} else if e.VM.PID != before {
			return true
		}
	}
	return false
}

// downContainer is the pod's first container that does not run or is not Ready, nil if there is none.
func downContainer(p *view.Pod) *recording.Container {
	s := p.Last()
	for i := range s.Containers {
		if s.Containers[i].State != "running" {
			return &s.Containers[i]
		}
	}
	if !s.Ready && len(s.Containers) > 0 {
		return &s.Containers[0]
	}
	return nil
}

// rejoined judges whether p's view holds q at the end, after the victim has come back. If the profile expects no full mesh, it is enough
// that both are in one cluster.
func rejoined(v *view.View, p, q *view.Pod, act recording.Event, back time.Duration, together func(p, q *view.Pod) bool) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnService(v)}}
	n, t, why := check.ViewAt(p, v.End())
	switch {
	case n == nil:
		f.Outcome, f.Message = check.Unseen, why
	case slices.ContainsFunc(n.Visible, q.Is), together(p, q):
		f.Outcome, f.At, f.Took = check.Pass, t, back-act.T
	default:
		f.Fail("not-rejoined", fmt.Sprintf("%.0f s after the container of %s was killed, %s does not see %s: nodes() is [%s]",
			(t-act.T).Seconds(), act.Act.Detail, evidence.NodeOrPod(p), evidence.NodeOrPod(q), strings.Join(check.FirstOf(n.Visible, 8), ", ")),
			"make discovery connect again to nodes that it has lost, and do not set dist_auto_connect")
		f.At, f.Try = t, fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	}
	return f
}
