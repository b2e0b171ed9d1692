package judge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// part parts the pods of one side from all others: no view and no socket table holds anything of the other side.
func part(s *rt.Recording, side ...int) {
	in := func(uid string) bool { return slices.ContainsFunc(side, func(i int) bool { return rt.UID(i) == uid }) }
	ours := func(addr string) bool {
		return slices.ContainsFunc(side, func(i int) bool {
			return strings.HasPrefix(addr, rt.IP(i)+":") || strings.HasSuffix(addr, "@"+rt.IP(i))
		})
	}
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
		e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return ours(n) != in(e.Nodes.Pod) })
	})
	unlink(s, func(pod string, l recording.Link) bool { return ours(l.Remote) != in(pod) })
}

func toEPMD(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == rt.UID(i) && e.T >= from }
}

func toDist(i int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(i) }
}

// renamed gives pod i's node another name, as it tells it to us.
func renamed(s *rt.Recording, i int, name string) {
	s.Change(func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) || toDist(i)(e) || e.Cookie != nil && e.Cookie.Pod == rt.UID(i)
	}, func(e *recording.Event) {
		switch {
		case e.Nodes != nil:
			e.Nodes.Node = name
		case e.Dist != nil:
			e.Dist.Node = name
		default:
			e.Cookie.Node = name
		}
	})
}

// fault is one thing that is wrong, with all that follows from it, and the one red that it is to be.
type fault struct {
	name   string
	change func(formation *rt.Recording)
	after  func(recovery *rt.Recording) // nil: the mesh did not form, and nothing was deleted
	red    string
	code   string
}

func same(*rt.Recording) {}

func faults() []fault {
	refusesEPMD := func(s *rt.Recording, listen ...string) {
		part(s, 2)
		s.Change(toEPMD(2, 0), func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Refused, nil })
		s.Drop(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(2) })
		s.Change(func(e recording.Event) bool { return e.Sockets != nil && e.Sockets.Pod == rt.UID(2) }, func(e *recording.Event) { e.Sockets.Listen = slices.Concat(listen, []string{"0.0.0.0:10000"}) })
	}
	dist := func(o recording.Outcome) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			part(s, 2)
			s.Change(toDist(2), func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Node, e.Dist.Flags, e.Dist.Took = o, "", 0, 2*time.Second
			})
		}
	}
	return []fault{
		{"another cookie", func(s *rt.Recording) { otherCookie(s, 2) }, nil, "handshake/cookie-accepted", "cookie-refused"},
		{"epmd is filtered", func(s *rt.Recording) {
			part(s, 2)
			s.Change(toEPMD(2, 0), func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Timeout, nil })
		}, nil, "epmd/reachable", "filtered"},
		{"epmd is bound to loopback", func(s *rt.Recording) { refusesEPMD(s, "127.0.0.1:4369") }, nil, "epmd/reachable", "loopback-only"},
		{"epmd was killed under its node", func(s *rt.Recording) {
			s.Change(toEPMD(2, 9*time.Second), func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Refused, nil })
		}, same, "epmd/name-registered", "registration-lost"},
		{"epmd was started anew under its node, and the replacement finds nobody there", func(s *rt.Recording) {
			s.Change(toEPMD(2, 9*time.Second), func(e *recording.Event) { e.EPMD.Names = nil })
		}, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool {
				return e.Nodes != nil && (e.Nodes.Pod == rt.UID(2) || e.Nodes.Pod == rt.UID(3))
			}, func(e *recording.Event) {
				e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool {
					return n == rt.Node(5-slices.Index([]string{rt.UID(2), rt.UID(3)}, e.Nodes.Pod)-2)
				})
			})
		}, "epmd/name-registered", "registration-lost"},
		{"a second node in the pod", func(s *rt.Recording) {
			s.Change(toEPMD(2, 0), func(e *recording.Event) {
				e.EPMD.Names = append(e.EPMD.Names, recording.Registered{Name: "helper", Port: 40001})
			})
		}, same, "epmd/one-name", "several-names"},
		{"a hidden member", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(2) }, func(e *recording.Event) { e.Registration.Type = "hidden" })
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
				if e.Nodes.Pod == rt.UID(2) {
					e.Nodes.Hidden, e.Nodes.Visible = e.Nodes.Visible, nil
				} else if i := slices.Index(e.Nodes.Visible, rt.Node(2)); i >= 0 {
					e.Nodes.Hidden, e.Nodes.Visible = []string{rt.Node(2)}, slices.Delete(e.Nodes.Visible, i, i+1)
				}
			})
		}, nil, "vm/hidden", "hidden"},
		{"the distribution port is filtered", dist(recording.Timeout), nil, "dist/port-reachable", "filtered"},
		{"the distribution port says nothing", dist(recording.Silent), nil, "dist/port-reachable", "silent"},
		{"a TLS listener among plain ones", func(s *rt.Recording) {
			dist("tls-alert")(s)
			s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) }, func(e *recording.Event) { e.VM.Args = append(e.VM.Args, "-proto_dist", "inet_tls") })
			s.Drop(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Pod == rt.UID(2) })
		}, nil, "dist/tls-everywhere", "mixed"},
		{"nobody is let in", func(s *rt.Recording) {
			dist("not-allowed")(s)
			s.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Pod == rt.UID(2) }, func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Node = "not-allowed", "" })
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(2) }, func(e *recording.Event) { e.Nodes.Outcome, e.Nodes.Node = "not-allowed", "" })
		}, nil, "handshake/allowed", "not-allowed"},
		{"a slow acceptor", func(s *rt.Recording) {
			s.Change(toDist(2), func(e *recording.Event) { e.Dist.Took = 1700 * time.Millisecond })
		}, same, "handshake/acceptor-prompt", "acceptor-slow"},
		{"one name for two nodes", func(s *rt.Recording) { part(s, 1); part(s, 2); renamed(s, 2, rt.Node(1)) }, nil, "handshake/names-unique", "same-name"},
		{"a name that leads elsewhere", func(s *rt.Recording) { part(s, 2); renamed(s, 2, "derl@10.9.9.9") }, nil, "handshake/name-as-addressed", "other-host"},
		{"flags of an old release", func(s *rt.Recording) {
			part(s, 2)
			s.Change(toDist(2), func(e *recording.Event) { e.Dist.Flags &^= 1 << 34 })
		}, nil, "handshake/flags", "flags-missing"},
		{"any cookie will do", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Pod == rt.UID(2) }, func(e *recording.Event) { e.Cookie.Outcome = recording.OK })
		}, same, "handshake/wrong-cookie-refused", "any-cookie"},
		{"two clusters", func(s *rt.Recording) { *s = *rt.Formation(5); part(s, 3, 4) }, nil, "mesh/one-component", "separate-clusters"},
		{"a stranger in the mesh", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, "other@10.244.9.9") })
		}, nil, "mesh/nobody-foreign", "foreign-node"},
		{"a hole in the mesh", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) }, func(e *recording.Event) {
				e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return n == rt.Node(2) })
			})
		}, nil, "mesh/full", "not-in-view"},
		{"a dead link that nobody has noticed", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool {
				return e.Sockets != nil && e.Sockets.Pod == rt.UID(0) && e.T > rt.Full+time.Second
			}, func(e *recording.Event) { e.Sockets.Links[0].Idle = 40 * time.Second })
		}, nil, "mesh/links-alive", "no-data"},
		{"a discovery that died after its first round", func(s *rt.Recording) {
			*s = *rt.FormationUntil(3, 80*time.Second)
			s.Change(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(1) && e.T > 4*time.Second }, func(e *recording.Event) { e.Asked.Questions = nil })
		}, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(1) && e.T > rt.Rejoined }, func(e *recording.Event) { e.Nodes.Visible = []string{rt.Node(2)} })
		}, "discovery/alive", "not-asking"},
		{"killed after its grace", same, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil && e.Pod.Gone }, func(e *recording.Event) { e.Pod.Containers[0].ExitCode = 137 })
		}, "recovery/exit-clean", "killed"},
		{"survivors that lost each other", same, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Sockets != nil && e.T > 24*time.Second }, func(e *recording.Event) {
				e.Sockets.Links = slices.DeleteFunc(e.Sockets.Links, func(l recording.Link) bool { return l.Local == rt.Ephemeral(2, 1) || l.Remote == rt.Ephemeral(2, 1) })
			})
			for i := 1; i <= 2; i++ {
				s.Change(func(e recording.Event) bool {
					return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) && e.T > 24*time.Second
				}, func(e *recording.Event) {
					e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return n == rt.Node(3-i) })
				})
			}
		}, "recovery/survivors-keep-links", "link-lost"},
	}
}

