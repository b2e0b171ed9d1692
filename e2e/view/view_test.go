package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

const ms = time.Millisecond

func fold(t testing.TB, s *rt.Recording) *view.View {
	t.Helper()
	v, err := view.New(s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		v.Apply(e)
	}
	return v
}

func isNodes(i int, from, to time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) && e.T >= from && e.T < to
	}
}

func forget(s *rt.Recording, i, j int, from, to time.Duration) {
	s.Change(isNodes(i, from, to), func(e *recording.Event) {
		e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return n == rt.Node(j) })
	})
}

func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want-10*ms || got > want+250*ms {
		t.Errorf("%s is %s, wanted %s or one look later", what, got, want)
	}
}

func TestMeshAt(t *testing.T) {
	v := fold(t, rt.Formation(3))
	for _, c := range []struct {
		at   time.Duration
		full bool
		why  string
	}{
		{0, false, "0 of 3 pods ready"},
		{2505 * ms, false, "1 of 3 pods ready"},
		{2700 * ms, false, rt.Name(0) + " misses " + rt.Node(1) + " and misses " + rt.Node(2)},
		{3300 * ms, true, "full mesh"},
		{rt.Formed, true, "full mesh"},
		{rt.Formed + 3*time.Second, false, rt.Name(0) + " has not been seen for 3.0 s"},
	} {
		m := v.Mesh(c.at)
		if m.Full != c.full || !strings.Contains(m.String(), c.why) {
			t.Errorf("at %s: full %v, %q; wanted %v, %q", c.at, m.Full, m, c.full, c.why)
		}
		if m.Full {
			near(t, "since", m.Since, rt.Full)
		}
	}
}

func TestMoreMembersThanAskedFor(t *testing.T) {
	s := rt.Formation(3)
	s.Events = rt.Formation(4).Events
	if m := fold(t, s).Mesh(rt.Formed); !m.Full {
		t.Errorf("four nodes that all see each other, of three: %s", m)
	}
	forget(s, 0, 3, 0, time.Hour)
	if m := fold(t, s).Mesh(rt.Formed); m.Full {
		t.Error("one does not see the fourth, and the mesh is full")
	}
}

func TestMeshSince(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *rt.Recording)
		since  time.Duration
	}{
		{"healthy", func(*rt.Recording) {}, rt.Full},
		{"one view was not full for a moment", func(s *rt.Recording) { forget(s, 1, 2, 8*time.Second, 8100*ms) }, 8260 * ms},
		{"one view was not taken for more than MaxGap", func(s *rt.Recording) { s.Drop(isNodes(1, 8*time.Second, 9300*ms)) }, 9500 * ms},
		{"one view was not taken for less than MaxGap", func(s *rt.Recording) { s.Drop(isNodes(1, 8*time.Second, 8600*ms)) }, rt.Full},
		{"one node could not be asked for a moment", func(s *rt.Recording) {
			s.Change(isNodes(1, 8*time.Second, 8200*ms), func(e *recording.Event) { e.Nodes.Outcome = recording.Timeout })
		}, 8260 * ms},
		{"one pod was not Ready for a while", func(s *rt.Recording) {
			var ready recording.Pod
			for _, e := range s.Events {
				if e.Pod != nil && e.Pod.UID == rt.UID(2) {
					ready = *e.Pod
				}
			}
			not := ready
			not.Ready = false
			s.Add(recording.Event{T: 7 * time.Second, Pod: &not}, recording.Event{T: 8 * time.Second, Pod: &ready})
		}, 8 * time.Second},
		{"an order of names that changes is no change", func(s *rt.Recording) {
			s.Change(isNodes(1, 8*time.Second, 9*time.Second), func(e *recording.Event) { slices.Reverse(e.Nodes.Visible) })
		}, rt.Full},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rt.Formation(3)
			c.change(s)
			v := fold(t, s)
			m := v.Mesh(v.End())
			if !m.Full {
				t.Fatal(m)
			}
			near(t, "since", m.Since, c.since)
			// Held agrees with Since to the nanosecond.
			held := v.End() - m.Since
			if ok, _ := v.Held(held); !ok {
				t.Errorf("not held for %s", held)
			}
			if ok, _ := v.Held(held + 1); ok {
				t.Errorf("held for longer than %s", held)
			}
		})
	}
}

