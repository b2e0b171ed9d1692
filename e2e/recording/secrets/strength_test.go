package secrets

import "testing"

func TestStrength(t *testing.T) {
	var r Redactor
	r.Public("the mesh of nodes")
	for cookie, want := range map[string]string{
		"mesh": Word, "mesh\n": Word,
		"abc": Short, "hunter2": Short, "monster": Short, "correcthorse": Short, "0123456789012345": Short,
		"QZYXSECRETCOOKIEABCD": Strong, "fixture-cookie-of-dns-a": Strong, "p4zT0cQm9Lw2": Strong,
	} {
		r.Guard([]byte(cookie))
		if got := r.Strength([]byte(cookie)); got != want {
			t.Errorf("%q is %q, want %q", cookie, got, want)
		}
	}
	if got := r.Strength([]byte("another text")); got != "" {
		t.Errorf("of a text that is no cookie it says %q", got)
	}
}
