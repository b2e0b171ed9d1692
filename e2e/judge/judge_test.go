package judge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

func fold(t *testing.T, s *rt.Recording) *view.View {
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

// core are the checks of the recordings in this file: a few of each rung, which the judge's own rules are shown by. What
// all of them make of a fault is ladder_test.go's.
func core() []check.Check {
	ids := []string{"image/available", "pods/running", "pods/ready", "service/headless", "dns/a-records-match-pods", "epmd/reachable", "epmd/name-registered",
		"epmd/port-as-declared", "dist/port-reachable", "handshake/cookie-accepted", "mesh/full", "mesh/stable", "recovery/pod-delete", "recovery/stale-name-gone",
		"recovery/survivors-keep-links", "console/commands-work"}
	return slices.DeleteFunc(rules.All(), func(c check.Check) bool { return !slices.Contains(ids, c.ID) })
}

// edit changes the profile that a recording is judged by.
func edit(s *rt.Recording, change func(p *profile.Resolved)) {
	var p profile.Resolved
	s.Edit(&p, func() { change(&p) })
}

// told judges a formation and what came after it. A nil recording was not recorded.
func told(t *testing.T, formation, recovery, console *rt.Recording) judge.Profile {
	t.Helper()
	scenarios := []judge.Scenario{{Name: "formation", View: fold(t, formation)}}
	for name, s := range map[recording.Scenario]*rt.Recording{"recovery": recovery, "console": console} {
		e := judge.Scenario{Name: name, Why: "the mesh did not form"}
		if s != nil {
			e = judge.Scenario{Name: name, View: fold(t, s)}
		}
		scenarios = append(scenarios, e)
	}
	return judge.Judge("dns-a", scenarios, core())
}

// The changes that the recordings of this file are made of.
func otherCookie(s *rt.Recording, i int) {
	s.Change(func(e recording.Event) bool {
		return e.Cookie != nil && e.Cookie.Pod == rt.UID(i) && e.Cookie.Cookie == "A"
	}, func(e *recording.Event) {
		e.Cookie.Outcome = recording.Denied
	})
	// Nobody holds a link to it, and it does not let us ask.
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
		if e.Nodes.Pod == rt.UID(i) {
			e.Nodes.Outcome, e.Nodes.Visible = recording.Denied, nil
		}
		e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return n == rt.Node(i) })
	})
	unlink(s, func(pod string, l recording.Link) bool {
		return pod == rt.UID(i) || strings.HasPrefix(l.Remote, rt.IP(i)+":")
	})
}

// unlink takes links out of the socket tables.
func unlink(s *rt.Recording, which func(pod string, l recording.Link) bool) {
	s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) {
		e.Sockets.Links = slices.DeleteFunc(e.Sockets.Links, func(l recording.Link) bool { return which(e.Sockets.Pod, l) })
	})
}

func unpinned(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.EPMD != nil || e.Sockets != nil }, func(e *recording.Event) {
		if e.EPMD != nil {
			e.EPMD.Names[0].Port = 38171
			return
		}
		for k := range e.Sockets.Links {
			l := &e.Sockets.Links[k]
			l.Local, l.Remote = strings.Replace(l.Local, ":10000", ":38171", 1), strings.Replace(l.Remote, ":10000", ":38171", 1)
		}
	})
}

func clusterIP(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Service != nil }, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
	s.Change(func(e recording.Event) bool { return e.DNS != nil }, func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = []string{"10.96.7.7"}, "NOERROR" })
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
	unlink(s, func(string, recording.Link) bool { return true })
}

// verdicts are those that are not pass, by check.
func verdicts(p judge.Profile) map[string]judge.Verdict {
	m := map[string]judge.Verdict{}
	for _, r := range p.Results {
		if r.Verdict != judge.Pass {
			m[r.ID] = r.Verdict
		}
	}
	return m
}

