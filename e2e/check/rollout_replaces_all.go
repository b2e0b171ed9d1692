package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func rolloutReplacesAll() Check {
	return Check{
		ID: "rollout/replaces-all", Title: "is brought to its next version, and is a full mesh again", Rung: Rollout, Level: Required, Scenario: "rollout",
		Why:    "A rolling update goes on only when the new pod is Ready: where readiness waits for something that the old version does not give, it stands still with two versions in one cluster.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment",
		Causes: map[string][]string{"stuck": {"rollout/hands-over"}, "not-in-view": nil},
		Judge: forRollout(func(v *view.View, r nextVersion) []Finding {
			if there, _, _ := r.left(v); len(there) > 0 {
				return stuck(v, r, there)
			}
			pods := v.Expected(v.End())
			call, of := v.Membership(pods, v.End()), groupsAtEnd(v)
			var all []Finding
			for i, p := range pods {
				all = append(all, wholeAgain(v, r.since, call, of, i, p)...)
			}
			if len(all) == 0 {
				return []Finding{{Subject: onWorkload(v), Outcome: Fail, Code: "stuck", Of: everything(v), At: v.End(),
					Message: r.since(v.End()) + " all pods of the old version have ended and none of the new is Ready" + waitsFor(v, r), Remedy: unstick, Try: seeRollout(v)}}
			}
			return all
		}),
	}
}

// stuck are the findings about pods of the old version that are still there.
func stuck(v *view.View, r nextVersion, there []*view.Pod) []Finding {
	var all []Finding
	for _, p := range there {
		f := Finding{Subject: onPod(p), Of: everything(v), Outcome: Fail, Code: "stuck", At: v.End(), Remedy: unstick, Try: seeRollout(v)}
		f.Message = fmt.Sprintf("%s %s of the old version is still there%s", r.since(v.End()), p.Name, waitsFor(v, r))
		if p.Last().Deleting {
			f.Message = fmt.Sprintf("%s %s of the old version was told to end and has not ended", r.since(v.End()), p.Name)
		}
		all = append(all, f)
	}
	return all
}

const unstick = "let a pod of the new version get Ready beside those of the old: its readiness must need nothing of its peers, and its image has to start"

func seeRollout(v *view.View) string {
	return fmt.Sprintf("kubectl -n %s get pods, and kubectl -n %s describe pod of one that is not Ready", v.Header.Namespace, v.Header.Namespace)
}

// waitsFor says which pod of the new version keeps the rollout waiting.
func waitsFor(v *view.View, r nextVersion) string {
	for _, p := range r.new {
		if p.Leaving(v.End()) || p.Ready(v.End()) {
			continue
		}
		s := p.Last()
		why := s.NotReady
		for _, c := range s.Containers {
			if c.State == "waiting" && c.Reason != "" {
				why = fmt.Sprintf("its container %s is %s%s", c.Name, c.State, because(c))
			}
		}
		return fmt.Sprintf("; %s of the new one is %s and not Ready: %s", p.Name, s.Phase, why)
	}
	if len(r.new) == 0 {
		return "; no pod of the new one was made"
	}
	return ""
}
