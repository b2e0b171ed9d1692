package secrets

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// Of a key nothing is left however it is written, and of its certificate all is.
func TestGuardKey(t *testing.T) {
	for kind, make := range map[string]func() (any, any, error){
		"P-256": func() (any, any, error) {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			return k, k.Public(), err
		},
		"RSA": func() (any, any, error) {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			return k, k.Public(), err
		},
	} {
		private, public, err := make()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			t.Fatal(err)
		}
		key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		var r Redactor
		r.GuardKey(key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
		for what, text := range map[string]string{
			"as it is": string(key), "in base64": base64.StdEncoding.EncodeToString(key), "in JSON": strings.ReplaceAll(string(key), "\n", `\n`),
			"DER in base64": base64.StdEncoding.EncodeToString(der), "DER in hex": hex.EncodeToString(der), "DER as numbers": strings.Trim(strings.ReplaceAll(fmt.Sprintf("%d", der), " ", ","), "[]"),
			"its first line": strings.Split(string(key), "\n")[1],
		} {
			// The newline at its end is no part of what is taken out.
			if got := strings.NewReplacer("\n", "", `\n`, "").Replace(r.Text("x " + text + " y")); got != "x "+Mark+" y" {
				t.Errorf("%s %s became %q", kind, what, got)
			}
		}
		if text := base64.StdEncoding.EncodeToString(cert); r.Text(text) != text {
			t.Errorf("%s: the certificate became %q", kind, r.Text(text))
		}
	}
}