func result(t *testing.T, p judge.Profile, id string) judge.Result {
	t.Helper()
	for _, r := range p.Results {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no result of %s", id)
	return judge.Result{}
}

const notRecorded = "not recorded"

// afterMesh are the checks that cannot be judged where no mesh formed.
func afterMesh(also map[string]judge.Verdict) map[string]judge.Verdict {
	for _, id := range []string{"mesh/full", "mesh/stable", "recovery/pod-delete", "recovery/stale-name-gone", "recovery/survivors-keep-links", "console/commands-work"} {
		also[id] = judge.Blocked
	}
	return also
}

func all(v judge.Verdict, but map[string]judge.Verdict) map[string]judge.Verdict {
	m := map[string]judge.Verdict{}
	for _, c := range core() {
		m[c.ID] = v
	}
	for id, other := range but {
		m[id] = other
		if other == judge.Pass {
			delete(m, id)
		}
	}
	return m
}

func TestVerdicts(t *testing.T) {
	formation := func(change ...func(s *rt.Recording)) *rt.Recording {
		s := rt.Formation(3)
		for _, c := range change {
			c(s)
		}
		return s
	}
	recovery := func(change ...func(s *rt.Recording)) *rt.Recording {
		s := rt.Recovery(3)
		for _, c := range change {
			c(s)
		}
		return s
	}
	cookie := func(s *rt.Recording) { otherCookie(s, 2) }
	noAgent := func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.By == rt.Agent }) }
	noImage := func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool { return e.Image == nil })
		s.Change(func(e recording.Event) bool { return e.Image != nil }, func(e *recording.Event) { e.Image.Outcome = "failed" })
	}
	skip := func(s *rt.Recording) {
		edit(s, func(p *profile.Resolved) {
			p.Skip = map[string]string{"epmd/port-as-declared": "chosen by the platform"}
		})
	}
	waive := func(ids ...string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) {
				p.Waive = map[string]string{}
				for _, id := range ids {
					p.Waive[id] = "accepted until spring"
				}
			})
		}
	}
	n := len(core())
	for _, c := range []struct {
		name                string
		formation, recovery *rt.Recording
		want                map[string]judge.Verdict // all others pass
		exit                int
		broken              string
	}{
		{"healthy", formation(), recovery(), nil, exitcode.OK, ""},
		{"another cookie on one pod", formation(cookie), nil,
			afterMesh(map[string]judge.Verdict{"handshake/cookie-accepted": judge.Fail}), exitcode.Fail, "handshake/cookie-accepted"},
		{"cluster IP", formation(clusterIP), nil,
			afterMesh(map[string]judge.Verdict{"service/headless": judge.Fail, "dns/a-records-match-pods": judge.Blocked}), exitcode.Fail, "service/headless"},
		{"port not pinned", formation(unpinned), recovery(unpinned),
			map[string]judge.Verdict{"epmd/port-as-declared": judge.Fail}, exitcode.Fail, "epmd/port-as-declared"},
		{"two faults", formation(cookie, unpinned), nil,
			afterMesh(map[string]judge.Verdict{"handshake/cookie-accepted": judge.Fail, "epmd/port-as-declared": judge.Fail}), exitcode.Fail, "epmd/port-as-declared"},
		{"an image that was not built", formation(noImage), nil, all(judge.Blocked, map[string]judge.Verdict{"image/available": judge.Fail}), exitcode.Fail, "image/available"},
		{"no agent", formation(noAgent), nil, all(judge.Unknown, map[string]judge.Verdict{
			"image/available": judge.Pass, "pods/running": judge.Pass, "pods/ready": judge.Pass, "service/headless": judge.Pass}), exitcode.Unknown, "dns/a-records-match-pods"},
		{"nobody saw anything", formation(func(s *rt.Recording) { s.Events = nil }), nil, all(judge.Unknown, nil), exitcode.Unknown, "image/available"},
		{"skipped", formation(unpinned, skip), recovery(unpinned, skip), map[string]judge.Verdict{"epmd/port-as-declared": judge.Skip}, exitcode.OK, ""},
		{"waived", formation(unpinned, waive("epmd/port-as-declared")), recovery(unpinned),
			map[string]judge.Verdict{"epmd/port-as-declared": judge.Waived}, exitcode.OK, ""},
		{"waived, but it was healthy", formation(waive("epmd/port-as-declared")), recovery(), nil, exitcode.OK, ""},
		{"waived cookie: the mesh is still not full", formation(cookie, waive("handshake/cookie-accepted")), nil, map[string]judge.Verdict{
			"handshake/cookie-accepted": judge.Waived, "mesh/full": judge.Fail, "mesh/stable": judge.Blocked, "recovery/pod-delete": judge.Blocked,
			"recovery/stale-name-gone": judge.Blocked, "recovery/survivors-keep-links": judge.Blocked, "console/commands-work": judge.Blocked}, exitcode.Fail, "mesh/full"},
		{"a pod whose VM is not distributed", formation(func(s *rt.Recording) { undistributed(s, 2) }), nil, map[string]judge.Verdict{
			"epmd/name-registered": judge.Fail, "epmd/port-as-declared": judge.Blocked, "dist/port-reachable": judge.Blocked, "handshake/cookie-accepted": judge.Blocked, "mesh/full": judge.Blocked, "mesh/stable": judge.Blocked,
			"recovery/pod-delete": judge.Blocked, "recovery/stale-name-gone": judge.Blocked, "recovery/survivors-keep-links": judge.Blocked, "console/commands-work": judge.Blocked}, exitcode.Fail, "epmd/name-registered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var console *rt.Recording
			if c.recovery != nil {
				console = rt.Console(3)
			}
			p := told(t, c.formation, c.recovery, console)
			got := verdicts(p)
			for id, v := range c.want {
				if got[id] != v {
					t.Errorf("%s is %q, wanted %s: %s", id, got[id], v, result(t, p, id).Message)
				}
			}
			for id, v := range got {
				if c.want[id] == "" {
					t.Errorf("%s is %s, wanted pass: %s", id, v, result(t, p, id).Message)
				}
			}
			if p.ExitCode() != c.exit {
				t.Errorf("exit code %d, wanted %d", p.ExitCode(), c.exit)
			}
			if b := p.FirstBroken(); (b == nil) != (c.broken == "") || b != nil && b.ID != c.broken {
				t.Errorf("first broken is %v, wanted %q", b, c.broken)
			}
			passed, failed, skipped := p.Counts()
			want := map[bool]int{}
			for _, v := range c.want {
				want[v == judge.Fail || v == judge.Unknown]++
			}
			if passed != n-len(c.want) || failed != want[true] || skipped != want[false] {
				t.Errorf("%d passed, %d failed, %d skipped; wanted %d, %d, %d", passed, failed, skipped, n-len(c.want), want[true], want[false])
			}
		})
	}
}

