package evidence

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// DiscoveryNotPromised is the finding where discovery need not go on.
func DiscoveryNotPromised(v *view.View) []check.Finding {
	message := "the profile promises discovery only when a node starts (expect.discovery: at-start)"
	if v.DiscoversNever() {
		message = "the profile promises that nodes do not discover peers (expect.discovery: none)"
	}
	return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: message}}
}

// cached says whether the pod's resolver may have the answer in its cache after that silence.
func cached(v *view.View, p *view.Pod, silent time.Duration) string {
	switch ttl := p.CacheTime(v.Profile.Service); {
	case ttl == 0 || silent <= ttl:
		return "its resolver may have the answer in its cache"
	default:
		return fmt.Sprintf("the answer may be cached for %.0f s only", ttl.Seconds())
	}
}

// minSilence is the least time for which a pod may send no query: resolvers cache an answer for its TTL, 30 s in a cluster's DNS.
const minSilence = time.Minute

// silenceLimit is for how long a pod of this profile may send no query.
func silenceLimit(v *view.View) time.Duration { return max(minSilence, 3*v.Profile.Interval.D()) }

// KeepsDiscovering judges whether p went on querying DNS for its peers up to the end of the window.
func KeepsDiscovering(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f, limit := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}, silenceLimit(v)
	last, silent := p.LastAsked(v.Profile.Service, from, to)
	f.At = last
	switch heard := len(view.Between(p.Asked, from, to)); {
	case silent > limit:
		f.Outcome, f.Code, f.From, f.At = check.Fail, "not-asking", max(from, last, p.HeardFrom(), 1), to
		f.Message = fmt.Sprintf("%s has sent no DNS query for Service %s for %.0f s; the limit is %.0f s (three discovery intervals, at least one minute): its discovery has stopped", NodeOrPod(p), v.Profile.Service, silent.Seconds(), limit.Seconds())
		f.Remedy = "run discovery in a supervised process, and let it repeat its query also after it has found its peers"
		f.Try = fmt.Sprintf("kubectl -n %s logs %s, around the first %.0f s of the node", v.Header.Namespace, p.Name, limit.Seconds())
		if heard > 0 {
			f.Seen = []string{fmt.Sprintf("%d intervals of observation without such a query, the last ends at %.1f s", heard, to.Seconds())}
		}
	case last > 0:
	case heard == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the DNS queries of %s were not captured", p.Name)
		if can, known := v.Can(p, "af_packet"); known && !can {
			f.Message += ": the agent on its node cannot capture packets (AF_PACKET)"
		}
	default:
		f.Of = check.Everything(v) // a discovery that has stopped may be why the mesh is not full
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s sent no DNS query in %.0f s, and up to %.0f s are allowed: %s. If it looks for peers only when it starts, write under spec of the profile: expect: {discovery: at-start}", p.Name, silent.Seconds(), limit.Seconds(), cached(v, p, silent))
	}
	return f
}