func TestFirstFull(t *testing.T) {
	s := rt.Formation(3)
	forget(s, 1, 2, 8*time.Second, 8100*ms)
	v := fold(t, s)
	for _, c := range []struct{ from, want time.Duration }{{0, rt.Full}, {5 * time.Second, 5 * time.Second}, {8020 * ms, 8250 * ms}} {
		at, ok := v.FirstFull(c.from)
		if !ok {
			t.Fatalf("never full from %s on", c.from)
		}
		near(t, fmt.Sprintf("first full from %s", c.from), at, c.want)
		if m := v.Mesh(at); !m.Full {
			t.Errorf("not full at %s: %s", at, m)
		}
	}
	forget(s, 0, 1, 0, time.Hour)
	if at, ok := fold(t, s).FirstFull(0); ok {
		t.Errorf("full at %s, though one view never was", at)
	}
}

func TestOthers(t *testing.T) {
	v := fold(t, rt.Recovery(3))
	everybody := []string{rt.Node(0), rt.Node(1), rt.Node(3), "other@10.244.9.9"}
	for _, c := range []struct {
		at    time.Duration
		stale string
	}{
		{rt.Deleted - ms, ""}, // alive
		{rt.Exited - ms, ""},  // being deleted, and alive
		{rt.Exited + ms, rt.Node(0)},
		{rt.Recovered, rt.Node(0)},
	} {
		stale, foreign := v.Others(everybody, c.at)
		if strings.Join(stale, " ") != c.stale || strings.Join(foreign, " ") != "other@10.244.9.9" {
			t.Errorf("at %s: stale %v, foreign %v; wanted stale %q", c.at, stale, foreign, c.stale)
		}
	}

	// A VM that ended in a pod that was not deleted is a restart: its name comes back.
	s := rt.Formation(3)
	s.Add(recording.Event{T: 9 * time.Second, Process: &recording.Process{Pod: rt.UID(2), Exited: true}})
	if stale, foreign := fold(t, s).Others([]string{rt.Node(2)}, 10*time.Second); len(stale)+len(foreign) > 0 {
		t.Errorf("after a restart: stale %v, foreign %v", stale, foreign)
	}

	// The address of a pod that has gone was given to another one: the name is a living node's.
	s = rt.Recovery(3)
	s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Node == rt.Node(3) }, func(e *recording.Event) { e.Nodes.Node = rt.Node(0) })
	s.Change(func(e recording.Event) bool { return e.Dist != nil && e.Dist.Node == rt.Node(3) }, func(e *recording.Event) { e.Dist.Node = rt.Node(0) })
	if stale, _ := fold(t, s).Others([]string{rt.Node(0)}, rt.Recovered); len(stale) > 0 {
		t.Errorf("a name that came back is stale: %v", stale)
	}

	// A pod that never told its name is known by its address, and by nothing else.
	s = rt.Formation(3)
	s.Drop(func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(2) || e.Dist != nil && e.Dist.To == rt.UID(2) || e.Cookie != nil && e.Cookie.Pod == rt.UID(2)
	})
	if _, foreign := fold(t, s).Others([]string{"web@" + rt.IP(2), "web@1" + rt.IP(2)}, rt.Formed); !slices.Equal(foreign, []string{"web@1" + rt.IP(2)}) {
		t.Errorf("a pod that never told its name: foreign %v", foreign)
	}
}

