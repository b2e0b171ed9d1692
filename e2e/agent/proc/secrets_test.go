//go:build linux

package proc

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const secret = "QZYXSECRETCOOKIE"

func TestArgs(t *testing.T) {
	s := NewSecrets([]byte(secret+"\n"), "")
	for _, c := range []struct{ in, want string }{
		{"-root /x -name a@10.0.0.1 -setcookie other -config /c", "-root /x -name a@10.0.0.1 -setcookie (cookie) -config /c"},
		{"-cookie other +sbwt none", "-cookie (cookie) +sbwt none"},
		{"--cookie other --", "--cookie (cookie) --"},
		{"+setcookie other -x", "+setcookie (cookie) -x"},
		{"-setcookie n@h other -x y", "-setcookie (cookie) (cookie) -x y"}, // for one node, OTP 25
		{"-setcookie -other -x y", "-setcookie (cookie) -x y"},
		{"-setcookie -setcookie other -x", "-setcookie -setcookie (cookie) -x"},
		{"-setcookie", "-setcookie"},
		{"-setcookie=other x", "-setcookie=(cookie) x"},
		{"-env RELX_COOKIE other -x", "-env RELX_COOKIE (cookie) -x"},
		{"-env COOKIE other -x", "-env COOKIE (cookie) -x"},
		{"-a " + secret + " -b x" + secret + "x", "-a (cookie) -b x(cookie)x"},
		{"-a UVpZWFNFQ1JFVENPT0tJRQ== -b", "-a (cookie) -b"},
		{"-a UVpZWFNFQ1JFVENPT0tJRQo= -b", "-a (cookie) -b"},
		{"-ssl_dist_opt server_keyfile /k server_password other -x", "-ssl_dist_opt server_keyfile /k server_password (cookie) -x"},
		{"-cookies /x -file .erlang.cookie", "-cookies /x -file .erlang.cookie"},
	} {
		if got := strings.Join(s.redactArgs(strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
	}
	// Arguments that contain a command.
	in := []string{"-eval", "erlang:set_cookie(node(), 'other').", "-run", "erl -setcookie 'o t h' -name x"}
	want := []string{"-eval", "erlang:set_cookie(cookie) (cookie)", "-run", "erl -setcookie (cookie) -name x"}
	if got := s.redactArgs(in); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A cookie that is a common word stays where it is that word.
func TestCommonCookie(t *testing.T) {
	s := NewSecrets([]byte("node"), "derl.ns.svc.cluster.local\nnode")
	in := []string{"-name", "node@10.0.0.1", "-setcookie", "node", "-config", "/opt/node/sys.config"}
	if got := strings.Join(s.redactArgs(in), " "); got != "-name node@10.0.0.1 -setcookie (cookie) -config /opt/node/sys.config" {
		t.Error(got)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"-setcookie other\n-name a@h\n":                      "-setcookie (cookie)\n-name a@h\n",
		"-setcookie other # mine\n+K true":                   "-setcookie (cookie) # mine\n+K true",
		"-setcookie\n# on the next line\n\n other\n-name a":  "-setcookie\n# on the next line\n\n (cookie)\n-name a",
		"-setcookie #other\n-x":                              "-setcookie (cookie)\n-x",
		"# don't -setcookie other\n-x":                       "# don't -setcookie (cookie)\n-x",
		"-setcookie \"o t\nh\"-er\n-x":                       "-setcookie (cookie)\n-x",
		"-setcookie o\\ x\n-x":                               "-setcookie (cookie)\n-x",
		"-setcookie 'never closed\n-x\n":                     "-setcookie (cookie)",
		"-setcookie\n# see RELX_COOKIE=other\nother\n-x":     "-setcookie\n# see RELX_COOKIE=(cookie)\n(cookie)\n-x",
		"-name a@h\n":                                        "-name a@h\n",
		"-setcookie":                                         "-setcookie",
		"":                                                   "",
		"export COOKIE=other -setcookie \"${COOKIE}\" -x 1":  "export COOKIE=(cookie) -setcookie (cookie) -x 1",
		"-setcookie other\n## Heartbeat management\n#-heart": "-setcookie (cookie)\n## Heartbeat management\n#-heart",
	} {
		if got, _ := (Secrets{}).redactText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	// A cookie that is part of the flag's name must not remove the flag.
	if got, _ := NewSecrets([]byte("cookie"), "").redactText("-setcookie x cookie -a cookie"); got != "-setcookie (cookie) (cookie) -a (cookie)" {
		t.Errorf("%q", got)
	}
	if got := NewSecrets([]byte(" \n"), "").redact("a \n b"); got != "a \n b" {
		t.Errorf("white space was removed as a cookie: %q", got)
	}
	// A cookie that is the application's name.
	if got, _ := NewSecrets([]byte("derl"), "derl.ns.svc.cluster.local.").redactText("-name derl@10.0.0.7 -setcookie derl -root /opt/derl"); got != "-name derl@10.0.0.7 -setcookie (cookie) -root /opt/derl" {
		t.Errorf("%q", got)
	}
}

// A pod can write any file. The time to redact it must not grow with the square of its length.
func TestHostileTextIsCheap(t *testing.T) {
	for name, text := range map[string]string{
		"values": "-setcookie" + strings.Repeat(" a", maxFile/2), "flags": strings.Repeat("-setcookie ", maxFile/11), "comments": "-setcookie" + strings.Repeat("\n#", maxFile/2),
		"quotes": "-setcookie" + strings.Repeat(" '", maxFile/2), "dashes": "-setcookie " + strings.Repeat("-", maxFile), "equals": strings.Repeat("_cookie=", maxFile/8),
	} {
		began := time.Now()
		NewSecrets([]byte(secret), "").redactText(text)
		if took := time.Since(began); took > 5*time.Second { // some milliseconds; minutes if it grows with the square
			t.Errorf("%s took %s", name, took)
		}
	}
}

// In any context, neither the text after a flag nor the known cookie is left in the result.
func FuzzSecrets(f *testing.F) {
	f.Add("-name a ", " -x", uint16(40))
	f.Add("-setcookie ", "", uint16(40))
	f.Add("# don't ", "'", uint16(40))
	f.Add("-setcookie\n#", "\n", uint16(40))
	f.Add("\\", "\"", uint16(40))
	f.Add("-cookie=", "=", uint16(40))
	f.Add("a\x00-setcookie\x00", "\x00b", uint16(40))
	s := NewSecrets([]byte(secret), "")
	f.Fuzz(func(t *testing.T, before, after string, at uint16) {
		if strings.Contains(before+after, secret) {
			t.Skip()
		}
		for _, unknown := range []string{before + " -setcookie " + secret + after, before + " --cookie\n" + secret + after, before + " RELX_COOKIE=" + secret + after} {
			if got, _ := (Secrets{}).redactText(unknown); strings.Contains(got, secret) {
				t.Errorf("%q became %q", unknown, got)
			}
		}
		if got, _ := s.redactText(before + secret + after); strings.Contains(got, secret) {
			t.Errorf("%q + cookie + %q became %q", before, after, got)
		}
		line := []byte("beam.smp\x00" + before + "\x00-setcookie\x00" + secret + "\x00" + after)
		for _, a := range (Secrets{}).redactArgs(parseCmdline(line[:int(at)%len(line)], true)) { // cut off at any position
			if strings.Contains(a, secret[:4]) && !strings.Contains(before+after, secret[:4]) {
				t.Errorf("cut off at %d, %q came out as %q", int(at)%len(line), line, a)
			}
		}
		if got := strings.Join((Secrets{}).redactArgs(parseCmdline(line, false)), "\x00"); strings.Contains(got, secret) {
			t.Errorf("%q came out as %q", line, got)
		}
	})
}

// It is made again where the cookie or what is public has changed, and only there.
func TestSecretsForAnotherCookie(t *testing.T) {
	s := Secrets{}.For([]byte(secret), "derl")
	if same := s.For([]byte(secret), "derl"); same.r != s.r {
		t.Error("it was made again")
	}
	for _, c := range []struct{ cookie, public string }{{"another-cookie", "derl"}, {secret, "shop"}, {"", "derl"}} {
		other := s.For([]byte(c.cookie), c.public)
		if other.r == s.r || other.redact("it is "+c.cookie+".") != NewSecrets([]byte(c.cookie), c.public).redact("it is "+c.cookie+".") {
			t.Errorf("%q, %q: not made again", c.cookie, c.public)
		}
	}
}
