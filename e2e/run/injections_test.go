package run

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// fakeAgent is one whose rules bite where they are about the pod that they are put into.
type fakeAgent struct{ wants map[string][]agent.Rule }

func (f *fakeAgent) SetFaults(_ context.Context, w agent.Faults) ([]agent.RuleStatus, error) {
	f.wants[w.Holder] = w.Rules
	var all []agent.RuleStatus
	for _, r := range w.Rules {
		all = append(all, agent.RuleStatus{Rule: r, Since: 1, Effective: slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool { return r.Pod == rt.UID(i) && r.IP == rt.IP(i) })})
	}
	return all, nil
}

// staged is a story whose scenario is under way, with all that a formation of three pods brings.
func staged(t *testing.T, spec profile.MutantSpec) (*story, *fakeAgent) {
	t.Helper()
	w := some(t, func(s *profile.MutantSpec) { *s = spec })
	s := &story{o: &Options{Log: func(string) {}}, w: w, ns: "ns", known: &secrets.Redactor{}, rec: scenario.NewRecorder(time.Now().Add(-time.Hour))}
	told := rt.Formation(3)
	if err := s.rec.Begin(filepath.Join(t.TempDir(), "r.jsonl"), told.Header()); err != nil {
		t.Fatal(err)
	}
	for _, e := range told.Events {
		s.rec.Sink(e)
	}
	f := &fakeAgent{wants: map[string][]agent.Rule{}}
	s.faults = fault.New(s.ns, func(context.Context, string) (fault.Agent, error) { return f, nil }, s.rec.Sink)
	return s, f
}

func (s *story) acts(t *testing.T) (all []string, void string) {
	t.Helper()
	s.rec.Ask(func(v *view.View) {
		void = v.Void()
		for _, do := range []string{fault.Inject, profile.Exec, profile.RotateSecret} {
			if _, ok := v.Act(do); ok {
				all = append(all, do)
			}
		}
	})
	return all, void
}

func TestDeedsFindTheirPodsOnce(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{})
	for name, c := range map[string]struct {
		injection profile.Injection
		first     int
	}{
		"all": {profile.Injection{Do: profile.DropIn, Pods: "all", Port: 10000}, 3},
		"one": {profile.Injection{Do: profile.DropIn, Pods: "one", Port: 10000}, 1},
		"cut": {profile.Injection{Do: profile.Cut, Pods: "one", Port: 10000}, 1},
	} {
		done := map[string]bool{}
		if n := len(s.targets(c.injection, "0", done)); n != c.first {
			t.Errorf("%s: done to %d pods, want %d", name, n, c.first)
		}
		if n := len(s.targets(c.injection, "0", done)); n != 0 {
			t.Errorf("%s: done to %d pods again", name, n)
		}
	}
	s.do(t.Context(), profile.Injection{Do: profile.DropIn, Pods: "all", Port: 10000}, s.placed()...)
	if acts, void := s.acts(t); len(f.wants["ns"]) != 3 || f.wants["ns"][0].Port != 10000 || len(acts) != 1 || void != "" {
		t.Errorf("wanted %v, acts %q, void %q", f.wants, acts, void)
	}
}

func TestACutNeedsAnotherPod(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{})
	s.do(t.Context(), profile.Injection{Do: profile.Cut, Pods: "one", Port: 10000}, s.one()...)
	if r := f.wants["ns"]; len(r) != 1 || r[0].Peer == "" || r[0].Peer == r[0].IP {
		t.Errorf("wanted %v", f.wants)
	}
}

func TestAToothlessFaultMakesTheScenarioVoid(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{Harness: profile.Toothless})
	s.do(t.Context(), profile.Injection{Do: profile.DropIn, Pods: "one", Port: 10000}, s.one()...)
	if _, void := s.acts(t); len(f.wants["ns"]) != 1 || !strings.Contains(void, "does not bite") {
		t.Errorf("wanted %v, void %q", f.wants, void)
	}
}

func TestACommandThatFailsMakesTheScenarioVoid(t *testing.T) {
	for name, c := range map[string]struct {
		exec recording.Exec
		void string
	}{
		"as it should":    {recording.Exec{Outcome: recording.OK, Output: "well done"}, ""},
		"not run":         {recording.Exec{Outcome: recording.ProbeError, Detail: "no such pod"}, "no such pod"},
		"failed":          {recording.Exec{Outcome: recording.OK, Code: 7, Output: "well done"}, "ends with 7"},
		"without success": {recording.Exec{Outcome: recording.OK, Output: "nothing"}, `lacks "done"`},
	} {
		s, _ := staged(t, profile.MutantSpec{})
		d := profile.Injection{Do: profile.Exec, Run: []string{"kill", "epmd"}, Expect: "done"}
		s.commanded(d, s.one()[0], c.exec)
		acts, void := s.acts(t)
		if (c.void == "") != (void == "") || !strings.Contains(void, c.void) || (len(acts) == 1) != (c.void == "") {
			t.Errorf("%s: acts %q, void %q", name, acts, void)
		}
	}
}

