package secrets

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLeaks searches 50 MB of logs for a cookie, for one that is looked for only after the word cookie, and for a key.
func BenchmarkLeaks(b *testing.B) {
	const line = `{"t":"2026-11-28T19:00:51.123456789Z","by":"agent","node":"mesh-worker","vm":{"pid":4711,"args":["-name","derl@10.244.0.7","-kernel","inet_dist_listen_min","10000"],"detail":"listens on 0.0.0.0:10000 for 12.5 s\nand knows 3 nodes"}}` + "\n"
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "log"), bytes.Repeat([]byte(line), 50<<20/len(line)), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, guard := range map[string]func(*Redactor){
		"cookie": func(r *Redactor) { r.Guard([]byte("fixture-cookie-of-dns-a\n")) },
		"word":   func(r *Redactor) { r.Public("derl"); r.Guard([]byte("derl")) },
		"key": func(r *Redactor) {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				b.Fatal(err)
			}
			r.GuardKey(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil)
		},
	} {
		b.Run(name, func(b *testing.B) {
			var r Redactor
			guard(&r)
			b.SetBytes(50 << 20)
			for b.Loop() {
				if found, err := r.Leaks(dir); err != nil || len(found) > 0 {
					b.Fatal(found, err)
				}
			}
		})
	}
}
