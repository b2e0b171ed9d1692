package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeCookieAccepted() check.Check {
	return check.Check{
		ID: "handshake/cookie-accepted", Title: "accepts the cookie of the profile on every node", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindCookie},
		Why:    "Nodes with different cookies close each other's connections during the handshake; nodes() stays empty, and only the node that refuses logs why.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: check.Alike(check.NeedsMesh("handshake/wrong-cookie-refused"), "cookie-refused", "handshake-broken"),
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			accepted := evidence.AcceptingCookie(v)
			for _, p := range check.Members(v) {
				all = append(all, cookieOf(v, p, accepted))
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "there was no pod to try the cookie on")
			}
			return all
		},
	}
}

func cookieOf(v *view.View, p *view.Pod, accepted []string) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	e := evidence.CookieAttempt(p, "A")
	if e == nil {
		f.Outcome, f.Message, f.Of = check.Unseen, "the cookie was not tried on "+p.Name, check.PairsTo(v, p)
		return f
	}
	f.At = e.T
	switch e.Cookie.Outcome {
	case recording.OK:
	case evidence.NotAllowed:
		f.Outcome, f.Of = check.Unseen, check.PairsTo(v, p)
		f.Message = fmt.Sprintf("%s rejects our probe before cookie authentication: %s", p.Name, e.Cookie.Detail)
	case recording.TLSRefused:
		f.Outcome, f.Of = check.Unseen, check.PairsTo(v, p)
		f.Message = fmt.Sprintf("%s refuses our certificate before cookie authentication: %s", p.Name, e.Cookie.Detail)
	case recording.Denied:
		form := evidence.CookieForm(p)
		if form != "" && evidence.SameForm(v) {
			return f // all nodes read it in this way
		}
		f.Outcome, f.Code = check.Fail, "cookie-refused"
		f.Message = fmt.Sprintf("%s (%s) refuses cookie A, the cookie of the profile: it closes the connection after the challenge reply; ", e.Cookie.Node, p.Name)
		if len(accepted) > 0 {
			f.Message += fmt.Sprintf("%s accept%s it: two cookies are in use", check.List(accepted), check.VerbS(len(accepted)))
		} else {
			f.Message += "no node accepts it"
		}
		f.Seen = []string{e.Cookie.Detail}
		f.Remedy = "give all nodes the cookie from the same key of the same Secret, and restart nodes that started before the Secret changed"
		switch form {
		case recording.CookieTrimmed:
			f.Message += ". It accepts A without the white space at its ends"
			f.Remedy = cleanCookie
		case recording.CookieNewline:
			f.Message += ". It accepts A with a newline behind it: the cookie that it was given ends in one"
			f.Remedy = cleanCookie
		}
		f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep -i 'connection attempt from'", v.Header.Namespace, p.Name)
	default:
		f.Outcome, f.Code = check.Fail, "handshake-broken"
		f.Message = fmt.Sprintf("the handshake with %s was not completed: %s", p.Name, e.Cookie.Outcome)
		f.Seen = []string{e.Cookie.Detail}
	}
	return f
}

// cleanCookie is what to do where cookies differ only by what cannot be seen.
const cleanCookie = "write the cookie into each Secret without a newline (printf %s COOKIE | base64, or stringData), and restart the nodes"
