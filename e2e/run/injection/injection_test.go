package injection

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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// fakeAgent is one whose rules bite where they are about the pod that they are put into.
type fakeAgent struct{ wants map[string][]agent.Rule }

func (f *fakeAgent) SetFaults(_ context.Context, w agent.Faults) ([]agent.RuleStatus, error) {
	f.wants[w.Holder] = w.Rules
	var all []agent.RuleStatus
	for _, r := range w.Rules {
		all = append(all, agent.RuleStatus{Rule: r, Since: 1, Effective: slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool { return r.Pod == rt.UID(i) && r.IP == rt.IP(i) })})
	}
	for _, r := range w.Healed {
		all = append(all, agent.RuleStatus{Rule: r, Gone: true})
	}
	return all, nil
}

// staged are injections into a scenario that is under way, with all that a formation of three pods brings.
func staged(t *testing.T, spec profile.MutantSpec) (*Injections, *fakeAgent) {
	t.Helper()
	w, err := workload.Load("../../../fixtures", "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	w.Mutant = &profile.Mutant{Spec: spec}
	s := New(Options{Workload: w, Namespace: "ns", Agents: "ns", Log: func(string) {}, Redactor: &secrets.Redactor{}, Recorder: scenario.NewRecorder(time.Now().Add(-time.Hour))})
	told := rt.Formation(3)
	if err := s.Recorder.Begin(filepath.Join(t.TempDir(), "r.jsonl"), told.Header()); err != nil {
		t.Fatal(err)
	}
	for _, e := range told.Events {
		s.Recorder.Sink(e)
	}
	f := &fakeAgent{wants: map[string][]agent.Rule{}}
	s.faults = fault.New(s.Namespace, func(context.Context, string) (fault.Agent, error) { return f, nil }, s.Recorder.Sink)
	return s, f
}

func (i *Injections) acts(t *testing.T) (all []string, void string) {
	t.Helper()
	i.Recorder.Ask(func(v *view.View) {
		void = v.Void()
		for _, do := range []string{fault.Inject, profile.Exec, profile.RotateSecret} {
			if _, ok := v.Act(do); ok {
				all = append(all, do)
			}
		}
	})
	return all, void
}

func TestInjectionsFindTheirPodsOnce(t *testing.T) {
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
	s.do(t.Context(), profile.Injection{Do: profile.DropIn, Pods: "all", Port: 10000}, s.runningPods()...)
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

// A fault that lasts for a time is healed before the scenario goes on.
func TestAFaultIsHealedWhenItsTimeHasPassed(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{})
	began := time.Now()
	s.do(t.Context(), profile.Injection{Do: profile.Cut, Pods: "one", Port: 10000, For: profile.Duration(50 * time.Millisecond)}, s.one()...)
	var healed bool
	s.Recorder.Ask(func(v *view.View) { _, healed = v.Act(recording.Heal) })
	if len(f.wants["ns"]) != 0 || !healed || time.Since(began) < 50*time.Millisecond {
		t.Errorf("wanted %v after %s, healed: %v", f.wants, time.Since(began), healed)
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
		s.commandRan(d, s.one()[0], c.exec)
		acts, void := s.acts(t)
		if (c.void == "") != (void == "") || !strings.Contains(void, c.void) || (len(acts) == 1) != (c.void == "") {
			t.Errorf("%s: acts %q, void %q", name, acts, void)
		}
	}
}

func TestRotationGivesTheSecretAnotherValue(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{})
	ref := s.Workload.Profile.Spec.Cookie.SecretKeyRef
	client := fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: ref.Name}, Data: map[string][]byte{ref.Key: []byte("old-old-old"), "other": []byte("x")}})
	s.Client = client
	s.do(t.Context(), profile.Injection{Do: profile.RotateSecret}, s.one()...)
	got, err := client.CoreV1().Secrets("ns").Get(t.Context(), ref.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	value := string(got.Data[ref.Key])
	if value == "old-old-old" || len(value) < 20 || string(got.Data["other"]) != "x" {
		t.Errorf("the Secret holds %q", got.Data)
	}
	if strings.Contains(s.Redactor.Text("cookie "+value), value) {
		t.Error("the new cookie is not kept out of texts")
	}
	if acts, void := s.acts(t); len(acts) != 1 || void != "" {
		t.Errorf("acts %q, void %q", acts, void)
	}
	s.Namespace = "elsewhere"
	s.do(t.Context(), profile.Injection{Do: profile.RotateSecret}, s.one()...)
	if _, void := s.acts(t); !strings.Contains(void, ref.Name) {
		t.Errorf("a Secret that is not there: void %q", void)
	}
}

