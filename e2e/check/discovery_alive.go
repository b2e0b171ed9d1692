package check

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

func discoveryAlive() Check {
	return Check{
		ID: "discovery/alive", Title: "goes on asking for its peers while the mesh is full", Rung: Discovery, Level: Required, Scenario: "formation",
		Why:    "A discovery that died after its first round is invisible for as long as nothing changes: the next pod that is replaced stays alone. Whether a pod still asks is seen on its own interface.",
		Source: "https://hexdocs.pm/libcluster/readme.html",
		Causes: map[string][]string{"not-asking": {"recovery/pod-delete", "recovery/full-again"}, "asks": nil},
		Judge:  discoveryJudge,
	}
}

// looksNotOn is the finding where nobody has to go on looking.
func looksNotOn(v *view.View) []Finding {
	says := "the profile promises no more than that nodes look for each other when they start (expect.discovery: at-start)"
	if v.LooksNever() {
		says = "the profile promises that nobody is asked for peers (expect.discovery: none)"
	}
	return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: says}}
}

// enoughSilence is how long a pod may ask nothing, at least: resolvers cache an answer for its TTL, 30 s in a cluster's DNS.
const enoughSilence = time.Minute

func discoveryJudge(v *view.View) []Finding {
	pods := members(v)
	if v.LooksOnce() {
		return looksNotOn(v)
	}
	if v.LooksNever() {
		return asksNobody(v, pods)
	}
	if len(pods) > 0 && !asksDNS(v, pods) {
		return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "neither the manifests nor a pod's questions name a Service of the workload: its nodes do not find each other by DNS"}}
	}
	to := v.End()
	from, _ := v.FirstFull(0) // 0 where it never was: then all of the recording counts
	return eachMember(v, func(p *view.Pod) Finding { return asks(v, p, max(from, p.First), to) })
}

// asksDNS reports whether the workload finds its peers by the Service's name: a pod was seen asking for it, or an object of
// the manifests other than the Service holds it. Where the manifests were not recorded, it may.
func asksDNS(v *view.View, pods []*view.Pod) bool {
	name := v.Profile.Service
	if name == "" {
		return false
	}
	if slices.ContainsFunc(pods, func(p *view.Pod) bool { last, _ := p.LastAsked(name, 0, v.End()); return last > 0 }) {
		return true
	}
	objects := v.Objects("")
	for _, o := range objects {
		if o.Kind != "Service" && (bytes.Contains(o.Manifest, []byte(name+".")) || bytes.Contains(o.Manifest, []byte("."+name+`"`))) {
			return true
		}
	}
	return len(objects) == 0
}

// mayBeSilent is for how long a pod of the profile may ask nothing.
func mayBeSilent(v *view.View) time.Duration { return max(enoughSilence, 3*v.Profile.Interval.D()) }

func asks(v *view.View, p *view.Pod, from, to time.Duration) Finding {
	f, limit := Finding{Subject: onPod(p), Outcome: Pass}, mayBeSilent(v)
	last, silent := p.LastAsked(v.Profile.Service, from, to)
	f.At = last
	switch heard := len(view.Between(p.Asked, from, to)); {
	case silent > limit:
		f.Outcome, f.Code, f.At = Fail, "not-asking", to
		f.Message = fmt.Sprintf("%s has asked DNS nothing about Service %s for %.0f s, at most %.0f s are allowed (three of its intervals, or a minute): its discovery has ended", orName(p), v.Profile.Service, silent.Seconds(), limit.Seconds())
		f.Remedy = "supervise the process that looks for peers, and let it look again after it has found them"
		f.Try = fmt.Sprintf("kubectl -n %s logs %s, around the first %.0f s of the node", v.Header.Namespace, p.Name, limit.Seconds())
		if heard > 0 {
			f.Seen = []string{fmt.Sprintf("%d intervals without such a question, the last ends at %.1f s", heard, to.Seconds())}
		}
	case last > 0:
	case heard == 0:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the questions that leave %s were not listened to", p.Name)
		if can, known := v.Can(p, "af_packet"); known && !can {
			f.Message += ": the agent on its node cannot (AF_PACKET)"
		}
	default:
		f.Of = everything(v) // one that has ended may be what keeps the mesh apart
		f.Outcome, f.Message = Unseen, fmt.Sprintf("%s asked for nothing in %.0f s, and may be silent for %.0f s: its resolver may have the answer in its cache", p.Name, silent.Seconds(), limit.Seconds())
	}
	return f
}
