package probe

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// A fake node and a fake epmd, observed from inside the pod.
func TestKernelAndRegistrationOfFakes(t *testing.T) {
	h, pid := netnstest.New(t)
	epmd, peer := fakes(t, h, erldisttest.Node{Name: "a@127.0.0.1", Cookie: secret, Creation: 7}, erldisttest.Registered{Name: "b", Port: 1, Hidden: true})
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(planOf(port(t, epmd.Addr), port(t, peer.Addr)))
	k := s.await(t, "the node's parameters", 0, func(e recording.Event) bool { return e.Kernel != nil }).Kernel
	if k.Pod != uidA || k.Outcome != recording.OK || k.Node != "a@127.0.0.1" || k.Creation != 7 || k.TickTime != time.Minute || k.SetupTime != 7*time.Second || k.Names != "" || !strings.Contains(k.Detail, "get_state") {
		t.Errorf("%+v", k)
	}
	r := s.await(t, "the hidden node's registration", 0, func(e recording.Event) bool { return e.Registration != nil && e.Registration.Name == "b" }).Registration
	if *r != (recording.Registration{Pod: uidA, Name: "b", Outcome: recording.OK, Port: 1, Type: "hidden", Highest: 6, Lowest: 6}) {
		t.Errorf("%+v", r)
	}
	time.Sleep(1500 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	kernels, registrations := 0, 0
	for _, e := range s.events {
		if e.Kernel != nil {
			kernels++
		}
		if e.Registration != nil {
			registrations++
		}
	}
	if kernels != 1 || registrations != 2 {
		t.Errorf("within 10 s the node's parameters were recorded %d times, want 1; registrations %d times, want 2", kernels, registrations)
	}
}
