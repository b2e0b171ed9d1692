package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// The subjects of the recordings.
func pod(i int) string     { return "pod " + rt.Name(i) }
func pair(i, j int) string { return rt.Name(i) + " -> " + rt.Name(j) }

const (
	svc   = "service " + rt.Service
	whole = "workload dns-a"
)

// Matches for the events of one kind.
func isPod(i int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(i) }
}

func isNodes(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) && e.T >= from }
}

func isDNS(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.DNS != nil && e.DNS.Pod == rt.UID(i) && e.T >= from }
}

func isSockets(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Sockets != nil && e.Sockets.Pod == rt.UID(i) && e.T >= from
	}
}

func isEPMD(i, j int) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.EPMD != nil && e.EPMD.From == rt.UID(i) && e.EPMD.To == rt.UID(j)
	}
}

func isDist(i, j int) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Dist != nil && e.Dist.From == rt.UID(i) && e.Dist.To == rt.UID(j)
	}
}

func isCookie(i int, label string) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Cookie != nil && e.Cookie.Pod == rt.UID(i) && e.Cookie.Cookie == label
	}
}

func byAgent(e recording.Event) bool { return e.By == rt.Agent }
func byKube(e recording.Event) bool  { return e.By == "kube" }

// without is a list without one of its members.
func without(list []string, gone string) []string {
	var left []string
	for _, x := range list {
		if x != gone {
			left = append(left, x)
		}
	}
	return left
}

// blind takes node j out of what pod i's node believes from t on.
func blind(s *rt.Recording, i, j int, t time.Duration) {
	s.Change(isNodes(i, t), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j)) })
}
