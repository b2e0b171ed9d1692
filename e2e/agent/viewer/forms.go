package viewer

import (
	"context"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// form is another form of a cookie, and its label in recordings.
type form struct {
	label  string
	cookie erldist.Cookie
}

// forms are the forms in which nodes often have a cookie, but the one that is written: a Secret made with "echo … | base64" ends in a
// newline, which a VM drops that reads the cookie from a file or from vm.args, and keeps that takes it from its environment.
func forms(raw []byte) []form {
	if trimmed, changed := erldist.NewCookie(raw).Trimmed(); changed {
		if trimmed.Empty() {
			return nil
		}
		return []form{{recording.CookieTrimmed, trimmed}}
	}
	return []form{{recording.CookieNewline, erldist.NewCookie(append(raw[:len(raw):len(raw)], '\n'))}}
}

// tryForms tries other forms of the plan's cookie on a node that refused it: once for each start of a node, because each attempt
// writes an error report into its log. One that was accepted is used again. It is how the node can still be asked what it sees.
func (v *Viewer) tryForms(ctx context.Context, dial erldist.Dialer, addr string, one nodeID, plan agent.Plan) (*erldist.Conn, bool) {
	accepted, before := v.forms[one]
	if before && accepted == "" {
		return nil, false
	}
	for _, f := range forms(plan.Cookie) {
		short, cancel := context.WithTimeout(ctx, v.Timeout)
		c, err := erldist.Connect(short, dial, addr, f.cookie)
		cancel()
		if ctx.Err() != nil {
			_ = c.Close()
			return nil, false
		}
		if !before {
			v.Emit(recording.Event{Cookie: &recording.Cookie{Pod: v.Pod.UID, Addr: addr, Cookie: f.label, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: c.Peer.Name, Detail: errorText(err)}})
		}
		if err == nil {
			v.forms[one] = f.label
			return c, true
		}
		_ = c.Close()
		if erldist.OutcomeOf(err) == erldist.Denied {
			v.forms[one] = ""
		}
	}
	return nil, false
}
