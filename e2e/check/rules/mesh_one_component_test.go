package rules_test

import (
	"fmt"
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
		}), []want{{"group*", check.Fail, "never-asked", []string{"in 11 s (heard from 2 s after the start of the container on)"}}}},
		{"one dialled what may be the API", all(lonely, asksNobody, dials(1, recording.Dialled{Addr: "172.18.0.2:6443", Count: 1, Accepted: 1})), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"one dialled a database", all(lonely, asksNobody, dials(1, recording.Dialled{Addr: "10.96.3.4:5432", Count: 1, Accepted: 1})), []want{{"group*", check.Fail, "never-asked", []string{"dialled: 10.96.3.4:5432"}}}},
		{"the API gave nobody", all(lonely, asksNobody, dialsAPI(0), dialsAPI(1), dialsAPI(2)), []want{{"group*", check.Fail, "api-gave-nobody", []string{"asked the API server, nobody else, and then dialled no peer", "dialled the API server 12 times", "auth can-i list pods --as=system:serviceaccount:" + rt.Namespace + ":default"}}}},
		{"nobody asked, but one was not heard", all(lonely, asksNobody, func(s *rt.Recording) { s.Drop(isAsked(1)) }), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"nobody asked, but the agent hears no dials", all(lonely, asksNobody, hearsNoDials), []want{{"group*", check.Fail, "separate-clusters", nil}}},
		{"they dialled nobody", all(lonely, dials(0), dials(1), dials(2)), []want{{"group*", check.Fail, "dialled-nobody", []string{"got the addresses of peers from DNS and dialled none of them", "asked DNS for " + rt.DNSName + " (A) 12 times and got " + rt.IP(0), "such as " + rt.Node(0)}}}},
		{"no node has the name", all(lonely, dialsEPMD(0, 1), dialsEPMD(1, 2), dialsEPMD(2, 0)), []want{{"group*", check.Fail, "no-such-node", []string{"asked the epmd of peers, which answered, and then dialled no node", rt.Name(0) + " dialled " + rt.IP(1) + ":4369 of " + rt.Name(1) + " 12 times: accepted"}}}},
		{"they were refused", all(lonely, dials(0, dialRefused(1)), dials(1, dialRefused(2)), dials(2, dialRefused(0))), []want{{"group*", check.Fail, "separate-clusters", []string{"12 times: refused"}}}},
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

func hearsNoDials(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns", "af_packet"} })
}
