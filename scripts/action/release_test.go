package action_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// release serves release v1.2.3 of someone/meshproof, with that program in its archive, and returns the server's address.
func release(t *testing.T, program, spoil string) string {
	t.Helper()
	const name = "meshproof_1.2.3_linux_amd64.tar.gz"
	archive := packed(t, program)
	sum := fmt.Sprintf("%x  %s\n", sha256.Sum256(archive), name)
	other := strings.Repeat("0", 64) + "  meshproof_1.2.3_darwin_arm64.tar.gz\n" + strings.Repeat("1", 64) + "  other_" + name + "\n"
	switch spoil {
	case "archive":
		archive = packed(t, program+"# another\n")
	case "sum":
		sum = ""
	case "two sums":
		sum = fmt.Sprintf("%x  %s\n", sha256.Sum256(packed(t, "other")), name) + sum
	}
	const at = "/someone/meshproof/releases/download/v1.2.3/"
	files := map[string][]byte{at + name: archive, at + "checksums.txt": []byte(other + sum)}
	if spoil == "nothing" {
		files = nil
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		data, there := files[q.URL.Path]
		if !there {
			http.NotFound(w, q)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func packed(t *testing.T, program string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "meshproof", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write([]byte(program))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
