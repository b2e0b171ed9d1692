package view_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// named are the phases of one name.
func named(all []view.Phase, name string) (some []view.Phase) {
	return slices.DeleteFunc(slices.Clone(all), func(p view.Phase) bool { return p.Name != name })
}

// within reports whether the time is inside of the error of the phase's end.
func within(p view.Phase, t time.Duration) bool {
	return p.Known() && t >= p.To-p.Error && t <= p.To+p.Error
}

// Each peer has its own nodedown and nodeup, and each of them is known as exactly as two looks tell.
func TestPhasesOfARecovery(t *testing.T) {
	all := fold(t, rt.Recovery(3)).Phases()
	var names []string
	for _, p := range all {
		if !p.Known() || p.To < p.From {
			t.Errorf("%+v", p)
		}
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	if got := strings.Join(names, ", "); got != "VM ended, nodedown, address out of DNS, pod created, VM runs, pod Ready, address in DNS, nodeup, mesh full again, mesh stable" {
		t.Errorf("the phases are %s", got)
	}
	down := named(all, profile.NodeDown)
	if len(down) != 2 || down[0].On != rt.Name(1) || down[1].On != rt.Name(2) || down[0].Pod != rt.Name(0) || down[0].From > rt.Exited || down[0].Budget != 15*time.Second || !within(down[0], rt.Exited) {
		t.Errorf("nodedown is %+v", down)
	}
	if e := down[0].Error; e > 130*time.Millisecond {
		t.Errorf("looks come every 250 ms, and the error is %s", e)
	}
	up := named(all, profile.NodeUp)
	if len(up) != 4 || !within(up[0], rt.Rejoined-100*time.Millisecond) || up[1].On != up[0].Pod || up[1].Pod != up[0].On {
		t.Errorf("nodeup is %+v", up)
	}
	if full := named(all, profile.FullAgain)[0]; !within(full, rt.Rejoined-100*time.Millisecond) {
		t.Errorf("the mesh is full again: %+v", full)
	}
	if out := named(all, profile.AddressOut); len(out) != 2 || !within(out[0], rt.Deleted+100*time.Millisecond) {
		t.Errorf("address out of DNS is %+v", out)
	}
}

// Until it is reported that the pod is deleted the mesh seems to be full, and is not yet full again.
func TestAMeshIsNotFullAgainBeforeItIsNoticed(t *testing.T) {
	r := rt.Recovery(3)
	r.Change(func(e recording.Event) bool { return e.Act != nil }, func(e *recording.Event) { e.T -= 800 * time.Millisecond })
	if full := named(fold(t, r).Phases(), profile.FullAgain)[0]; !within(full, rt.Rejoined-100*time.Millisecond) {
		t.Errorf("%+v", full)
	}
}

// Where nobody looked there is no number, and it is said who did not.
func TestAPhaseThatNobodySaw(t *testing.T) {
	r := rt.Recovery(3)
	r.Drop(func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(1) && e.T > rt.Exited-500*time.Millisecond && e.T < rt.Exited+time.Second
	})
	down := named(fold(t, r).Phases(), profile.NodeDown)
	if len(down) != 2 || !strings.Contains(down[0].Unseen, rt.Name(1)+" was not seen from 22.") || down[0].Known() || !down[1].Known() {
		t.Errorf("%+v", down)
	}
}

// A phase that has not happened is open, and no later one is invented.
func TestAPhaseThatDoesNotCome(t *testing.T) {
	r := rt.Recovery(3)
	r.Cut(rt.Exited - 100*time.Millisecond)
	v := fold(t, r)
	all := v.Phases()
	if down := named(all, profile.NodeDown); len(down) != 2 || !down[0].Open || down[0].To != v.End() {
		t.Errorf("%+v", down)
	}
	if runs := named(all, profile.VMRuns); len(runs) != 1 || !runs[0].Open || len(named(all, profile.NodeUp)) > 0 {
		t.Errorf("%+v", all)
	}
	if full := named(all, profile.FullAgain); len(full) != 1 || !full[0].Open || full[0].Budget != time.Minute {
		t.Errorf("%+v", full)
	}
}

