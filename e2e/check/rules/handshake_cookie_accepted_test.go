package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeCookieAccepted(t *testing.T) {
	try(t, "handshake/cookie-accepted", []trial{
		{"our certificate is refused", func(s *rt.Recording) {
			s.Change(isCookie(2, "A"), func(e *recording.Event) {
				e.Cookie.Outcome, e.Cookie.Detail = recording.TLSRefused, "remote error: tls: unknown certificate authority"
			})
		}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "refuses our certificate", "unknown certificate authority"}}}},
		{"another cookie on one pod", func(s *rt.Recording) {
			s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = recording.Denied, "closed after reply" })
		}, []want{{pod(2), check.Fail, "cookie-refused", []string{rt.Node(2) + " (" + rt.Name(2) + ") refuses cookie A", rt.Name(0) + " and " + rt.Name(1) + " accept it", "two cookies"}}}},
		{"another cookie on two pods", func(s *rt.Recording) {
			for _, i := range []int{1, 2} {
				s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
			}
		}, []want{{pod(1), check.Fail, "cookie-refused", []string{rt.Name(0) + " accepts it"}}, {pod(2), check.Fail, "cookie-refused", nil}}},
		{"another cookie on all pods", func(s *rt.Recording) {
			for i := range 3 {
				s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
			}
		}, []want{{"pod *", check.Fail, "cookie-refused", []string{"no node accepts it"}}}},
		{"the handshake breaks", func(s *rt.Recording) {
			s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = "malformed", "tag 7" })
		}, []want{{pod(2), check.Fail, "handshake-broken", []string{rt.Name(2), "malformed", "tag 7"}}}},
		{"not tried", func(s *rt.Recording) { s.Drop(isCookie(2, "A")) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
		{"turned away before any cookie", func(s *rt.Recording) {
			s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = "not-allowed", "status not_allowed" })
		}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "status not_allowed"}}}},
		{"refused, and accepted after a restart", func(s *rt.Recording) {
			s.Add(recording.Event{T: 2100 * time.Millisecond, By: rt.Agent, Cookie: &recording.Cookie{Pod: rt.UID(2), Cookie: "A", Outcome: recording.Denied}})
		}, nil},
		{"a newline in the cookie of one pod", acceptsForm(recording.CookieNewline, 2), []want{{pod(2), check.Fail, "cookie-refused", []string{"two cookies are in use. It accepts A with a newline behind it", "without a newline (printf %s COOKIE | base64"}}}},
		{"a newline in the Secret, and one pod drops it", acceptsForm(recording.CookieTrimmed, 1), []want{{pod(1), check.Fail, "cookie-refused", []string{"It accepts A without the white space at its ends"}}}},
		{"a newline in the Secret, and all pods drop it", acceptsForm(recording.CookieTrimmed, 0, 1, 2), nil},
		{"one pod drops the newline, one has another cookie", func(s *rt.Recording) {
			acceptsForm(recording.CookieTrimmed, 0, 1)(s)
			s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
		}, []want{{"pod *", check.Fail, "cookie-refused", []string{"no node accepts it"}}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
	})
}

// acceptsForm lets the nodes of these pods refuse the cookie, and accept another form of it.
func acceptsForm(form string, pods ...int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		for _, i := range pods {
			s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
			s.Add(recording.Event{T: 5 * time.Second, By: rt.Agent, Cookie: &recording.Cookie{Pod: rt.UID(i), Cookie: form, Outcome: recording.OK, Node: rt.Node(i)}})
		}
	}
}
