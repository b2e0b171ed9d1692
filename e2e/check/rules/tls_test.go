package rules_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// authority signs the certificates of the trials, and stranger another's.
var authority, stranger = sync.OnceValue(newSigner), sync.OnceValue(newSigner)

type signer struct {
	key  *ecdsa.PrivateKey
	cert x509.Certificate
	der  []byte
}

func newSigner() *signer {
	s := &signer{cert: x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: rt.Start().Add(-time.Hour), NotAfter: rt.Start().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}}
	s.key, s.der = signed(&s.cert, nil)
	return s
}

// signed makes a certificate in DER, signed by the signer or by itself.
func signed(c *x509.Certificate, by *signer) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	if by == nil {
		by = &signer{key: key, cert: *c}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, &by.cert, key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	return key, der
}

// host is the host part of the name of pod i's node in the trials with TLS.
func host(i int) string {
	return rt.Name(i) + "." + rt.Service + "." + rt.Namespace + ".svc.cluster.local"
}

// overTLS lets the nodes of the pods speak TLS; those that are not named speak plainly. Each shows a certificate for its host,
// changed by change.
func overTLS(change func(i int, c *x509.Certificate) (by *signer), pods ...int) func(s *rt.Story) {
	return func(s *rt.Story) {
		for i := range 3 {
			calls(i, "derl@"+host(i))(s)
		}
		for _, i := range pods {
			c := x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "nodes"}, NotBefore: rt.Start().Add(-time.Minute), NotAfter: rt.Start().Add(time.Minute), DNSNames: []string{host(i)},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
			by := authority()
			if change != nil {
				by = change(i, &c)
			}
			_, der := signed(&c, by)
			s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(i) }, func(e *recording.Event) {
				e.VM.Args = append(slices.Clone(e.VM.Args), "-proto_dist", "inet_tls", "-ssl_dist_optfile", "/etc/dist/ssl_dist.conf")
			})
			s.Add(recording.Event{T: 3 * time.Second, By: rt.Agent, Certificate: &recording.Certificate{Pod: rt.UID(i), Addr: rt.IP(i) + ":10000", Version: "TLS 1.2", Chain: [][]byte{der}, Roots: [][]byte{authority().der}}})
		}
	}
}

// lonely leaves no connection between the nodes.
func lonely(s *rt.Story) {
	s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) { e.Sockets.Links = nil })
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
}

func both(all ...func(s *rt.Story)) func(s *rt.Story) {
	return func(s *rt.Story) {
		for _, f := range all {
			f(s)
		}
	}
}

