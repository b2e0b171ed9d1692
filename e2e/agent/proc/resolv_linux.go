package proc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// What is kept of a pod's resolv.conf and /etc/hosts. A resolver asks three servers at most (resolv.conf(5), MAXNS); the
// kubelet writes up to 32 domains.
const (
	maxServers = 3
	maxWords   = 64
	maxHosts   = 500
)

// Lookup reads what the process's own resolv.conf has to look a name up with: the servers, one at least, as literal addresses
// in the order in which they are to be asked, and the domains that are searched.
func (fs FS) Lookup(pid int) (recording.Resolver, error) {
	var r recording.Resolver
	data, _, err := fs.inRoot(pid, "etc/resolv.conf")
	if err != nil {
		return r, fmt.Errorf("the pod's resolv.conf: %w", err)
	}
	if parseResolvConf(&r, string(data)); len(r.Servers) == 0 {
		return r, errors.New("the pod's resolv.conf names no server")
	}
	return r, nil
}

// Resolver reads how the process resolves names. What cannot be read is in Detail.
func (fs FS) Resolver(pid int, secrets Secrets) recording.Resolver {
	var r recording.Resolver
	var d details
	if data, cut, err := fs.inRoot(pid, "etc/resolv.conf"); d.read("resolv.conf", cut, err) {
		parseResolvConf(&r, secrets.known(whole(data, cut)))
	}
	if data, cut, err := fs.inRoot(pid, "etc/hosts"); d.read("/etc/hosts", cut, err) {
		r.Hosts = parseHosts(secrets.known(whole(data, cut)))
		if len(r.Hosts) == maxHosts {
			d.add("of /etc/hosts only the first %d lines are kept", maxHosts)
		}
	}
	r.Detail = d.String()
	return r
}

// parseResolvConf reads a resolv.conf as resolv.conf(5) says: of several search lines the last counts, options add up,
// and a comment has # or ; in the first column.
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

// parseHosts gives the lines of an /etc/hosts without comments, their white space made one space.
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

// whole gives the whole lines of what may have been cut off.
func whole(data []byte, cut bool) string {
	s := string(data)
	if cut {
		s = s[:strings.LastIndexByte(s, '\n')+1]
	}
	return s
}
