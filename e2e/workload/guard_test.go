package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// guarded is a workload with these lines at the end of its profile's spec, and with topsecretcookie as its cookie.
func guarded(t *testing.T, lines string) *Workload {
	t.Helper()
	return mustLoad(t, tree(t, map[string]string{"profile.yaml": profileText + lines, "m.yaml": secretText + "---\n" + deployment("shop", "app: shop-label")}))
}

// A profile is in the header of each recording, so nobody may write a cookie into it. The error says where, and not what.
func TestCookieInAProfileIsRefused(t *testing.T) {
	first := strings.Count(profileText, "\n") + 1
	for name, c := range map[string]struct {
		lines, says string
		line        int
	}{
		"a console command": {"  console:\n    - name: ping\n      run: [bin/shop, -setcookie, topsecretcookie]\n      expect: pong\n", "spec.console[0].run[2]", 2},
		"inside a word":     {"  console:\n    - {name: ping, run: [bin/shop, --cookie=topsecretcookie], expect: pong}\n", "spec.console[0].run[1]", 1},
		"its base64":        {"  console:\n    - {name: ping, run: [bin/shop], expect: dG9wc2VjcmV0Y29va2ll}\n", "spec.console[0].expect", 1},
		"its input":         {"  console:\n    - {name: ping, run: [bin/shop], input: \"erlang:set_cookie(topsecretcookie).\", expect: pong}\n", "spec.console[0].input", 1},
		"a name":            {"  console:\n    - {name: ping with topsecretcookie, run: [bin/shop], expect: pong}\n", "spec.console[0].name", 1},
		"env":               {"  env:\n    RELX_COOKIE: topsecretcookie\n", "spec.env.RELX_COOKIE", 1},
		"a reason":          {"  skip:\n    dns/published: because of topsecretcookie\n", "spec.skip.dns/published", 1},
	} {
		w := guarded(t, c.lines)
		err := w.Guard(&secrets.Redactor{})
		if err == nil || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: error %v with code %d", name, err, exitcode.Of(err))
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%s:%d: %s contains a cookie", w.File, first+c.line, c.says)) || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "dG9w") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One run's profiles are published together.
func TestCookieOfAnotherProfileIsRefused(t *testing.T) {
	other := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText + "  console:\n    - {name: ping, run: [bin/shop, topsecretcookie], expect: pong}\n",
		"m.yaml":       strings.ReplaceAll(secretText, "topsecretcookie", "quite-another-one") + "---\n" + deployment("shop", "app: shop-label"),
	}))
	if err := GuardAll([]*Workload{other, guarded(t, "")}, &secrets.Redactor{}); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("error %v", err)
	}
}

// A cookie that is made in the cluster is known later than the profile, and than the recording's header. The profile is checked
// again then, and the search finds what was published before: only names are public, no text of the profile.
func TestCookieInAProfileIsFoundLater(t *testing.T) {
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText + "  console:\n    - {name: ping, run: [bin/shop, made-in-the-cluster], expect: pong}\n",
		"m.yaml":       secretText + "---\n" + deployment("shop", "app: shop-label"),
	}))
	var known secrets.Redactor
	if err := w.Guard(&known); err != nil {
		t.Fatal(err)
	}
	header, err := w.Header(recording.Formation, "")
	if err != nil {
		t.Fatal(err)
	}
	known.Guard([]byte("made-in-the-cluster\n"))
	if err = w.CheckTexts(&known); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "spec.console[0].run[1] contains a cookie") {
		t.Errorf("error %v", err)
	}
	dir := t.TempDir()
	if err = os.WriteFile(filepath.Join(dir, "a.jsonl"), header.Profile, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := known.Leaks(dir); err != nil || len(found) != 1 || found[0] != "a.jsonl: as it is" {
		t.Errorf("found %v, %v", found, err)
	}
}

// What names things is public, even if it is somebody's cookie: it is in every pod's name.
func TestNamesArePublic(t *testing.T) {
	for _, name := range []string{"shop", "shop-label", "x", "c"} {
		w := guarded(t, "  console:\n    - {name: ping, run: [bin/shop, shop-label], expect: pong}\n")
		var known secrets.Redactor
		known.Guard([]byte(name))
		if err := w.Guard(&known); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := known.Text("pod " + name + "-6c9f -setcookie " + name); got != "pod "+name+"-6c9f -setcookie "+secrets.Mark {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Of our own profiles and mutants none holds a cookie of another.
func TestFixturesHoldNoCookie(t *testing.T) {
	var all []*Workload
	for _, name := range Names(fixtures, "profiles") {
		all = append(all, mustLoad(t, filepath.Join(fixtures, "profiles", name)))
	}
	for _, name := range []string{"cookie-differs", "rabbitmq-cookie-stale", "relx-cookie-only"} {
		_, broken, _, err := LoadMutant(fixtures, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, broken)
	}
	if err := GuardAll(all, &secrets.Redactor{}); err != nil {
		t.Error(err)
	}
}

// So are our own words, which are in every report: a cookie of that name is redacted where it stands as one.
func TestOurWordsArePublic(t *testing.T) {
	var known secrets.Redactor
	known.Guard([]byte("verdict"))
	if err := guarded(t, "").Guard(&known); err != nil {
		t.Fatal(err)
	}
	if got := known.Text(`{"verdict":"pass"} -setcookie verdict`); got != `{"verdict":"pass"} -setcookie `+secrets.Mark {
		t.Errorf("%q", got)
	}
}
