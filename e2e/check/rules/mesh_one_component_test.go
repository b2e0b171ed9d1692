package rules_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshOneComponent(t *testing.T) {
	try(t, "mesh/one-component", []trial{
		ownProbeVisible(),
		{"two clusters", apart, []want{{"group of " + rt.Name(3), check.Fail, "separate-clusters",
			[]string{"2 disjoint clusters 14 s after", rt.Name(3) + " and " + rt.Name(4), "cluster 1: " + rt.Name(0) + ", " + rt.Name(1) + " and " + rt.Name(2), "logs " + rt.Name(3)}}}},
		{"one view of another group was not seen", func(s *rt.Recording) { apart(s); s.Drop(isNodes(4, 0)) }, []want{{"group of " + rt.Name(3), check.Unseen, "", []string{rt.Name(4), "not known"}}}},
		{"one-sided views hang together", func(s *rt.Recording) { blind(s, 0, 2, 0); blind(s, 1, 2, 0) }, nil},
		{"one view was not seen, but others hold it", func(s *rt.Recording) { s.Drop(isNodes(2, 0)) }, nil},
		{"the only pod was not asked", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) || isNodes(0, 0)(e) })
		}, []want{{whole, check.Unseen, "", []string{rt.Name(0)}}}},
		{"no agent", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"group*", check.Unseen, "", nil}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		{"nobody asked", all(lonely, asksNobody), []want{{"group*", check.Fail, "never-asked", []string{"no pod asked DNS or the API for peers in 12 s, nor dialled one: 3 disjoint clusters", "discovery did not start, or ended with its first round"}}}},
		{"they asked for something else", all(lonely, asksNobody, asksFor(1, answered("db.example.com"), nxdomain("db.example.com."+rt.Namespace+".svc.cluster.local"), answered(rt.Name(1)+".derl."+rt.Namespace+".svc.cluster.local"))),
			[]want{{"group*", check.Fail, "never-asked", []string{"all that they asked for or dialled: db.example.com"}}}},
		{"one asked for a Service", all(lonely, asksNobody, asksFor(1, nxdomain("old."+rt.Namespace+".svc.cluster.local"))), []want{{"group of " + rt.Name(1), check.Fail, "separate-clusters", []string{"asked DNS for old."}}, {"group of " + rt.Name(2), check.Fail, "separate-clusters", nil}}},
		{"one asked the API", all(lonely, asksNobody, asksFor(1, answered("kubernetes.default.svc.cluster.local"))), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"one dialled the API", all(lonely, asksNobody, dialsAPI(1)), []want{{"group of " + rt.Name(1), check.Fail, "separate-clusters", []string{rt.Name(1) + " dialled the API server 12 times"}}, {"group of " + rt.Name(2), check.Fail, "separate-clusters", nil}}},
		{"the API gave nobody, on connections that stay", all(lonely, asksNobody, holdsAPI), []want{{"group*", check.Fail, "api-gave-nobody", []string{"has a connection to the API server"}}}},
		{"an init container asked, before the VM ran", all(lonely, asksNobody, asksFor(1, answered(rt.DNSName)), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isAsked(1)(e) && e.T > 3500*time.Millisecond }, func(e *recording.Event) { e.Asked.Questions = nil })
			s.Change(func(e recording.Event) bool { return e.Process != nil && e.Process.Pod == rt.UID(1) }, func(e *recording.Event) { e.T = 3500 * time.Millisecond })
		}), []want{{"group*", check.Fail, "never-asked", []string{"in 10 s (heard from 2 s after the start of the container on)"}}}},
		{"one dialled what may be the API", all(lonely, asksNobody, dials(1, recording.Dialled{Addr: "172.18.0.2:6443", Count: 1, Accepted: 1})), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"one dialled a database", all(lonely, asksNobody, dials(1, recording.Dialled{Addr: "10.96.3.4:5432", Count: 1, Accepted: 1})), []want{{"group*", check.Fail, "never-asked", []string{"dialled: 10.96.3.4:5432"}}}},
		{"the API gave nobody", all(lonely, asksNobody, dialsAPI(0), dialsAPI(1), dialsAPI(2)), []want{{"group*", check.Fail, "api-gave-nobody", []string{"asked the API server, nobody else, and then dialled no peer: it gave them none, or refused to answer, which cannot be told", "dialled the API server 12 times", "auth can-i list pods --as=system:serviceaccount:" + rt.Namespace + ":default"}}}},
		{"the API refused, as a log says", all(lonely, asksNobody, dialsAPI(0), dialsAPI(1), dialsAPI(2), logs(1, "[info] up", `discovery failed: {http,403,"endpointslices is forbidden: User cannot list resource"}`)), []want{
			{"group of " + rt.Name(1), check.Fail, "api-denied", []string{"which refused to answer, as the log of " + rt.Name(1) + " says", "log: discovery failed: {http,403", "bind a Role"}}, {"group of " + rt.Name(2), check.Fail, "api-gave-nobody", nil}}},
		{"the API refused, by the manifests", all(lonely, asksNobody, asksByAPI(false), dialsAPI(0), dialsAPI(1), dialsAPI(2)), []want{{"group*", check.Fail, "api-denied", []string{"it refuses to answer, because no role in the manifests lets ServiceAccount default list endpointslices"}}}},
		{"the API gave nobody, by the manifests", all(lonely, asksNobody, asksByAPI(true), dialsAPI(0), dialsAPI(1), dialsAPI(2)), []want{{"group*", check.Fail, "api-gave-nobody", []string{"the manifests let ServiceAccount default list endpointslices, so it seems to have named none", "compare the selector"}}}},
		{"the API refused, although the manifests allow it", all(lonely, asksNobody, asksByAPI(true), dialsAPI(0), dialsAPI(1), dialsAPI(2), logs(0, "status: 401 Unauthorized"), logs(1, "status: 401 Unauthorized"), logs(2, "status: 401 Unauthorized")),
			[]want{{"group*", check.Fail, "api-denied", []string{"which refused to answer", "a token that the API server takes", "get pod derl-6c9f-"}}}},
		{"the API refused by a right, although the manifests allow it", all(lonely, asksNobody, asksByAPI(true), dialsAPI(0), dialsAPI(1), dialsAPI(2), logs(0, "403 Forbidden"), logs(1, "403 Forbidden"), logs(2, "403 Forbidden")),
			[]want{{"group*", check.Fail, "api-denied", []string{"the manifests let ServiceAccount default list endpointslices, so compare with the log", "auth can-i"}}}},
		{"a log that speaks of something else", all(lonely, asksNobody, dialsAPI(0), dialsAPI(1), dialsAPI(2), logs(1, "listening on port 4031", "GET /forbiddenfruit 200")), []want{{"group*", check.Fail, "api-gave-nobody", nil}}},
		{"nobody asked, but one was not heard", all(lonely, asksNobody, func(s *rt.Recording) { s.Drop(isAsked(1)) }), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"nobody asked, but the agent hears no dials", all(lonely, asksNobody, hearsNoDials), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"they dialled nobody", all(lonely, dials(0), dials(1), dials(2)), []want{{"group*", check.Fail, "dialled-nobody", []string{"got the addresses of peers from DNS and dialled none of them", "asked DNS for " + rt.DNSName + " (A) 12 times and got " + rt.IP(0), "such as " + rt.Node(0)}}}},
		{"no node has the name", all(lonely, dialsEPMD(0, 1), dialsEPMD(1, 2), dialsEPMD(2, 0)), []want{{"group*", check.Fail, "no-such-node", []string{"asked the epmd of peers, which answered, and then dialled no node", rt.Name(0) + " dialled " + rt.IP(1) + ":4369 of " + rt.Name(1) + " 12 times: accepted"}}}},
		{"they were refused", ends(func(d *recording.Dialled) { d.Refused = 1 }), []want{{"group*", check.Fail, "dials-refused", []string{":10000 of derl-6c9f-", "and each dial was refused: nothing listens on that port there", "12 times: refused", "listens on"}}}},
		{"they were rejected", ends(func(d *recording.Dialled) { d.Rejected = 1 }), []want{{"group*", check.Fail, "dials-rejected", []string{"each dial was answered by an ICMP error", "rejected by an ICMP error", "NetworkPolicy"}}}},
		{"nobody answered", ends(func(d *recording.Dialled) { d.Unanswered = 1 }), []want{{"group*", check.Fail, "dials-unanswered", []string{"packets are dropped on the way"}}}},
		{"the peers closed after the challenge", ends(func(d *recording.Dialled) { d.Accepted, d.Closed, d.After = 1, 1, 26+len(rt.Node(0)) }), []want{{"group*", check.Fail, "dials-closed", []string{"accepted and closed after the challenge", "does not take the cookie", "erlang:set_cookie/2"}}}},
		{"the pods closed after the challenge", ends(func(d *recording.Dialled) { d.Accepted, d.Left, d.LeftAfter = 1, 1, 26+len(rt.Node(0)) }), []want{{"group*", check.Fail, "other-name", []string{"closed each connection after the challenge of the node there: it says that it has another name, derl@", "(the peer has another name)"}}}},
		{"the peers closed at once", ends(func(d *recording.Dialled) { d.Accepted, d.Closed, d.After = 1, 1, 0 }), []want{{"group*", check.Fail, "separate-clusters", []string{"closed by the peer after 0 bytes"}}}},
		{"the peers closed after the proof", ends(func(d *recording.Dialled) { d.Accepted, d.Closed, d.After = 1, 1, 26+19+len(rt.Node(0)) }), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"no way led there", ends(func(d *recording.Dialled) { d.Unreachable = 1 }), []want{{"group*", check.Fail, "separate-clusters", []string{"unreachable by an ICMP error"}}}},
		{"one was refused, one was not answered", all(lonely, dials(0, dialRefused(1)), dials(1, dialRefused(2)), dials(2, recording.Dialled{Addr: dialRefused(0).Addr, Count: 1, Unanswered: 1})), []want{{"group of " + rt.Name(1), check.Fail, "dials-refused", nil}, {"group of " + rt.Name(2), check.Fail, "separate-clusters", nil}}},
		{"refused, but one was not heard", all(ends(func(d *recording.Dialled) { d.Refused = 1 }), func(s *rt.Recording) { s.Drop(isAsked(0)); s.Drop(isAsked(1)); s.Drop(isAsked(2)) }), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		noMeshMeant(), {"a star", star, nil}})
}

