package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshLinksAlive() check.Check {
	return check.Check{
		ID: "mesh/links-alive", Title: "receives data on every link within its tick interval", Rung: check.Mesh, Level: check.Required, Scenario: "formation",
		Reads: []recording.Kind{recording.KindPod, recording.KindSockets, recording.KindKernel}, Needs: []string{recording.LinkTimes},
		Why:    "A link whose packets are dropped stays in nodes() until net_ticktime is over (60 s by default), and every message on it is lost. The kernel knows at any time when it last received data.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_ticktime, net_tickintensity)",
		Causes: check.Alike(check.NeedsMesh(), "no-data", "backing-off"),
		Judge: evidence.UnlessProbeVisible(evidence.ForCluster(func(v *view.View) []check.Finding {
			pods := check.Members(v)
			peers := v.Peers(pods)
			limits := make([]time.Duration, len(pods)) // below 0 if not known
			for i, p := range pods {
				limits[i] = silence(p)
			}
			var all []check.Finding
			for _, p := range pods {
				all = append(all, linksOf(v, p, pods, peers, limits)...)
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "there was no pod to check")
			}
			return all
		})),
	}
}

// tickSlack is how late a tick may be: the node's own timers, the network, and the time between two observations.
const tickSlack = time.Second

func linksOf(v *view.View, p *view.Pod, pods []*view.Pod, peers *view.Peers, limits []time.Duration) []check.Finding {
	unseen := check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen}
	samples := watched(p, v.End())
	if len(samples) == 0 {
		unseen.Of, unseen.Message = check.PairsTo(v, p), fmt.Sprintf("the socket table of %s was not read in the last %.1f s", p.Name, check.Fresh(p).Seconds())
		return []check.Finding{unseen}
	}
	var all []check.Finding
	linked := 0
	peers.Each(samples[len(samples)-1], p, func(i int, l *recording.Link) {
		linked++
		if q := pods[i]; l.Backoff > 0 || l.Idle > limits[i] {
			if f := alive(v, p, q, *l, samples); f.Outcome != check.Pass {
				all = append(all, f)
			}
		}
	})
	if linked == 0 && len(pods) > 1 {
		unseen.Of = check.Everything(v) // the missing mesh explains it
		unseen.Message = fmt.Sprintf("%s has no link to any member", p.Name)
		return []check.Finding{unseen}
	}
	if len(all) < linked || linked == 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: samples[len(samples)-1].T})
	}
	return all
}

// silence is for how long a peer may receive nothing from the pod's node, by the settings that the node itself reported. In every
// interval of net_ticktime / net_tickintensity the node checks whether it has sent anything in the interval, and sends a tick if not
// (dist_util.erl, send_tick): data sent just after one check makes the next tick unnecessary, so two intervals can pass. It is
// below 0 if the settings are not known.
func silence(p *view.Pod) time.Duration {
	k := p.Kernel()
	if k == nil || k.TickTime <= 0 || k.TickIntensity <= 0 {
		return -1
	}
	return 2*k.TickTime/time.Duration(k.TickIntensity) + tickSlack
}

// watched are the socket tables that were read in the last moments.
func watched(p *view.Pod, end time.Duration) []recording.Event {
	var all []recording.Event
	for _, e := range view.Between(p.Sockets, end-check.Fresh(p), end) {
		if e.Sockets.Outcome == recording.OK {
			all = append(all, e)
		}
	}
	return all
}

// alive judges one link by the last table.
func alive(v *view.View, p, q *view.Pod, l recording.Link, samples []recording.Event) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q), Outcome: check.Pass, At: samples[len(samples)-1].T}
	f.Try = fmt.Sprintf("ss -tio in the network namespace of %s: lastrcv and backoff of %s", p.Name, l.Remote)
	f.Seen = []string{fmt.Sprintf("%s - %s: last data %.1f s ago, backoff %d, %d bytes not acknowledged", l.Local, l.Remote, l.Idle.Seconds(), l.Backoff, l.Unsent)}
	f.Remedy = "find what drops the packets of this connection, but not of others: a new firewall rule, a changed route, or a connection tracking table that lost its entry"
	if n := retrying(l, samples); n > v.MaxGap() {
		f.Outcome, f.Code = check.Fail, "backing-off"
		f.Message = fmt.Sprintf("the link %s - %s between %s and %s has delivered no data for more than %.1f s: the kernel has sent the same data again %d times", l.Local, l.Remote, p.Name, q.Name, n.Seconds(), l.Backoff)
		return f
	}
	limit := silence(q)
	if limit < 0 {
		return check.Finding{Subject: f.Subject, Outcome: check.Unseen, Of: check.PairsTo(v, q), At: f.At, Message: fmt.Sprintf("net_ticktime of %s could not be read, so it is not known how long it may send nothing", evidence.NodeOrPod(q))}
	}
	k := q.Kernel()
	switch late := l.Idle - limit; {
	case late <= 0:
		return check.Finding{Subject: f.Subject, Outcome: check.Pass, At: f.At}
	case late <= v.Pressure(f.At-l.Idle, f.At):
		f.Outcome, f.Remedy = check.Unseen, ""
		f.Message = fmt.Sprintf("%s received nothing from %s for %.1f s, and %.1f s are allowed; the machine was short of CPU, which explains the difference", p.Name, q.Name, l.Idle.Seconds(), limit.Seconds())
	default:
		f.Outcome, f.Code = check.Fail, "no-data"
		f.Message = fmt.Sprintf("%s has received nothing on its link with %s for %.1f s, but a tick is due every %.1f s (net_ticktime %.0f s, intensity %d): the link is dead, although it is still in nodes()", evidence.NodeOrPod(p), evidence.NodeOrPod(q), l.Idle.Seconds(), (k.TickTime / time.Duration(k.TickIntensity)).Seconds(), k.TickTime.Seconds(), k.TickIntensity)
	}
	return f
}

// retrying is for how long the kernel has been retransmitting the same bytes of a link, as far as the tables go back. A single lost
// packet is retransmitted in a fraction of a second.
func retrying(l recording.Link, samples []recording.Event) time.Duration {
	end := samples[len(samples)-1].T
	since := end
	for i := len(samples) - 1; i >= 0 && l.Backoff > 0; i-- {
		found := false
		for _, o := range samples[i].Sockets.Links {
			found = found || o.Local == l.Local && o.Remote == l.Remote && o.Backoff > 0
		}
		if !found {
			break
		}
		since = samples[i].T
	}
	return end - since
}
