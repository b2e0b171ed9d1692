package view_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// What changes in an inspected cluster is told apart from what has failed for long.
func TestInMotion(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return start.Add(-d) }
	pod := func(change func(p *recording.Pod, c *recording.Container)) recording.Pod {
		p := recording.Pod{UID: "1", Name: "shop-a", Labels: map[string]string{"app": "shop"}, Phase: "Running", Ready: true, Created: ago(time.Hour)}
		c := recording.Container{Name: "shop", State: "running", Started: ago(time.Hour)}
		change(&p, &c)
		p.Containers = []recording.Container{c}
		return p
	}
	starting := func(created, started time.Duration) func(p *recording.Pod, c *recording.Container) {
		return func(p *recording.Pod, c *recording.Container) {
			p.Ready, p.Created, c.Started = false, ago(created), ago(started)
		}
	}
	for name, c := range map[string]struct {
		first, second func(p *recording.Pod, c *recording.Container) // nil: there is no such pod in that look
		says          string                                         // "" for nothing
	}{
		"it runs":            {first: func(*recording.Pod, *recording.Container) {}},
		"it was created now": {first: func(p *recording.Pod, _ *recording.Container) { p.Created = ago(5 * time.Second) }, says: "was created"},
		"it is being deleted": {first: func(p *recording.Pod, _ *recording.Container) {
			p.Deleting, p.DeleteBy = true, ago(-20*time.Second)
		}, says: "is being deleted"},
		"it should be gone":    {first: func(p *recording.Pod, _ *recording.Container) { p.Deleting, p.DeleteBy = true, ago(time.Hour) }},
		"it starts":            {first: starting(time.Minute, 50*time.Second), says: "starts, and is not Ready yet"},
		"it never gets Ready":  {first: starting(time.Hour, time.Hour)},
		"it was started again": {first: func(_ *recording.Pod, c *recording.Container) { c.Restarts, c.Started = 1, ago(3*time.Second) }, says: "was started again"},
		"it fails and fails": {first: func(p *recording.Pod, c *recording.Container) {
			p.Ready, c.Restarts, c.Started = false, 7, ago(3*time.Second)
		}},
		"it is scheduled": {first: func(p *recording.Pod, c *recording.Container) {
			p.Ready, p.Phase, c.State, p.Created = false, "Pending", "waiting", ago(time.Minute)
		}, says: "does not run yet"},
		"it is never scheduled": {first: func(p *recording.Pod, c *recording.Container) {
			p.Ready, p.Phase, c.State = false, "Pending", "waiting"
		}},
		"its image is missing": {first: func(p *recording.Pod, c *recording.Container) {
			p.Ready, p.Phase, c.State, c.Reason, p.Created = false, "Pending", "waiting", "ErrImagePull", ago(time.Minute)
		}},
		"it became Ready": {first: func(p *recording.Pod, _ *recording.Container) { p.Ready = false }, second: func(*recording.Pod, *recording.Container) {}, says: "between Ready and not Ready"},
		"it came":         {second: func(*recording.Pod, *recording.Container) {}, says: "came during"},
		"it went":         {first: func(*recording.Pod, *recording.Container) {}, second: func(p *recording.Pod, _ *recording.Container) { p.Gone = true }, says: "went away"},
	} {
		v, err := view.New(recording.Header{Scenario: recording.Inspect, Start: start, Profile: json.RawMessage(`{"workloads":[{"kind":"Deployment","name":"shop","replicas":1,"labels":{"app":"shop"}}]}`)})
		if err != nil {
			t.Fatal(err)
		}
		apply := func(change func(p *recording.Pod, c *recording.Container), at time.Duration) {
			if change != nil {
				p := pod(change)
				v.Apply(recording.Event{T: at, By: recording.ByKube, Pod: &p})
			}
		}
		v.Apply(recording.Event{By: recording.ByKube, Start: &recording.Start{}})
		apply(c.first, 0)
		if v.Earlier() != nil {
			t.Errorf("%s: the first look is over before the second", name)
		}
		v.Apply(recording.Event{T: time.Millisecond, By: recording.ByRun, Act: &recording.Act{Do: recording.LookAgain}})
		apply(c.second, 2*time.Millisecond)
		if says := v.InMotion(); (says == "") != (c.says == "") || !strings.Contains(says, c.says) {
			t.Errorf("%s: %q, want %q", name, says, c.says)
		}
		if e := v.Earlier(); e == nil || (len(e.Pods()) > 0) != (c.first != nil) {
			t.Errorf("%s: the first look is not as it was", name)
		}
	}
}
