package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryPartitionDetected() check.Check {
	return check.Check{
		ID: "recovery/partition-detected", Title: "notices a cut link at both ends within the time that net_ticktime allows", Rung: check.Recovery, Level: check.Required,
		Scenario: "link-cut", Also: []recording.Scenario{"one-way-cut", "split", "majorities-ring"},
		Reads:  []recording.Kind{recording.KindNodes, recording.KindSockets, recording.KindKernel},
		Why:    "Until a node notices that a peer is gone it sends messages to nobody, and calls wait. One that gives a peer up too early makes partitions of its own.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_ticktime: between TickTime - TickTime/TickIntensity and TickTime + TickTime/TickIntensity)",
		Causes: map[string][]string{"too-early": nil, "too-late": nil, "not-noticed": nil},
		Judge: evidence.ForFullMesh(func(v *view.View) []check.Finding {
			cuts := v.CutLinks()
			if len(cuts) == 0 {
				return evidence.NoCut(v)
			}
			var all []check.Finding
			for _, c := range cuts {
				all = append(all, notices(v, c, c.A, c.B), notices(v, c, c.B, c.A))
			}
			return all
		}),
	}
}

// lookSlack is how exactly it is known when a node has noticed: it is looked at four times a second, and its own ticks may be late.
const lookSlack = time.Second

// notices judges when p has noticed that it no longer hears q.
func notices(v *view.View, c view.CutLink, p, q *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q), Outcome: check.Unseen}
	ticktime, interval, known := p.Tick()
	if !known {
		f.Of, f.Message = check.PairsTo(v, p), fmt.Sprintf("net_ticktime of %s could not be read", evidence.NodeOrPod(p))
		return f
	}
	slack := lookSlack + v.Slack(p.AgentOf(), c.A.AgentOf(), c.At)
	heard, seen := lastHeard(p, q, c)
	// Nothing has come since it heard q last, which was before the cut, or a little later where only one way was cut. The formula's
	// earliest moment is that of a peer that was heard one interval before the cut. Data in between makes a tick unnecessary, so it may be two.
	earliest, latest := c.At+ticktime-interval, c.At+ticktime+interval
	if seen {
		earliest, latest = min(earliest, heard+ticktime), max(latest, heard+ticktime+interval)
	} else {
		earliest -= interval
		if c.OneWay {
			latest += 2 * interval
		}
	}
	before, at, lost := p.Lost(q, c.At, c.Over)
	gap := v.MaxGap()
	formula := fmt.Sprintf("net_ticktime %.0f s in intervals of %.1f s", ticktime.Seconds(), interval.Seconds())
	switch {
	case !lost && before == 0:
		f.Message = fmt.Sprintf("%s was not seen in the view of %s when the link was cut", evidence.NodeOrPod(q), evidence.NodeOrPod(p))
	case !lost && c.Over < latest+slack+v.Pressure(c.At, c.Over):
		f.Message = fmt.Sprintf("%s had %s in its view for the %.1f s that the link was cut, and has %.1f s by %s", evidence.NodeOrPod(p), evidence.NodeOrPod(q), (c.Over - c.At).Seconds(), (latest - c.At).Seconds(), formula)
	case !lost && c.Over-before > gap:
		f.Message = fmt.Sprintf("the view of %s was not seen for %.1f s before the cut was over", p.Name, (c.Over - before).Seconds())
	case !lost:
		f.At, f.From = before, c.At
		f.Fail("not-noticed", fmt.Sprintf("%s still had %s in its view %.1f s after their link was cut; by %s it has %.1f s", evidence.NodeOrPod(p), evidence.NodeOrPod(q), (before-c.At).Seconds(), formula, (latest-c.At).Seconds()), noticeRemedy)
	case at-before > gap:
		f.Message = fmt.Sprintf("the view of %s was not seen for %.1f s, and meanwhile it lost %s", p.Name, (at - before).Seconds(), evidence.NodeOrPod(q))
	case at < earliest-slack:
		f.At, f.From = at, c.At
		f.Fail("too-early", fmt.Sprintf("%s gave %s up %.1f s after their link was cut; by %s it waits for %.1f s at least", evidence.NodeOrPod(p), evidence.NodeOrPod(q), (at-c.At).Seconds(), formula, (earliest-c.At).Seconds()), noticeRemedy)
	case before > latest+slack+v.Pressure(c.At, at):
		f.At, f.From = at, c.At
		f.Fail("too-late", fmt.Sprintf("%s gave %s up only %.1f s after their link was cut; by %s it has %.1f s", evidence.NodeOrPod(p), evidence.NodeOrPod(q), (at-c.At).Seconds(), formula, (latest-c.At).Seconds()), noticeRemedy)
	case before > latest+slack:
		f.Message = fmt.Sprintf("%s gave %s up %.1f s after their link was cut, and has %.1f s; the machine was short of CPU, which explains the difference", evidence.NodeOrPod(p), evidence.NodeOrPod(q), (at - c.At).Seconds(), (latest - c.At).Seconds())
	default:
		f.Outcome, f.At, f.From, f.Took = check.Pass, at, c.At, at-c.At
	}
	return f
}

const noticeRemedy = "leave it to OTP's ticks to notice that a peer is gone: look for a heartbeat of the application or of a library that disconnects nodes, and for a proxy that keeps connections open whose other end is gone"

// lastHeard is when p last got data from q on a link that was there when it was cut, by the kernel, until p gave it up.
func lastHeard(p, q *view.Pod, c view.CutLink) (at time.Duration, seen bool) {
	for _, e := range view.Between(p.Sockets, max(0, c.At-evidence.MinLinkAge), c.Over) {
		for _, l := range view.Links(e, p, q) {
			if e.Sockets.Outcome == recording.OK && e.T >= c.At {
				at, seen = max(at, e.T-l.Idle), true
			}
		}
	}
	return at, seen
}
