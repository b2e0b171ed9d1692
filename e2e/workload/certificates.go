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

// The annotations with which a Secret of the manifests asks for a certificate that the run makes. It then holds ca.crt, tls.crt
// and tls.key, the keys that cert-manager writes.
const (
	// CertificateFor lists the DNS names of the certificate, with commas between them; $(NAMESPACE) in them is the namespace.
	CertificateFor = "meshproof.dev/certificate-for"
	// CertificateEnds is when it ends, counted from now: "24h" unless said, "-1h" for one that has ended.
	CertificateEnds = "meshproof.dev/certificate-ends"
)

// Keys of a Secret that holds a certificate; KeyPrivate is that of its private key.
const (
	keyAuthority   = "ca.crt"
	keyCertificate = "tls.crt"
	KeyPrivate     = "tls.key"
)

// certificateLife is long enough for any run.
const certificateLife = 24 * time.Hour

// Issue fills the Secrets that ask for a certificate. Each has an authority of its own, whose key is forgotten at once: two that
// ask are two clusters that do not trust each other. made is what they got, for whoever guards secrets.
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

// asksWell is an error where a Secret asks for a certificate that nobody can make.
func asksWell(all *manifest.Set) error {
	for _, d := range all.Documents {
		if _, err := asksFor(d); err != nil {
			return err
		}
	}
	return nil
}

// request is a certificate that a Secret asks for.
type request struct {
	names string
	life  time.Duration
}

// asksFor is the certificate that an object asks for, nil where it asks for none. What is wrong with the request is an error with
// its place.
func asksFor(d *manifest.Document) (*request, error) {
	names, asks := annotation(d.Raw, CertificateFor)
	if !asks || d.Kind != "Secret" {
		return nil, nil
	}
	if len(hosts(names)) == 0 {
		return nil, refused(d, fmt.Errorf("annotation %s names no host; DNS names are needed, with commas between them", CertificateFor))
	}
	r := &request{names, certificateLife}
	if ends, there := annotation(d.Raw, CertificateEnds); there {
		life, err := time.ParseDuration(ends)
		if err != nil {
			return nil, refused(d, fmt.Errorf("annotation %s is %q; a duration from now such as 24h or -1h is needed", CertificateEnds, ends))
		}
		r.life = life
	}
	return r, nil
}

// refused is the error about a certificate that is not made.
func refused(d *manifest.Document, err error) error {
	err = fmt.Errorf("the certificate of %s: %w", d, err)
	if place := d.At(); place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	return exitcode.With(exitcode.Usage, err)
}

// hosts are the names of a list.
func hosts(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(", \n", r) })
}

// Identity reads the Secret with which nodes are spoken to over TLS, and waits for one that something in the cluster makes. Its
// key is the caller's to guard; no error holds it.
func Identity(ctx context.Context, client kubernetes.Interface, namespace, name string, budget time.Duration) (*agent.Identity, error) {
	values, failed := map[string][]byte{}, error(nil)
	err := await(ctx, budget, func(ctx context.Context) (bool, string) {
		for _, key := range []string{keyAuthority, keyCertificate, KeyPrivate} {
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
	i := &agent.Identity{Certificate: values[keyCertificate], Key: values[KeyPrivate], Roots: values[keyAuthority]}
	if _, err = i.Pair(); err != nil {
		err = exitcode.With(exitcode.Usage, fmt.Errorf("secret %s: %w", name, err))
	}
	return i, err
}

// filled is a Secret with these texts.
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
