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

func recoveryScale() check.Check {
	return check.Check{
		ID: "recovery/scale", Title: "takes the pods into the mesh that scaling up adds", Rung: check.Recovery, Level: check.Required, Scenario: "scale",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A list of peers that was written down, or discovery that stops when it has found as many as there were, does not know the pods that come later; a quota may leave no room for them.",
		Source: "https://kubernetes.io/docs/concepts/workloads/autoscaling/",
		Causes: map[string][]string{"not-created": nil, "not-joined": nil},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			var acts []recording.Event
			for _, e := range v.Acts() {
				if e.Act.Do == recording.Scale {
					acts = append(acts, e)
				}
			}
			if len(acts) == 0 {
				return evidence.NotDone(v, "the workload was not scaled in this recording")
			}
			up, until := acts[0], v.End()
			if len(acts) > 1 {
				until = acts[1].T
			}
			return added(v, up, until)
		}),
	}
}

// added judges the pods that were added between the act and until, when as many as before were wanted again.
func added(v *view.View, up recording.Event, until time.Duration) (all []check.Finding) {
	before := v.Expected(up.T)
	var more []*view.Pod
	for _, p := range v.Pods() {
		if p.First > up.T && p.First <= until {
			more = append(more, p)
		}
	}
	if want := up.Act.Replicas - v.Profile.Replicas(); len(more) < want {
		why, remedy := evidence.Refused(v)
		all = append(all, check.Finding{Subject: check.OnWorkload(v), Outcome: check.Fail, Code: "not-created", At: until, Reads: []recording.Kind{recording.KindPod}, Remedy: remedy,
			Message: fmt.Sprintf("%.0f s after %s was wanted, %d of %d more pods were created%s", (until - up.T).Seconds(), up.Act.Detail, len(more), want, why)})
	}
	for _, n := range more {
		for _, p := range slices.Concat(before, more) {
			if p != n {
				all = append(all, joined(v, p, n, up, until), joined(v, n, p, up, until))
			}
		}
	}
	return all
}

// joined judges whether p saw q when the mesh had been given its time. Where no full mesh is expected, it is enough that q saw p.
func joined(v *view.View, p, q *view.Pod, up recording.Event, until time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnService(v)}, Outcome: check.Pass}
	n, t, why := check.ViewAt(p, until)
	if n == nil {
		f.Outcome, f.Message = check.Unseen, why
		return f
	}
	f.At = t
	if slices.ContainsFunc(n.Visible, q.Is) {
		return f
	}
	if back, _, _ := check.ViewAt(q, until); !evidence.MeansFullMesh(v) && (back == nil || slices.ContainsFunc(back.Visible, p.Is) || len(n.Visible) > 0) {
		f.Outcome, f.Message = check.NotApplicable, "the profile does not expect every node to be connected to every other (expect.topology)"
		return f
	}
	f.Fail("not-joined", fmt.Sprintf("%.0f s after %s was wanted, %s does not see %s: nodes() is [%s]",
		(t-up.T).Seconds(), up.Act.Detail, evidence.NodeOrPod(p), evidence.NodeOrPod(q), strings.Join(check.FirstOf(n.Visible, 8), ", ")),
		"make discovery look up the peers that there are, instead of a list that somebody wrote, and go on after it has found as many as there were at the start")
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	return f
}
