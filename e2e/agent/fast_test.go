package agent

import (
	"testing"
	"time"
)

// A fast plan is looked at every 20 ms as long as its pods are few, and never less often than any other.
func TestAFastPlan(t *testing.T) {
	for local, want := range map[int][2]time.Duration{
		3:  {20 * time.Millisecond, 40 * time.Millisecond},
		10: {50 * time.Millisecond, 100 * time.Millisecond},
		50: {250 * time.Millisecond, 500 * time.Millisecond},
	} {
		slow, fast := Plan{}.Resolve(local), Plan{Fast: true}.Resolve(local)
		if fast.View != want[0] || fast.DNS != want[1] {
			t.Errorf("%d pods: views every %s, DNS every %s; want %s", local, fast.View, fast.DNS, want)
		}
		if fast.View > slow.View || fast.DNS > slow.DNS || fast.Sockets != slow.Sockets || fast.Dist != slow.Dist {
			t.Errorf("%d pods: %+v, without being fast %+v", local, fast, slow)
		}
	}
}