// undistributed makes pod i's node one that epmd does not know: nobody reaches it, we neither.
func undistributed(s *rt.Recording, i int) {
	s.Change(func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == rt.UID(i) }, func(e *recording.Event) { e.EPMD.Names = nil })
	s.Change(func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(i) }, func(e *recording.Event) {
		e.Dist.Outcome, e.Dist.Node = recording.Refused, ""
	})
	s.Drop(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Pod == rt.UID(i) })
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
		if e.Nodes.Pod == rt.UID(i) {
			e.Nodes.Outcome, e.Nodes.Visible, e.Nodes.Node = recording.Refused, nil, ""
		}
		e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return n == rt.Node(i) })
	})
}

func TestOneFaultIsOneRedWithItsEvidence(t *testing.T) {
	s := rt.Formation(3)
	otherCookie(s, 2)
	p := told(t, s, nil, nil)

	cookie := result(t, p, "handshake/cookie-accepted")
	if cookie.Code != "cookie-refused" || !strings.Contains(cookie.Message, rt.Node(2)) || cookie.At == 0 {
		t.Errorf("cookie: %q %q at %s", cookie.Code, cookie.Message, cookie.At)
	}
	by := "handshake/cookie-accepted (pod " + rt.Name(2) + ")"
	full := result(t, p, "mesh/full")
	if !slices.Equal(full.BlockedBy, []string{by}) || full.Message == "" {
		t.Errorf("mesh/full is blocked by %v and says %q", full.BlockedBy, full.Message)
	}
	for _, sub := range full.Subjects {
		want := judge.Pass
		if sub.Subject.Name == rt.Name(2) || sub.Subject.Peer == rt.Name(2) {
			want = judge.Blocked
		}
		if sub.Verdict != want {
			t.Errorf("mesh/full of %s: %s, wanted %s", sub.Subject, sub.Verdict, want)
		}
	}
	if r := result(t, p, "recovery/pod-delete"); !slices.Contains(r.BlockedBy, by) || !strings.Contains(r.Message, notRecorded) {
		t.Errorf("recovery/pod-delete is blocked by %v and says %q", r.BlockedBy, r.Message)
	}
}

func TestLatentFaultKeepsTheMeshGreen(t *testing.T) {
	f, r := rt.Formation(3), rt.Recovery(3)
	unpinned(f)
	unpinned(r)
	port := result(t, told(t, f, r, rt.Console(3)), "epmd/port-as-declared")
	if port.Level != check.Latent || port.Code != "port-unpinned" || !strings.Contains(port.Message, "advertises port 38171") {
		t.Errorf("%s %q %q", port.Level, port.Code, port.Message)
	}
}

