package workload

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/exitcode"
)

// The annotations with which a Secret of the manifests asks for a certificate that the run makes. It then holds ca.crt, tls.crt
// and tls.key, the keys that cert-manager writes.
const (
	// CertificateFor lists the DNS names of the certificate, with commas between them; $(NAMESPACE) in them is the namespace.
	CertificateFor = "meshproof.dev/certificate-for"
	// CertificateEnds is when it ends, counted from now: "24h" unless said, "-1h" for one that has ended.
	CertificateEnds = "meshproof.dev/certificate-ends"
)

// Keys of a Secret that holds a certificate.
const (
	keyAuthority   = "ca.crt"
	keyCertificate = "tls.crt"
	keyPrivate     = "tls.key"
)

// certificateLife is long enough for any run.
const certificateLife = 24 * time.Hour

// Issue fills the Secrets that ask for a certificate. Each has an authority of its own, whose key is forgotten at once: two that
// ask are two clusters that do not trust each other. made is what they got, for whoever guards secrets.
func (w *Workload) Issue(manifests []byte, namespace string, now time.Time) (issued []byte, made []*agent.Identity, err error) {
	issued, err = w.eachRequest(manifests, func(o *yaml.Node, names string, life time.Duration) error {
		i, wrong := issue(hosts(strings.ReplaceAll(names, "$(NAMESPACE)", namespace)), now, life)
		if wrong != nil {
			return wrong
		}
		made = append(made, i)
		fill(o, map[string][]byte{keyAuthority: i.Roots, keyCertificate: i.Certificate, keyPrivate: i.Key})
		return nil
	})
	return issued, made, err
}

// asksWell is an error where a Secret asks for a certificate that nobody can make.
func (w *Workload) asksWell(manifests []byte) error {
	_, err := w.eachRequest(manifests, func(*yaml.Node, string, time.Duration) error { return nil })
	return err
}

// eachRequest goes through the Secrets that ask for a certificate, which do may change. What is wrong with what one asks for is
// an error, with its place.
func (w *Workload) eachRequest(manifests []byte, do func(secret *yaml.Node, names string, life time.Duration) error) (changed []byte, err error) {
	if !bytes.Contains(manifests, []byte(CertificateFor)) {
		return manifests, nil
	}
	var wrong error
	changed, err = edited(manifests, func(o *yaml.Node) {
		asked := under(o, "metadata", "annotations", CertificateFor)
		if asked == nil || value(o, "kind") != "Secret" || wrong != nil {
			return
		}
		life, e := lifeOf(o)
		if e == nil && len(hosts(asked.Value)) == 0 {
			e = fmt.Errorf("annotation %s names no host; DNS names are needed, with commas between them", CertificateFor)
		}
		if e == nil {
			e = do(o, asked.Value, life)
		}
		if e != nil {
			name := value(o, "metadata", "name")
			wrong = fmt.Errorf("the certificate of Secret %s: %w", name, e)
			if place := w.places["Secret/"+name]; place != "" {
				wrong = fmt.Errorf("%s: %w", place, wrong)
			}
		}
	})
	if wrong != nil {
		return nil, exitcode.With(exitcode.Usage, wrong)
	}
	return changed, err
}

// hosts are the names of a list.
func hosts(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(", \n", r) })
}

// lifeOf is how long the certificate of a Secret is to be in force from now on.
func lifeOf(secret *yaml.Node) (time.Duration, error) {
	ends := under(secret, "metadata", "annotations", CertificateEnds)
	if ends == nil {
		return certificateLife, nil
	}
	life, err := time.ParseDuration(ends.Value)
	if err != nil {
		return 0, fmt.Errorf("annotation %s is %q; a duration from now such as 24h or -1h is needed", CertificateEnds, ends.Value)
	}
	return life, nil
}

// Identity reads the Secret with which nodes are spoken to over TLS, and waits for one that something in the cluster makes. Its
// key is the caller's to guard; no error holds it.
func Identity(ctx context.Context, client kubernetes.Interface, namespace, name string, budget time.Duration) (*agent.Identity, error) {
	values, failed := map[string][]byte{}, error(nil)
	err := await(ctx, budget, func(ctx context.Context) (bool, string) {
		for _, key := range []string{keyAuthority, keyCertificate, keyPrivate} {
			if values[key], failed = Secret(ctx, client, namespace, name, key); failed != nil {
				return !apierrors.IsNotFound(failed), failed.Error()
			}
		}
		return true, ""
	}, "the Secret that spec.tls names")
	if failed != nil && !apierrors.IsNotFound(failed) {
		err = fmt.Errorf("the Secret that spec.tls names: %w", failed)
	}
	if err != nil {
		return nil, err
	}
	i := &agent.Identity{Certificate: values[keyCertificate], Key: values[keyPrivate], Roots: values[keyAuthority]}
	if _, err = i.Pair(); err != nil {
		err = exitcode.With(exitcode.Usage, fmt.Errorf("secret %s: %w", name, err))
	}
	return i, err
}

// fill sets the texts of a Secret.
func fill(secret *yaml.Node, values map[string][]byte) {
	data := under(secret, "stringData")
	if data == nil {
		data = &yaml.Node{Kind: yaml.MappingNode}
		secret.Content = append(secret.Content, scalar("stringData"), data)
	}
	for _, k := range sortedKeys(values) {
		if there := under(data, k); there != nil {
			*there = *scalar(string(values[k]))
			continue
		}
		data.Content = append(data.Content, scalar(k), scalar(string(values[k])))
	}
}

// issue makes an authority and a certificate for both ends of a connection: a node is server and client.
func issue(names []string, now time.Time, life time.Duration) (*agent.Identity, error) {
	ends := now.Add(life)
	begins := now.Add(-time.Hour) // clocks differ
	if !ends.After(begins) {
		begins = ends.Add(-time.Hour)
	}
	root := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of one run"}, NotBefore: begins.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	// The subject has no name that a peer could take for a host's: OTP compared that, too, until 29.0.1.
	leaf := x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "nodes of one run"}, NotBefore: begins, NotAfter: ends, DNSNames: slices.Clone(names),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, &root, &root, signer.Public(), signer)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, &leaf, &root, own.Public(), signer)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, err
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return &agent.Identity{Certificate: block("CERTIFICATE", leafDER), Key: block("PRIVATE KEY", key), Roots: block("CERTIFICATE", rootDER)}, nil
}
