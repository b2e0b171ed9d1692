package rules_test

import (
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// vm changes what /proc shows of pod i's BEAM.
func vm(i int, change func(m *recording.VM)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(i) }, func(e *recording.Event) { change(e.VM) })
	}
}

// everyVM changes that of all pods.
func everyVM(change func(m *recording.VM)) func(s *rt.Recording) {
	return all(vm(0, change), vm(1, change), vm(2, change))
}

// instead replaces a flag of the command line.
func instead(before, after string) func(m *recording.VM) {
	return func(m *recording.VM) {
		for i, a := range m.Args {
			if a == before {
				m.Args[i] = after
			}
		}
	}
}

// named gives the VM that name on its command line, and drop takes a flag and its value out of it.
func named(name string) func(m *recording.VM) {
	return func(m *recording.VM) { m.Args[slices.Index(m.Args, "-name")+1] = name }
}

func drop(flag string) func(m *recording.VM) {
	return func(m *recording.VM) {
		i := slices.Index(m.Args, flag)
		m.Args = slices.Delete(m.Args, i, i+2)
	}
}

// nameless is pod i's node never having said its name: nobody could ask it.
func nameless(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool {
			return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) || e.Dist != nil && e.Dist.To == rt.UID(i) || e.Cookie != nil && e.Cookie.Pod == rt.UID(i) || e.Kernel != nil && e.Kernel.Pod == rt.UID(i)
		})
	}
}

func kernel(i int, change func(k *recording.Kernel)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(i) }, func(e *recording.Event) { change(e.Kernel) })
	}
}

// unseenVM are the recordings in which a VM was not seen; more is what is found of the other pods then.
func unseenVM(more ...want) []trial {
	return []trial{
		{"no VM was seen", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(1) })
		}, append([]want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}, more...)},
		{"no agent can look", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.VM != nil })
			s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns"} })
		}, []want{{"pod *", check.Unseen, "", []string{"cannot read processes"}}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
	}
}

// unseenKernel are the recordings in which pod 1's node did not say how it is set.
func unseenKernel() []trial {
	return []trial{
		{"not heard", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(1) })
		}, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		{"refused", kernel(1, func(k *recording.Kernel) { k.Outcome = recording.Denied }), []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
	}
}

func undistributed() func(s *rt.Recording) {
	return all(nameless(2), vm(2, drop("-name")))
}
