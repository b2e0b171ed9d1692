package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// cutAt is the mesh of a recording in which a link is cut, at that moment.
func cutAt(t *testing.T, n int) (*stage, *[]string) {
	t.Helper()
	return staged(t, rt.LinkCut(n), rt.Deleted, func(e recording.Event) bool { return e.T < rt.Deleted })
}

// A link is cut until both of its nodes have noticed it, and then healed.
func TestALinkIsCutUntilBothEndsHaveNoticed(t *testing.T) {
	s, said := cutAt(t, 3)
	if err := named(t, "link-cut").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	if want := []string{"cut of " + rt.Name(0) + " and " + rt.Name(1), "heal"}; !slices.Equal(s.did, want) || len(*said) != 1 {
		t.Errorf("done was %q, said %q", s.did, *said)
	}
}

// The time in which nodes notice a cut link follows from what they have said of their own ticks. Where it is not known, or is too long,
// nothing is cut.
func TestNothingIsCutThatNobodyWouldNotice(t *testing.T) {
	for says, change := range map[string]func(*rt.Recording){
		"could not be read": func(r *rt.Recording) { r.Drop(func(e recording.Event) bool { return e.Kernel != nil }) },
		"only after 15m4s": func(r *rt.Recording) {
			r.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.TickTime = 10 * time.Minute })
		},
	} {
		r := rt.LinkCut(3)
		change(r)
		s, said := staged(t, r, rt.Deleted, func(e recording.Event) bool { return e.T < rt.Deleted })
		if err := named(t, "link-cut").Run(t.Context(), s.env); err != nil {
			t.Fatal(err)
		}
		if len(s.did) > 0 || len(*said) != 1 || !strings.Contains((*said)[0], says) {
			t.Errorf("%s: done was %q, said %q", says, s.did, *said)
		}
	}
}

// A fault that does not bite is healed at once: nothing can be learnt from it.
func TestAFaultThatDoesNotBiteIsHealedAtOnce(t *testing.T) {
	s, said := cutAt(t, 3)
	s.toothless = true
	if err := named(t, "one-way-cut").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	if want := []string{"cut-out of " + rt.Name(0) + " and " + rt.Name(1), "heal"}; !slices.Equal(s.did, want) || !strings.Contains(strings.Join(*said, "|"), "it does not bite") {
		t.Errorf("done was %q, said %q", s.did, *said)
	}
}

// pairs are the faults of a scenario among n members, as the numbers of their pods.
func pairs(t *testing.T, name Name, n int) string {
	t.Helper()
	s, _ := cutAt(t, n)
	s.toothless = true
	if err := named(t, name).Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	number := func(uid string) string {
		for i := range n {
			if rt.UID(i) == uid {
				return string(rune('0' + i))
			}
		}
		return "?"
	}
	var all []string
	for _, f := range s.faults {
		p := number(f.Pod.UID)
		if f.Peer != nil {
			p += number(f.Peer.UID)
		}
		all = append(all, p)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestWhichPairsAreDisturbed(t *testing.T) {
	for _, c := range []struct {
		name Name
		n    int
		want string
	}{
		{"link-cut", 4, "01"}, {"one-way-cut", 3, "01"}, {"blip-5", 3, "01"}, {"link-reset", 3, "01"}, {"large-segments", 3, "01"},
		{"split", 3, "01 02"}, {"split", 4, "01 02 03"}, {"split", 5, "02 03 04 12 13 14"},
		// Each of five sees its two neighbours, each of seven its four nearest: a majority, and no two the same.
		{"majorities-ring", 5, "02 03 13 14 24"}, {"majorities-ring", 7, "03 04 14 15 25 26 36"},
	} {
		if got := pairs(t, c.name, c.n); got != c.want {
			t.Errorf("%s of %d: %s, want %s", c.name, c.n, got, c.want)
		}
	}
}

// A blip is over when it was put in place: nobody waits for it, and its duration is in the fault.
func TestABlipEndsByItself(t *testing.T) {
	for _, name := range []Name{"blip-5", "blip-50", "blip-500"} {
		s, said := staged(t, rt.Blip(3), rt.Deleted, func(e recording.Event) bool { return e.T < rt.Deleted })
		began := time.Now()
		if err := named(t, name).Run(t.Context(), s.env); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 5*time.Second || len(*said) != 1 || s.faults[0].For.Milliseconds() == 0 || !strings.Contains(string(name), s.faults[0].For.String()[:1]) {
			t.Errorf("%s took %s, said %q, did %q", name, took, *said, s.did)
		}
	}
}

// What a profile has too few nodes for does not apply to it, and says why.
func TestScenariosOfFaultsNeedTheirNodes(t *testing.T) {
	for _, c := range []struct {
		name     Name
		replicas int
		whyNot   string
	}{{"split", 2, "needs 3 replicas"}, {"split", 3, ""}, {"majorities-ring", 3, "needs 5 replicas, and the profile has 3"}, {"majorities-ring", 5, ""}} {
		ok, whyNot := named(t, c.name).Applies(&profile.Resolved{Workloads: []profile.Workload{{Replicas: c.replicas}}})
		if ok != (c.whyNot == "") || !strings.Contains(whyNot, c.whyNot) {
			t.Errorf("%s with %d: %v %q", c.name, c.replicas, ok, whyNot)
		}
	}
	alone := &profile.Resolved{Workloads: []profile.Workload{{Replicas: 3}}, Expect: profile.Expectations{Topology: profile.NoMesh}}
	if ok, whyNot := named(t, "link-cut").Applies(alone); ok || !strings.Contains(whyNot, "expect.topology") {
		t.Errorf("%v %q", ok, whyNot)
	}
}