// What is to be done to a full mesh waits until it has been full for a while, and is done once.
func TestInjectionsWaitForTheirMoment(t *testing.T) {
	s, f := staged(t, profile.MutantSpec{Injections: []profile.Injection{
		{At: profile.AtFull, Do: profile.DropIn, Pods: "one", Port: 1},
		{At: profile.AtFormed, Do: profile.DropIn, Pods: "one", Port: 2},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	// It ends by itself: the mesh of the recording has held.
	if err := errors.Join(s.inject(ctx, ctx.Done()), s.observeFormed(ctx)); err != nil || ctx.Err() != nil {
		t.Fatal(err)
	}
	if r := f.wants["ns"]; len(r) != 2 || r[0].Port != 1 || r[1].Port != 2 {
		t.Errorf("done was %v", r)
	}
}

// A recording in which nothing was injected, because the mesh never was stable, is not taken for that of the mutant.
func TestWhatIsNotInjectedIsAnError(t *testing.T) {
	for _, spec := range []profile.MutantSpec{
		{Injections: []profile.Injection{{At: profile.AtFull, Do: profile.DropDNS, Pods: "one"}}},
		{Harness: profile.ObserverKilled},
		{Injections: []profile.Injection{{At: profile.AtFormed, Do: profile.DropDNS, Pods: "one"}}},
	} {
		s, f := staged(t, spec)
		s.Recorder.Sink(recording.Event{T: s.Recorder.Now(), By: "run", Act: &recording.Act{Do: "apply"}}) // long after the last look
		ended := make(chan struct{})
		close(ended)
		if err := errors.Join(s.inject(t.Context(), ended), s.observeFormed(t.Context())); err == nil || len(f.wants) > 0 {
			t.Errorf("%+v: error %v, done was %v", spec, err, f.wants)
		}
	}
	s, _ := staged(t, profile.MutantSpec{Harness: profile.ObserverKilled})
	s.Client = fake.NewClientset()
	if err := s.inject(t.Context(), t.Context().Done()); err == nil || !strings.Contains(err.Error(), "observer-killed: agent on") {
		t.Errorf("an agent that is not there is killed: %v", err)
	}
}

func TestAnAgentIsKilledForGood(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{Harness: profile.ObserverKilled})
	labels := map[string]string{agentclient.Label: agentclient.Name}
	client := fake.NewClientset(agentclient.DaemonSet("ns", agentclient.Options{}), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "agent-x", Labels: labels},
		Spec: corev1.PodSpec{NodeName: s.one()[0].Last().Node}, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
	s.Client = client
	if err := s.inject(t.Context(), t.Context().Done()); err != nil {
		t.Fatal(err)
	}
	pods, err := client.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{})
	sets, err2 := client.AppsV1().DaemonSets("ns").List(t.Context(), metav1.ListOptions{})
	if errors.Join(err, err2) != nil || len(pods.Items)+len(sets.Items) > 0 {
		t.Errorf("left are %d pods, %d DaemonSets, %v %v", len(pods.Items), len(sets.Items), err, err2)
	}
}

// What was not injected because the scenario itself failed, or was interrupted, is not reported beside its error.
func TestAnErrorIsReportedWithoutItsConsequences(t *testing.T) {
	full := profile.MutantSpec{Injections: []profile.Injection{{At: profile.AtFull, Do: profile.DropDNS, Pods: "one"}}}
	stage := func() *Injections {
		s, _ := staged(t, full)
		s.Recorder.Did(recording.Act{Do: "apply"}) // an hour after the last look: nothing is seen to be full
		return s
	}
	failed := errors.New("no quota")
	if err := stage().Around(t.Context(), func() error { return failed }); err == nil || err.Error() != "no quota" {
		t.Errorf("a scenario that failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := stage().Around(ctx, func() error { cancel(); return ctx.Err() })
	if err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("a scenario that was interrupted: %v", err)
	}
	if err = stage().Around(t.Context(), func() error { return nil }); err == nil || !strings.Contains(err.Error(), "not stable for 2s: drop-dns was not injected") {
		t.Errorf("a scenario without its injection: %v", err)
	}
	// Two errors of their own are both there: the agent cannot be killed, and the scenario fails later.
	s, _ := staged(t, profile.MutantSpec{Harness: profile.ObserverKilled})
	client := fake.NewClientset()
	s.Client = client
	tried := make(chan struct{})
	client.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		close(tried)
		return false, nil, nil
	})
	err = s.Around(t.Context(), func() error { <-tried; return failed })
	if err == nil || !strings.Contains(err.Error(), "no quota") || !strings.Contains(err.Error(), "observer-killed: agent on") {
		t.Errorf("two errors: %v", err)
	}
}

// The watch of the API server is cut for one way of breaking the harness only.
func TestWatchIsCutWhereTheMutantSaysSo(t *testing.T) {
	for sabotage, cut := range map[string]time.Duration{"": 0, profile.StreamCut: 0, profile.WatchCut: cutFor} {
		w := &workload.Workload{Mutant: &profile.Mutant{Spec: profile.MutantSpec{Harness: sabotage}}}
		if got := WatchCut(w); got != cut {
			t.Errorf("%q cuts the watch for %s, want %s", sabotage, got, cut)
		}
		if OwnAgents(w) != (sabotage == profile.StreamCut) {
			t.Errorf("%q needs agents of its own: %v", sabotage, OwnAgents(w))
		}
	}
}