func TestExited(t *testing.T) {
	gone := func(e recording.Event) bool { return e.Pod != nil && e.Pod.Gone }
	ended := func(e recording.Event) bool { return e.Process != nil && e.Process.Exited }
	for _, c := range []struct {
		name   string
		change func(s *rt.Recording)
		at     time.Duration
		ok     bool
	}{
		{"seen by the agent", func(*rt.Recording) {}, rt.Exited, true},
		{"seen by the API server only", func(s *rt.Recording) { s.Drop(ended) }, rt.Exited + 400*ms, true},
		{"not seen", func(s *rt.Recording) { s.Drop(ended); s.Drop(gone) }, 0, false},
		{"the VM of a container that started anew", func(s *rt.Recording) {
			s.Drop(ended)
			s.Drop(gone)
			s.Add(recording.Event{T: 10 * time.Second, Process: &recording.Process{Pod: rt.UID(0), PID: 1, Exited: true}},
				recording.Event{T: 11 * time.Second, Process: &recording.Process{Pod: rt.UID(0), PID: 2}})
		}, 0, false},
		{"a container that ended once, and runs again", func(s *rt.Recording) {
			s.Drop(ended)
			s.Drop(gone)
			s.Change(func(e recording.Event) bool {
				return e.Pod != nil && e.Pod.UID == rt.UID(0) && e.Pod.Ready && !e.Pod.Deleting
			}, func(e *recording.Event) {
				e.Pod.Containers[0].State = "terminated"
			})
		}, 0, false},
		{"a container that has ended, in a pod that is still there", func(s *rt.Recording) {
			s.Drop(ended)
			s.Drop(gone)
			s.Change(func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(0) && e.Pod.Deleting }, func(e *recording.Event) {
				e.Pod.Containers[0].State = "terminated"
			})
		}, rt.Deleted + 30*ms, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rt.Recovery(3)
			c.change(s)
			if at, ok := pod(fold(t, s), rt.UID(0)).Exited(); at != c.at || ok != c.ok {
				t.Errorf("%s, %v; wanted %s, %v", at, ok, c.at, c.ok)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	s := rt.Formation(3)
	add := func(links ...recording.Link) {
		s.Change(func(e recording.Event) bool { return e.Sockets != nil && e.Sockets.Pod == rt.UID(1) }, func(e *recording.Event) {
			e.Sockets.Links = append(e.Sockets.Links, links...)
		})
	}
	add(recording.Link{Local: rt.IP(1) + ":50000", Remote: rt.IP(2) + ":8080"}, // no distribution port
		recording.Link{Local: rt.IP(1) + ":50001", Remote: "10.244.9.9:10000"}, // another's
		recording.Link{Local: "not an address", Remote: rt.IP(2) + ":10000"})
	v := fold(t, s)
	b, c := pod(v, rt.UID(1)), pod(v, rt.UID(2))
	got := view.Links(b.Sockets[len(b.Sockets)-1], b, c)
	want := view.Link{Local: rt.IP(1) + ":10000", Remote: rt.Ephemeral(2, 1)}
	if _, there := got[want]; !there || len(got) != 1 {
		t.Errorf("links of pods 1 and 2 in the table of 1: %v, wanted %v", got, want)
	}
	back := view.Links(c.Sockets[len(c.Sockets)-1], c, b)
	if _, there := back[view.Link{Local: want.Remote, Remote: want.Local}]; !there || len(back) != 1 {
		t.Errorf("links of pods 2 and 1 in the table of 2: %v, wanted %v the other way round", back, want)
	}
	// An IPv4 address in an IPv6 socket is the same address.
	add(recording.Link{Local: "[::ffff:" + rt.IP(1) + "]:10000", Remote: "[::ffff:" + rt.IP(2) + "]:40009"})
	v = fold(t, s)
	b, c = pod(v, rt.UID(1)), pod(v, rt.UID(2))
	if got := view.Links(b.Sockets[len(b.Sockets)-1], b, c); len(got) != 2 {
		t.Errorf("with a mapped address: %v", got)
	}
}

func TestCovered(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to time.Duration // dropped
		covered  bool
		silent   time.Duration
	}{
		{"all", 0, 0, true, 250 * ms},
		{"a short silence", 8 * time.Second, 8700 * ms, true, time.Second},
		{"a long silence", 8 * time.Second, 9 * time.Second, false, 1250 * ms},
		{"silent at the start", 0, 6200 * ms, false, 1260 * ms},
		{"silent at the end", 10 * time.Second, time.Hour, false, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rt.Formation(3)
			if c.to > 0 {
				s.Drop(isNodes(1, c.from, c.to))
			}
			covered, silent := pod(fold(t, s), rt.UID(1)).Covered(5*time.Second, 12*time.Second)
			if covered != c.covered || silent < c.silent-20*ms || silent > c.silent+250*ms {
				t.Errorf("covered %v, silent for %s; wanted %v, %s", covered, silent, c.covered, c.silent)
			}
		})
	}
	// A look that failed is none.
	s := rt.Formation(3)
	s.Change(isNodes(1, 8*time.Second, 9*time.Second), func(e *recording.Event) { e.Nodes.Outcome = recording.Timeout })
	if covered, _ := pod(fold(t, s), rt.UID(1)).Covered(5*time.Second, 12*time.Second); covered {
		t.Error("a node that did not answer counts as seen")
	}
}

