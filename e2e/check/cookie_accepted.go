package check

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func cookieAccepted() Check {
	return Check{
		ID: "handshake/cookie-accepted", Title: "accepts the cookie of the profile on every node", Rung: Handshake, Level: Required, Scenario: "formation",
		Why:    "Nodes with different cookies close each other's connections in mid-handshake; nodes() stays empty and only the refusing side logs why.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: Alike(NeedsMesh("handshake/wrong-cookie-refused"), "cookie-refused", "handshake-broken"),
		Judge: func(v *view.View) []Finding {
			var all []Finding
			accepted := accepting(v)
			for _, p := range members(v) {
				all = append(all, cookieOf(v, p, accepted))
			}
			if len(all) == 0 {
				return none(v, "there was no pod to try the cookie on")
			}
			return all
		},
	}
}

// accepting names the pods that accept the profile's cookie: the control that makes a refusal mean something.
func accepting(v *view.View) []string {
	var names []string
	for _, p := range members(v) {
		if e := attempt(p, "A"); e != nil && e.Cookie.Outcome == recording.OK {
			names = append(names, p.Name)
		}
	}
	return names
}

// attempt is the youngest complete handshake with that cookie of which something was learnt.
func attempt(p *view.Pod, cookie string) *recording.Event {
	for _, e := range slices.Backward(p.Cookies) {
		if e.Cookie.Cookie == cookie && e.Cookie.Outcome != recording.ProbeError {
			return &e
		}
	}
	return nil
}

func cookieOf(v *view.View, p *view.Pod, accepted []string) Finding {
	f := Finding{Subject: onPod(p), Outcome: Pass}
	e := attempt(p, "A")
	if e == nil {
		f.Outcome, f.Message, f.Of = Unseen, "the cookie was not tried on "+p.Name, toward(v, p)
		return f
	}
	f.At = e.T
	switch e.Cookie.Outcome {
	case recording.OK:
	case notAllowed:
		f.Outcome, f.Of = Unseen, toward(v, p)
		f.Message = fmt.Sprintf("%s turns our probe away before any cookie is asked for: %s", p.Name, e.Cookie.Detail)
	case recording.TLSRefused:
		f.Outcome, f.Of = Unseen, toward(v, p)
		f.Message = fmt.Sprintf("%s refuses our certificate before any cookie is asked for: %s", p.Name, e.Cookie.Detail)
	case recording.Denied:
		f.Outcome, f.Code = Fail, "cookie-refused"
		f.Message = fmt.Sprintf("%s (%s) refuses cookie A, which the profile declares: it closes the connection after the challenge reply; ", e.Cookie.Node, p.Name)
		if len(accepted) > 0 {
			f.Message += fmt.Sprintf("%s accept%s it: two cookies are in use", list(accepted), s(len(accepted)))
		} else {
			f.Message += "no node accepts it"
		}
		f.Seen = []string{e.Cookie.Detail}
		f.Remedy = "give all nodes the cookie of the same Secret key (-setcookie in vm.args), and restart those that started before it changed"
		f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep -i 'connection attempt from'", v.Header.Namespace, p.Name)
	default:
		f.Outcome, f.Code = Fail, "handshake-broken"
		f.Message = fmt.Sprintf("the handshake with %s did not end: %s", p.Name, e.Cookie.Outcome)
		f.Seen = []string{e.Cookie.Detail}
	}
	return f
}

func s(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

// list joins names for a sentence, the first few of many.
func list(names []string) string {
	const most = 4
	out := ""
	for i, n := range names {
		switch {
		case i == most:
			return out + fmt.Sprintf(" and %d more", len(names)-most)
		case i > 0 && i == len(names)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += n
	}
	return out
}
