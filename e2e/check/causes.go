package check

import (
	"slices"
	"strings"
)

// What a diagnosis explains is a list of check ids, in Check.Causes. "epmd/*" stands for all checks whose id begins with epmd/
// and that come later in the list of checks. A cause comes before its effects, so no cause can name itself or a check below it. Most
// diagnoses break everything that needs a certain thing; the functions of this file return those lists.

// LinkCauses replaces the patterns in the causes of all checks by the ids that they stand for.
func LinkCauses(all []Check) {
	for i := range all {
		for code, patterns := range all[i].Causes {
			all[i].Causes[code] = later(patterns, all[i+1:])
		}
	}
}

// later are the ids of rest that one of the patterns fits. An id without a * is kept as it is, even if no later check has it: a test finds it.
func later(patterns []string, rest []Check) []string {
	var ids []string
	for _, p := range patterns {
		prefix, wildcard := strings.CutSuffix(p, "*")
		if !wildcard {
			ids = append(ids, p)
			continue
		}
		for _, c := range rest {
			if strings.HasPrefix(c.ID, prefix) {
				ids = append(ids, c.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Alike gives all these diagnoses the same consequences.
func Alike(ids []string, codes ...string) map[string][]string {
	m := map[string][]string{}
	for _, code := range codes {
		m[code] = ids
	}
	return m
}

// From is everything on the rung and above it, and also those named. The harness's own checks come after DNS:
// they need a running VM, and nothing of its network.
func From(r Rung, also ...string) []string {
	ladder := []Rung{Manifest, Image, Pods, VM, Service, DNS, Probe, EPMD, Dist, Handshake, Mesh, Discovery, Recovery, Rollout, Application, Console}
	ids := slices.Clone(also)
	for _, above := range ladder[slices.Index(ladder, r):] {
		ids = append(ids, string(above)+"/*")
	}
	return ids
}

// NeedsEPMD is what needs an answer of epmd, and also those named: names, and the port at which a peer listens.
func NeedsEPMD(also ...string) []string { return NeedsListener(append(also, "epmd/*")...) }

// NeedsListener is what needs a distribution listener that can be reached, and also those named.
func NeedsListener(also ...string) []string {
	return NeedsMesh(append(also, "dist/port-*", "dist/certificate-*", "handshake/*")...)
}

// NeedsMesh is what needs nodes that find, reach and admit each other, and also those named. Whether discovery goes on
// (discovery/alive) is not in the list: the agent sees that on the pod's own network interface.
func NeedsMesh(also ...string) []string {
	return append(also, "mesh/*", "recovery/*", "rollout/*", "application/*", "console/*")
}

// NeedsLinks is what needs the links between nodes. Unlike NeedsMesh it leaves out the settings of each node (mesh/auto-connect and
// the like): a node that can be reached reports them, whether it has peers or not.
func NeedsLinks() []string {
	return []string{"mesh/none-hidden", "mesh/nobody-foreign", "mesh/linked", "mesh/one-component", "mesh/full", "mesh/links-*", "mesh/stable", "recovery/*", "rollout/*", "application/*", "console/*"}
}
