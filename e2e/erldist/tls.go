package erldist

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// Shown is what a peer showed for itself in a TLS handshake.
type Shown struct {
	Version string   // "TLS 1.2"
	Chain   [][]byte // its certificates in DER, its own first; nobody has verified them
}

// OverTLS gives a way to dial nodes that were started with -proto_dist inet_tls: as dial does, and then TLS, with own as this
// side's certificate. The peer's is not judged: whoever looks wants to hear the node whatever it shows, and to say what is wrong
// with that. It goes to seen, which may be nil, also where the peer then refuses ours. Errors are [*Error].
func OverTLS(dial Dialer, own tls.Certificate, seen func(Shown)) Dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := budget(ctx)
		defer cancel()
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		over := tls.Client(c, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // see above
			// Whatever authorities the peer asks for: it is the peer who refuses it.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
			VerifyConnection: func(s tls.ConnectionState) error {
				if seen != nil {
					seen(shown(s))
				}
				return nil
			},
		})
		began := time.Now()
		if err := over.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, givenUp(ctx, StageTLS, addr)
			}
			e := &Error{Step: StageTLS, Outcome: Classify(err, StageTLS), Addr: addr, Err: err}
			switch e.Outcome {
			case Closed:
				e.Detail, e.Err = "closed in the middle of the TLS handshake", nil
			case Silent:
				e.Detail, e.Err = "connected, and no whole TLS handshake came in "+time.Since(began).Round(time.Millisecond).String(), nil
			}
			return nil, e
		}
		return over, nil
	}
}

func shown(s tls.ConnectionState) Shown {
	p := Shown{Version: tls.VersionName(s.Version)}
	for _, c := range s.PeerCertificates {
		p.Chain = append(p.Chain, c.Raw)
	}
	return p
}

// wide reports whether the exchange is over TLS.
func (x *exchange) wide() bool {
	_, is := x.c.(*tls.Conn)
	return is
}

// classifyTLS knows the errors of a TLS connection of ours. An alert of the peer may come long after its handshake: of TLS 1.3
// our certificate is looked at only then.
func classifyTLS(err error) (Outcome, bool) {
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &record):
		return NotTLS, true
	case errors.As(err, &op) && op.Op == "remote error":
		return TLSRefused, true
	}
	return "", false
}
