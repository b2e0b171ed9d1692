package view_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

func gap(by string, of recording.Kind, from, to time.Duration, why string) recording.Event {
	return recording.Event{T: max(from, to), By: by, Gap: &recording.Gap{From: from, To: to, Of: of, Why: why}}
}

func TestBlind(t *testing.T) {
	s := rt.Formation(3)
	s.Add(gap(recording.ByKube, recording.KindPod, 5*time.Second, 7*time.Second, "the watch was cut"),
		gap(recording.ByKube, recording.KindSlice, 6*time.Second, 9*time.Second, "that of slices, too"),
		gap(rt.Agent, "", 8*time.Second, 9*time.Second, "the agent was started anew"),
		gap(rt.Agent, "", 10*time.Second, 0, "nothing comes"), gap(rt.Agent, "", 10*time.Second, 10*time.Second, "nothing was lost"),
		gap(rt.Agent, "", 14*time.Second, 0, "nothing comes"))
	const pods, slices, services = recording.KindPod, recording.KindSlice, recording.KindService
	for _, c := range []struct {
		observer string
		from, to time.Duration
		kinds    []recording.Kind
		blind    string
	}{
		{recording.ByKube, 0, 5 * time.Second, nil, ""},
		{recording.ByKube, 0, 5001 * ms, nil, "the watch of the API server saw no pod from 5.0 s to 7.0 s: the watch was cut"},
		{recording.ByKube, 6 * time.Second, 6 * time.Second, []recording.Kind{pods}, "the watch was cut"},
		{recording.ByKube, 5 * time.Second, 5 * time.Second, []recording.Kind{pods}, ""},
		{recording.ByKube, 7 * time.Second, time.Hour, []recording.Kind{pods, services}, ""},
		{recording.ByKube, 7 * time.Second, time.Hour, []recording.Kind{pods, slices}, "that of slices, too"},
		{recording.ByKube, 6 * time.Second, 6500 * ms, []recording.Kind{services}, ""},
		{rt.Agent, 0, 13 * time.Second, []recording.Kind{recording.KindNodes}, "the agent on node " + rt.Worker + " saw nothing from 8.0 s to 9.0 s: the agent was started anew"},
		{rt.Agent, 9 * time.Second, 14 * time.Second, nil, ""},
		{rt.Agent, 13 * time.Second, 15 * time.Second, nil, "saw nothing from 14.0 s to 15.0 s: nothing comes"},
		{recording.ByAgent("another"), 0, time.Hour, nil, ""},
	} {
		v := fold(t, s)
		b := v.Blind(c.observer, c.from, c.to, c.kinds...)
		if v.Covered(c.observer, c.from, c.to, c.kinds...) != (len(b) == 0) || (len(b) > 0) != (c.blind != "") || len(b) > 0 && !strings.HasSuffix(b[0].String(), c.blind) {
			t.Errorf("%s from %s to %s: %v, wanted %q", c.observer, c.from, c.to, b, c.blind)
		}
	}
}

// A reader is told of the long times in which an observer saw nothing at all.
func TestLongBlind(t *testing.T) {
	s := rt.Formation(3)
	s.Add(gap(recording.ByKube, "", 5*time.Second, 9*time.Second, "no answer"), gap(recording.ByKube, "", 10*time.Second, 12*time.Second, "short"),
		gap(recording.ByKube, recording.KindSlice, 2*time.Second, 14*time.Second, "of one kind"), gap(rt.Agent, "", 11*time.Second, 0, "nothing comes"))
	// The recording of a later scenario has nothing else of the time before it, and so its agent seems to have come late.
	s.Drop(func(e recording.Event) bool { return e.By == rt.Agent && e.T < 8*time.Second })
	var all []string
	for _, b := range fold(t, s).LongBlind(3 * time.Second) {
		all = append(all, b.String())
	}
	want := "the agent on node " + rt.Worker + " saw nothing from 11.0 s to 15.0 s: nothing comes; the watch of the API server saw nothing from 5.0 s to 9.0 s: no answer"
	if got := strings.Join(all, "; "); got != want {
		t.Errorf("%s", got)
	}
}

// While it is not known which pods there are, no mesh is known to be full, and no scenario may end as if it were.
func TestMeshIsNotKnownWhilePodsAreNotWatched(t *testing.T) {
	for name, c := range map[string]struct {
		gap  recording.Event
		held bool
	}{
		"the pods, to the end":     {gap(recording.ByKube, recording.KindPod, 14*time.Second, 0, "the watch was cut"), false},
		"all, to the end":          {gap(recording.ByKube, "", 14*time.Second, 0, "no answer"), false},
		"the services, to the end": {gap(recording.ByKube, recording.KindService, 14*time.Second, 0, "the watch was cut"), true},
		"the pods, for a while":    {gap(recording.ByKube, recording.KindPod, 13*time.Second, 14*time.Second, "the watch was cut"), true},
	} {
		s := rt.Formation(3)
		s.Add(c.gap)
		v := fold(t, s)
		formed, why := v.Formed()
		if held, m := v.Held(time.Second); held != c.held || formed != c.held || !held && (!strings.Contains(m.String(), c.gap.Gap.Why) || !strings.Contains(why, "since 14.0 s")) {
			t.Errorf("%s: held %v (%s), formed %v (%s)", name, held, m, formed, why)
		}
	}
}

