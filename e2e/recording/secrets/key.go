package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
)

// keyLine is the length from which a line of a key is told from other text.
const keyLine = 16

// GuardKey guards a private key: all of it, each of its lines, as a log would show them, the bytes that they encode, and the
// numbers of which it is made. A key contains its public half, too: what is also in the certificate is no secret. Both are PEM.
func (r *Redactor) GuardKey(key, certificate []byte) {
	for block, rest := pem.Decode(certificate); block != nil; block, rest = pem.Decode(rest) {
		r.Public(base64.StdEncoding.EncodeToString(block.Bytes))
	}
	var f forms
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		f.text(block.Bytes)
		f.digests(block.Bytes)
		for line := range bytes.Lines(pem.EncodeToMemory(block)) {
			if line = bytes.TrimSpace(line); len(line) >= keyLine && line[0] != '-' {
				f.text(line)
			}
		}
		f.parts(block.Bytes)
	}
	if trimmed := bytes.TrimSpace(key); len(trimmed) >= keyLine {
		f.text(trimmed)
		f.base64("untrimmed, ", key)
		f.digests(trimmed, key)
	}
	r.learn(guarded{forms: f.all})
}

// parts adds the secret numbers of a key, as openssl, Erlang and a JSON Web Key show them. Of a key that it cannot parse (an
// encrypted one, say) it knows no parts.
func (f *forms) parts(der []byte) {
	switch k := parse(der).(type) {
	case *rsa.PrivateKey:
		f.number("the private exponent", k.D.Bytes())
		for _, p := range k.Primes {
			f.number("a prime", p.Bytes())
		}
		for _, n := range []*big.Int{k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv} {
			if n != nil {
				f.number("an exponent or coefficient", n.Bytes())
			}
		}
	case *ecdsa.PrivateKey:
		if d, err := k.Bytes(); err == nil {
			f.number("the private number", d)
		}
	case ed25519.PrivateKey:
		f.number("the seed", k.Seed())
	case interface{ Bytes() []byte }: // of X25519
		f.number("the private number", k.Bytes())
	}
}

func parse(der []byte) any {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	return nil
}

// number adds a part of a key. Zeros at its beginning are not written by all, so what follows them is what is searched for.
func (f *forms) number(name string, v []byte) {
	significant := bytes.TrimLeft(v, "\x00")
	if len(significant) < keyLine {
		return
	}
	n := new(big.Int).SetBytes(significant)
	what := name + " of a key, "
	f.add(what+"hex", n.Text(16))
	f.add(what+"hex in capitals", string(bytes.ToUpper([]byte(n.Text(16)))))
	f.add(what+"decimal", n.String())
	f.colons(what, significant)
	f.bytewise(what+"hex with spaces", "", " ", significant)
	f.numbers(what, significant)
	f.base64(what, v)
	f.base64(what, significant)
}
