package erldist_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
)

// Over TLS everything works as without it, with each version, and the node's certificate is returned.
func TestOverTLS(t *testing.T) {
	ours, theirs := erldisttest.Certificate(t), erldisttest.Certificate(t, "a.example")
	trusted := x509.NewCertPool()
	trusted.AddCert(ours.Leaf)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			n := erldisttest.Node{Name: "a@a.example", Cookie: realCookie, Creation: 5, TLS: &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{theirs},
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted}, Nodes: func() ([]string, []string) { return []string{"b@b.example"}, nil }}
			s := n.Start(t)
			var showed []erldist.TLSPeer
			over := erldist.OverTLS(dial, ours, func(p erldist.TLSPeer) { showed = append(showed, p) })
			p, err := erldist.Challenge(within(t, 5*time.Second), over, s.Addr)
			if err != nil || p.Name != n.Name || p.Creation != 5 {
				t.Errorf("the challenge: %+v, %v", p, err)
			}
			c, err := erldist.Connect(within(t, 5*time.Second), over, s.Addr, erldist.NewCookie([]byte(realCookie)))
			if err != nil {
				t.Fatal(err)
			}
			nodes, err := c.Nodes(within(t, 5*time.Second))
			if err != nil || len(nodes) != 1 || nodes[0] != "b@b.example" {
				t.Errorf("nodes() is %v, %v", nodes, err)
			}
			if err = c.Close(); err != nil {
				t.Error(err)
			}
			if len(showed) != 2 || showed[1].Version != tls.VersionName(version) || len(showed[1].Chain) != 1 || string(showed[1].Chain[0]) != string(theirs.Certificate[0]) {
				t.Errorf("the certificates are %+v", showed)
			}
			_, err = erldist.Connect(within(t, 5*time.Second), over, s.Addr, erldist.NewCookie([]byte("another")))
			if erldist.OutcomeOf(err) != erldist.Denied {
				t.Errorf("another cookie: %v", err)
			}
		})
	}
}

// Each failure of TLS has its own outcome and message.
func TestOverTLSFailing(t *testing.T) {
	ours, theirs := erldisttest.Certificate(t), erldisttest.Certificate(t, "a.example")
	shows := func(version uint16) *tls.Config {
		return &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{theirs}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	}
	for name, x := range map[string]struct {
		n     erldisttest.Node
		want  erldist.Outcome
		says  string
		shown int
	}{
		"our certificate is rejected, TLS 1.2": {erldisttest.Node{TLS: shows(tls.VersionTLS12)}, erldist.TLSRefused, "TLS handshake: remote error: tls: ", 1},
		"our certificate is rejected, TLS 1.3": {erldisttest.Node{TLS: shows(tls.VersionTLS13)}, erldist.TLSRefused, "remote error: tls: ", 1},
		"an old version":                       {erldisttest.Node{TLS: &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{theirs}}}, erldist.TLSRefused, "protocol version", 0},
		"a node without TLS":                   {erldisttest.Node{Behaviour: erldisttest.SilentAfterAccept}, erldist.Silent, "TLS handshake: connected, but the TLS handshake was not finished within ", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := x.n.Start(t)
			seen := 0
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := erldist.Challenge(ctx, erldist.OverTLS(dial, ours, func(erldist.TLSPeer) { seen++ }), s.Addr)
			if erldist.OutcomeOf(err) != x.want || !strings.HasPrefix(err.Error(), s.Addr+": ") || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%s, %v; want %s and %q", erldist.OutcomeOf(err), err, x.want, x.says)
			}
			if seen != x.shown {
				t.Errorf("%d certificates were returned", seen)
			}
		})
	}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	if _, err := erldist.Challenge(within(t, 5*time.Second), erldist.OverTLS(dial, ours, nil), web.Listener.Addr().String()); erldist.OutcomeOf(err) != erldist.NotTLS {
		t.Errorf("HTTP: %s, %v", erldist.OutcomeOf(err), err)
	}
	nobody := erldisttest.EPMD{}.Start(t)
	nobody.Close()
	if _, err := erldist.Challenge(within(t, 5*time.Second), erldist.OverTLS(dial, ours, nil), nobody.Addr); erldist.OutcomeOf(err) != erldist.Refused {
		t.Errorf("nobody: %s, %v", erldist.OutcomeOf(err), err)
	}
}