func TestReasons(t *testing.T) {
	s := rt.Formation(3)
	unpinned(s)
	edit(s, func(p *profile.Resolved) {
		p.Waive = map[string]string{"epmd/port-as-declared": "accepted until spring"}
		p.Skip = map[string]string{"recovery/pod-delete": "one shot job"}
	})
	p := told(t, s, nil, nil)
	if r := result(t, p, "epmd/port-as-declared"); r.Verdict != judge.Waived || r.Reason != "accepted until spring" || r.Message == "" {
		t.Errorf("waived: %s %q %q", r.Verdict, r.Reason, r.Message)
	}
	// A skip holds also where the scenario was not recorded.
	if r := result(t, p, "recovery/pod-delete"); r.Verdict != judge.Skip || r.Reason != "one shot job" {
		t.Errorf("skipped: %s %q", r.Verdict, r.Reason)
	}
	// Nothing explains why the others were not recorded.
	if r := result(t, p, "recovery/stale-name-gone"); r.Verdict != judge.Unknown || !strings.Contains(r.Message, notRecorded) {
		t.Errorf("not recorded: %s %q", r.Verdict, r.Message)
	}
	// Not part of the run at all.
	p = judge.Judge("dns-a", []judge.Scenario{{Name: "formation", View: fold(t, rt.Formation(3))}}, core())
	if r := result(t, p, "recovery/pod-delete"); r.Verdict != judge.Skip || r.Reason == "" || p.ExitCode() != exitcode.OK {
		t.Errorf("left out: %s %q, exit code %d", r.Verdict, r.Reason, p.ExitCode())
	}
}

func TestNothingPassedIsNotHealth(t *testing.T) {
	if p := judge.Judge("dns-a", nil, core()); p.ExitCode() != exitcode.Unknown {
		t.Errorf("a run without a scenario ends with %d", p.ExitCode())
	}
	none := check.Check{ID: "x/nothing", Scenario: "formation", Judge: func(*view.View) []check.Finding { return nil }}
	p := judge.Judge("dns-a", []judge.Scenario{{Name: "formation", View: fold(t, rt.Formation(3))}}, []check.Check{none})
	if p.Results[0].Verdict != judge.Unknown {
		t.Errorf("a check that found nothing is %s", p.Results[0].Verdict)
	}
}

// One subject that fails for a reason of its own is a red, however many others are explained.
func TestOneUnexplainedSubjectFails(t *testing.T) {
	s := rt.Formation(3)
	otherCookie(s, 2)
	s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) }, func(e *recording.Event) { e.Nodes.Visible = nil })
	r := result(t, told(t, s, nil, nil), "mesh/full")
	if r.Verdict != judge.Fail || r.Code != "not-in-view" || !strings.Contains(r.Message, rt.Node(0)+" ("+rt.Name(0)+") does not see "+rt.Node(1)) {
		t.Errorf("%s %s %q", r.Verdict, r.Code, r.Message)
	}
}

// A failure excuses only what its diagnosis is declared able to bring down: not a hole in the mesh by a port that is
// merely not the declared one.
func TestAFaultExplainsNoMoreThanItCan(t *testing.T) {
	s := rt.Formation(3)
	unpinned(s)
	s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) }, func(e *recording.Event) { e.Nodes.Visible = nil })
	if r := result(t, told(t, s, nil, nil), "mesh/full"); r.Verdict != judge.Fail {
		t.Errorf("mesh/full is %s by %v", r.Verdict, r.BlockedBy)
	}
}

// What was not seen for a reason of its own is not hidden by what is explained.
func TestOneUnexplainedUnseenSubjectIsUnknown(t *testing.T) {
	s := rt.Formation(3)
	otherCookie(s, 2)
	s.Drop(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) })
	if r := result(t, told(t, s, nil, nil), "mesh/full"); r.Verdict != judge.Unknown || !strings.Contains(r.Message, rt.Name(0)) {
		t.Errorf("mesh/full is %s: %s", r.Verdict, r.Message)
	}
}

func TestTook(t *testing.T) {
	p := told(t, rt.Formation(3), rt.Recovery(3), rt.Console(3))
	for id, want := range map[string]time.Duration{
		"mesh/full":                     rt.Full - rt.Applied,
		"recovery/pod-delete":           rt.Rejoined - rt.Deleted,
		"recovery/stale-name-gone":      0,
		"recovery/survivors-keep-links": rt.Recovered - rt.Deleted,
	} {
		// Looks are 250 ms apart, those of DNS 500 ms.
		if got := result(t, p, id).Took; got < want-10*time.Millisecond || got > want+510*time.Millisecond {
			t.Errorf("%s took %s, wanted about %s", id, got, want)
		}
	}
}
