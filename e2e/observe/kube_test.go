package observe

import (
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

func isPod(name string, is func(*recording.Pod) bool) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Pod != nil && e.Pod.Name == name && (is == nil || is(e.Pod)) }
}

func isGap(e recording.Event) bool  { return e.Gap != nil && e.By == "kube" && e.Gap.To != 0 }
func isOpen(e recording.Event) bool { return e.Gap != nil && e.By == "kube" && e.Gap.To == 0 }
func isBeat(e recording.Event) bool { return e.Beat != nil && e.By == "kube" }

func TestWatches(t *testing.T) {
	a := newAPI(t)
	a.put("ADDED", pod("before", nil))
	a.put("ADDED", pod("elsewhere", func(p *corev1.Pod) { p.Namespace = "other" }))
	o, s, _ := observed(t, a)
	o.SetCookie([]byte("SECRETCOOKIE\n"))
	begin(t, o)

	s.wait("the pod that was there", isPod("before", nil))
	a.put("ADDED", pod("a", nil))
	a.put("MODIFIED", pod("a", placed("n1", "10.0.0.1")))
	s.wait("the pod's address", isPod("a", func(p *recording.Pod) bool { return p.IP == "10.0.0.1" && p.Node == "n1" }))
	a.put("DELETED", pod("a", placed("n1", "10.0.0.1")))
	s.wait("the pod's end", isPod("a", func(p *recording.Pod) bool { return p.Gone }))
	a.put("ADDED", &corev1.Service{TypeMeta: metav1.TypeMeta{Kind: "Service", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "derl", Namespace: "app"}, Spec: corev1.ServiceSpec{ClusterIP: "None"}})
	s.wait("the Service", func(e recording.Event) bool { return e.Service != nil && e.Service.ClusterIP == "None" })
	a.put("ADDED", slice("derl-1"))
	s.wait("the slice", func(e recording.Event) bool {
		return e.Slice != nil && e.Slice.Service == "derl" && e.Slice.Endpoints[0].Ready
	})
	a.put("ADDED", &corev1.Event{TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "app"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "a"}, Type: "Warning", Reason: "Unhealthy", Message: "the probe said SECRETCOOKIE"})
	e := s.wait("the notice", func(e recording.Event) bool { return e.Notice != nil })
	if e.Notice.Object != "Pod/a" || e.Notice.Message != "the probe said (cookie)" {
		t.Errorf("notice %+v", e.Notice)
	}
	s.wait("a beat", isBeat)
	if n := s.count(isPod("elsewhere", nil)); n > 0 {
		t.Errorf("%d events of another namespace's pod", n)
	}
	if n := s.count(isGap); n > 0 {
		t.Errorf("%d gaps in an undisturbed watch: %s", n, s.text())
	}
}

func TestInterruptedWatchIsTakenUpWhereItStopped(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	o.pace.again = 300 * time.Millisecond
	begin(t, o)
	a.put("ADDED", pod("a", nil))
	s.wait("a", isPod("a", nil))
	a.interrupt()
	// Both happen while nobody watches.
	a.put("ADDED", pod("b", nil))
	a.put("DELETED", pod("b", nil))
	s.wait("b's end", isPod("b", func(p *recording.Pod) bool { return p.Gone }))
	if n := s.count(isPod("b", nil)); n != 2 {
		t.Errorf("b was told %d times, want its creation and its end", n)
	}
	if n := s.count(isPod("a", nil)); n != 1 {
		t.Errorf("a was told %d times, want once: an old state is not told again", n)
	}
	ofWatch := func(e recording.Event) bool { return e.Gap != nil && e.Gap.Of != "" } // a busy machine may answer late
	if n := s.count(ofWatch); n > 0 {
		t.Errorf("a watch that was taken up at once made a gap: %s", s.text())
	}
}

func TestForgottenWatchIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	o.pace.again = 200 * time.Millisecond
	begin(t, o)
	a.put("ADDED", pod("stays", nil))
	a.put("ADDED", pod("goes", nil))
	s.wait("both", isPod("goes", nil))
	cut := o.Now()
	a.interrupt()
	a.put("DELETED", pod("goes", nil))
	a.put("ADDED", pod("comes", nil))
	a.forget()
	s.wait("the end of what went unseen", isPod("goes", func(p *recording.Pod) bool { return p.Gone }))
	came := s.wait("what came unseen", isPod("comes", nil))
	gap := s.wait("the gap of the pods", func(e recording.Event) bool { return isGap(e) && strings.Contains(e.Gap.Why, "pods in namespace app") })
	if g := gap.Gap; g.Of != recording.KindPod || g.From < cut || g.From > cut+100*time.Millisecond || g.To < came.T {
		t.Errorf("gap %+v; the watches were cut at %s and caught up at %s", g, cut, came.T)
	}
	a.put("ADDED", pod("after", nil))
	s.wait("news after the gap", isPod("after", nil))
}

