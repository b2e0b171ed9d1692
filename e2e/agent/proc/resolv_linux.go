package proc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// The limits for a pod's resolv.conf and /etc/hosts. A resolver uses three servers at most (resolv.conf(5), MAXNS); the
// kubelet writes up to 32 domains.
const (
	maxServers = 3
	maxWords   = 64
	maxHosts   = 500
)

// Lookup reads the process's own resolv.conf: at least one server, as literal addresses in the order in which they are
// used, and the search domains.
func (fs FS) Lookup(pid int) (recording.Resolver, error) {
	var r recording.Resolver
	data, _, err := fs.readInRoot(pid, "etc/resolv.conf")
	if err != nil {
		return r, fmt.Errorf("cannot read the pod's resolv.conf: %w", err)
	}
	if parseResolvConf(&r, string(data)); len(r.Servers) == 0 {
		return r, errors.New("the pod's resolv.conf has no nameserver line with an address")
	}
	return r, nil
}

// Resolver reads the process's resolver configuration. Detail lists what cannot be read.
func (fs FS) Resolver(pid int, secrets Secrets) recording.Resolver {
	var r recording.Resolver
	var d problems
	if data, cut, err := fs.readInRoot(pid, "etc/resolv.conf"); d.check("resolv.conf", cut, err) {
		parseResolvConf(&r, secrets.redact(wholeLines(data, cut)))
	}
	if data, cut, err := fs.readInRoot(pid, "etc/hosts"); d.check("/etc/hosts", cut, err) {
		r.Hosts = parseHosts(secrets.redact(wholeLines(data, cut)))
		if len(r.Hosts) == maxHosts {
			d.add("/etc/hosts: only the first %d lines are recorded", maxHosts)
		}
	}
	r.Detail = d.String()
	return r
}

// parseResolvConf parses a resolv.conf as described in resolv.conf(5): the last search line is used, options of several
// lines are combined, and a comment has # or ; in the first column.
func parseResolvConf(r *recording.Resolver, text string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.ContainsAny(f[0][:1], "#;") {
			continue
		}
		switch f[0] {
		case "nameserver":
			if _, err := netip.ParseAddr(f[1]); err == nil && len(r.Servers) < maxServers {
				r.Servers = append(r.Servers, f[1])
			}
		case "domain":
			r.Search = f[1:2]
		case "search":
			r.Search = f[1:min(len(f), 1+maxWords)]
		case "options":
			r.Options = append(r.Options, f[1:min(len(f), 1+maxWords-len(r.Options))]...)
		}
	}
}

// parseHosts returns the lines of an /etc/hosts without comments, with single spaces.
func parseHosts(text string) []string {
	var hosts []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 && len(hosts) < maxHosts {
			hosts = append(hosts, strings.Join(f, " "))
		}
	}
	return hosts
}

// wholeLines is the data without the last line if that one is cut off.
func wholeLines(data []byte, cut bool) string {
	s := string(data)
	if cut {
		s = s[:strings.LastIndexByte(s, '\n')+1]
	}
	return s
}
