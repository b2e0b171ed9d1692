package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeNobodyRejected(t *testing.T) {
	says := func(i int, line string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(i) }, func(e *recording.Event) {
				for j := range e.Pod.Containers {
					e.Pod.Containers[j].Log = []string{line}
				}
			})
		}
	}
	alone2 := func(line string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			for _, i := range []int{0, 1} {
				unlinked(s, i, 2, 0, rt.Recovered)
				unlinked(s, 2, i, 0, rt.Recovered)
			}
			says(2, line)(s)
		}
	}
	rejected := "2026-01-02T03:04:15.5Z =ERROR REPORT==== ** Connection attempt from node '" + rt.Node(0) + "' rejected. Invalid challenge reply. **"
	try(t, "handshake/nobody-rejected", []trial{
		{"another cookie", alone2(rejected), []want{{pair(0, 2), check.Fail, "cookie-refused",
			[]string{rt.Name(2) + "'s log rejects " + rt.Name(0), "invalid challenge reply", "different cookies", "2026-01-02T03:04:15Z"}}}},
		{"as Elixir prints it", alone2(`2026-01-02T03:04:15.5Z [error] ** Connection attempt from node :"` + rt.Node(0) + `" rejected. Invalid challenge reply. **`), []want{{pair(0, 2), check.Fail, "cookie-refused", nil}}},
		{"not allowed", alone2("2026-01-02T03:04:15.5Z ** Connection attempt from disallowed node '" + rt.Node(1) + "' **"), []want{{pair(1, 2), check.Fail, "not-allowed", []string{"net_kernel:allow/1"}}}},
		{"another reason", alone2("2026-01-02T03:04:15.5Z ** Connection attempt from node '" + rt.Node(1) + "' aborted since it cannot handle [utf8_atoms] **"), []want{{pair(1, 2), check.Fail, "rejected", []string{"cannot handle"}}}},
		{"before it was started again", alone2("2026-01-02T03:04:06.1Z" + rejected[len("2026-01-02T03:04:15.5Z"):]), nil},
		{"they are linked by now", says(2, rejected), nil},
		{"a node that is no pod's", alone2("2026-01-02T03:04:15.5Z ** Connection attempt from node 'x@10.9.9.9' rejected. Invalid challenge reply. **"), nil},
		{"no pod is Ready", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Ready = false })
		}, []want{{whole, check.Unseen, "", []string{"no pod is Ready"}}}},
	})
}
