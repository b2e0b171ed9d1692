package probe

import (
	"testing"

	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// RabbitMQ's VM first starts a node with another name, to check whether its name is free. Both nodes may have the same
// creation, which counts seconds.
func TestCookiesAreTriedOnEachNodeOfAVM(t *testing.T) {
	h, pid := netnstest.New(t)
	var epmd, first, second *erldisttest.Server
	if err := h.Do(func() (err error) {
		if first, err = (erldisttest.Node{Name: "prelaunch@localhost", Cookie: secret, Creation: 7}).Listen(); err != nil {
			return err
		}
		if second, err = (erldisttest.Node{Name: "rabbit@a.example", Cookie: secret, Creation: 7}).Listen(); err != nil {
			return err
		}
		epmd, err = erldisttest.EPMD{Nodes: []erldisttest.Registered{{Name: "prelaunch", Port: port(t, first.Addr)}, {Name: "rabbit", Port: port(t, second.Addr)}}}.Listen()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(epmd.Close)
	t.Cleanup(second.Close)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	refused := func(node string) func(recording.Event) bool {
		return func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Cookie == "wrong" && e.Cookie.Node == node && e.Cookie.Outcome == recording.Denied
		}
	}
	plan := planOf(port(t, epmd.Addr), port(t, first.Addr))
	plan.Control = true
	o.SetPlan(plan)
	s.await(t, "the first node's rejection of the wrong cookie", 0, refused("prelaunch@localhost"))
	plan = planOf(port(t, epmd.Addr), port(t, second.Addr))
	plan.Control = true
	o.SetPlan(plan)
	first.Close()
	s.await(t, "the second node's rejection of the wrong cookie", 0, refused("rabbit@a.example"))
}