func TestRotationGivesTheSecretAnotherValue(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{})
	ref := s.w.Profile.Spec.Cookie.SecretKeyRef
	client := fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: ref.Name}, Data: map[string][]byte{ref.Key: []byte("old-old-old"), "other": []byte("x")}})
	s.client = client
	s.do(t.Context(), profile.Injection{Do: profile.RotateSecret}, s.one()...)
	got, err := client.CoreV1().Secrets("ns").Get(t.Context(), ref.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	value := string(got.Data[ref.Key])
	if value == "old-old-old" || len(value) < 20 || string(got.Data["other"]) != "x" {
		t.Errorf("the Secret holds %q", got.Data)
	}
	if strings.Contains(s.known.Text("cookie "+value), value) {
		t.Error("the new cookie is not kept out of texts")
	}
	if acts, void := s.acts(t); len(acts) != 1 || void != "" {
		t.Errorf("acts %q, void %q", acts, void)
	}
	s.ns = "elsewhere"
	s.do(t.Context(), profile.Injection{Do: profile.RotateSecret}, s.one()...)
	if _, void := s.acts(t); !strings.Contains(void, ref.Name) {
		t.Errorf("a Secret that is not there: void %q", void)
	}
}

// What is to be done to a full mesh waits until it has been full for a while, and is done once.
func TestDeedsWaitForTheirMoment(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{Injections: []profile.Injection{
		{At: profile.AtFull, Do: profile.DropIn, Pods: "one", Port: 1},
		{At: profile.AtFormed, Do: profile.DropIn, Pods: "one", Port: 2},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	// It ends by itself: the mesh of the recording has held.
	if err := errors.Join(s.meddle(ctx, ctx.Done()), s.aftermath(ctx)); err != nil || ctx.Err() != nil {
		t.Fatal(err)
	}
	if r := f.wants["ns"]; len(r) != 2 || r[0].Port != 1 || r[1].Port != 2 {
		t.Errorf("done was %v", r)
	}
}

// A story in which nothing could be done to the mesh, because it never was one, is not told as if it had been.
func TestADeedThatCouldNotBeDoneIsAnError(t *testing.T) {
	for _, spec := range []profile.MutantSpec{
		{Injections: []profile.Injection{{At: profile.AtFull, Do: profile.DropDNS, Pods: "one"}}},
		{Harness: profile.ObserverKilled},
		{Injections: []profile.Injection{{At: profile.AtFormed, Do: profile.DropDNS, Pods: "one"}}},
	} {
		s, f := staged(t, spec)
		s.rec.Sink(recording.Event{T: s.rec.Now(), By: "run", Act: &recording.Act{Do: "apply"}}) // long after the last look
		ended := make(chan struct{})
		close(ended)
		if err := errors.Join(s.meddle(t.Context(), ended), s.aftermath(t.Context())); err == nil || len(f.wants) > 0 {
			t.Errorf("%+v: error %v, done was %v", spec, err, f.wants)
		}
	}
	s, _ := staged(t, profile.MutantSpec{Harness: profile.ObserverKilled})
	s.client, s.ns = fake.NewClientset(), "ns"
	if err := s.meddle(t.Context(), t.Context().Done()); err == nil || !strings.Contains(err.Error(), "observer-killed: agent on") {
		t.Errorf("an agent that is not there is killed: %v", err)
	}
}

func TestAnAgentIsKilledForGood(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{Harness: profile.ObserverKilled})
	labels := map[string]string{agentclient.Label: agentclient.Name}
	client := fake.NewClientset(agentclient.DaemonSet("ns", "image", false), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "agent-x", Labels: labels},
		Spec: corev1.PodSpec{NodeName: s.one()[0].Last().Node}, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
	s.client = client
	if err := s.meddle(t.Context(), t.Context().Done()); err != nil {
		t.Fatal(err)
	}
	pods, err := client.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{})
	sets, err2 := client.AppsV1().DaemonSets("ns").List(t.Context(), metav1.ListOptions{})
	if errors.Join(err, err2) != nil || len(pods.Items)+len(sets.Items) > 0 {
		t.Errorf("left are %d pods, %d DaemonSets, %v %v", len(pods.Items), len(sets.Items), err, err2)
	}
}
