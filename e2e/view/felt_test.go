package view_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func feltEvent(t time.Duration, from, to int, f recording.Felt) recording.Event {
	f.Pod, f.Peer, f.At = rt.UID(from), rt.Node(to), t
	return recording.Event{T: t, By: recording.ByKube, Felt: &f}
}

func TestFelt(t *testing.T) {
	const s = time.Second
	up, down := recording.Felt{What: "message", Up: true}, recording.Felt{What: "message"}
	back := func(d time.Duration, n int) recording.Felt {
		return recording.Felt{What: "message", Up: true, For: d, Messages: n}
	}
	for _, x := range []struct {
		name   string
		events []recording.Event
		want   []string
	}{
		{"no application that tells", nil, nil},
		{"nothing is lost", []recording.Event{feltEvent(1*s, 1, 2, up), feltEvent(1*s, 2, 1, up)}, []string{"message false: 0 of 2, 0 not back, 0 messages, longest 0s"}},
		{"lost and back, twice on one pair", []recording.Event{
			feltEvent(1*s, 1, 2, up), feltEvent(1*s, 2, 1, up),
			feltEvent(23*s, 1, 2, down), feltEvent(24*s, 1, 2, back(900*time.Millisecond, 8)), feltEvent(25*s, 1, 2, down), feltEvent(26*s, 1, 2, back(s, 9)),
		}, []string{"message false: 1 of 2, 0 not back, 17 messages, longest 1s"}},
		{"not back", []recording.Event{feltEvent(1*s, 1, 2, up), feltEvent(26*s, 1, 2, down)}, []string{"message false: 1 of 1, 1 not back, 0 messages, longest 3s"}},
		{"in the scenario before", []recording.Event{feltEvent(10*s, 1, 2, back(s, 9))}, []string{"message false: 0 of 1, 0 not back, 0 messages, longest 0s"}},
		{"since the scenario before", []recording.Event{feltEvent(10*s, 1, 2, down)}, []string{"message false: 1 of 1, 1 not back, 0 messages, longest 19s"}},
		{"with the pod that is deleted", []recording.Event{feltEvent(1*s, 1, 2, up), feltEvent(1*s, 1, 0, up), feltEvent(23*s, 1, 0, down)},
			[]string{"message false: 0 of 1, 0 not back, 0 messages, longest 0s", "message true: 1 of 1, 1 not back, 0 messages, longest 6s"}},
		{"with a pod that is gone long since", []recording.Event{{T: 10 * s, By: recording.ByKube, Felt: &recording.Felt{Pod: rt.UID(1), Peer: "derl@10.9.9.9", What: "message"}}}, nil},
	} {
		r := rt.Recovery(3)
		r.Add(x.events...)
		v := fold(t, r)
		var got []string
		for _, l := range v.Felt() {
			got = append(got, fmt.Sprintf("%s %v: %d of %d, %d not back, %d messages, longest %s", l.What, l.Ended, l.Lost, l.Pairs, l.NotBack, l.Messages, l.Longest.For.Round(s)))
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s:\n%q, want\n%q", x.name, got, x.want)
		}
	}
}
