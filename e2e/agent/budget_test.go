package agent

import (
	"testing"
	"time"
)

func TestResolve(t *testing.T) {
	p := Plan{Pods: make([]Pod, 3), Every: Every{View: 100 * time.Millisecond}}
	if e := p.Resolve(1); e != (Every{View: 100 * time.Millisecond, Sockets: EveryView, DNS: EveryDNS, EPMD: EveryMatrix, Dist: EveryMatrix}) {
		t.Errorf("three pods: %+v", e)
	}
	// 100 local pods among 300 are 30000 pairs.
	p.Pods = make([]Pod, 300)
	if e := p.Resolve(100); e != (Every{View: 5 * time.Second / 3, Sockets: 10 * time.Second / 3, DNS: 4 * time.Second, EPMD: 500 * time.Second, Dist: 500 * time.Second}) {
		t.Errorf("three hundred pods: %+v", e)
	}
}

func TestSooner(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{20 * time.Millisecond: 20 * time.Millisecond, time.Second: time.Second, 2 * time.Second: time.Second, 40 * time.Second: 12 * time.Second} {
		if got := Sooner(interval); got != want {
			t.Errorf("of %s: %s, want %s", interval, got, want)
		}
	}
}

func TestFirst(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{20 * time.Millisecond: 20 * time.Millisecond, time.Second: time.Second, 3 * time.Second: 1200 * time.Millisecond, 40 * time.Second: 16 * time.Second} {
		if got := First(interval); got != want {
			t.Errorf("of %s: %s, want %s", interval, got, want)
		}
	}
}

// One workload alone is looked at as if there were no budget of the node, a dozen small ones are nearly, and more share what there is.
// A workload that has ended counts no more.
func TestShare(t *testing.T) {
	small, large := Plan{Pods: make([]Pod, 3)}, Plan{Pods: make([]Pod, 50)}
	usual := small.Resolve(3)
	var b Budget
	for n := range 10 {
		if got := b.Share(n, small, 3); got != usual {
			t.Errorf("%d small workloads: %+v, want %+v", n+1, got, usual)
		}
	}
	b.Share(10, small, 3)
	if got, want := b.Share(11, small, 3), (Every{View: 300 * time.Millisecond, Sockets: 300 * time.Millisecond, DNS: 600 * time.Millisecond, EPMD: time.Second, Dist: time.Second}); got != want {
		t.Errorf("a dozen: %+v, want %+v", got, want)
	}
	if got := (&Budget{Cores: 1, wants: b.wants}).Share(11, small, 3); got.View != 300*time.Millisecond {
		t.Errorf("a dozen on one core: %+v", got)
	}
	if got := (&Budget{Cores: 4, wants: b.wants}).Share(11, small, 3); got != usual {
		t.Errorf("a dozen on four cores: %+v, want %+v", got, usual)
	}
	for n := range 12 {
		b.Leave(n)
	}
	if got := b.Share(0, large, 50); got != large.Resolve(50) {
		t.Errorf("a large one alone: %+v, want %+v", got, large.Resolve(50))
	}
	for n := range 8 {
		b.Share(n, large, 50)
	}
	got := b.Share(0, large, 50)
	perSecond := func(looks int, every time.Duration) float64 { return 8 * float64(looks) / every.Seconds() }
	for what, c := range map[string][2]float64{
		"views":  {perSecond(50, got.View), 2 * coreViewsPerSecond},
		"tables": {perSecond(50, got.Sockets), 2 * coreTablesPerSecond},
		"DNS":    {perSecond(50, got.DNS), 2 * coreDNSPerSecond},
		"epmd":   {perSecond(2500, got.EPMD), 2 * coreDialsPerSecond},
		"dist":   {perSecond(2500, got.Dist), 2 * coreDialsPerSecond},
	} {
		if c[0] > 1.01*c[1] || c[0] < 0.99*c[1] {
			t.Errorf("eight large ones: %s: %.1f per second, want %.0f", what, c[0], c[1])
		}
	}
}
