package secrets

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err = z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchivesInArchives(t *testing.T) {
	const secret = "SECRETCOOKIE"
	says := []byte("says " + secret)
	bzipped, err := hex.DecodeString("425a68393141592653598b1cdb7a000007978040000a289c00200008202000310340d020231ea18782ac410a35f785dc914e142422c736de80")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"gzip in gzip":          gzipped(t, gzipped(t, says)),
		"tar.gz in tar.gz":      gzipped(t, tarred(t, "inner.tar.gz", gzipped(t, tarred(t, "x", says)))),
		"gzip in tar":           tarred(t, "x.gz", gzipped(t, says)),
		"zip":                   zipped(t, "x", says),
		"zip in tar.gz":         gzipped(t, tarred(t, "x.zip", zipped(t, "x", says))),
		"gzip in zip":           zipped(t, "x.gz", gzipped(t, says)),
		"bzip2 in gzip":         gzipped(t, bzipped),
		"the name in a tar":     gzipped(t, tarred(t, "of-"+secret, nil)),
		"the name in a zip":     zipped(t, "of-"+secret, nil),
		"after the tar's end":   gzipped(t, append(tarred(t, "x", nil), says...)),
		"wrapped in an archive": gzipped(t, gzipped(t, []byte("says\nSECRETC\nOOKIE\n"+secret))),
	} {
		found, err := leaks(t, map[string][]byte{"f": data}, secret)
		if want := []string{"f: as it is in what is compressed in it"}; err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
	}
}

func TestWhatIsNotSearchedIsAnError(t *testing.T) {
	deep := []byte("x")
	for range depthLimit + 1 {
		deep = gzipped(t, deep)
	}
	whole := gzipped(t, gzipped(t, bytes.Repeat([]byte("a line\n"), 1000)))
	broken := tarred(t, "x", []byte("data"))
	copy(broken[148:], "broken!") // the checksum
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"too deep":   {deep, "more than 6 archives in each other"},
		"cut off":    {whole[:len(whole)-12], "unexpected EOF"},
		"inner":      {gzipped(t, whole[:len(whole)/2]), "unexpected EOF"},
		"broken tar": {gzipped(t, broken), "tar"},
		"broken zip": {zipped(t, "x", []byte("y"))[:60], "zip"},
		"xz":         {[]byte("\xfd7zXZ\x00 and more"), "compressed with xz"},
	} {
		_, err := leaks(t, map[string][]byte{"f": c.data}, "SECRETCOOKIE")
		if err == nil || !strings.Contains(err.Error(), "f could not be searched completely") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// zeros is an archive's content without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestUnpackingEnds(t *testing.T) {
	left := int64(3 << 20)
	n, err := io.Copy(io.Discard, &limited{zeros{}, &left})
	if err == nil || !strings.Contains(err.Error(), "unpacks to more than") || n > 3<<20 {
		t.Errorf("%d bytes, error %v", n, err)
	}
}

// Archives of any kind are left as they are when logs are rewritten.
func TestTreeLeavesArchives(t *testing.T) {
	for name, data := range map[string][]byte{"tar": tarred(t, "x", []byte("SECRETCOOKIE")), "zip": zipped(t, "x", []byte("SECRETCOOKIE"))} {
		if got := rewritten(t, data); !bytes.Equal(got, data) {
			t.Errorf("%s was changed", name)
		}
	}
}

// rewritten is a file after its folder was rewritten.
func rewritten(t *testing.T, data []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := guarding("SECRETCOOKIE").Tree(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
