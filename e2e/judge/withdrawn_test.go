package judge_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// What the manifests let us guess is withdrawn where the run shows that it is not so, and only there.
func TestAMeshThatFormedWithdrawsWhatManifestsLookLike(t *testing.T) {
	shortNames := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" }, func(e *recording.Event) {
			e.Object.Manifest = []byte(strings.Replace(string(e.Object.Manifest), `"env":[`,
				`"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"RELEASE_NODE","value":"derl@$(POD_NAME)"},`, 1))
		})
	}
	alone := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
	}
	for name, x := range map[string]struct {
		change func(s *rt.Recording)
		want   judge.Verdict
	}{
		"it formed":       {func(*rt.Recording) {}, judge.Skip},
		"it did not form": {alone, judge.Fail},
		"none was meant": {func(s *rt.Recording) {
			alone(s)
			var p profile.Resolved
			s.Edit(&p, func() { p.Expect.Topology = profile.NoMesh })
		}, judge.Fail},
	} {
		s := rt.Formation(3)
		shortNames(s)
		x.change(s)
		v, err := view.New(s.Header())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Events {
			v.Apply(e)
		}
		for _, r := range judge.Judge("x", []judge.Scenario{{Name: "formation", View: v}}, rules.All()).Results {
			if r.ID != "manifest/host-resolves" {
				continue
			}
			if r.Verdict != x.want || x.want == judge.Skip && !strings.Contains(r.Reason, "withdrawn, because all nodes saw each other at 3.0 s: env RELEASE_NODE") {
				t.Errorf("%s: %s: %s%s", name, r.Verdict, r.Message, r.Reason)
			}
		}
	}
	// What a mesh that has formed does not refute.
	stays := map[string]string{
		"manifest/network-policy-admits-peers": "this cluster may not enforce NetworkPolicies, and the next one does",
		"manifest/not-exposed":                 "who is exposed to everybody finds its peers, too",
	}
	for _, c := range rules.All() {
		if c.Refutable && c.Rung != check.Manifest {
			t.Errorf("%s is not about manifests", c.ID)
		}
		if c.Rung == check.Manifest && c.Level == check.Required && c.Refutable == (stays[c.ID] != "") {
			t.Errorf("%s: refutable %v, and the reason to stay is %q", c.ID, c.Refutable, stays[c.ID])
		}
	}
}
