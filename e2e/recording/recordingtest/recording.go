package recordingtest

import (
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Names that all recordings have in common.
const (
	Namespace = "meshproof-dns-a"
	Service   = "derl"
	Image     = "meshproof/derl"
	Worker    = "worker" // the cluster's one node
	Agent     = "agent/" + Worker
	API       = "10.96.0.1:443" // the API server's address
	EPMDPort  = 4369
	DistPort  = 10000
)

// The turns of the recordings, as times of the recordings.
const (
	Applied = 500 * time.Millisecond // formation: the objects are there
	Ready   = 2500 * time.Millisecond
	Full    = 3 * time.Second // formation: all nodes see all nodes
	Formed  = 15 * time.Second

	Before    = 20 * time.Second // recovery: the baseline begins
	Deleted   = 22 * time.Second // recovery: the disturbance
	Exited    = 23 * time.Second // recovery: the victim's VM ends
	Rejoined  = 25500 * time.Millisecond
	Recovered = 29 * time.Second

	Began = Deleted                 // rollout: the disturbance; pod i and its replacement, pod n+i, have their turns one after the other
	Turn  = 1500 * time.Millisecond // rollout: what each of them takes
)

// Start is the wall clock of t = 0 in all recordings.
func Start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// Recording is a recording that is not written yet. Events are sorted by time.
type Recording struct {
	Scenario recording.Scenario
	Profile  json.RawMessage // a profile.Resolved, as a header holds it
	Events   []recording.Event
}

// Header is the recording's first line.
func (s *Recording) Header() recording.Header {
	return recording.Header{Format: recording.Format, Profile: s.Profile, Scenario: s.Scenario, Namespace: Namespace, Start: Start()}
}

// Drop removes the events that match. A test that changes nothing proves nothing, so it panics when there are none.
func (s *Recording) Drop(match func(recording.Event) bool) {
	var kept []recording.Event
	for _, e := range s.Events {
		if !match(e) {
			kept = append(kept, e)
		}
	}
	if len(kept) == len(s.Events) {
		panic("recordingtest: no event to drop")
	}
	s.Events = kept
}

// Change gives each event that matches to change, which may alter all of it. It panics when there are none.
func (s *Recording) Change(match func(recording.Event) bool, change func(*recording.Event)) {
	n := 0
	for i := range s.Events {
		if match(s.Events[i]) {
			change(&s.Events[i])
			n++
		}
	}
	if n == 0 {
		panic("recordingtest: no event to change")
	}
	s.sort()
}

// Add puts events into the recording, each at its time.
func (s *Recording) Add(events ...recording.Event) {
	s.Events = append(s.Events, events...)
	s.sort()
}

// Cut ends the recording at t.
func (s *Recording) Cut(t time.Duration) {
	s.Drop(func(e recording.Event) bool { return e.T > t })
}

func (s *Recording) sort() {
	sort.SliceStable(s.Events, func(i, j int) bool { return s.Events[i].T < s.Events[j].T })
}

// UID is the UID of pod i. In a recovery of n nodes the victim is pod 0 and its replacement pod n.
func UID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// Name is the name of pod i.
func Name(i int) string { return fmt.Sprintf("derl-6c9f-%c%d", 'a'+rune(i%26), i) }

// IP is the address of pod i.
func IP(i int) string { return fmt.Sprintf("10.244.%d.%d", i/200, i%200+2) }

// Node is the node name of pod i.
func Node(i int) string { return "derl@" + IP(i) }

// Edit decodes the recording's profile into p, which is a pointer to a profile.Resolved, lets change alter it and puts it
// back. This package knows the profile only as the JSON of a header, since package recording imports nothing of ours.
func (s *Recording) Edit(p any, change func()) {
	if err := json.Unmarshal(s.Profile, p); err != nil {
		panic(err)
	}
	change()
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	s.Profile = b
}

// profileOf is the profile of n nodes as a run resolves fixtures/profiles/dns-a, with the console commands given.
func profileOf(n int, console string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"name":"dns-a",`+
		`"workloads":[{"kind":"Deployment","name":"derl","replicas":%d,"labels":{"app":"derl"},"images":[%q]}],`+
		`"services":[%q],"service":%q,"epmdPort":%d,"distPort":%d,"interval":"1s","hold":"10s",`+
		`"budgets":{"formation":"1m30s","recovery":"1m0s","staleName":"15s"},"console":[%s]}`,
		n, Image, Service, Service, EPMDPort, DistPort, console))
}

// RolledOut is when the last pod of a rollout of n nodes is gone, and some time more.
func RolledOut(n int) time.Duration { return Began + time.Duration(n)*Turn + 3*time.Second }

func labels() map[string]string { return map[string]string{"app": "derl"} }
