package rules_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestSearch(t *testing.T) {
	for name, x := range map[string]struct {
		change func(s *rt.Recording)
		says   string // "" for none
	}{
		"a mesh has formed": {func(*rt.Recording) {}, ""},
		"no mesh is meant":  {all(lonely, func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Expect.Topology = profile.NoMesh }) }), ""},
		"no agent":          {all(lonely, func(s *rt.Recording) { s.Drop(byAgent) }), ""},
		"nobody asked":      {all(lonely, asksNobody), "All 3 pods asked neither DNS nor the API server for peers; dialled no peer."},
		"the API":           {all(lonely, asksNobody, dialsAPI(0), dialsAPI(1), dialsAPI(2)), "All 3 pods asked the API server; dialled no peer."},
		"the wrong Service": {all(asksUsersService(0), asksUsersService(1), asksUsersService(2), dials(0), dials(1), dials(2)), "All 3 pods asked DNS for derl-users." + rt.Namespace + ".svc.cluster.local (A) and got 10.96.7.7, the cluster IP of Service derl-users; dialled no peer."},
		"refused":           {all(lonely, dials(0, dialRefused(1)), dials(1, dialRefused(2)), dials(2, dialRefused(0))), "All 3 pods asked DNS for " + rt.DNSName + " (A) and got the addresses of 2 peers; dialled port 10000 of peers: refused."},
		"two cookies": {all(lonely, dials(0, accepted(1)), dials(1, closedBy(2)), dials(2, closedBy(0), closedBy(1))),
			"All 3 pods asked DNS for " + rt.DNSName + " (A) and got the addresses of 2 peers; dialled port 10000 of peers: 3 of 4 closed by the peer after its challenge (it does not take the cookie), 1 of 4 accepted."},
		"no VM": {all(lonely, asksNobody, func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Nodes != nil || e.Dist != nil || e.Cookie != nil })
		}), ""},
		"nobody hears dials":    {all(lonely, hearsNoDials), "All 3 pods asked DNS for " + rt.DNSName + " (A) and got the addresses of 2 peers; whom they dialled was not heard."},
		"one pod does not dial": {all(lonely, dials(0), dialsEPMD(1, 2), dialsEPMD(2, 0)), rt.Name(1) + " and " + rt.Name(2) + " asked DNS for " + rt.DNSName + " (A) and got the addresses of 2 peers; dialled epmd of peers: accepted. " + rt.Name(0) + " asked"},
		"a pod is missing, the others have found each other": {func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.PodUID() == rt.UID(2) || e.Pod != nil && e.Pod.UID == rt.UID(2) })
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(recording.Formation, 3)
			x.change(s)
			got := evidence.SearchOf(fold(t, s))
			switch {
			case got == nil && x.says == "":
				return
			case got == nil:
				t.Fatal("nothing is said")
			case x.says == "" || !strings.HasPrefix(got.Says, x.says):
				t.Fatalf("it says %q, want %q", got.Says, x.says)
			}
			for _, r := range got.Rows {
				if r.Pod == "" || len(r.Asked) != len(r.Got) || len(r.Dialled) != len(r.Answered) {
					t.Errorf("row %+v", r)
				}
			}
		})
	}
}

func accepted(j int) recording.Dialled {
	return recording.Dialled{Addr: dialRefused(j).Addr, Count: 1, Accepted: 1}
}

// closedBy is a dial that pod j closes after its challenge.
func closedBy(j int) recording.Dialled {
	d := accepted(j)
	d.Closed, d.After = 1, 26+len(rt.Node(j))
	return d
}
