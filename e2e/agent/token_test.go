package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestOnlyTheTokenIsAdmitted(t *testing.T) {
	token, other := NewToken(), NewToken()
	gate, err := NewGate(token.Hash())
	if err != nil || !gate.Admits(token.Authorization()) {
		t.Fatalf("the token itself is refused: %v", err)
	}
	text := string(token.Reveal())
	for name, header := range map[string]string{
		"nothing": "", "no token": "Bearer ", "another token": other.Authorization(), "the hash": "Bearer " + token.Hash(),
		"the token alone": text, "another scheme": "Basic " + text, "half": "Bearer " + text[:32], "more": "Bearer " + text + "0", "upper case": "Bearer " + strings.ToUpper(text),
	} {
		if gate.Admits(header) {
			t.Errorf("%s is admitted", name)
		}
	}
	if len(text) != 64 || text == string(other.Reveal()) || token.Hash() == text {
		t.Errorf("%d digits", len(text))
	}
}

func TestNoGateWithoutAHash(t *testing.T) {
	for _, hash := range []string{"", "00", strings.Repeat("x", 64), NewToken().Hash() + "00", Token{}.Hash()} {
		if _, err := NewGate(hash); err == nil || !strings.Contains(err.Error(), TokenHash) {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

// However a token or something with a token in it is printed or stored, the token is not in it.
func TestATokenIsNeverPrinted(t *testing.T) {
	token := NewToken()
	text := string(token.Reveal())
	type part struct {
		Token  Token
		hidden Token
	}
	for _, v := range []any{token, &token, part{token, token}, &part{token, token}, []Token{token}, map[string]Token{"a": token}} {
		b, err := json.Marshal(v)
		if said := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + string(b); err != nil || strings.Contains(said, text) {
			t.Errorf("%T prints as %s (%v)", v, said, err)
		}
	}
}
