package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"reflect"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// identity is a plan's, ready for use; the zero value is none.
type identity struct {
	from  agent.Identity
	pair  *tls.Certificate
	roots [][]byte // in DER
}

// of is the identity of that plan. Plans come often, and mostly bring the same.
func (i identity) of(p agent.Plan) identity {
	switch {
	case p.Identity == nil:
		return identity{}
	case reflect.DeepEqual(i.from, *p.Identity):
		return i
	}
	i = identity{from: *p.Identity}
	if pair, err := p.Identity.Pair(); err == nil { // of a plan that was checked it is
		i.pair = &pair
	}
	for block, rest := pem.Decode(p.Identity.Roots); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			i.roots = append(i.roots, block.Bytes)
		}
	}
	return i
}

func (o *Observer) identity() identity {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.own
}

// distributed is how the node of the pod with that UID is dialled: over TLS where it speaks that. A TLS listener that is spoken
// to plainly logs an alert for each attempt, so that one to which there is no certificate is not spoken to at all.
func (w *watch) distributed(uid string, seen func(erldist.Shown)) erldist.Dialer {
	plan, _ := w.current()
	own := w.o.identity()
	switch {
	case !plan.SpeaksTLS(uid):
		return w.dial
	case own.pair == nil:
		return func(_ context.Context, _, addr string) (net.Conn, error) {
			return nil, &erldist.Error{Step: erldist.StageTLS, Outcome: erldist.Failed, Addr: addr, Detail: "not dialled: the node speaks TLS only, and the profile names no certificate to speak it with"}
		}
	}
	return erldist.OverTLS(w.dial, *own.pair, seen)
}

// maxChain bounds what is recorded of a chain that a peer shows.
const maxChain = 32 << 10

// shown records what the pod's node showed for itself, where that is not what it showed before.
func (v *viewer) shown(addr string, s erldist.Shown) {
	c := recording.Certificate{Pod: v.w.pod.UID, Addr: addr, Version: s.Version, Chain: s.Chain, Roots: v.w.o.identity().roots}
	if len(bytes.Join(c.Chain, nil)) > maxChain {
		c.Chain = c.Chain[:1]
	}
	if !reflect.DeepEqual(v.told, c) {
		v.told = c
		v.w.emit(recording.Event{Certificate: &c})
	}
}
