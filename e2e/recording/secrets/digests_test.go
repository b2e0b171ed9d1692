package secrets

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What RabbitMQ prints for the cookie XYTWZLUSHVTQXLZOAUFE, and for the same with a newline at its end.
const (
	rabbitCookie    = "XYTWZLUSHVTQXLZOAUFE"
	rabbitHash      = "nU9SyJpIlfFVZxVvjmBw+A=="
	rabbitUntrimmed = "IUMyeLsStnoZGV3R8AflFw=="
)

// rabbit are texts of RabbitMQ's tools, with the hash where %s is.
var rabbit = map[string]string{
	"rabbitmq-diagnostics erlang_cookie_hash": "Asking node rabbit@rabbitmq-0 for its Erlang cookie hash...\n%s\n",
	"the same, --quiet":                       "%s\n",
	"the server's log":                        "2026-11-28 19:00:51.003842+00:00 [info] <0.213.0>  home dir       : /var/lib/rabbitmq\n2026-11-28 19:00:51.003842+00:00 [info] <0.213.0>  cookie hash    : %s\n",
	"rabbitmqctl that cannot connect": `Error: unable to perform an operation on node 'rabbit@rabbitmq-0'. Please see diagnostics information and suggestions below.

DIAGNOSTICS
===========

attempted to contact: ['rabbit@rabbitmq-0']

rabbit@rabbitmq-0:
  * connected to epmd (port 4369) on rabbitmq-0
  * epmd reports node 'rabbit' uses port 25672 for inter-node and CLI tool traffic
  * TCP connection succeeded but Erlang distribution failed
  * suggestion: check if the Erlang cookie is identical for all server nodes and CLI tools
  * suggestion: check if all server nodes and CLI tools use consistent hostnames when addressing each other

Current node details:
 * node name: 'rabbitmqcli-137-rabbit@rabbitmq-0'
 * effective user's home directory: /var/lib/rabbitmq
 * Erlang cookie hash: %s

`,
	"an event of its probe": `{"reason":"Unhealthy","message":"Readiness probe failed: Current node details:\n * node name: 'rabbitmqcli-97-rabbit@rabbitmq-1'\n * Erlang cookie hash: %s\n\n"}`,
}

func TestRabbitMQsCookieHash(t *testing.T) {
	for tool, format := range rabbit {
		for _, hash := range []string{rabbitHash, rabbitUntrimmed} {
			for _, secret := range []string{rabbitCookie, rabbitCookie + "\n"} {
				text, want := fmt.Sprintf(format, hash), fmt.Sprintf(format, Mark)
				r := guarding(secret)
				if got := r.Text(text); got != want {
					t.Errorf("%s: %q", tool, got)
				}
				if got := copied(t, r, text); got != want {
					t.Errorf("%s, copied: %q", tool, got)
				}
				found, err := leaks(t, map[string][]byte{"f": []byte(text)}, secret)
				if err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "f: its MD5 as base64") {
					t.Errorf("%s: found %v, %v", tool, found, err)
				}
			}
		}
	}
}

// digestsOf are the digests of a cookie as tools print them.
func digestsOf(c string) map[string]string {
	m, s, l := md5.Sum([]byte(c)), sha1.Sum([]byte(c)), sha256.Sum256([]byte(c))
	all := map[string]string{}
	for name, sum := range map[string][]byte{"MD5": m[:], "SHA-1": s[:], "SHA-256": l[:]} {
		all[name+" hex"] = hex.EncodeToString(sum)
		all[name+" HEX"] = fmt.Sprintf("%X", sum)
		all[name+" with colons"] = bytewise(string(sum), "%02X", ":")
		all[name+" base64"] = base64.StdEncoding.EncodeToString(sum)
		all[name+" base64 unpadded"] = base64.RawStdEncoding.EncodeToString(sum)
		all[name+" base64 url"] = base64.URLEncoding.EncodeToString(sum)
		all[name+" base64 url unpadded"] = base64.RawURLEncoding.EncodeToString(sum)
		all[name+" base64 of hex"] = base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum)))
		all[name+" Erlang"] = "<<" + strings.Trim(strings.ReplaceAll(fmt.Sprint(sum), " ", ","), "[]") + ">>"
	}
	return all
}

// Also of a cookie that is short or a public word, and is itself redacted only after the word cookie.
func TestDigestsAreGuarded(t *testing.T) {
	for _, c := range []string{"a long one", "abc", "x", "node"} {
		for _, variant := range []string{c, c + "\n"} {
			for name, text := range digestsOf(variant) {
				r := guarding(c)
				r.Public("the node abc x")
				if got := r.Text("it is " + text + "."); strings.Contains(got, text) || !strings.Contains(got, Mark) {
					t.Errorf("%s of %q: %q", name, variant, got)
				}
				if found, err := leaks(t, map[string][]byte{"f": []byte("it is " + text)}, c); err != nil || len(found) == 0 || !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "f: its ") }) {
					t.Errorf("%s of %q: found %v, %v", name, variant, found, err)
				}
			}
		}
	}
}
