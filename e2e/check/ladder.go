package check

import "slices"

// What depends on what, by rung: the lists that causes are made of.
var (
	// registered need an answer of epmd.
	registered = []string{"epmd/name-registered", "epmd/one-name", "epmd/registration-type", "epmd/port-as-declared"}
	// handshakes need a listener that speaks the protocol.
	handshakes = []string{"dist/certificate-trusted", "dist/certificate-names-host", "handshake/allowed", "handshake/acceptor-prompt", "handshake/names-unique", "handshake/name-as-addressed", "handshake/flags",
		"handshake/cookie-accepted", "handshake/wrong-cookie-refused"}
	// recoveries are judged on the recovery and the rollout scenario, which begin with a whole mesh.
	recoveries = []string{"recovery/exit-clean", "recovery/new-incarnation", "recovery/pod-delete", "recovery/stale-name-gone",
		"recovery/survivors-keep-links", "recovery/full-again", "recovery/discovery-goes-on",
		"rollout/keeps-links", "rollout/replaces-all", "rollout/hands-over"}
	// mesh is what depends on the mesh being whole, in the order of the checks; most causes below it explain all of it.
	mesh = slices.Concat(settings, []string{"mesh/none-hidden", "mesh/nobody-foreign", "mesh/one-component", "mesh/full", "mesh/links-match-views", "mesh/links-alive",
		"mesh/stable"}, recoveries, []string{"console/commands-work"})
)

// alike gives all these diagnoses the same consequences.
func alike(ids []string, codes ...string) map[string][]string {
	m := map[string][]string{}
	for _, code := range codes {
		m[code] = ids
	}
	return m
}

// above is ids followed by everything that depends on the mesh.
func above(ids ...string) []string { return slices.Concat(ids, mesh) }

// aboveDist is all that needs the distribution listener, aboveEPMD all that needs epmd, and aboveVM all that needs a VM
// that runs in its pod.
func aboveDist() []string { return slices.Concat(handshakes, mesh) }
func aboveEPMD() []string {
	return slices.Concat(registered, []string{"dist/port-reachable"}, aboveDist())
}
func aboveVM() []string {
	return slices.Concat([]string{"probe/own-address", "probe/hidden", "epmd/reachable", "dist/same-port", "dist/tls-everywhere", "discovery/alive"}, aboveEPMD())
}

// after is what depends on the mesh and comes after the check with that id.
func after(id string) []string { return mesh[slices.Index(mesh, id)+1:] }
