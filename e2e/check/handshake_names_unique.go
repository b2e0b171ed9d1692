package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

func handshakeNamesUnique() Check {
	return Check{
		ID: "handshake/names-unique", Title: "gives every node a name of its own", Rung: Handshake, Level: Required, Scenario: "formation",
		Why:    "Nodes know each other by name: two with the same one take each other for a reconnect of the same node, and neither connects to the other (\"name seems to be in use\").",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: map[string][]string{"same-name": NeedsMesh("handshake/name-as-addressed")},
		Judge: func(v *view.View) []Finding {
			bearers := map[string][]*view.Pod{}
			for _, p := range members(v) {
				bearers[p.Node()] = append(bearers[p.Node()], p)
			}
			return eachNode(func(v *view.View, p *view.Pod, from, to time.Duration) Finding {
				return unique(v, p, bearers[p.Node()], from, to)
			})(v)
		},
	}
}

func unique(v *view.View, p *view.Pod, bearers []*view.Pod, from, to time.Duration) Finding {
	if p.Node() == "" {
		return unheard(v, p)
	}
	f := Finding{Subject: onPod(p), Outcome: Pass}
	if e := challenge(p, from, to); e != nil {
		f.At = e.T
	}
	if len(bearers) == 1 {
		return f
	}
	var pods []string
	for _, q := range bearers {
		pods = append(pods, q.Name)
		f.Seen = append(f.Seen, fmt.Sprintf("%s (%s) calls itself %s", q.Name, q.IP(), q.Node()))
	}
	f.Outcome, f.Code = Fail, "same-name"
	f.Seen = firstOf(f.Seen, 8)
	f.Message = fmt.Sprintf("%d pods, 1 name: %s all call themselves %s", len(bearers), list(pods), p.Node())
	f.Remedy = "build the name from what differs: -name ${NAME}@${POD_IP}, with POD_IP from the downward API (fieldRef: status.podIP)"
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- epmd -names", v.Header.Namespace, p.Name)
	return f
}
