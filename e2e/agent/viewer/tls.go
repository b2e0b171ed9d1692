package viewer

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

// Identity is the parsed TLS identity of a plan; the zero value is none.
type Identity struct {
	from  agent.Identity
	pair  *tls.Certificate
	roots [][]byte // in DER
}

// ForPlan is the identity of that plan. Plans come often and mostly have the same identity, which is not parsed again.
func (i Identity) ForPlan(p agent.Plan) Identity {
	switch {
	case p.Identity == nil:
		return Identity{}
	case reflect.DeepEqual(i.from, *p.Identity):
		return i
	}
	i = Identity{from: *p.Identity}
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

// DistDialer dials the distribution of the node in that pod, over TLS if the node uses it. Without a certificate a TLS
// node is not dialled at all: it would log an alert for each plain connection.
func DistDialer(dial erldist.Dialer, plan agent.Plan, own Identity, uid string, seen func(erldist.TLSPeer)) erldist.Dialer {
	switch {
	case !plan.SpeaksTLS(uid):
		return dial
	case own.pair == nil:
		return func(_ context.Context, _, addr string) (net.Conn, error) {
			return nil, &erldist.Error{Step: erldist.StageTLS, Outcome: erldist.Failed, Addr: addr, Detail: "not dialled: the node accepts TLS only, and the profile has no certificate for it"}
		}
	}
	return erldist.OverTLS(dial, *own.pair, seen)
}

// DistDialer dials the distribution of the viewer's node.
func (v *Viewer) DistDialer(seen func(erldist.TLSPeer)) erldist.Dialer {
	return DistDialer(v.Dial, v.Plan(), v.Identity(), v.Pod.UID, seen)
}

// maxChain limits the size of a recorded certificate chain.
const maxChain = 32 << 10

// recordCertificate records the certificate chain of the pod's node if it has changed.
func (v *Viewer) recordCertificate(addr string, s erldist.TLSPeer) {
	c := recording.Certificate{Pod: v.Pod.UID, Addr: addr, Version: s.Version, Chain: s.Chain, Roots: v.Identity().roots}
	if len(bytes.Join(c.Chain, nil)) > maxChain {
		c.Chain = c.Chain[:1]
	}
	if !reflect.DeepEqual(v.lastCertificate, c) {
		v.lastCertificate = c
		v.Emit(recording.Event{Certificate: &c})
	}
}
