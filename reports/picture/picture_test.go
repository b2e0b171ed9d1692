package picture

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

func of(t *testing.T, r *recordingtest.Recording) *Picture {
	t.Helper()
	v, err := view.New(r.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		v.Apply(e)
	}
	return Of(v)
}

func mesh(p *Picture, t time.Duration) string {
	believes, links := p.At(t)
	return strings.Join(believes, "/") + " " + strings.Join(links, "/")
}

// Before a node was looked at nothing is known of it, and not that it is alone.
func TestTheMeshOverTime(t *testing.T) {
	p := of(t, recordingtest.Formation(3))
	for at, want := range map[time.Duration]string{
		0:                                ".  / . /  . .  / . /  .",
		recordingtest.Full + time.Second: ".SS/S.S/SS. .LL/L.L/LL.",
		p.End:                            ".SS/S.S/SS. .LL/L.L/LL.",
	} {
		if got := mesh(p, at); got != want {
			t.Errorf("at %s it is %q, want %q", at, got, want)
		}
	}
	if len(p.Looks) > 60 {
		t.Errorf("%d looks are kept: they are not only changes", len(p.Looks))
	}
}

// What one node alone believes, and what one kernel alone has, is seen as such; after a silence nothing is known.
func TestHalvesThatDiffer(t *testing.T) {
	r := recordingtest.Formation(3)
	uid := recordingtest.UID(0)
	late := func(e recording.Event) bool { return e.T > 8*time.Second }
	r.Change(func(e recording.Event) bool { return late(e) && e.Sockets != nil && e.Sockets.Pod == uid }, func(e *recording.Event) {
		s := *e.Sockets
		s.Links = s.Links[:1]
		s.Links[0].Backoff = 3
		e.Sockets = &s
	})
	r.Drop(func(e recording.Event) bool { return late(e) && e.Nodes != nil && e.Nodes.Pod == recordingtest.UID(2) })
	p := of(t, r)
	believes, links := p.At(p.End)
	if believes[0] != ".SS" || strings.Count(links[0], "B") != 1 || strings.Count(links[0], "-") != 1 || believes[2] != "??." || links[2] != "LL." {
		t.Errorf("%q %q", believes, links)
	}
	if n := p.Lanes[2].Believes; n[len(n)-1].Known || n[len(n)-1].T < 8*time.Second {
		t.Errorf("the silence is not in the lane: %+v", n)
	}
}

// A pod that was deleted leaves, its replacement comes, and the shade ends when the old VM did.
func TestARecovery(t *testing.T) {
	p := of(t, recordingtest.Recovery(3))
	var stages []string
	for _, s := range p.Pods[0].Life {
		stages = append(stages, string(s.Stage))
	}
	if got := strings.Join(stages, " "); got != "created running ready leaving down" {
		t.Errorf("the deleted pod was %s", got)
	}
	var act Act
	for _, a := range p.Acts {
		if a.Harm {
			act = a
		}
	}
	if act.Pod != recordingtest.Name(0) || act.From != recordingtest.Deleted || act.To <= act.From || act.To >= p.End {
		t.Errorf("the deletion is %+v", act)
	}
	names := map[string]Phase{}
	for _, ph := range p.Phases {
		if names[ph.Name] = ph; ph.Open || ph.To < ph.From {
			t.Errorf("the phase %+v", ph)
		}
	}
	for _, want := range []string{"VM ended", "nodedown", "address out of DNS", "pod created", "pod Ready", "nodeup", "mesh full again"} {
		if _, there := names[want]; !there {
			t.Errorf("there is no phase %q", want)
		}
	}
	if full := names["mesh full again"]; full.Budget != time.Minute || full.To > p.Full || full.To+full.Error < p.Full || names["mesh stable"].To != p.Full {
		t.Errorf("%+v, full at %s", full, p.Full)
	}
	if got := mesh(p, p.End); got != ".   / .SS/ S.S/ SS. .   / .LL/ L.L/ LL." {
		t.Errorf("at the end it is %q", got)
	}
}

// A phase that did not end is open, and so long as it was watched.
func TestAPhaseThatDoesNotEnd(t *testing.T) {
	r := recordingtest.Formation(3)
	r.Cut(recordingtest.Full - 200*time.Millisecond)
	p := of(t, r)
	last := p.Phases[len(p.Phases)-1]
	if !last.Open || last.To != p.End || p.Full != 0 {
		t.Errorf("%+v, full at %s", last, p.Full)
	}
}

// What looking has cost is in the picture, of the agent and of the harness.
func TestCosts(t *testing.T) {
	s := recordingtest.Formation(3)
	s.Change(func(e recording.Event) bool { return e.Beat != nil }, func(e *recording.Event) {
		e.Beat.CPU = 50 * time.Millisecond // of half a second, or of a second
	})
	p := of(t, s)
	if len(p.Costs) != 2 || p.Costs[0].Who != recordingtest.Agent || p.Costs[1].Who != recording.ByKube {
		t.Fatalf("%+v", p.Costs)
	}
	if a, k := p.Costs[0].Average, p.Costs[1].Average; a < 0.09 || a > 0.11 || k < 0.045 || k > 0.055 {
		t.Errorf("of one core: agent %.3f, harness %.3f; want 0.1 and 0.05", a, k)
	}
}
