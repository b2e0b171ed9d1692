package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
)

// keyLine is the length from which a line of a key is told from other text.
const keyLine = 16

// GuardKey guards a private key: all of it, each of its lines, as a log would show them, and the bytes that they encode. A key
// contains its public half, too: what is also in the certificate is no secret. Both are PEM.
func (r *Redactor) GuardKey(key, certificate []byte) {
	for block, rest := pem.Decode(certificate); block != nil; block, rest = pem.Decode(rest) {
		r.Public(base64.StdEncoding.EncodeToString(block.Bytes))
	}
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		r.Guard(block.Bytes)
		for line := range bytes.Lines(pem.EncodeToMemory(block)) {
			if line = bytes.TrimSpace(line); len(line) >= keyLine && line[0] != '-' {
				r.Guard(line)
			}
		}
	}
	r.Guard(key)
}
