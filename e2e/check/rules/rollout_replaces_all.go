package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func rolloutReplacesAll() check.Check {
	return check.Check{
		ID: "rollout/replaces-all", Title: "completes the rolling update and forms a full mesh again", Rung: check.Rollout, Level: check.Required, Scenario: "rollout", Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A rolling update continues only when the new pod is Ready. If its readiness needs something that the old version does not provide, the update stops with two versions in one cluster.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment",
		Causes: map[string][]string{"stuck": {"rollout/hands-over"}, "not-in-view": nil},
		Judge: evidence.ForRollout(func(v *view.View, r evidence.Rollout) []check.Finding {
			if remaining, _, _ := r.Remaining(v); len(remaining) > 0 {
				return stuck(v, r, remaining)
			}
			pods := v.Expected(v.End())
			membership, of := v.Membership(pods, v.End()), evidence.GroupsAtEnd(v)
			var all []check.Finding
			for i, p := range pods {
				all = append(all, evidence.FullAgain(v, r.Since, membership, of, i, p)...)
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Fail, Code: "stuck", Of: check.Everything(v), At: v.End(),
					Message: r.Since(v.End()) + ", all pods of the old version have exited, and none of the new version is Ready" + waitsFor(v, r), Remedy: unstick, Try: seeRollout(v)}}
			}
			return all
		}),
	}
}

// stuck are the findings about pods of the old version that still exist.
func stuck(v *view.View, r evidence.Rollout, remaining []*view.Pod) []check.Finding {
	var all []check.Finding
	for _, p := range remaining {
		f := check.Finding{Subject: check.OnPod(p), Of: check.Everything(v), Outcome: check.Fail, Code: "stuck", At: v.End(), Remedy: unstick, Try: seeRollout(v)}
		f.Message = fmt.Sprintf("%s, %s of the old version still exists%s", r.Since(v.End()), p.Name, waitsFor(v, r))
		if p.Last().Deleting {
			f.Message = fmt.Sprintf("%s, %s of the old version is terminating but has not exited", r.Since(v.End()), p.Name)
		}
		all = append(all, f)
	}
	return all
}

const unstick = "make sure that a pod of the new version can become Ready while the old version runs: its image must start, and its readinessProbe must not depend on its peers"

func seeRollout(v *view.View) string {
	return fmt.Sprintf("kubectl -n %s get pods, and kubectl -n %s describe pod POD for a pod that is not Ready", v.Header.Namespace, v.Header.Namespace)
}

// waitsFor says for which pod of the new version the rollout waits.
func waitsFor(v *view.View, r evidence.Rollout) string {
	for _, p := range r.New {
		if p.Leaving(v.End()) || p.Ready(v.End()) {
			continue
		}
		s := p.Last()
		why := s.NotReady
		for _, c := range s.Containers {
			if c.State == "waiting" && c.Reason != "" {
				why = fmt.Sprintf("its container %s is %s%s", c.Name, c.State, evidence.Because(c))
			}
		}
		return fmt.Sprintf("; %s of the new version is %s and not Ready: %s", p.Name, s.Phase, why)
	}
	if len(r.New) == 0 {
		return "; no pod of the new version was created"
	}
	return ""
}
