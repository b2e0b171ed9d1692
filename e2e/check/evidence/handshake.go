package evidence

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// AcceptingCookie names the pods that accept the profile's cookie: the positive control, without which a refusal proves nothing.
func AcceptingCookie(v *view.View) []string {
	var names []string
	for _, p := range check.Members(v) {
		if e := CookieAttempt(p, "A"); e != nil && e.Cookie.Outcome == recording.OK {
			names = append(names, p.Name)
		}
	}
	return names
}

// CookieForm is the form of the profile's cookie that the pod's node accepts: "A" as it is written, [recording.CookieTrimmed] or
// [recording.CookieNewline]; "" for none, or where that is not known.
func CookieForm(p *view.Pod) string {
	for _, form := range []string{"A", recording.CookieTrimmed, recording.CookieNewline} {
		if e := CookieAttempt(p, form); e != nil && e.Cookie.Outcome == recording.OK {
			return form
		}
	}
	return ""
}

// SameForm reports whether all nodes accept the profile's cookie in the same form.
func SameForm(v *view.View) bool {
	pods := check.Members(v)
	for _, p := range pods {
		if f := CookieForm(p); f == "" || f != CookieForm(pods[0]) {
			return false
		}
	}
	return len(pods) > 0
}

// CookieAttempt is the last complete handshake with that cookie from which something was learnt.
func CookieAttempt(p *view.Pod, cookie string) *recording.Event {
	for _, e := range slices.Backward(p.Cookies) {
		if e.Cookie.Cookie == cookie && e.Cookie.Outcome != recording.ProbeError {
			return &e
		}
	}
	return nil
}

// NotAllowed is the status with which a node rejects a peer: the node was reached.
const NotAllowed = recording.Outcome("not-allowed")

// EachNode judges every member by what its node reports in the handshake.
func EachNode(judge func(v *view.View, p *view.Pod, from, to time.Duration) check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		from, to := check.Settled(v)
		return check.EachPod(v, func(p *view.Pod) check.Finding { return judge(v, p, from, to) })
	}
}

// Challenge is the last challenge that the pod's own node sent in the window, or nil. A remote console in the pod may have sent
// others.
func Challenge(p *view.Pod, from, to time.Duration) *view.Dial {
	for _, d := range slices.Backward(view.During(p.ToDist, from, to)) {
		if d.Good && d.Dist.Node == p.Node() {
			return &d
		}
	}
	return nil
}

// LastNamed is when the pod's node last said its name.
func LastNamed(p *view.Pod) time.Duration {
	t := time.Duration(0)
	for _, d := range slices.Backward(p.ToDist) {
		if d.Dist.Node != "" {
			t = d.T
			break
		}
	}
	for _, list := range [][]recording.Event{p.Nodes, p.Cookies} {
		for _, e := range slices.Backward(list) {
			if e.Nodes != nil && e.Nodes.Node != "" || e.Cookie != nil && e.Cookie.Node != "" {
				t = max(t, e.T)
				break
			}
		}
	}
	return t
}

// HandshakeUnseen is the finding on a pod whose node sent no challenge.
func HandshakeUnseen(v *view.View, p *view.Pod) check.Finding {
	of := check.PairsTo(v, p)
	if len(of) == 0 {
		of = []check.Subject{check.OnWorkload(v)} // the other pods, which would have dialled it, are missing
	}
	return check.Finding{Subject: check.OnPod(p), Of: of, Outcome: check.Unseen, Message: "the node of " + p.Name + " did not answer a distribution handshake"}
}