// asksNobody leaves no question and no dial.
func asksNobody(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions, e.Asked.Dialled = nil, nil })
}

// dials lets the pod dial this in each interval, and nothing else.
func dials(i int, d ...recording.Dialled) func(s *rt.Recording) {
	return func(s *rt.Recording) { s.Change(isAsked(i), func(e *recording.Event) { e.Asked.Dialled = d }) }
}

func dialsEPMD(i, j int) func(s *rt.Recording) {
	return dials(i, recording.Dialled{Addr: fmt.Sprintf("%s:%d", rt.IP(j), rt.EPMDPort), Count: 1, Accepted: 1})
}

func dialsAPI(i int) func(s *rt.Recording) {
	return dials(i, recording.Dialled{Addr: rt.API, Count: 1, Accepted: 1})
}

// holdsAPI gives each pod a connection to the API server.
func holdsAPI(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) {
		e.Sockets.Links = append(e.Sockets.Links, recording.Link{Local: "10.244.0.9:50000", Remote: rt.API})
	})
}

func dialRefused(j int) recording.Dialled {
	return recording.Dialled{Addr: fmt.Sprintf("%s:%d", rt.IP(j), rt.DistPort), Count: 1, Refused: 1}
}

// ends lets each pod dial the node of the next one, with this end.
func ends(how func(d *recording.Dialled)) func(s *rt.Recording) {
	changes := []func(s *rt.Recording){lonely}
	for i := range 3 {
		d := recording.Dialled{Addr: fmt.Sprintf("%s:%d", rt.IP((i+1)%3), rt.DistPort), Count: 1}
		how(&d)
		changes = append(changes, dials(i, d))
	}
	return all(changes...)
}

// logs lets the pod's container have logged this.
func logs(i int, lines ...string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(i), func(e *recording.Event) {
			p := *e.Pod
			p.Containers = slices.Clone(p.Containers)
			for j := range p.Containers {
				p.Containers[j].Log = lines
			}
			e.Pod = &p
		})
	}
}

// asksByAPI lets the manifests say that the nodes ask the API for EndpointSlices, and whether they may.
func asksByAPI(may bool) func(s *rt.Recording) {
	asks := literal("DISCOVERY", "kube-api")
	if !may {
		return asks
	}
	return all(asks, object("Role", "reader", `{"rules":[{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list"]}]}`),
		object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`))
}

func hearsNoDials(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns", "af_packet"} })
}