// A watch that cannot be taken up for long is a gap, which is told while it lasts, even where nothing was missed in the end.
func TestWatchThatStaysAwayIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	begin(t, o)
	a.put("ADDED", pod("a", nil))
	s.wait("a", isPod("a", nil))
	of := func(kind recording.Kind, is func(recording.Event) bool) func(recording.Event) bool {
		return func(e recording.Event) bool { return is(e) && e.Gap.Of == kind }
	}
	cut := o.Now()
	a.refuse("pods", true)
	a.interrupt()
	open := s.wait("the gap while it lasts", of(recording.KindPod, isOpen)).Gap
	a.put("DELETED", pod("a", nil))
	a.refuse("pods", false)
	gone := s.wait("its end", isPod("a", func(p *recording.Pod) bool { return p.Gone }))
	gap := s.wait("the gap", of(recording.KindPod, isGap)).Gap
	if gap.From != open.From || gap.From < cut || gap.From > cut+100*time.Millisecond || gap.To > gone.T || !strings.Contains(gap.Why, "pods in namespace app") {
		t.Errorf("gap %+v, told as %+v; the watch was cut at %s and brought what it missed at %s", gap, open, cut, gone.T)
	}
	if n := s.count(of(recording.KindService, isGap)) + s.count(of("", isGap)); n > 0 {
		t.Errorf("%d gaps of what was watched all the time: %s", n, s.text())
	}
}

// What happens while the watches are cut on purpose is lost, as in a long outage, and a gap of each kind says so.
func TestCutWatchesAreAGap(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	begin(t, o)
	a.put("ADDED", pod("goes", nil))
	s.wait("it", isPod("goes", nil))
	cut := o.Now()
	const lasts = 400 * time.Millisecond
	o.CutWatches(lasts)
	time.Sleep(50 * time.Millisecond)
	a.put("MODIFIED", pod("goes", placed("n1", "10.0.0.1")))
	a.put("DELETED", pod("goes", placed("n1", "10.0.0.1")))
	a.put("ADDED", pod("comes", nil))
	gone := s.wait("its end", isPod("goes", func(p *recording.Pod) bool { return p.Gone }))
	came := s.wait("what came", isPod("comes", nil))
	for _, kind := range []recording.Kind{recording.KindPod, recording.KindService, recording.KindSlice, recording.KindNotice} {
		g := s.wait("the gap", func(e recording.Event) bool { return isGap(e) && e.Gap.Of == kind }).Gap
		if g.From < cut || g.From > cut+50*time.Millisecond || g.To < cut+lasts || !strings.Contains(g.Why, "cut on purpose") {
			t.Errorf("gap %+v; the watches were cut at %s for %s", g, cut, lasts)
		}
	}
	if gone.T < cut+lasts || came.T < cut+lasts || gone.Pod.IP != "" {
		t.Errorf("%+v at %s and %s at %s were seen though the watches were cut at %s for %s", gone.Pod, gone.T, came.Pod.Name, came.T, cut, lasts)
	}
	a.put("ADDED", pod("after", nil))
	s.wait("news after the gap", isPod("after", nil))
}

func TestSilentAPIServerIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	begin(t, o)
	s.wait("a beat", isBeat)
	a.hush(true)
	from := o.Now()
	time.Sleep(200 * time.Millisecond)
	before := s.count(isBeat)
	time.Sleep(300 * time.Millisecond)
	if n := s.count(isBeat) - before; n > 0 {
		t.Errorf("%d beats while the API server was silent", n)
	}
	open := s.wait("that it does not answer now", isOpen).Gap
	a.hush(false)
	to := o.Now()
	gap := s.wait("the gap", isGap).Gap
	if gap.From != open.From || s.count(isOpen) != 1 {
		t.Errorf("gap %+v is not the end of %+v, told %d times", gap, open, s.count(isOpen))
	}
	if gap.From > from+50*time.Millisecond || gap.To < to || !strings.Contains(gap.Why, "no answer within 100ms") {
		t.Errorf("gap %+v; the API server was silent from %s to %s", gap, from, to)
	}
	s.wait("beats again", func(e recording.Event) bool { return isBeat(e) && e.T >= to })
}

