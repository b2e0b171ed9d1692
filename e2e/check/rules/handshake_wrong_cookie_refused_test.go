package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeWrongCookieRefused(t *testing.T) {
	isWrong := func(o recording.Outcome) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isCookie(2, "wrong"), func(e *recording.Event) { e.Cookie.Outcome = o })
		}
	}
	try(t, "handshake/wrong-cookie-refused", []trial{
		noAgent(),
		{"any cookie will do", isWrong(recording.OK), []want{{pod(2), check.Fail, "any-cookie", []string{rt.Node(2), "a random wrong cookie", rt.IP(2) + ":10000"}}}},
		{"not tried", func(s *rt.Recording) { s.Drop(isCookie(2, "wrong")) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
		{"the handshake broke", isWrong("reset"), []want{{pod(2), check.Unseen, "", []string{"reset"}}}},
		{"no cookie will do", func(s *rt.Recording) {
			s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
		}, []want{{pod(2), check.Unseen, "", []string{"this proves nothing"}}}},
		{"the right one will do without its newline", acceptsForm(recording.CookieTrimmed, 2), nil},
	})
}
