package client

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// A reader that is slower than the agent loses lines in the middle of a stream. The line numbers show it.
func TestLinesMissingInTheMiddle(t *testing.T) {
	var seqs []uint64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e := json.NewEncoder(w)
		_ = e.Encode(agent.Head{Run: "r", Lost: 3})
		for _, n := range seqs {
			_ = e.Encode(agent.Line{Seq: n, Event: fault(int(n))})
		}
	}))
	defer s.Close()
	c := Over(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}, "agent-1", "app", agent.Token{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, x := range []struct {
		seqs   []uint64
		want   []string
		losses int
		says   string
	}{
		{[]uint64{3, 4, 5}, []string{"3", "4", "5"}, 1, "EOF"},
		{[]uint64{3, 4, 9, 10}, []string{"3", "4", "lost", "9", "10"}, 2, "EOF"},
		{[]uint64{3, 4, 4}, []string{"3", "4"}, 1, "received line 4, expected line 5"},
		{[]uint64{2}, nil, 1, "received line 2, expected line 3"},
	} {
		seqs = x.seqs
		var got []string
		losses := 0
		err := c.Stream(ctx, new(Cursor), func(string) {
			if losses++; losses > 1 {
				got = append(got, "lost")
			}
		}, func(l agent.Line) { got = append(got, l.Event.ObserverError.What) })
		if !slices.Equal(got, x.want) || losses != x.losses || !strings.Contains(err.Error(), x.says) {
			t.Errorf("lines %v: got %v, %d losses, %v; want %v, %d, %q", x.seqs, got, losses, err, x.want, x.losses, x.says)
		}
	}
}

// Looks that repeat earlier ones come whole. Where the earlier one was lost, so is the later one.
func TestRepeatedLinesComeWhole(t *testing.T) {
	whole := recording.Event{Nodes: &recording.Nodes{Pod: "a", Outcome: recording.OK, Visible: []string{"b@10.0.0.2"}}}
	sent := []agent.Line{{Seq: 0, Event: whole}, {Seq: 1, Event: recording.Event{Again: &recording.Again{As: 0}}}, {Seq: 5, Event: recording.Event{Again: &recording.Again{As: 3}}}, {Seq: 6, Event: whole}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e := json.NewEncoder(w)
		_ = e.Encode(agent.Head{Run: "r"})
		for _, l := range sent {
			_ = e.Encode(l)
		}
	}))
	defer s.Close()
	c := Over(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}, "agent-1", "app", agent.Token{})
	defer c.Close()
	var got, lost []string
	_ = c.Stream(t.Context(), new(Cursor), func(why string) { lost = append(lost, why) }, func(l agent.Line) { got = append(got, strings.Join(l.Event.Nodes.Visible, " ")) })
	if want := []string{"b@10.0.0.2", "b@10.0.0.2", "b@10.0.0.2"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	if len(lost) != 2 || !strings.Contains(lost[0], "3 lines") || !strings.Contains(lost[1], "line 5 left out: it repeats line 3") {
		t.Errorf("lost: %q", lost)
	}
}
