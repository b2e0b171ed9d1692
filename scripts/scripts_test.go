package scripts

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	v, err := Parse("f", "# pins\n\nOTP=27\nIMAGE=host.example/a/b:v1@sha256:0f\nPKGS=a b-c\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get("IMAGE"); err != nil || got != "host.example/a/b:v1@sha256:0f" {
		t.Errorf("Get(IMAGE) = %q, %v", got, err)
	}
	if got := v.Words("PKGS"); !slices.Equal(got, []string{"a", "b-c"}) {
		t.Errorf("Words(PKGS) = %q", got)
	}
	if _, err := v.Get("NONE"); err == nil || !strings.Contains(err.Error(), "NONE") {
		t.Errorf("Get(NONE): error %v does not name the key", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no equals sign":       "A=1\nB",
		"lower case":           "A=1\nb=2",
		"space before equals":  "A=1\nB =2",
		"space after equals":   "A=1\nB= 2",
		"space at the end":     "A=1\nB=2 ",
		"quotes":               "A=1\nB=\"2\"",
		"make or shell dollar": "A=1\nB=$(A)",
		"comment behind":       "A=1\nB=2 # two",
		"empty":                "A=1\nB=",
		"twice":                "A=1\nA=1",
		"carriage return":      "A=1\nB=2\r",
		"indented":             "A=1\n B=2",
	} {
		if v, err := Parse("f", text); err == nil {
			t.Errorf("%s: read as %q", name, v)
		} else if !strings.HasPrefix(err.Error(), "f:2: ") {
			t.Errorf("%s: error %q does not name line 2", name, err)
		}
	}
}

// What meshproof version says can be made is what there are builders for.
func TestKubernetes(t *testing.T) {
	v, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir("node-image/k8s")
	if err != nil {
		t.Fatal(err)
	}
	var built []string
	for _, f := range folders {
		built = append(built, f.Name())
	}
	if got := v.Kubernetes(); !slices.Equal(got, built) {
		t.Errorf("versions.env names %q, there are builders for %q", got, built)
	}
}

func TestLoad(t *testing.T) {
	v, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(v) == 0 {
		t.Fatal("versions.env is empty")
	}
}
