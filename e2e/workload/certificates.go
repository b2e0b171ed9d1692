package workload

import (
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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
)

// The annotations with which a Secret of the manifests requests a certificate from the run. It then contains ca.crt, tls.crt
// and tls.key, the same keys that cert-manager writes.
const (
	// CertificateFor lists the DNS names of the certificate, separated by commas; $(NAMESPACE) in them is the namespace.
	CertificateFor = "meshproof.dev/certificate-for"
	// CertificateEnds is when it expires, counted from now: default "24h", "-1h" for one that has expired.
	CertificateEnds = "meshproof.dev/certificate-ends"
)

// Keys of a Secret that contains a certificate; KeyPrivate has its private key.
const (
	keyAuthority   = "ca.crt"
	keyCertificate = "tls.crt"
	KeyPrivate     = "tls.key"
)

// certificateLife is long enough for any run.
const certificateLife = 24 * time.Hour

// Issue fills the Secrets that request a certificate. Each gets a certificate authority of its own, whose key is not kept: nodes
// with two such Secrets are two clusters that do not trust each other. made are the certificates, so that they can be redacted.
func (w *Workload) Issue(all *manifest.Set, namespace string, now time.Time) (issued *manifest.Set, made []*agent.Identity, err error) {
	issued = &manifest.Set{}
	for _, d := range all.Documents {
		asked, wrong := asksFor(d)
		if wrong != nil {
			return nil, made, wrong
		}
		if asked == nil {
			issued.Documents = append(issued.Documents, d)
			continue
		}
		i, wrong := issue(hosts(strings.ReplaceAll(asked.names, "$(NAMESPACE)", namespace)), now, asked.life)
		if wrong != nil {
			return nil, made, refused(d, wrong)
		}
		made = append(made, i)
		issued.Documents = append(issued.Documents, d.With(filled(d, map[string][]byte{keyAuthority: i.Roots, keyCertificate: i.Certificate, KeyPrivate: i.Key})))
	}
	return issued, made, nil
}

// asksWell returns an error if a Secret requests a certificate that cannot be created.
func asksWell(all *manifest.Set) error {
	for _, d := range all.Documents {
		if _, err := asksFor(d); err != nil {
			return err
		}
	}
	return nil
}

// request is a certificate that a Secret requests.
type request struct {
	names string
	life  time.Duration
}

// asksFor is the certificate that an object requests, nil if it requests none. The error about a wrong request has its place.
func asksFor(d *manifest.Document) (*request, error) {
	names, asks := annotation(d.Raw, CertificateFor)
	if !asks || d.Kind != "Secret" {
		return nil, nil
	}
	if len(hosts(names)) == 0 {
		return nil, refused(d, fmt.Errorf("annotation %s is empty; write DNS names, separated by commas", CertificateFor))
	}
	r := &request{names, certificateLife}
	if ends, there := annotation(d.Raw, CertificateEnds); there {
		life, err := time.ParseDuration(ends)
		if err != nil {
			return nil, refused(d, fmt.Errorf("annotation %s is %q; it must be a duration from now, such as 24h or -1h", CertificateEnds, ends))
		}
		r.life = life
	}
	return r, nil
}

// refused is the error about a certificate that cannot be created.
func refused(d *manifest.Document, err error) error {
	err = fmt.Errorf("the certificate of %s: %w", d, err)
	if place := d.At(); place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	return exitcode.With(exitcode.Usage, err)
}

// hosts are the DNS names of a list.
func hosts(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(", \n", r) })
}

// Identity reads the Secret with the certificate for TLS connections to the nodes, and waits for one that something in the
// cluster creates. The caller must keep its key secret; no error contains it.
func Identity(ctx context.Context, client kubernetes.Interface, namespace, name string, budget time.Duration) (*agent.Identity, error) {
	values, failed := map[string][]byte{}, error(nil)
	err := await(ctx, budget, "Secret "+name+" of spec.tls", func(ctx context.Context) (bool, string) {
		for _, key := range []string{keyAuthority, keyCertificate, KeyPrivate} {
			if values[key], failed = Secret(ctx, client, namespace, name, key); failed != nil {
				return !apierrors.IsNotFound(failed), failed.Error()
			}
		}
		return true, ""
	}, "the Secret in spec.tls")
	if failed != nil && !apierrors.IsNotFound(failed) {
		err = fmt.Errorf("the Secret in spec.tls: %w", failed)
	}
	if err != nil {
		return nil, err
	}
	i := &agent.Identity{Certificate: values[keyCertificate], Key: values[KeyPrivate], Roots: values[keyAuthority]}
	if _, err = i.Pair(); err != nil {
		err = exitcode.With(exitcode.Usage, fmt.Errorf("secret %s: %w", name, err))
	}
	return i, err
}

// filled is a Secret with these values.
func filled(secret *manifest.Document, values map[string][]byte) map[string]any {
	o := secret.Copy()
	data := dict(o["stringData"])
	if data == nil {
		data = map[string]any{}
		o["stringData"] = data
	}
	for k, v := range values {
		data[k] = string(v)
	}
	return o
}

// issue creates a certificate authority and a certificate for server and client: a node is both.
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
	// The subject must not look like a host name: until 29.0.1 OTP compared that, too.
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
