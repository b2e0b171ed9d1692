package meshproof

import (
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	words, err := Words()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{`json:"verdict"`, "What was captured on each pod’s own interface", "contain-intrinsic-size", "setPointerCapture", "handshake/cookie-accepted", "the mesh did not form: "} {
		if !strings.Contains(words, w) {
			t.Errorf("%q is missing", w)
		}
	}
	t.Log(len(words))
}
