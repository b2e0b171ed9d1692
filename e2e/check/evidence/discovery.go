package evidence

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// DiscoveryNotPromised is the finding where nobody has to go on looking.
func DiscoveryNotPromised(v *view.View) []check.Finding {
	says := "the profile promises no more than that nodes look for each other when they start (expect.discovery: at-start)"
	if v.LooksNever() {
		says = "the profile promises that nobody is asked for peers (expect.discovery: none)"
	}
	return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: says}}
}

// enoughSilence is how long a pod may ask nothing, at least: resolvers cache an answer for its TTL, 30 s in a cluster's DNS.
const enoughSilence = time.Minute

// mayBeSilent is for how long a pod of the profile may ask nothing.
func mayBeSilent(v *view.View) time.Duration { return max(enoughSilence, 3*v.Profile.Interval.D()) }

// KeepsAsking judges whether p was seen asking DNS for its peers up to the end of the window.
func KeepsAsking(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f, limit := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}, mayBeSilent(v)
	last, silent := p.LastAsked(v.Profile.Service, from, to)
	f.At = last
	switch heard := len(view.Between(p.Asked, from, to)); {
	case silent > limit:
		f.Outcome, f.Code, f.From, f.At = check.Fail, "not-asking", max(from, last, 1), to
		f.Message = fmt.Sprintf("%s has asked DNS nothing about Service %s for %.0f s, at most %.0f s are allowed (three of its intervals, or a minute): its discovery has ended", NodeOrPod(p), v.Profile.Service, silent.Seconds(), limit.Seconds())
		f.Remedy = "supervise the process that looks for peers, and let it look again after it has found them"
		f.Try = fmt.Sprintf("kubectl -n %s logs %s, around the first %.0f s of the node", v.Header.Namespace, p.Name, limit.Seconds())
		if heard > 0 {
			f.Seen = []string{fmt.Sprintf("%d intervals without such a question, the last ends at %.1f s", heard, to.Seconds())}
		}
	case last > 0:
	case heard == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the questions that leave %s were not listened to", p.Name)
		if can, known := v.Can(p, "af_packet"); known && !can {
			f.Message += ": the agent on its node cannot (AF_PACKET)"
		}
	default:
		f.Of = check.Everything(v) // one that has ended may be what keeps the mesh apart
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s asked for nothing in %.0f s, and may be silent for %.0f s: its resolver may have the answer in its cache", p.Name, silent.Seconds(), limit.Seconds())
	}
	return f
}
