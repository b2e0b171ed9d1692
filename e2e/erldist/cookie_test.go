package erldist_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/erldist"
)

func TestCookieDoesNotPrint(t *testing.T) {
	t.Parallel()
	c := erldist.NewCookie([]byte(secret))
	holder := struct {
		C erldist.Cookie
		P *erldist.Cookie
		c erldist.Cookie // fmt calls no method of what it may not see
	}{c, &c, c}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, holder, &holder, []erldist.Cookie{c}, map[string]erldist.Cookie{"a": c}} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	marshalled, err := json.Marshal(holder)
	if err != nil {
		t.Error(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cookie", c, "holder", holder)
	texts = append(texts, string(marshalled), log.String(), c.String(), c.GoString())
	for _, text := range texts {
		for _, s := range secrets()[:2] {
			if strings.Contains(text, s) {
				t.Errorf("%s shows the cookie", text)
			}
		}
	}
	if text := fmt.Sprintf("%x", c); text != "redacted" {
		t.Error(text)
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	raw := erldist.NewCookie([]byte("abc\n"))
	trimmed, changed := raw.Trimmed()
	if !changed || trimmed.Equal(raw) || !trimmed.Equal(erldist.NewCookie([]byte("abc"))) {
		t.Error("a trailing newline is not trimmed")
	}
	if again, changed := trimmed.Trimmed(); changed || !again.Equal(trimmed) {
		t.Error("a trimmed cookie changes when it is trimmed")
	}
	var none erldist.Cookie
	if !none.Empty() || raw.Empty() || !none.Equal(erldist.NewCookie(nil)) {
		t.Error("the zero Cookie is the empty one")
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	a := func(s string) erldist.Term { return erldist.Atom(s) }
	for _, c := range []struct {
		m, f string
		args []erldist.Term
		want bool
	}{
		{"erlang", "nodes", nil, true},
		{"erlang", "nodes", []erldist.Term{a("hidden")}, true},
		{"erlang", "nodes", []erldist.Term{a("known")}, false},
		{"erlang", "nodes", []erldist.Term{erldist.List{a("hidden")}}, false},
		{"erlang", "nodes", []erldist.Term{a("hidden"), a("hidden")}, false},
		{"erlang", "system_info", []erldist.Term{a("otp_release")}, true},
		{"erlang", "system_info", nil, false},
		{"erlang", "system_info", []erldist.Term{a("procs")}, false},
		{"erlang", "system_info", []erldist.Term{"otp_release"}, false},
		{"net_kernel", "get_net_ticktime", nil, true},
		{"net_kernel", "set_net_ticktime", []erldist.Term{8}, false},
		{"net_kernel", "connect_node", []erldist.Term{a("a@b")}, false},
		{"application", "get_env", []erldist.Term{a("kernel"), a("net_ticktime")}, true},
		{"application", "get_env", []erldist.Term{a("shop"), a("net_ticktime")}, false},
		{"application", "get_env", []erldist.Term{a("kernel"), a("erlang_cookie")}, false},
		{"erlang", "get_cookie", nil, false},
		{"erlang", "disconnect_node", []erldist.Term{a("a@b")}, false},
		{"erlang", "halt", nil, false},
		{"net_adm", "ping", []erldist.Term{a("a@b")}, false},
		{"init", "get_arguments", nil, false},
		{"mnesia", "system_info", []erldist.Term{a("running_db_nodes")}, true},
		{"mnesia", "system_info", []erldist.Term{a("db_nodes")}, false},
		{"mnesia", "system_info", []erldist.Term{a("all")}, false},
		{"mnesia", "stop", nil, false},
		{"", "", nil, false},
	} {
		if got := erldist.Allowed(c.m, c.f, c.args...); got != c.want {
			t.Errorf("%s:%s(%v): %t", c.m, c.f, c.args, got)
		}
	}
}