func TestProgress(t *testing.T) {
	f := rt.Formation(3)
	if ok, why := fold(t, f).Formed(); !ok {
		t.Errorf("a healthy formation has not formed: %s", why)
	}
	f.Cut(10 * time.Second)
	if ok, why := fold(t, f).Formed(); ok || !strings.HasPrefix(why, "full mesh for ") || !strings.HasSuffix(why, "of 10s") {
		t.Errorf("after 7 of 10 s: %v %q", ok, why)
	}
	f = rt.Formation(3)
	f.Drop(func(e recording.Event) bool {
		return e.EPMD != nil && e.EPMD.From == rt.UID(1) && e.EPMD.To == rt.UID(2)
	})
	if ok, why := fold(t, f).Formed(); ok || why != "epmd of "+rt.Name(2)+" was not queried from "+rt.Name(1) {
		t.Errorf("without a dial: %v %q", ok, why)
	}
	r := rt.Recovery(3)
	if ok, why := fold(t, r).Recovered(); !ok {
		t.Errorf("a healthy recovery has not recovered: %s", why)
	}
	for _, c := range []struct {
		at  time.Duration
		why string
	}{
		{rt.Deleted - ms, "no pod was deleted yet"},
		{rt.Exited - ms, rt.Name(0) + " has not ended yet"},
		{24 * time.Second, "2 of 3 pods ready"},
		{27 * time.Second, "full mesh again for"},
	} {
		r := rt.Recovery(3)
		r.Cut(c.at)
		if ok, why := fold(t, r).Recovered(); ok || !strings.HasPrefix(why, c.why) {
			t.Errorf("at %s: %v %q, wanted %q", c.at, ok, why, c.why)
		}
	}
}

// The cluster's own work on a start ends when each container runs, or waits for something that is not its creation.
func TestStarting(t *testing.T) {
	for name, c := range map[string]struct {
		cut    time.Duration
		change func(*recording.Container)
		want   string // part of what it is at work on, "" for nothing
	}{
		"no pod yet":               {550 * time.Millisecond, nil, "0 of 3 pods"},
		"being created":            {700 * time.Millisecond, nil, "is being created"},
		"all run":                  {2 * time.Second, nil, ""},
		"an image is not there":    {700 * time.Millisecond, func(c *recording.Container) { c.Reason = "ErrImagePull" }, ""},
		"a container that crashes": {700 * time.Millisecond, func(c *recording.Container) { c.Reason = "CrashLoopBackOff" }, ""},
	} {
		s := rt.Formation(3)
		s.Cut(c.cut)
		if c.change != nil {
			s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { c.change(&e.Pod.Containers[0]) })
		}
		starting, what := fold(t, s).Starting()
		if starting != (c.want != "") || !strings.Contains(what, c.want) {
			t.Errorf("%s: starting %t: %q", name, starting, what)
		}
	}
}

// A start is over when all pods are Ready, or when one of them has failed.
func TestBooted(t *testing.T) {
	for name, c := range map[string]struct {
		cut    time.Duration
		change func(*recording.Container)
		want   string // part of what is missing, "" for nothing
	}{
		"being created": {700 * time.Millisecond, nil, "is being created"},
		"not ready":     {2 * time.Second, nil, "is not Ready"},
		"ready":         {rt.Ready + 200*time.Millisecond, nil, ""},
		"crashed":       {2 * time.Second, func(c *recording.Container) { c.State, c.Restarts = "waiting", 1; c.Reason = "CrashLoopBackOff" }, ""},
		"waits for an init container that crashed": {700 * time.Millisecond, nil, ""},
	} {
		s := rt.Formation(3)
		s.Cut(c.cut)
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) {
			switch {
			case c.change != nil:
				c.change(&e.Pod.Containers[0])
			case strings.Contains(name, "init"):
				e.Pod.Containers = append([]recording.Container{{Name: "prepare", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 1}},
					recording.Container{Name: "derl", State: "waiting", Reason: "PodInitializing"})
			}
		})
		booted, what := fold(t, s).Booted()
		if booted != (c.want == "") || !strings.Contains(what, c.want) {
			t.Errorf("%s: booted %t: %q", name, booted, what)
		}
	}
}
