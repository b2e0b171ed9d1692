package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeWrongCookieRefused() check.Check {
	return check.Check{
		ID: "handshake/wrong-cookie-refused", Title: "rejects a wrong cookie", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindCookie},
		Why:    "The cookie is the only protection of the distribution port, through which any code can be run in the node. A node that accepts a made-up cookie accepts everybody.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: map[string][]string{"any-cookie": nil},
		Judge: func(v *view.View) []check.Finding {
			return check.EachPod(v, func(p *view.Pod) check.Finding { return refusesOthers(v, p) })
		},
	}
}

// refusesOthers counts a refusal only if the right cookie is accepted: a node that refuses every cookie proves nothing.
func refusesOthers(v *view.View, p *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	wrong := evidence.CookieAttempt(p, "wrong")
	switch {
	case wrong == nil:
		f.Outcome, f.Message, f.Of = check.Unseen, "no wrong cookie was tried on "+p.Name, check.PairsTo(v, p)
		return f
	case wrong.Cookie.Outcome == recording.OK:
		f.Outcome, f.Code = check.Fail, "any-cookie"
		f.Message = fmt.Sprintf("%s (%s) accepts a random wrong cookie: everybody who can reach %s can run code in it", wrong.Cookie.Node, p.Name, wrong.Cookie.Addr)
		f.Remedy = "remove a -proto_dist module or a patch of dist_util that skips the challenge, and check that the node itself listens there, not a proxy"
		f.Try = fmt.Sprintf("kubectl -n %s exec %s -- erl -noinput -name x@127.0.0.1 -setcookie wrong -eval 'erlang:display(net_adm:ping('\"'%s'\"')),halt().'", v.Header.Namespace, p.Name, wrong.Cookie.Node)
	case wrong.Cookie.Outcome != recording.Denied:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the handshake of %s with a wrong cookie was neither refused nor accepted: %s (%s)", p.Name, wrong.Cookie.Outcome, wrong.Cookie.Detail)
	case evidence.CookieForm(p) == "":
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s refuses a wrong cookie, but this proves nothing: it was not seen to accept the right cookie (positive control)", p.Name)
	}
	f.At = wrong.T
	return f
}
