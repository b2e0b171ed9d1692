package workload

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"meshproof.dev/meshproof/e2e/exitcode"
)

const asking = `apiVersion: v1
kind: Secret
metadata:
  name: shop-tls
  annotations:
    meshproof.dev/certificate-for: >-
      shop-0.shop.$(NAMESPACE).svc,
      shop-1.shop.$(NAMESPACE).svc
---
apiVersion: v1
kind: Secret
metadata: {name: other, annotations: {meshproof.dev/certificate-for: x.example, meshproof.dev/certificate-ends: -1h}}
stringData: {kept: "1", tls.key: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: no-secret, annotations: {meshproof.dev/certificate-for: y.example}}
`

// A Secret that asks gets a certificate for its names that its own authority has signed, for both ends of a connection.
func TestIssue(t *testing.T) {
	now := time.Now()
	y, made, err := new(Workload).Issue(parsed(t, asking), "prod", now)
	if err != nil || len(made) != 2 {
		t.Fatal(made, err)
	}
	docs := y.Documents
	data := dict(docs[0].Raw["stringData"])
	if data[KeyPrivate] != string(made[0].Key) || data[keyCertificate] != string(made[0].Certificate) || data[keyAuthority] != string(made[0].Roots) {
		t.Errorf("the Secret holds %v", data)
	}
	if held := dict(docs[1].Raw["stringData"]); held["kept"] != "1" || held[KeyPrivate] != string(made[1].Key) || docs[2].Raw["stringData"] != nil {
		t.Errorf("%v, %v", docs[1].Raw, docs[2].Raw)
	}
	leaf := func(i int) *x509.Certificate {
		b, _ := pem.Decode(made[i].Certificate)
		c, wrong := x509.ParseCertificate(b.Bytes)
		if wrong != nil {
			t.Fatal(wrong)
		}
		return c
	}
	if c := leaf(0); !slices.Equal(c.DNSNames, []string{"shop-0.shop.prod.svc", "shop-1.shop.prod.svc"}) {
		t.Errorf("it is for %v", c.DNSNames)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made[0].Roots)
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err = leaf(0).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			t.Error(err)
		}
	}
	if _, err = leaf(1).Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(-90 * time.Minute)}); err == nil {
		t.Error("two that ask have one authority")
	}
	if c := leaf(1); !c.NotAfter.Before(now) || !c.NotBefore.Before(c.NotAfter) {
		t.Errorf("it is in force from %s to %s", c.NotBefore, c.NotAfter)
	}
}

// The Secret that the profile names is read; what is wrong with it is said, and its key is not.
func TestIdentityOfASecret(t *testing.T) {
	_, made, err := new(Workload).Issue(parsed(t, asking), "prod", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secret := func(data map[string][]byte) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "shop-tls"}, Data: data}
	}
	good := map[string][]byte{keyAuthority: made[0].Roots, keyCertificate: made[0].Certificate, KeyPrivate: made[0].Key}
	i, err := Identity(t.Context(), fake.NewClientset(secret(good)), "prod", "shop-tls", time.Second)
	if err != nil || string(i.Key) != string(made[0].Key) {
		t.Error(err)
	}
	began := time.Now()
	for what, x := range map[string]struct {
		data map[string][]byte
		says string
		code int
	}{
		"a key is missing":   {map[string][]byte{keyAuthority: made[0].Roots, keyCertificate: made[0].Certificate}, `spec.tls: secret shop-tls has no key "tls.key", or its value is empty; its keys: ca.crt, tls.crt. Add the key`, exitcode.Usage},
		"another's key":      {map[string][]byte{keyAuthority: made[0].Roots, keyCertificate: made[0].Certificate, KeyPrivate: made[1].Key}, "secret shop-tls: tls: private key does not match public key", exitcode.Usage},
		"it is no key":       {map[string][]byte{keyAuthority: made[0].Roots, keyCertificate: made[0].Certificate, KeyPrivate: []byte("SECRET")}, "secret shop-tls: tls: failed to find any PEM data in key input", exitcode.Usage},
		"no Secret is there": {nil, `spec.tls after 300ms; last seen: secrets "shop-tls" not found`, exitcode.Internal},
	} {
		client := fake.NewClientset()
		if x.data != nil {
			client = fake.NewClientset(secret(x.data))
		}
		_, err := Identity(t.Context(), client, "prod", "shop-tls", 300*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), x.says) || strings.Contains(err.Error(), "SECRET") || exitcode.Of(err) != x.code {
			t.Errorf("%s: %v (exit code %d); want %q", what, err, exitcode.Of(err), x.says)
		}
	}
	if time.Since(began) > 2*time.Second {
		t.Error("what cannot become good was waited for")
	}
}
