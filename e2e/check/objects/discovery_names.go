package objects

import (
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Peer is what discovery takes for the names of the peers: their part before the @, or a whole name in a list of seeds.
type Peer struct {
	Where string // "env COUCHDB_SEEDLIST of container couchdb"
	Said  string // as it is written there
	Base  string
	Host  string // of a seed, "" where discovery finds the hosts itself
}

// baseKeys are the keys by which discovery is told the part before the @: of libcluster's strategies, and of peerage.
var baseKeys = []struct{ of, key *regexp.Regexp }{
	{regexp.MustCompile(`Cluster\.Strategy\.DNSPoll\b`), regexp.MustCompile(`(?:^|[^\w])node_basename['":,\s]+["':]([\w-]+)`)},
	{regexp.MustCompile(`Cluster\.Strategy\.Kubernetes\.(?:DNS|DNSSRV)\b`), regexp.MustCompile(`\bapplication_name['":,\s]+["':]([\w-]+)`)},
	{byAPI, regexp.MustCompile(`\bkubernetes_node_basename['":,\s]+["':]([\w-]+)`)},
	{regexp.MustCompile(`Peerage\.Via\.Dns\b`), regexp.MustCompile(`\bapp_name['":,\s]+["':]([\w-]+)`)},
}

// Peers are the names by which w's nodes look for each other, as far as they are written out.
func (m *Manifests) Peers(w *manifest.Workload) []Peer {
	var all []Peer
	for _, p := range m.Places(w) {
		for _, k := range baseKeys {
			if found := k.key.FindAllStringSubmatch(p.Text, -1); p.Variable == "" && k.of.MatchString(p.Text) && len(found) == 1 {
				all = append(all, Peer{Where: p.Where, Said: found[0][1], Base: found[0][1]})
			}
		}
		for _, s := range seeds(p) {
			for _, name := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",; \t\n[]\"'", r) }) {
				if base, host, is := strings.Cut(name, "@"); is && !strings.ContainsAny(name, "$`{") {
					all = append(all, Peer{p.Where, name, base, host})
				}
			}
		}
	}
	return all
}

// seeds are the lists of names in a place.
func seeds(p Place) []string {
	var all []string
	if p.Variable != "" {
		if slices.ContainsFunc(peerVariables, func(k peerKey) bool { return k.by == ForPods && k.name.MatchString(p.Variable) }) {
			all = append(all, p.Text)
		}
		return all
	}
	for _, k := range peerKeys {
		for _, found := range k.name.FindAllStringSubmatch(p.Text, -1) {
			if k.by == ForPods {
				all = append(all, found[1])
			}
		}
	}
	return all
}

// Named are the names of all members, nil where one of them is not known: that of a workload without any, one that a script decides,
// one with a reference.
func (m *Manifests) Named() []NodeName {
	var all []NodeName
	for _, w := range m.Members {
		names := m.Names(w)
		for _, n := range names {
			base, host, is := strings.Cut(n.Value, "@")
			if n.Maybe || !is || strings.ContainsAny(base, "$`<") || !n.HostKnown() || host == "" {
				return nil
			}
		}
		if len(names) == 0 {
			return nil
		}
		all = append(all, names...)
	}
	return all
}
