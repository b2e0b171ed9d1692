package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// A key's parts, as they are known to the one who made it.
type parts struct {
	pem    []byte
	secret map[string][]byte
}

func pemOf(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func keys(t *testing.T) map[string]parts {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ofRSA := map[string][]byte{"exponent": r.D.Bytes(), "p": r.Primes[0].Bytes(), "q": r.Primes[1].Bytes(), "dp": r.Precomputed.Dp.Bytes(), "dq": r.Precomputed.Dq.Bytes(), "qinv": r.Precomputed.Qinv.Bytes()}
	rsa8, err8 := x509.MarshalPKCS8PrivateKey(r)
	ec, errEC := x509.MarshalECPrivateKey(e)
	ed8, errEd := x509.MarshalPKCS8PrivateKey(d)
	return map[string]parts{
		"RSA, PKCS 1": {pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil), ofRSA},
		"RSA, PKCS 8": {pemOf(t, "PRIVATE KEY", rsa8, err8), ofRSA},
		"EC":          {pemOf(t, "EC PRIVATE KEY", ec, errEC), map[string][]byte{"scalar": scalar}},
		"Ed25519":     {pemOf(t, "PRIVATE KEY", ed8, errEd), map[string][]byte{"seed": d.Seed()}},
	}
}

// The numbers of which a key is made are as good as the key.
func TestPartsOfAKeyAreGuarded(t *testing.T) {
	for kind, k := range keys(t) {
		var r Redactor
		r.GuardKey(k.pem, nil)
		for name, v := range k.secret {
			written := map[string]string{
				"hex":         fmt.Sprintf("%x", v),
				"HEX":         fmt.Sprintf("%X", v),
				"with colons": "00:" + bytewise(string(v), "%02x", ":"),
				"a JWK":       `"d":"` + base64.RawURLEncoding.EncodeToString(v) + `"`,
				"base64":      base64.StdEncoding.EncodeToString(v),
				"binary":      "<<" + strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]") + ">>",
				"number":      "{'RSAPrivateKey','two-prime'," + new(big.Int).SetBytes(v).String() + ",asn1_NOVALUE}",
			}
			for how, text := range written {
				if got := r.Text("has " + text + " in it"); !strings.Contains(got, Mark) || len(got) > 80 {
					t.Errorf("%s, %s, %s: %q", kind, name, how, got)
				}
			}
			s := r.search()
			text := "priv:\n    " + wrap(bytewise(string(v), "%02x", ":"), 45, "\n    ") + "\n"
			if s.chunk(text, ""); len(s.found) == 0 {
				t.Errorf("%s, %s, as openssl prints it, is not found in\n%s", kind, name, text)
			}
		}
	}
}

// A key in lines of other widths than its own is found.
func TestWrappedKeyIsFound(t *testing.T) {
	for kind, k := range keys(t) {
		block, _ := pem.Decode(k.pem)
		for columns := 20; columns < 100; columns += 7 {
			var r Redactor
			r.GuardKey(k.pem, nil)
			s := r.search()
			if s.chunk(wrap(base64.StdEncoding.EncodeToString(block.Bytes), columns, "\n"), ""); len(s.found) == 0 {
				t.Errorf("%s in lines of %d is not found", kind, columns)
			}
		}
	}
}

// What cannot be parsed is guarded as a whole and in its lines.
func TestKeyWithoutKnownParts(t *testing.T) {
	der := bytes.Repeat([]byte("encrypted"), 20)
	key := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
	var r Redactor
	r.GuardKey(key, nil)
	for _, text := range []string{string(key), base64.StdEncoding.EncodeToString(der), strings.Split(string(key), "\n")[1]} {
		if got := strings.TrimSpace(r.Text(text)); got != Mark {
			t.Errorf("%q", got)
		}
	}
}
