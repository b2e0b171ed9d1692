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
		Why:    "The cookie is all that stands between the distribution port and any code run in the node. One that lets a made-up cookie pass lets everybody in.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: map[string][]string{"any-cookie": nil},
		Judge: func(v *view.View) []check.Finding {
			return check.EachPod(v, func(p *view.Pod) check.Finding { return refusesOthers(v, p) })
		},
	}
}

// refusesOthers counts a refusal only beside the right cookie accepted: a node that refuses everybody proves nothing.
func refusesOthers(v *view.View, p *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	right, wrong := evidence.CookieAttempt(p, "A"), evidence.CookieAttempt(p, "wrong")
	switch {
	case wrong == nil:
		f.Outcome, f.Message, f.Of = check.Unseen, "no wrong cookie was tried on "+p.Name, check.PairsTo(v, p)
		return f
	case wrong.Cookie.Outcome == recording.OK:
		f.Outcome, f.Code = check.Fail, "any-cookie"
		f.Message = fmt.Sprintf("%s (%s) accepts a cookie that was made up on the spot: whoever reaches port %s runs code in it", wrong.Cookie.Node, p.Name, wrong.Cookie.Addr)
		f.Remedy = "let no handshake module of -proto_dist or patch of dist_util skip the challenge, and see that what listens there is the node and no proxy that answers for it"
		f.Try = fmt.Sprintf("kubectl -n %s exec %s -- erl -noinput -name x@127.0.0.1 -setcookie wrong -eval 'erlang:display(net_adm:ping('\"'%s'\"')),halt().'", v.Header.Namespace, p.Name, wrong.Cookie.Node)
	case wrong.Cookie.Outcome != recording.Denied:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the handshake of %s with a wrong cookie was not refused but ended otherwise: %s (%s)", p.Name, wrong.Cookie.Outcome, wrong.Cookie.Detail)
	case right == nil || right.Cookie.Outcome != recording.OK:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s refuses a wrong cookie, but the control does not hold: the right one was not seen to be accepted", p.Name)
	}
	f.At = wrong.T
	return f
}
