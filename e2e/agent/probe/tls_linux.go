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

// identity is the parsed TLS identity of a plan; the zero value is none.
type identity struct {
	from  agent.Identity
	pair  *tls.Certificate
	roots [][]byte // in DER
}

// forPlan is the identity of that plan. Plans come often and mostly have the same identity, which is not parsed again.
func (i identity) forPlan(p agent.Plan) identity {
	switch {
	case p.Identity == nil:
		return identity{}
	case reflect.DeepEqual(i.from, *p.Identity):
		return i
	}
	i = identity{from: *p.Identity}
	if pair, err := p.Identity.Pair(); err == nil { // the server has checked the plan
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
	return o.tlsIdentity
}

// distDialer dials the distribution of the node in that pod, over TLS if the node uses it. Without a certificate a TLS
// node is not dialled at all: it would log an alert for each plain connection.
func (w *watch) distDialer(uid string, seen func(erldist.TLSPeer)) erldist.Dialer {
	plan, _ := w.current()
	own := w.o.identity()
	switch {
	case !plan.SpeaksTLS(uid):
		return w.dial
	case own.pair == nil:
		return func(_ context.Context, _, addr string) (net.Conn, error) {
			return nil, &erldist.Error{Step: erldist.StageTLS, Outcome: erldist.Failed, Addr: addr, Detail: "not dialled: the node accepts TLS only, and the profile has no certificate for it"}
		}
	}
	return erldist.OverTLS(w.dial, *own.pair, seen)
}

// maxChain limits the size of a recorded certificate chain.
const maxChain = 32 << 10

// recordCertificate records the certificate chain of the pod's node if it has changed.
func (v *viewer) recordCertificate(addr string, s erldist.TLSPeer) {
	c := recording.Certificate{Pod: v.w.pod.UID, Addr: addr, Version: s.Version, Chain: s.Chain, Roots: v.w.o.identity().roots}
	if len(bytes.Join(c.Chain, nil)) > maxChain {
		c.Chain = c.Chain[:1]
	}
	if !reflect.DeepEqual(v.lastCertificate, c) {
		v.lastCertificate = c
		v.w.emit(recording.Event{Certificate: &c})
	}
}
