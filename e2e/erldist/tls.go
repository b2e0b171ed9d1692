package erldist

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// TLSPeer is what a peer sent in a TLS handshake.
type TLSPeer struct {
	Version string   // "TLS 1.2"
	Chain   [][]byte // its certificates in DER, its own first; they are not verified
}

// OverTLS returns a Dialer for nodes that were started with -proto_dist inet_tls: it dials and then uses TLS, with own as
// this side's certificate. It does not verify the peer's certificate, because a probe must be able to talk to a node with a
// wrong certificate, too. The certificate is passed to seen, which may be nil, even if the peer then rejects ours. Errors
// are [*Error].
func OverTLS(dial Dialer, own tls.Certificate, seen func(TLSPeer)) Dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := withDefaultDeadline(ctx)
		defer cancel()
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		over := tls.Client(c, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // see above
			// Send it whatever authorities the peer requests: the peer decides whether to reject it.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
			VerifyConnection: func(s tls.ConnectionState) error {
				if seen != nil {
					seen(tlsPeer(s))
				}
				return nil
			},
		})
		began := time.Now()
		if err := over.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, cancelled(ctx, StageTLS, addr)
			}
			e := &Error{Step: StageTLS, Outcome: Classify(err, StageTLS), Addr: addr, Err: err}
			switch e.Outcome {
			case Closed:
				e.Detail, e.Err = "closed during the TLS handshake", nil
			case Silent:
				e.Detail, e.Err = "connected, but the TLS handshake was not finished within "+time.Since(began).Round(time.Millisecond).String(), nil
			}
			return nil, e
		}
		return over, nil
	}
}

func tlsPeer(s tls.ConnectionState) TLSPeer {
	p := TLSPeer{Version: tls.VersionName(s.Version)}
	for _, c := range s.PeerCertificates {
		p.Chain = append(p.Chain, c.Raw)
	}
	return p
}

// overTLS reports whether the exchange is over TLS.
func (x *exchange) overTLS() bool {
	_, is := x.c.(*tls.Conn)
	return is
}

// classifyTLS classifies the errors of a TLS connection. An alert of the peer may arrive after the handshake: with TLS 1.3
// the peer checks our certificate only then.
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
