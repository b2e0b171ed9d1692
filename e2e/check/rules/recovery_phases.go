package rules

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryPhases() check.Check {
	return check.Check{
		ID: "recovery/phases", Title: "keeps the budget of each phase of a recovery", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"container-kill"}, Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindProcess, recording.KindNodes, recording.KindDNS, recording.KindSlice},
		Why:    "A recovery that is fast enough as a whole can hide a part that is not: a node that peers notice only after net_ticktime, a probe that makes a pod Ready long after its node could work.",
		Source: "docs/profile.md (budgets.phases)",
		Causes: map[string][]string{"over-budget": nil},
		Judge: func(v *view.View) []check.Finding {
			limits := v.Profile.Budgets.Phases
			if len(limits) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile limits no phase (spec.budgets.phases)"}}
			}
			var all []check.Finding
			for _, p := range v.Phases() {
				if limit := limits[p.Name]; limit > 0 {
					all = append(all, phaseKeeps(v, p, limit.D()))
				}
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the recording has none of the phases that the profile limits"}}
			}
			return all
		},
	}
}

// phaseKeeps judges one phase. What may be over the budget or not, as exactly as it was seen, is unseen.
func phaseKeeps(v *view.View, p view.Phase, limit time.Duration) check.Finding {
	f := check.Finding{Subject: onPod(v, p), Outcome: check.Pass, At: p.To, Took: max(p.Took(), time.Microsecond)}
	took := fmt.Sprintf("%s took %.2f s", phaseOf(p), p.Took().Seconds())
	if p.Error >= time.Millisecond {
		took += fmt.Sprintf(" ± %d ms", p.Error.Milliseconds())
	}
	over := func(message string) {
		f.Fail("over-budget", message, remedyOfPhase(p.Name))
		f.Of = check.Everything(v)
	}
	switch {
	case p.Unseen != "":
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("how long %s took is not known: %s", phaseOf(p), p.Unseen)
	case p.Open && p.Took() > limit:
		over(fmt.Sprintf("%s has not ended after %.1f s, but at most %s are allowed", phaseOf(p), p.Took().Seconds(), limit))
	case p.Open:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s had not ended when the recording did, %.1f s after its begin; %s are allowed", phaseOf(p), p.Took().Seconds(), limit)
	case p.Took()-p.Error > limit:
		over(fmt.Sprintf("%s, but at most %s are allowed", took, limit))
	case p.Took()+p.Error > limit:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s: whether that is within %s is not known", took, limit)
	}
	return f
}

// onPod is the subject of a phase: the pod that saw it, else the pod that it is about.
func onPod(v *view.View, p view.Phase) check.Subject {
	for _, name := range []string{p.On, p.Pod} {
		if i := slices.IndexFunc(v.Pods(), func(q *view.Pod) bool { return q.Name == name }); i >= 0 {
			return check.OnPod(v.Pods()[i])
		}
	}
	return check.OnWorkload(v)
}

// phaseOf is the phase with the pod that it is about.
func phaseOf(p view.Phase) string {
	switch {
	case p.On != "" && p.On != p.Pod:
		return fmt.Sprintf("%q of %s on %s", p.Name, p.Pod, p.On)
	case p.Pod != "":
		return fmt.Sprintf("%q of %s", p.Name, p.Pod)
	}
	return fmt.Sprintf("%q", p.Name)
}

// remedyOfPhase says where the time of a phase goes.
func remedyOfPhase(name string) string {
	switch name {
	case view.VMEnded:
		return "make sure that SIGTERM reaches the VM (run it as PID 1), and look what the application does in its stop callbacks and the pod in preStop"
	case view.NodeDown:
		return "make sure that the VM closes its connections when it ends (SIGTERM reaches it): else peers notice only after net_ticktime"
	case view.PodCreated, view.VMRuns:
		return "look at the events of the pod: what its node has to pull, mount or make room for before the container starts"
	case view.PodReady:
		return "look at the readiness probe (initialDelaySeconds, periodSeconds), and at what the application does before it answers"
	case view.EndpointNotReady, view.EndpointGone, view.AddressOut, view.AddressIn:
		return "look at the EndpointSlices (kubectl get endpointslices -w) and at the TTL of the DNS records"
	case view.NodeUp:
		return "look for peers more often (the interval of discovery), and let DNS publish pods that are not Ready yet (publishNotReadyAddresses)"
	default:
		return "the phases before it say where its time goes"
	}
}