// An API server that starts again refuses everybody at first. That is not why it was away.
func TestAGapSaysHowItBegan(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	begin(t, o)
	s.wait("a beat", isBeat)
	a.hush(true)
	s.wait("that it does not answer now", isOpen)
	a.start(true)
	time.Sleep(300 * time.Millisecond)
	a.start(false)
	if gap := s.wait("the gap", isGap).Gap; !strings.Contains(gap.Why, "no answer within 100ms") {
		t.Errorf("%+v", gap)
	}
}

func TestSilenceAtTheEndIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	begin(t, o)
	s.wait("a beat", isBeat)
	a.hush(true)
	time.Sleep(400 * time.Millisecond)
	o.Stop()
	if n := s.count(isGap); n == 0 {
		t.Errorf("the API server was silent to the end, and nothing says so: %s", s.text())
	}
	after := s.count(func(recording.Event) bool { return true })
	time.Sleep(150 * time.Millisecond)
	if n := s.count(func(recording.Event) bool { return true }); n != after {
		t.Errorf("%d events after Stop", n-after)
	}
}

func TestLogsOfWhatIsNotWell(t *testing.T) {
	a := newAPI(t)
	a.logs["a"] = "starting\ncookie SECRETCOOKIE in base64 U0VDUkVUQ09PS0lFCg==\n" + strings.Repeat("x", 5000) + "\ngiving up\n"
	o, s, _ := observed(t, a)
	begin(t, o)
	crashed := func(restarts int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			placed("n1", "10.0.0.1")(p)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "derl", RestartCount: restarts, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "with SECRETCOOKIE"}}}}
		}
	}
	a.put("ADDED", pod("a", crashed(0)))
	s.wait("the crash", isPod("a", nil))
	o.SetCookie([]byte("SECRETCOOKIE\n"))
	a.put("MODIFIED", pod("a", crashed(1)))
	e := s.wait("the log", isPod("a", func(p *recording.Pod) bool { return len(p.Containers) > 0 && len(p.Containers[0].Log) > 0 }))
	c := e.Pod.Containers[0]
	if len(c.Log) != 4 || c.Log[1] != "cookie (cookie) in base64 (cookie)" || len(c.Log[2]) > 1100 || c.Message != "with (cookie)" || c.Restarts != 1 {
		t.Errorf("container %+v", c)
	}
	// Later states keep what is known; a container that is well has none.
	a.put("MODIFIED", pod("a", func(p *corev1.Pod) {
		crashed(1)(p)
		p.Labels = map[string]string{"later": "yes"}
	}))
	later := s.wait("the later state", isPod("a", func(p *recording.Pod) bool { return p.Labels["later"] != "" }))
	if len(later.Pod.Containers[0].Log) != 4 {
		t.Errorf("the later state lacks the log: %+v", later.Pod.Containers[0])
	}
	if first := s.wait("the first state", isPod("a", nil)); len(first.Pod.Containers[0].Log) > 0 {
		t.Errorf("what was told before was changed: %+v", first.Pod)
	}
}

func TestUnwell(t *testing.T) {
	for _, c := range []struct {
		recording.Container
		want bool
	}{
		{recording.Container{State: "running"}, false},
		{recording.Container{State: "running", Restarts: 1}, true},
		{recording.Container{State: "waiting"}, false},
		{recording.Container{State: "waiting", Reason: "ContainerCreating"}, false},
		{recording.Container{State: "waiting", Reason: "CrashLoopBackOff", Restarts: 2}, true},
		{recording.Container{State: "waiting", Reason: "ErrImagePull"}, true},
		{recording.Container{State: "terminated"}, true},
	} {
		if got := unwell(c.Container); got != c.want {
			t.Errorf("%+v: unwell %v", c.Container, got)
		}
	}
}

