package agent

import "time"

// How often an agent looks while something is done to the pods of a plan that is Fast: when a node loses a peer, or gets one, is then
// known to some milliseconds. That costs what its looks cost, so it is for few pods and a short time: the harness sees to that
// (observe.Observer.Faster), and more pods than these budgets of looks per second allow are looked at less often.
const (
	FastView              = 20 * time.Millisecond
	FastDNS               = 40 * time.Millisecond
	fastMaxViewsPerSecond = 200
	fastMaxDNSPerSecond   = 100
)

// faster returns the intervals of a plan that is Fast, for an agent with that number of local pods.
func (p Plan) faster(e Every, local int) Every {
	if p.Fast {
		e.View = min(e.View, max(FastView, time.Duration(local)*time.Second/fastMaxViewsPerSecond))
		e.DNS = min(e.DNS, max(FastDNS, time.Duration(local)*time.Second/fastMaxDNSPerSecond))
	}
	return e
}