// everyCheck judges the recordings by all checks.
func everyCheck(t *testing.T, formation, recovery *rt.Recording) judge.Profile {
	t.Helper()
	scenarios := []judge.Scenario{{Name: "formation", View: fold(t, formation)}, {Name: "recovery", Why: "the mesh did not form"}, {Name: "console", Why: "the mesh did not form"}}
	if recovery != nil {
		scenarios[1], scenarios[2] = judge.Scenario{Name: "recovery", View: fold(t, recovery)}, judge.Scenario{Name: "console", View: fold(t, rt.Console(3))}
	}
	return judge.Judge("dns-a", scenarios, rules.All())
}

// Each fault, with all that follows from it, is one red: everything else is seen to be well, or is explained by it.
func TestOneFaultIsOneRed(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			s := rt.Formation(3)
			f.change(s)
			var recovery *rt.Recording
			if f.after != nil {
				recovery = rt.Recovery(3)
				f.after(recovery)
			}
			for _, r := range everyCheck(t, s, recovery).Results {
				switch {
				case r.ID == f.red:
					if r.Verdict != judge.Fail || r.Code != f.code {
						t.Errorf("%s is %s %q, wanted fail %q: %s", r.ID, r.Verdict, r.Code, f.code, r.Message)
					}
				case r.Verdict == judge.Fail || r.Verdict == judge.Unknown:
					t.Errorf("%s is %s %s: %s", r.ID, r.Verdict, r.Code, r.Message)
				}
			}
		})
	}
}

// A probe of ours that the nodes count as a peer may have done what it sees: nothing about the mesh is known then.
func TestAVisibleProbeIsUnknown(t *testing.T) {
	s := rt.Formation(3)
	s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.T > rt.Full }, func(e *recording.Event) {
		e.Nodes.Visible = append(e.Nodes.Visible, "2J6N0MUFN4K7S@127.0.0.1")
	})
	// How a node is set stays known: it says so itself, whoever is connected to it.
	settings := []string{"mesh/auto-connect", "mesh/connects-all", "mesh/ticktime-same", "mesh/partitions-prevented-same", "mesh/otp-spread"}
	p := everyCheck(t, s, rt.Recovery(3))
	for _, r := range p.Results {
		mesh := strings.HasPrefix(r.ID, "mesh/") && !slices.Contains(settings, r.ID) || r.ID == "probe/hidden"
		if r.Verdict == judge.Fail || mesh != (r.Verdict == judge.Unknown) {
			t.Errorf("%s is %s: %s", r.ID, r.Verdict, r.Message)
		}
	}
	if p.ExitCode() != exitcode.Unknown {
		t.Errorf("exit code %d", p.ExitCode())
	}
}