// A VM that gets SIGTERM says so in its log, of which nothing is left soon after its end: it is read from the deletion on.
func TestLogOfWhatEnds(t *testing.T) {
	a := newAPI(t)
	a.logs["a"] = "up\nSIGTERM received - shutting down SECRETCOOKIE"
	o, s, _ := observed(t, a)
	o.SetCookie([]byte("SECRETCOOKIE"))
	begin(t, o)
	state := func(deleting bool, c corev1.ContainerState) func(p *corev1.Pod) {
		return func(p *corev1.Pod) {
			placed("n1", "10.0.0.1")(p)
			if deleting {
				now := metav1.Now()
				p.DeletionTimestamp = &now
			}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "derl", State: c}}
		}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	a.put("ADDED", pod("a", state(false, running)))
	s.wait("a", isPod("a", nil))
	a.put("MODIFIED", pod("a", state(true, running)))
	s.wait("its deletion", isPod("a", func(p *recording.Pod) bool { return p.Deleting }))
	a.put("MODIFIED", pod("a", state(true, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}})))
	e := s.wait("its end with the log", isPod("a", func(p *recording.Pod) bool {
		return p.Containers[0].State == "terminated" && len(p.Containers[0].Log) > 0
	}))
	if l := e.Pod.Containers[0].Log; len(l) != 2 || l[1] != "SIGTERM received - shutting down (cookie)" {
		t.Errorf("log %q", l)
	}
	// The kubelet has removed it meanwhile, and says so as if it were the log.
	a.logs["a"] = lostLog + "/var/log/pods/a"
	o.Epilogue(t.Context(), false)
	if n := s.count(isPod("a", func(p *recording.Pod) bool { return len(p.Containers[0].Log) == 1 })); n != 0 {
		t.Errorf("what the kubelet says instead of a log is recorded %d times", n)
	}
	if lines := logLines(lostLog + "/var/log/pods/a: no such file\n"); lines != nil {
		t.Errorf("lines %q", lines)
	}
}

// Of a long log the end is kept, without half a secret at either of its ends.
func TestLastBytes(t *testing.T) {
	long := strings.Repeat("0123456789\n", tailBytes/3)
	for _, c := range []struct {
		in  string
		cut bool
	}{{"", false}, {"short", false}, {long, true}} {
		got, cut := lastBytes(strings.NewReader(c.in))
		if cut != c.cut || !strings.HasSuffix(c.in, string(got)) || len(got) > 2*tailBytes || c.in != "" && len(got) == 0 {
			t.Errorf("%d bytes: %d kept, cut %v", len(c.in), len(got), cut)
		}
	}
	a := newAPI(t)
	o, _, _ := observed(t, a)
	if lines := o.linesOf(lastBytes(strings.NewReader(long))); len(lines) != tailLines {
		t.Errorf("%d lines", len(lines))
	}
}

// The logs of pods that are well are read only where their nodes have not found each other, and only of a few.
func TestEpilogueOfPodsThatAreWell(t *testing.T) {
	a := newAPI(t)
	o, s, _ := observed(t, a)
	o.SetCookie([]byte("SECRETCOOKIE"))
	begin(t, o)
	const pods = mostLogs + 2
	for i := range pods {
		name := "p" + strconv.Itoa(i)
		a.logs[name] = "discovery failed"
		a.put("ADDED", pod(name, func(p *corev1.Pod) {
			placed("n1", "10.0.0.1")(p)
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "derl", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		}))
		s.wait(name, isPod(name, nil))
	}
	logged := func() int {
		return s.count(func(e recording.Event) bool {
			return e.Pod != nil && len(e.Pod.Containers) > 0 && len(e.Pod.Containers[0].Log) > 0
		})
	}
	if o.Epilogue(t.Context(), false); logged() != 0 {
		t.Errorf("%d logs although the mesh has formed", logged())
	}
	if o.Epilogue(t.Context(), true); logged() != mostLogs {
		t.Errorf("%d logs, want %d", logged(), mostLogs)
	}
}

func TestEpilogueTakesSecretsOut(t *testing.T) {
	a := newAPI(t)
	a.logs["a"] = "said SECRETCOOKIE and another-secret"
	o, s, _ := observed(t, a)
	o.SetCookie([]byte("SECRETCOOKIE"))
	o.Redactor.Guard([]byte("another-secret"))
	begin(t, o)
	a.put("ADDED", pod("a", func(p *corev1.Pod) {
		placed("n1", "10.0.0.1")(p)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "derl", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	}))
	s.wait("a", isPod("a", nil))
	o.Epilogue(t.Context(), false)
	e := s.wait("the log", isPod("a", func(p *recording.Pod) bool { return len(p.Containers[0].Log) > 0 }))
	if l := e.Pod.Containers[0].Log; len(l) != 1 || l[0] != "said (cookie) and (cookie)" {
		t.Errorf("log %q", l)
	}
}
