package erldisttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"time"
)

// width is the number of bytes of a handshake message's length.
func width(c any) int {
	if _, over := c.(*tls.Conn); over {
		return 4
	}
	return 2
}

// Certificate makes a self-signed certificate that is valid for an hour and for both sides of a connection.
func Certificate(t T, names ...string) tls.Certificate {
	t.Helper()
	hold := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	hold(err)
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	hold(err)
	leaf, err := x509.ParseCertificate(der)
	hold(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
