package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// answers is all that the view says, at many times.
func answers(v *view.View) string {
	var b strings.Builder
	for at := time.Duration(0); at <= v.End(); at += 700 * ms {
		m := v.Mesh(at)
		fmt.Fprintln(&b, at, m, m.Since)
		for _, p := range v.Expected(at) {
			fmt.Fprint(&b, p.Name, " ", p.ReadySince(at), " ")
		}
	}
	for _, p := range v.Pods() {
		exit, gone := p.Exited()
		fmt.Fprintln(&b, p.Name, p.First, p.IP(), p.Node(), p.Last().Phase, exit, gone, len(p.Nodes), len(p.Sockets), len(p.DNS), len(p.Cookies))
	}
	first, ok := v.FirstFull(0)
	svc, there := v.Service()
	formed, lacks := v.Formed()
	recovered, why := v.Recovered()
	act, _ := v.Act("delete-pod")
	fmt.Fprintln(&b, first, ok, svc.ClusterIP, there, v.Images(), v.End(), v.KubeSeen(), v.OTP(), formed, lacks, recovered, why, act.T)
	return b.String()
}

func TestArrivalInAnyOrderGivesTheSameAnswers(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		for _, s := range []*rt.Recording{rt.Formation(n), rt.Recovery(n)} {
			// A Service and an image that change, and a view that flaps: what is last must be so by time, not by arrival.
			s.Add(recording.Event{T: 5 * time.Second, By: "kube", Service: &recording.Service{Name: rt.Service, ClusterIP: "10.96.7.7"}},
				recording.Event{T: 6 * time.Second, By: "run", Image: &recording.Image{Name: "other", Outcome: "pulled"}})
			want := answers(fold(t, s))
			r := rand.New(rand.NewPCG(uint64(n), 7))
			for round := range 30 {
				shuffled := *s
				shuffled.Events = slices.Clone(s.Events)
				if round%2 == 0 {
					// Whole disorder.
					r.Shuffle(len(shuffled.Events), func(i, j int) {
						shuffled.Events[i], shuffled.Events[j] = shuffled.Events[j], shuffled.Events[i]
					})
				} else {
					// As in life: each observer in its own order, some of them late.
					late := map[string]time.Duration{rt.Agent: time.Duration(r.Int64N(int64(3 * time.Second))), "kube": time.Duration(r.Int64N(int64(time.Second)))}
					slices.SortStableFunc(shuffled.Events, func(a, b recording.Event) int { return int(a.T + late[a.By] - b.T - late[b.By]) })
				}
				if got := answers(fold(t, &shuffled)); got != want {
					t.Fatalf("%s of %d nodes, round %d:\n%s\nsorted:\n%s", s.Scenario, n, round, got, want)
				}
			}
		}
	}
}

func TestLoad(t *testing.T) {
	s := rt.Recovery(3)
	path := filepath.Join(t.TempDir(), "r.jsonl")
	w, err := recording.Create(path, s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		w.Write(e)
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := view.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answers(v), answers(fold(t, s)); got != want {
		t.Errorf("read from a file:\n%s\nfrom memory:\n%s", got, want)
	}
}

// The recordings' profile is written by hand: it must be one that package profile could have written.
func TestRecordingsHaveAResolvedProfile(t *testing.T) {
	for _, s := range []*rt.Recording{rt.Formation(3), rt.Recovery(3), rt.Rollout(3), rt.Console(3)} {
		d := json.NewDecoder(bytes.NewReader(s.Profile))
		d.DisallowUnknownFields()
		var p profile.Resolved
		if err := d.Decode(&p); err != nil {
			t.Errorf("%s: %s", s.Scenario, err)
		}
		if p.Replicas() != 3 || p.Hold.D() != 10*time.Second || p.Budgets.StaleName.D() != 15*time.Second || p.DistPort != rt.DistPort || len(p.Console) != map[string]int{"console": 1}[string(s.Scenario)] {
			t.Errorf("%s: %+v", s.Scenario, p)
		}
	}
}

func TestPodsOfOthersAreNotOurs(t *testing.T) {
	s := rt.Formation(3)
	s.Add(recording.Event{T: time.Second, By: "kube", Pod: &recording.Pod{UID: "x", Name: "postgres-0", Labels: map[string]string{"app": "postgres"}, Ready: true}})
	if v := fold(t, s); len(v.Pods()) != 3 || len(v.Expected(rt.Formed)) != 3 {
		t.Errorf("%d pods, %d members", len(v.Pods()), len(v.Expected(rt.Formed)))
	}
}