// The name of a VM that was killed comes back with the next one: it is gone in between.
func TestPhasesOfAKilledVM(t *testing.T) {
	all := fold(t, rt.ContainerKill(3)).Phases()
	down, up := named(all, profile.NodeDown), named(all, profile.NodeUp)
	if len(down) != 2 || !within(down[0], rt.Deleted+100*time.Millisecond) || len(up) != 4 || up[0].To < down[0].To+time.Second {
		t.Errorf("down %+v, up %+v", down, up)
	}
	if len(named(all, profile.PodCreated))+len(named(all, profile.VMEnded))+len(named(all, profile.AddressOut)) > 0 {
		t.Errorf("no pod was deleted: %+v", all)
	}
}

// The peers of the VM before are not those of the new one, also where nobody looked in between.
func TestPeersOfTheVMBefore(t *testing.T) {
	r := rt.ContainerKill(3)
	r.Drop(func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) && e.T > rt.Deleted && (e.Nodes.Outcome != recording.OK || len(e.Nodes.Visible) == 0)
	})
	for _, p := range named(fold(t, r).Phases(), profile.NodeUp) {
		if p.On == rt.Name(0) && (p.Open || p.Unseen == "" && !within(p, rt.Rejoined-100*time.Millisecond)) {
			t.Errorf("%+v", p)
		}
	}
}

// A profile may limit a phase; a pod that leaves the EndpointSlices leaves two traces.
func TestBudgetsAndEndpointsOfPhases(t *testing.T) {
	r := rt.Recovery(3)
	r.Profile = []byte(strings.Replace(string(r.Profile), `"budgets":{`, `"budgets":{"phases":{"pod Ready":"3s"},`, 1))
	slice := func(at time.Duration, ends ...recording.Endpoint) {
		r.Events = append(r.Events, recording.Event{T: at, By: recording.ByKube, Slice: &recording.Slice{Name: "derl-x", Service: rt.Service, Endpoints: ends}})
	}
	other := recording.Endpoint{Pod: rt.UID(1), Ready: true}
	slice(rt.Before, recording.Endpoint{Pod: rt.UID(0), Ready: true}, other)
	slice(rt.Deleted+40*time.Millisecond, recording.Endpoint{Pod: rt.UID(0), Terminating: true}, other)
	slice(rt.Exited+300*time.Millisecond, other)
	all := fold(t, r).Phases()
	if p := named(all, profile.EndpointNotReady); len(p) != 1 || p[0].Took() != 40*time.Millisecond {
		t.Errorf("%+v", p)
	}
	if p := named(all, profile.EndpointGone); len(p) != 1 || p[0].Took() != 300*time.Millisecond || p[0].From != rt.Exited {
		t.Errorf("%+v", p)
	}
	if p := named(all, profile.PodReady); len(p) != 1 || p[0].Budget != 3*time.Second {
		t.Errorf("%+v", p)
	}
}

// Of a fault each node that lost another has its own phases, in both directions, before it was healed and after.
func TestPhasesOfAFault(t *testing.T) {
	r := rt.Formation(3)
	cut, healed := rt.Full+2*time.Second, rt.Full+6*time.Second
	lost, back := cut+3*time.Second, healed+time.Second
	r.Drop(func(e recording.Event) bool { return e.Act != nil })
	r.Change(func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == rt.UID(0) && e.T > lost && e.T < back
	}, func(e *recording.Event) {
		n := *e.Nodes
		n.Visible = slices.DeleteFunc(slices.Clone(n.Visible), func(name string) bool { return name == rt.Node(1) })
		e.Nodes = &n
	})
	for _, e := range []recording.Event{{T: cut, Act: &recording.Act{Do: recording.Inject, Pod: rt.UID(0)}}, {T: healed, Act: &recording.Act{Do: recording.Heal, Pod: rt.UID(0)}}} {
		e.By = recording.ByRun
		r.Events = append(r.Events, e)
	}
	all := fold(t, r).Phases()
	down, up, full := named(all, profile.NodeDown), named(all, profile.NodeUp), named(all, profile.FullAgain)
	if len(down) != 1 || down[0].On != rt.Name(0) || down[0].Pod != rt.Name(1) || !within(down[0], lost) || down[0].From != cut || down[0].Budget != 0 {
		t.Errorf("nodedown %+v", down)
	}
	if len(up) != 1 || up[0].From != healed || !within(up[0], back) || len(full) != 1 || full[0].From != healed || !full[0].Known() {
		t.Errorf("nodeup %+v, full %+v", up, full)
	}
}
