package view_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

func podOf(t *testing.T, v *view.View, i int) *view.Pod {
	t.Helper()
	p, there := v.Pod(rt.UID(i))
	if !there {
		t.Fatalf("pod %d was not seen", i)
	}
	return p
}

// The pod with the higher number dials: of three, the last one dials both others, and each asks all the time.
func TestTrail(t *testing.T) {
	v := fold(t, rt.Formation(3))
	p := podOf(t, v, 2)
	trail := v.Trail(p)
	if !trail.Complete() || trail.Over < 12*time.Second || trail.API || trail.ToAPI != 0 {
		t.Errorf("%+v", trail)
	}
	if q := trail.Asked; len(q) != 1 || q[0].Name != rt.DNSName || q[0].Count != 12 || q[0].RCodes["NOERROR"] != 12 || q[0].TTL != 30*time.Second || !slices.Equal(q[0].Got, []string{rt.IP(0), rt.IP(1), rt.IP(2)}) {
		t.Errorf("asked: %+v", q)
	}
	var dialled []string
	for _, d := range trail.Peers() {
		dialled = append(dialled, d.Pod.Name+" "+d.Addr)
		if d.Count != 1 || d.Accepted != 1 {
			t.Errorf("%+v", d)
		}
	}
	if want := []string{rt.Name(0) + " " + rt.IP(0) + ":10000", rt.Name(0) + " " + rt.IP(0) + ":4369", rt.Name(1) + " " + rt.IP(1) + ":10000", rt.Name(1) + " " + rt.IP(1) + ":4369"}; !slices.Equal(dialled, want) {
		t.Errorf("dialled: %v", dialled)
	}
	if got := v.Resolved(p, trail); !slices.Equal(got, []*view.Pod{podOf(t, v, 0), podOf(t, v, 1)}) {
		t.Errorf("resolved: %d pods", len(got))
	}
	if len(v.Trail(podOf(t, v, 0)).Peers()) != 0 {
		t.Error("the first pod is dialled and does not dial")
	}
	for name, change := range map[string]func(s *rt.Recording){
		"no event": func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Asked != nil }) },
		"a loss": func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil && e.T > 8*time.Second }, func(e *recording.Event) { e.Asked.Lost = 1 })
		},
		"no dials": func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = nil })
		},
	} {
		s := rt.Formation(3)
		change(s)
		if v = fold(t, s); v.Trail(podOf(t, v, 2)).Complete() {
			t.Errorf("%s: the trail is complete", name)
		}
	}
}

func TestSeeks(t *testing.T) {
	const below = "." + rt.Namespace + ".svc.cluster.local"
	for name, want := range map[string]bool{
		rt.DNSName:                             true,
		"derl.other.svc.cluster.local":         true, // the Service's name in another namespace
		"_dist._tcp." + rt.DNSName:             true,
		"users" + below:                        true,
		rt.Name(0) + ".old" + below:            true,
		rt.Name(2) + ".derl" + below:           false, // itself
		rt.Name(2):                             false,
		"db.example.com":                       false,
		"db.example.com" + below:               false, // through the search list
		"redis.other.svc.cluster.local":        false,
		"kubernetes.default.svc.cluster.local": false,
	} {
		s := rt.Formation(3)
		s.Change(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(2) }, func(e *recording.Event) {
			e.Asked.Questions = []recording.Question{{Name: name, Type: "A", Count: 1}, {Name: "derl", Type: "MX", Count: 1}}
		})
		v := fold(t, s)
		p := podOf(t, v, 2)
		if got := v.Seeks(p, v.Trail(p)); len(got) > 0 != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// SRV records lead to hosts, and the hosts' own answers to pods. A cluster IP leads to nobody.
func TestResolved(t *testing.T) {
	s := rt.Formation(3)
	var r profile.Resolved
	s.Edit(&r, func() { r.Services = append(r.Services, "users") })
	s.Add(recording.Event{T: 400 * time.Millisecond, By: "kube", Service: &recording.Service{Name: "users", ClusterIP: "10.96.7.7"}})
	host := rt.Name(0) + "." + rt.DNSName
	srv := recording.Question{Name: "_dist._tcp." + rt.DNSName, Type: "SRV", Count: 1, Got: []string{host + ":10000"}}
	users := recording.Question{Name: "users", Type: "A", Count: 1, Got: []string{"10.96.7.7"}}
	s.Change(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(2) }, func(e *recording.Event) {
		e.Asked.Questions = []recording.Question{srv, users}
	})
	v := fold(t, s)
	p := podOf(t, v, 2)
	if got := v.Resolved(p, v.Trail(p)); len(got) != 0 {
		t.Errorf("without the host's address: %d pods", len(got))
	}
	if s := v.VirtualAddress(users); s.Name != "users" || v.VirtualAddress(srv).Name != "" {
		t.Errorf("%+v", s)
	}
	s.Change(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(2) }, func(e *recording.Event) {
		e.Asked.Questions = append(e.Asked.Questions, recording.Question{Name: host, Type: "A", Count: 1, Got: []string{rt.IP(0)}})
	})
	v = fold(t, s)
	p = podOf(t, v, 2)
	if got := v.Resolved(p, v.Trail(p)); len(got) != 1 || got[0].UID != rt.UID(0) {
		t.Errorf("with the host's address: %d pods", len(got))
	}
}
