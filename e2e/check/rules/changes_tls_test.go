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
func overTLS(change func(i int, c *x509.Certificate) (by *signer), pods ...int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
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

func noTLS() []want {
	return []want{{whole, check.NotApplicable, "", []string{"no node uses TLS for distribution"}}}
}

func podsPass() []want {
	return []want{{"pod *", check.Pass, "", nil}}
}

func unchanged(*rt.Recording) {}

func certificatesNotSeen() func(s *rt.Recording) {
	return all(overTLS(nil, 0, 1, 2), func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Certificate != nil }) })
}

func tlsNotSpoken() []want {
	return []want{{"pod *", check.Unseen, "", []string{"uses TLS for distribution, and its certificate was not seen", "spec.tls.secret"}}}
}

func pod2Shows(change func(c *x509.Certificate) *signer) func(s *rt.Recording) {
	return overTLS(func(i int, c *x509.Certificate) *signer {
		if i != 2 {
			return authority()
		}
		return change(c)
	}, 0, 1, 2)
}

func pod2Fails(code string, says ...string) []want { return []want{{pod(2), check.Fail, code, says}} }
