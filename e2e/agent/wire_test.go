package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	const uid = "11111111-2222-3333-4444-555555555555"
	good := func() Plan {
		return Plan{DNSName: "derl.app.svc.cluster.local.", EPMDPort: 4369, DistPort: 10000, Cookie: []byte("SECRETCOOKIE"), Pods: []Pod{{UID: uid, IP: "10.0.0.1", Node: "n1"}}}
	}
	for name, c := range map[string]struct {
		spoil func(*Plan)
		says  string // "" for a good plan
	}{
		"good":              {func(*Plan) {}, ""},
		"empty":             {func(p *Plan) { *p = Plan{} }, ""},
		"IPv6":              {func(p *Plan) { p.Pods[0].IP = "fd00::1" }, ""},
		"no address yet":    {func(p *Plan) { p.Pods[0].IP = "" }, ""},
		"a name":            {func(p *Plan) { p.Pods[0].IP = "evil.example" }, "no literal address"},
		"an address's port": {func(p *Plan) { p.Pods[0].IP = "10.0.0.1:22" }, "no literal address"},
		"a path for a UID":  {func(p *Plan) { p.Pods[0].UID = "../../../etc" }, "uid"},
		"an empty UID":      {func(p *Plan) { p.Pods[0].UID = "" }, "uid"},
		"a pod twice":       {func(p *Plan) { p.Pods = append(p.Pods, p.Pods[0]) }, "twice"},
		"a port":            {func(p *Plan) { p.DistPort = 65536 }, "65536"},
		"a port of a node":  {func(p *Plan) { p.Transports = map[string]Transport{uid: {Port: 70000}} }, "70000"},
		"a stray transport": {func(p *Plan) { p.Transports = map[string]Transport{"00000000-other": {}} }, "not in the plan"},
		"a negative port":   {func(p *Plan) { p.EPMDPort = -1 }, "-1"},
		"a long cookie":     {func(p *Plan) { p.Cookie = make([]byte, 256) }, "cookie"},
		"a long name":       {func(p *Plan) { p.DNSName = strings.Repeat("a", 255) }, "DNS name"},
		"too often":         {func(p *Plan) { p.Every.View = time.Microsecond }, "1µs"},
		"too seldom":        {func(p *Plan) { p.Every.Dist = time.Hour }, "1h"},
		"backwards":         {func(p *Plan) { p.Every.DNS = -time.Second }, "-1s"},
		"a read":            {func(p *Plan) { p.Reads = []Read{{Name: "database", What: RunningDBNodes}} }, ""},
		"another read":      {func(p *Plan) { p.Reads = []Read{{Name: "x", What: "erlang/halt"}} }, "not known"},
		"too many reads":    {func(p *Plan) { p.Reads = make([]Read, 9) }, "too many reads"},
		"too many pods": {func(p *Plan) {
			for i := range 5001 {
				p.Pods = append(p.Pods, Pod{UID: fmt.Sprintf("%08d", i)})
			}
		}, "more pods"},
	} {
		p := good()
		c.spoil(&p)
		err := p.Check()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "SECRETCOOKIE") {
			t.Errorf("%s: the error contains the cookie", name)
		}
	}
}

func TestCheckSession(t *testing.T) {
	for name, good := range map[string]bool{"a": true, "meshproof-ip-dns-00042": true, strings.Repeat("a", 63): true, "": false, strings.Repeat("a", 64): false, "A": false, "a.b": false, "a/b": false, "-a": false, "a-": false, "a\n": false} {
		if err := CheckSession(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// An invalid identity is rejected, and the error does not contain it. Whether a node uses TLS is known from its command
// line; without one it depends on whether the plan has an identity.
func TestIdentity(t *testing.T) {
	p := Plan{Identity: &Identity{Certificate: []byte("SECRETPEM"), Key: []byte("SECRETPEM")}}
	if err := p.Check(); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
	p.Identity.Roots = make([]byte, maxIdentity)
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
	p.Transports = map[string]Transport{"plain": {}, "tls": {TLS: true}}
	for uid, want := range map[string]bool{"plain": false, "tls": true, "unknown": true} {
		if p.SpeaksTLS(uid) != want {
			t.Errorf("%s: not %v", uid, want)
		}
	}
	if p.Identity = nil; p.SpeaksTLS("unknown") || !p.SpeaksTLS("tls") {
		t.Error("without an identity only a node that is known to use TLS uses it")
	}
	p.DistPort, p.Transports["fixed"] = 10000, Transport{Port: 10001}
	if p.PortOf("tls") != 10000 || p.PortOf("unknown") != 10000 || p.PortOf("fixed") != 10001 {
		t.Error("PortOf returns another port")
	}
}
