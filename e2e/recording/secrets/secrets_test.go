package secrets

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cookie has everything that an encoding may change, and a newline that a Secret made from a file has.
const cookie = "Kü<ch&en\"zauber/7+x\n"

func guarding(secrets ...string) *Redactor {
	var r Redactor
	for _, s := range secrets {
		r.Guard([]byte(s))
	}
	return &r
}

// planted are texts that hold the cookie, each in another form. They are made here by other means than by forms.
func planted(t *testing.T) map[string]string {
	t.Helper()
	trimmed := strings.TrimSpace(cookie)
	list := func(v string, f string) string {
		var all []string
		for _, b := range []byte(v) {
			all = append(all, fmt.Sprint(b))
		}
		return strings.Join(all, f)
	}
	j, err := json.Marshal(map[string]string{"arg": "-setcookie " + trimmed})
	if err != nil {
		t.Fatal(err)
	}
	x, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"a"`
		Text    string   `xml:",chardata"`
	}{Text: "has " + trimmed})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"as it is":                "-setcookie " + trimmed + " -x",
		"untrimmed":               "cookie: " + cookie + "next",
		"base64":                  "data: " + base64.StdEncoding.EncodeToString([]byte(trimmed)),
		"base64 unpadded":         base64.RawStdEncoding.EncodeToString([]byte(trimmed)) + ".",
		"base64 untrimmed":        base64.StdEncoding.EncodeToString([]byte(cookie)),
		"base64 url":              base64.URLEncoding.EncodeToString([]byte(trimmed)),
		"base64 url unpadded":     base64.RawURLEncoding.EncodeToString([]byte(cookie)),
		"base64 of vm.args":       base64.StdEncoding.EncodeToString([]byte("-setcookie " + trimmed + "\n+K true")),
		"base64 of vm.args, 1":    base64.StdEncoding.EncodeToString([]byte("x-setcookie " + trimmed + "\n+K true")),
		"base64 of vm.args, 2":    base64.StdEncoding.EncodeToString([]byte("xx-setcookie " + trimmed)),
		"hex":                     hex.EncodeToString([]byte(trimmed)),
		"HEX":                     strings.ToUpper(hex.EncodeToString([]byte(cookie))),
		"query":                   "?cookie=" + url.QueryEscape(trimmed),
		"path":                    "/" + url.PathEscape(trimmed) + "/x",
		"hex with colons":         "priv: " + bytewise(trimmed, "%02x", ":"),
		"HEX with colons":         bytewise(trimmed, "%02X", ":") + ":00",
		"hex with spaces":         "00000000  " + bytewise(trimmed, "%02x", " ") + "  |",
		"hex with 0x":             "{" + bytewise(trimmed, "0x%02x", ", ") + "}",
		"Elixir hex":              "<<" + bytewise(trimmed, "0x%02X", ", ") + ">>",
		`hex with \x`:             `"` + bytewise(trimmed, `\x%02x`, "") + `"`,
		`hex with \u`:             `"` + bytewise(trimmed, `\u%04x`, "") + `"`,
		"every byte escaped":      "?c=" + bytewise(trimmed, "%%%02x", ""),
		"EVERY BYTE ESCAPED":      "?c=" + bytewise(trimmed, "%%%02X", "") + "&x",
		"Erlang list":             "[" + list(trimmed, ",") + "]",
		"Erlang binary":           "<<" + list(cookie, ",") + ">>",
		"Elixir binary":           "<<" + list(trimmed, ", ") + ">>",
		"Go bytes":                fmt.Sprintf("%d", []byte(trimmed)),
		"JSON":                    string(j),
		"XML":                     string(x),
		"quoted as Go does":       fmt.Sprintf("%q", trimmed),
		"Erlang atom":             `'` + trimmed + `'`,
		"one line of a long text": strings.Repeat("a", 3<<20) + trimmed + "z",
	}
}

// bytewise is each byte of v in that format.
func bytewise(v, format, between string) string {
	var all []string
	for _, b := range []byte(v) {
		all = append(all, fmt.Sprintf(format, b))
	}
	return strings.Join(all, between)
}

func TestEveryFormIsTakenOut(t *testing.T) {
	r := guarding(cookie)
	for name, text := range planted(t) {
		for i, out := range []string{r.Text(text), copied(t, r, text)} {
			if !strings.Contains(out, Mark) {
				t.Errorf("%s, %d: nothing was taken out of %.60q", name, i, text)
			}
			if left, err := leaks(t, map[string][]byte{"f": []byte(out)}, cookie); err != nil || len(left) > 0 {
				t.Errorf("%s, %d: %v, %v", name, i, left, err)
			}
		}
	}
}

func copied(t *testing.T, r *Redactor, text string) string {
	t.Helper()
	var b strings.Builder
	if err := r.Copy(&b, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// leaks searches a folder that holds the files.
func leaks(t *testing.T, files map[string][]byte, secret string) ([]string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var r Redactor
	r.Guard([]byte(secret))
	return r.Leaks(dir)
}

func TestEveryPlantedLeakIsFound(t *testing.T) {
	for name, text := range planted(t) {
		found, err := leaks(t, map[string][]byte{"a/quiet.log": []byte("nothing here"), "b/loud.log": []byte(text)}, cookie)
		if err != nil || len(found) == 0 {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
		for _, f := range found {
			if !strings.HasPrefix(f, "b/loud.log: ") || strings.Contains(f, strings.TrimSpace(cookie)) {
				t.Errorf("%s: %q", name, f)
			}
		}
	}
}

// archive is a folder's log as the cluster's logs are exported.
func archive(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	noise := make([]byte, 256<<10)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	for name, data := range map[string][]byte{"pods/noise": noise, "pods/ns_derl/0.log": []byte(text)} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLeaksInArchivesAndNames(t *testing.T) {
	found, err := leaks(t, map[string][]byte{"pods.tar.gz": archive(t, "says SECRETCOOKIE")}, "SECRETCOOKIE")
	if want := []string{"pods.tar.gz: as it is in what is compressed in it"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
	found, err = leaks(t, map[string][]byte{"of-SECRETCOOKIE/x": nil}, "SECRETCOOKIE")
	if want := []string{"of-SECRETCOOKIE: as it is in its name"}; err != nil || len(found) != 1 || !strings.HasSuffix(found[0], "as it is in its name") {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
	if found, err = leaks(t, map[string][]byte{"pods.tar.gz": archive(t, "says nothing")}, "SECRETCOOKIE"); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v in an archive without it", found, err)
	}
	whole := archive(t, "x")
	if _, err = leaks(t, map[string][]byte{"pods.tar.gz": whole[:len(whole)/2]}, "SECRETCOOKIE"); err == nil || !strings.Contains(err.Error(), "pods.tar.gz could not be searched") {
		t.Errorf("an archive that is cut off: error %v", err)
	}
}

// The search sees a secret wherever two of its buffers meet.
func TestLeaksAcrossBuffers(t *testing.T) {
	const secret = "SECRETCOOKIE"
	for shift := 0; shift < 40; shift += 3 {
		data := append(bytes.Repeat([]byte("x"), 1<<20-20+shift), secret...)
		found, err := leaks(t, map[string][]byte{"f": append(data, bytes.Repeat([]byte("y"), 3<<20)...)}, secret)
		if err != nil || len(found) != 1 {
			t.Fatalf("at %d: %v, %v", len(data), found, err)
		}
	}
}

func TestCopyAcrossBuffers(t *testing.T) {
	const secret = "SECRETCOOKIE"
	r := guarding(secret)
	for shift := range 30 {
		before := strings.Repeat("x", lineBuffer-20+shift)
		got := copied(t, r, "one\n"+before+secret+"y\ntwo SECRETC\n\nlast")
		if got != "one\n"+before+Mark+"y\ntwo SECRETC\n\nlast" {
			t.Fatalf("shift %d: %.20q … %q", shift, got, got[len(got)-60:])
		}
	}
}

// Somebody's limit cut the text: what is left of a secret at either end is taken out, if it is more than a few bytes.
func TestHalfASecret(t *testing.T) {
	const secret = "0123456789abcdefghij"
	r := guarding(secret)
	for k := half; k < len(secret); k++ {
		if got := r.Text("begins " + secret[:k]); got != "begins "+Mark {
			t.Errorf("cut at %d: %q", k, got)
		}
		if got := r.Text(secret[len(secret)-k:] + " ends"); got != Mark+" ends" {
			t.Errorf("cut before the last %d: %q", k, got)
		}
	}
	text := strings.Repeat("a line, ", 500)
	for k := 1; k <= len(secret); k++ {
		if got := r.Head(text + secret[:k]); strings.Contains(got, secret[:1]) || len(got) < 1000 {
			t.Errorf("head of %d: … %q", k, got[len(got)-30:])
		}
		if got := r.Tail(secret[len(secret)-k:] + text); strings.Contains(got, secret[len(secret)-1:]) || len(got) < 1000 {
			t.Errorf("tail of %d: %q …", k, got[:30])
		}
	}
}

// A cookie of three bytes is part of many a word.
func TestShortSecret(t *testing.T) {
	r := guarding("abc")
	for text, want := range map[string]string{
		"abc is the alphabet's beginning":  "abc is the alphabet's beginning",
		"-setcookie abc -name a@b":         "-setcookie " + Mark + " -name a@b",
		`{"cookie": "abc"}`:                `{"cookie": "` + Mark + `"}`,
		"RELEASE_COOKIE=abc":               "RELEASE_COOKIE=" + Mark,
		"the cookie abcd is another":       "the cookie abcd is another",
		"YWJj is base64 of much":           "YWJj is base64 of much",
		"cookie: abc, and then cookie abc": "cookie: " + Mark + ", and then cookie " + Mark,
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	found, err := leaks(t, map[string][]byte{"f": []byte("abc"), "g": []byte("-setcookie abc")}, "abc")
	if want := []string{"g: after the word cookie"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
}

func TestNothingToGuard(t *testing.T) {
	r := guarding("", " \n")
	if r.Guards() || r.Text("a b") != "a b" || r.Head("a b") != "a b" {
		t.Error("white space is no secret")
	}
	if !guarding("abc").Guards() || !guarding("abcd").Guards() {
		t.Error("a short secret is guarded, too")
	}
}

// The application's own name as its cookie: it stands in every pod's name, which is no leak of ours, and must stay there.
func TestPublicForms(t *testing.T) {
	r := guarding("shop")
	r.Public(`{"name":"shop"}`)
	for text, want := range map[string]string{
		"pod shop-6c9f of shop":   "pod shop-6c9f of shop",
		"-setcookie shop -x":      "-setcookie " + Mark + " -x",
		"hex 73686f70, shop":      "hex " + Mark + ", shop",
		"-setcookie shopkeeper x": "-setcookie shopkeeper x",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("pod shop-6c9f, hex 73686f70\nCOOKIE=shop"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := r.Leaks(dir)
	if want := []string{"f: after the word cookie", "f: hex"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
}

// Half of a cookie that is a public name is that name, and not half a cookie.
func TestPublicHalves(t *testing.T) {
	r := guarding("shopkeeper-cookie")
	r.Public("shopkeeper")
	if got := r.Text("this is shopkeeper"); got != "this is shopkeeper" {
		t.Errorf("%q", got)
	}
	if got := r.Text("this is shopkeeper-coo"); got != "this is "+Mark {
		t.Errorf("%q", got)
	}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	packed := archive(t, "x")
	for name, data := range map[string][]byte{"a.log": []byte("one SECRETCOOKIE\ntwo"), "b.tar.gz": packed} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := guarding("SECRETCOOKIE").Tree(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.log": "one " + Mark + "\ntwo", "b.tar.gz": string(packed)} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %.40q, %v", name, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
