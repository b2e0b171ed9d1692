package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeNamesUnique() check.Check {
	return check.Check{
		ID: "handshake/names-unique", Title: "has no two nodes with the same name", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDist},
		Why:    "Nodes identify each other by name. Two nodes with the same name are taken for one node that reconnects, so they cannot connect to each other (\"name seems to be in use\").",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: map[string][]string{"same-name": check.NeedsMesh("handshake/name-as-addressed")},
		Judge: func(v *view.View) []check.Finding {
			sameName := map[string][]*view.Pod{}
			for _, p := range check.Members(v) {
				sameName[p.Node()] = append(sameName[p.Node()], p)
			}
			return evidence.EachNode(func(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
				return unique(v, p, sameName[p.Node()], from, to)
			})(v)
		},
	}
}

func unique(v *view.View, p *view.Pod, sameName []*view.Pod, from, to time.Duration) check.Finding {
	if p.Node() == "" {
		return evidence.HandshakeUnseen(v, p)
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: evidence.LastNamed(p)}
	if e := evidence.Challenge(p, from, to); e != nil {
		f.At = e.T
	}
	if len(sameName) == 1 {
		return f
	}
	var pods []string
	for _, q := range sameName {
		pods = append(pods, q.Name)
		f.Seen = append(f.Seen, fmt.Sprintf("%s (%s) has the node name %s", q.Name, q.IP(), q.Node()))
	}
	f.Outcome, f.Code = check.Fail, "same-name"
	f.Seen = check.FirstOf(f.Seen, 8)
	f.Message = fmt.Sprintf("%d pods have the same node name %s: %s", len(sameName), p.Node(), check.List(pods))
	f.Remedy = "put something into the name that differs between pods: -name ${NAME}@${POD_IP}, with POD_IP from the downward API (fieldRef: status.podIP)"
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- epmd -names", v.Header.Namespace, p.Name)
	return f
}
