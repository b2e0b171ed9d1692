package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// toEPMD are the dials to pod i's epmd from t on.
func toEPMD(i int, t time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == rt.UID(i) && e.T >= t }
}

// lists makes pod i's epmd list other names from t on.
func lists(i int, t time.Duration, names ...recording.Registered) func(s *rt.Recording) {
	return func(s *rt.Recording) { s.Change(toEPMD(i, t), func(e *recording.Event) { e.EPMD.Names = names }) }
}

// shut closes pod i's epmd at t.
func shut(i int, t time.Duration) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(toEPMD(i, t), func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Refused, nil })
	}
}

// epmdless makes the nodes ones that use no epmd, each listening on the port given.
func epmdless(ports ...string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		edit(s, func(p *profile.Resolved) { p.EPMDPort = 0 })
		s.Drop(func(e recording.Event) bool { return e.EPMD != nil || e.Registration != nil })
		for i, port := range ports {
			s.Change(isVM(i), func(e *recording.Event) {
				e.VM.Args = append(e.VM.Args, "-kernel", "erl_epmd_node_listen_port", port)
			})
		}
	}
}

func isVM(i int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(i) }
}

func noEPMD() trial {
	return trial{"no epmd", epmdless("10000", "10000", "10000"), []want{{whole, check.NotApplicable, "", []string{"no epmd"}}}}
}

func epmdNotAsked() trial {
	return trial{"epmd was not asked", func(s *rt.Recording) { s.Drop(toEPMD(2, 0)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}}
}

func registeredDerl() recording.Registered {
	return recording.Registered{Name: "derl", Port: rt.DistPort}
}