func tlsTrials() map[string][]trial {
	none := []want{{whole, check.NotApplicable, "", []string{"no node uses TLS for distribution"}}}
	passes := []want{{"pod *", check.Pass, "", nil}}
	plain := func(*rt.Story) {}
	hidden := both(overTLS(nil, 0, 1, 2), func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Certificate != nil }) })
	unspoken := []want{{"pod *", check.Unseen, "", []string{"uses TLS for distribution, and its certificate was not seen", "spec.tls.secret"}}}
	one := func(change func(c *x509.Certificate) *signer) func(s *rt.Story) {
		return overTLS(func(i int, c *x509.Certificate) *signer {
			if i != 2 {
				return authority()
			}
			return change(c)
		}, 0, 1, 2)
	}
	ended := one(func(c *x509.Certificate) *signer {
		c.NotAfter = rt.Start().Add(-time.Second)
		return authority()
	})
	fails := func(code string, says ...string) []want { return []want{{pod(2), check.Fail, code, says}} }
	service := one(func(c *x509.Certificate) *signer {
		c.DNSNames = []string{rt.Service + "." + rt.Namespace + ".svc.cluster.local"}
		return authority()
	})
	all := func(names ...string) func(s *rt.Story) {
		return overTLS(func(_ int, c *x509.Certificate) *signer {
			c.DNSNames = names
			return authority()
		}, 0, 1, 2)
	}
	return map[string][]trial{
		"dist/tls-everywhere": {
			{"none", plain, none},
			{"all", overTLS(nil, 0, 1, 2), passes},
			{"one does not", overTLS(nil, 0, 1), []want{{pod(2), check.Fail, "mixed", []string{rt.Name(2) + " uses distribution without TLS", rt.Name(0) + " and " + rt.Name(1) + " use it over TLS", "give all nodes the same -proto_dist"}}}},
			{"one alone", overTLS(nil, 2), []want{{pod(2), check.Fail, "mixed", []string{"uses distribution over TLS", "-proto_dist inet_tls"}}}},
			{"one command line was not seen", both(overTLS(nil, 0, 1), func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) || toDist(2, 0)(e) })
			}), []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
			{"told by an alert", both(overTLS(nil, 0, 1), func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) })
				s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Outcome = recording.TLSAlert })
			}), passes},
		},
		"dist/certificate-trusted": {
			{"none", plain, none},
			{"all", overTLS(nil, 0, 1, 2), passes},
			{"one speaks plainly", overTLS(nil, 0, 1), []want{{pod(2), check.NotApplicable, "", []string{"without TLS"}}, {"pod *", check.Pass, "", nil}}},
			{"it was not seen", hidden, unspoken},
			{"it has ended", both(ended, lonely), fails("ended", rt.Name(2), "it expired at 2026-01-02T03:04:04Z")},
			{"it has not begun", both(one(func(c *x509.Certificate) *signer {
				c.NotBefore = rt.Start().Add(30 * time.Second)
				return authority()
			}), lonely), fails("not-begun", rt.Name(2), "it is valid only from 2026-01-02T03:04:35Z")},
			{"another authority", both(one(func(*x509.Certificate) *signer { return stranger() }), lonely), fails("untrusted", rt.Name(2), "unknown authority", "issuer CN=authority")},
			{"for servers only", both(one(func(c *x509.Certificate) *signer {
				c.ExtKeyUsage = c.ExtKeyUsage[:1]
				return authority()
			}), lonely), fails("one-sided", "not be used as a client")},
			{"for clients only", both(one(func(c *x509.Certificate) *signer {
				c.ExtKeyUsage = c.ExtKeyUsage[1:]
				return authority()
			}), lonely), fails("one-sided", "not be used as a server")},
			// The pod of the highest number dials all others: nobody was seen to take its certificate.
			{"it has ended, and dials", ended, fails("ended")},
			{"it has ended, and nobody minds", overTLS(func(i int, c *x509.Certificate) *signer {
				if i == 0 {
					c.NotAfter = rt.Start()
				}
				return authority()
			}, 0, 1, 2), []want{{pod(0), check.Pass, "", []string{"verify_none", rt.Name(1) + " has connected to " + rt.Name(0)}}}},
			{"no authority is known", both(overTLS(nil, 0, 1, 2), func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Certificate != nil }, func(e *recording.Event) { e.Certificate.Roots = nil })
			}), []want{{"pod *", check.Unseen, "", nil}}},
		},
		"dist/certificate-names-host": {
			{"none", plain, none},
			{"all", overTLS(nil, 0, 1, 2), passes},
			{"it was not seen", hidden, unspoken},
			{"it cannot be read", both(overTLS(nil, 0, 1, 2), func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Certificate != nil && e.Certificate.Pod == rt.UID(2) }, func(e *recording.Event) { e.Certificate.Chain = [][]byte{{1, 2}} })
			}), []want{{pod(2), check.Unseen, "", []string{"cannot be parsed"}}}},
			{"nothing was shown", both(overTLS(nil, 0, 1, 2), func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Certificate != nil && e.Certificate.Pod == rt.UID(2) }, func(e *recording.Event) { e.Certificate.Chain = nil })
			}), []want{{pod(2), check.Unseen, "", []string{"cannot be parsed: the chain is empty"}}}},
			{"it names the Service", both(service, lonely), fails("host-not-named", host(2), "DNS names in the certificate: "+rt.Service+"."+rt.Namespace+".svc", "subject alternative names include "+host(2))},
			{"it names nobody", both(all(), lonely), []want{{"pod *", check.Fail, "host-not-named", []string{"has no DNS name"}}}},
			{"it names the Service, and the pod dials", service, fails("host-not-named")},
			{"a wildcard, and no link", both(all("*."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), lonely), []want{{"pod *", check.Fail, "wildcard-only", []string{"customize_hostname_check"}}}},
			{"a wildcard, and links", all("*." + rt.Service + "." + rt.Namespace + ".svc.cluster.local"), passes},
			{"in capitals", all(host(0), host(1), "DERL"+host(2)[4:]), passes},
			{"the node's name was not heard", both(overTLS(nil, 0, 1, 2), unheard(2)), []want{{pod(2), check.Unseen, "", []string{"is not known"}}}},
		},
	}
}
