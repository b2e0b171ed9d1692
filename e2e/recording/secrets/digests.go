package secrets

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"
)

// digests adds the digests of each variant. Whoever has a digest of a cookie can try words against it, and tools print it as if it
// were none: RabbitMQ's "Erlang cookie hash" is the base64 of the MD5. A digest is like no other text, so a short or common
// cookie's are guarded, too.
func (f *forms) digests(variants ...[]byte) {
	for i, v := range variants {
		if slices.ContainsFunc(variants[:i], func(other []byte) bool { return bytes.Equal(v, other) }) {
			continue
		}
		m, s1, s256 := md5.Sum(v), sha1.Sum(v), sha256.Sum256(v)
		f.digest("MD5", m[:])
		f.digest("SHA-1", s1[:])
		f.digest("SHA-256", s256[:])
	}
}

func (f *forms) digest(name string, sum []byte) {
	what := "its " + name + " as "
	for _, format := range []string{"%x", "%X"} {
		digits := fmt.Sprintf(format, sum)
		f.add(what+"hex", digits)
		f.wholeBase64(what+"hex in ", []byte(digits)) // of a tool that was given the hex
	}
	f.wholeBase64(what, sum)
	f.numbers("its "+name+" ", sum)
	f.colons(what, sum) // as openssl prints a fingerprint
}