// The end of a VM that one agent saw, and a peer's view that another saw, are compared as exactly as their clocks were.
func TestClocksBoundIsNoDifference(t *testing.T) {
	for bound, stale := range map[time.Duration]bool{50 * ms: true, 150 * ms: false} {
		s := rt.Recovery(3)
		other := recording.ByAgent("other")
		s.Add(recording.Event{T: 0, By: other, Clock: &recording.Clock{Bound: bound}})
		s.Change(func(e recording.Event) bool { return e.By == rt.Agent && e.PodUID() == rt.UID(0) }, func(e *recording.Event) { e.By = other })
		v := fold(t, s)
		if got := v.Slack(other, rt.Agent, rt.Exited); got != bound+ms {
			t.Errorf("slack of the agents %s, wanted %s", got, bound+ms)
		}
		if a, b, c := v.Slack(other, other, 0), v.Slack(other, recording.ByRun, 0), v.Slack(recording.ByKube, recording.ByRun, 0); a != 0 || b != bound || c != 0 {
			t.Errorf("slack %s with itself, %s with the harness, %s of the harness", a, b, c)
		}
		if names, _ := v.Others([]string{rt.Node(0)}, rt.Exited+100*ms); (len(names) > 0) != stale {
			t.Errorf("with a bound of %s a name 100 ms after its node's end is stale: %v", bound, names)
		}
		if names, _ := v.Others([]string{rt.Node(0)}, rt.Exited+200*ms); len(names) == 0 {
			t.Errorf("with a bound of %s a name 200 ms after its node's end is not stale", bound)
		}
	}
}

func TestClockInForce(t *testing.T) {
	s := rt.Formation(3)
	s.Add(recording.Event{T: 5 * time.Second, By: rt.Agent, Clock: &recording.Clock{Bound: 7 * ms}})
	v := fold(t, s)
	for at, want := range map[time.Duration]time.Duration{0: ms, 4 * time.Second: ms, 6 * time.Second: 7 * ms} {
		if got := v.Slack(rt.Agent, recording.ByRun, at); got != want {
			t.Errorf("at %s the bound is %s, wanted %s", at, got, want)
		}
	}
}

func TestObserverErrors(t *testing.T) {
	s := rt.Formation(3)
	trouble := func(by, pod, what string) recording.Event {
		return recording.Event{T: time.Second, By: by, ObserverError: &recording.ObserverError{Pod: pod, What: what}}
	}
	s.Add(trouble(rt.Agent, rt.UID(1), "of pod 1"), trouble(rt.Agent, "", "of the agent"), trouble(recording.ByAgent("other"), "", "of another agent"))
	v := fold(t, s)
	for i, want := range [][]string{{"of the agent"}, {"of pod 1", "of the agent"}} {
		var got []string
		for _, e := range v.ObserverErrors(pod(v, rt.UID(i))) {
			got = append(got, e.ObserverError.What)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pod %d: %v, wanted %v", i, got, want)
		}
	}
	if a := pod(v, rt.UID(0)).AgentOf(); a != rt.Agent {
		t.Errorf("its agent is %q", a)
	}
}

// Whatever is recorded is kept by the view, so that a check can read it; what is not says so in the table of kinds.
func TestEveryKindIsReadOrSaysThatItIsNot(t *testing.T) {
	h := rt.Formation(3).Header()
	for _, use := range recording.Kinds() {
		if use.Kind == recording.KindEnd || use.Kind == recording.KindAgain {
			continue // the file's own: the reader keeps the one, and gives back what the other stands for
		}
		empty, err := view.New(h)
		if err != nil {
			t.Fatal(err)
		}
		v, err := view.New(h)
		if err != nil {
			t.Fatal(err)
		}
		v.Apply(event(t, use.Kind))
		if read := !reflect.DeepEqual(v, empty); read == use.Unread {
			t.Errorf("%s: the view keeps it: %v; the table of kinds says the opposite", use.Kind, read)
		}
	}
}

// event is one of that kind about a pod.
func event(t *testing.T, k recording.Kind) recording.Event {
	t.Helper()
	for i := range reflect.TypeFor[recording.Event]().NumField() {
		e := recording.Event{By: rt.Agent}
		f := reflect.ValueOf(&e).Elem().Field(i)
		if f.Kind() != reflect.Pointer {
			continue
		}
		f.Set(reflect.New(f.Type().Elem()))
		for _, name := range []string{"Pod", "UID", "To"} {
			if x := f.Elem().FieldByName(name); x.IsValid() && x.Kind() == reflect.String {
				x.SetString("a")
			}
		}
		if e.Kind() == k {
			if e.Pod != nil {
				e.Pod.Labels = map[string]string{"app": "derl"}
			}
			return e
		}
	}
	t.Fatalf("no event is of the kind %s", k)
	return recording.Event{}
}
