package probe

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// identityOf is a plan's identity with a self-signed certificate.
func identityOf(t *testing.T, c tls.Certificate) *agent.Identity {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return &agent.Identity{Certificate: cert, Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), Roots: cert}
}

// A TLS node is probed over TLS, and its certificate is recorded once. Without a certificate of our own, a node that is
// known to use TLS is not dialled.
func TestOverTLS(t *testing.T) {
	h, pid := netnstest.New(t)
	ours, theirs := erldisttest.Certificate(t), erldisttest.Certificate(t, "a.example")
	trusted := x509.NewCertPool()
	trusted.AddCert(ours.Leaf)
	epmd, peer := fakes(t, h, erldisttest.Node{Name: "a@a.example", Cookie: secret, Creation: 7,
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{theirs}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted}})
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	plan := planOf(port(t, epmd.Addr), port(t, peer.Addr))

	// The node is known to use TLS, and the plan has no certificate.
	plan.Transports = map[string]agent.Transport{uidA: {TLS: true}}
	o.SetPlan(plan)
	e := s.await(t, "the event that says why it is not dialled", 0, func(e recording.Event) bool { return e.Nodes != nil }).Nodes
	if e.Outcome != recording.ProbeError || peer.Seen().Connections != 0 {
		t.Errorf("%+v, and %d connections", e, peer.Seen().Connections)
	}

	// With a certificate it is dialled over TLS, even before its command line is known.
	plan.Transports, plan.Identity, plan.Control = nil, identityOf(t, ours), true
	mark := s.now()
	o.SetPlan(plan)
	s.await(t, "its view", mark, func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Outcome == recording.OK && e.Nodes.Node == "a@a.example"
	})
	s.await(t, "the control", mark, func(e recording.Event) bool {
		return e.Cookie != nil && e.Cookie.Cookie == "wrong" && e.Cookie.Outcome == recording.Denied
	})
	time.Sleep(3 * agent.EveryView)
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown []recording.Certificate
	for _, e := range s.events {
		if e.Certificate != nil {
			shown = append(shown, *e.Certificate)
		}
	}
	if len(shown) != 1 || shown[0].Pod != uidA || shown[0].Version != "TLS 1.3" || len(shown[0].Chain) != 1 || !slices.Equal(shown[0].Chain[0], theirs.Certificate[0]) ||
		len(shown[0].Roots) != 1 || !slices.Equal(shown[0].Roots[0], ours.Certificate[0]) {
		t.Errorf("%+v", shown)
	}
}
