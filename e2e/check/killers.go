package check

// Killer is what proves that a check can fail, and for that reason: a mutant of fixtures/mutants, or the trial of a
// recording (every diagnosis has one in this package), and why there is no more than that.
type Killer struct{ Mutant, Trial string }

// Killers are those of the required and latent checks, by "CHECK DIAGNOSIS".
func Killers() map[string]Killer {
	all := map[string]Killer{
		"service/headless not-headless":       {Mutant: "cluster-ip"},
		"dist/cookie-accepted cookie-refused": {Mutant: "cookie-differs"},
		"epmd/port-as-declared port-unpinned": {Mutant: "port-unpinned"},
	}
	for why, checks := range trialOnly() {
		for id, codes := range checks {
			for _, code := range codes {
				all[id+" "+code] = Killer{Trial: why}
			}
		}
	}
	return all
}

// trialOnly are the diagnoses that no mutant gives, by the reason, and by check.
func trialOnly() map[string]map[string][]string {
	return map[string]map[string][]string{
		"no mutant yet; manifests that are changed bring it about": {
			"manifest/variables-set":               {"left-as-is", "unset"},
			"manifest/name-per-pod":                {"fixed-address", "same-name"},
			"manifest/cookie-flag":                 {"misspelt"},
			"manifest/cookie-reaches-vm":           {"tool-only"},
			"manifest/cookie-file-mode":            {"fs-group", "too-open"},
			"manifest/governing-service":           {"names-nothing", "no-name", "not-headless"},
			"manifest/network-policy-admits-peers": {"dist-closed", "dns-closed", "epmd-closed", "peers-closed"},
			"manifest/host-network":                {"shared"},
			"manifest/not-exposed":                 {"by-host-port", "by-service"},
			"manifest/port-pinned-in-flags":        {"for-every-vm"},
			"manifest/max-unavailable":             {"all-at-once"},
			"pods/running":                         {"bad-name", "cookie-file", "epmd-unreachable", "name-taken", "not-created", "not-running", "port-taken", "read-only", "restarted"},
			"pods/ready":                           {"not-ready"},
			"vm/distributed":                       {"not-distributed"},
			"vm/name-complete":                     {"empty", "no-host", "placeholder"},
			"vm/long-names":                        {"short-among-long", "short-names"},
			"vm/cookie-flag":                       {"misspelt"},
			"vm/hidden":                            {"hidden"},
			"vm/epmd-port-same":                    {"differs"},
			"service/selects-pods":                 {"no-service", "selects-nothing"},
			"service/one-application":              {"job", "two-applications"},
			"service/publishes-not-ready":          {"hidden-until-ready"},
			"service/headless":                     {"no-service"},
			"dns/name-asked-in-full":               {"short-name"},
			"dns/cluster-domain":                   {"wrong-domain"},
			"dns/a-records-match-pods":             {"dns-empty", "dns-foreign", "dns-missing", "dns-nxdomain"},
			"epmd/reachable":                       {"loopback-only", "refused"},
			"epmd/one-name":                        {"several-names"},
			"epmd/registration-type":               {"hidden"},
			"dist/same-port":                       {"other-port"},
			"dist/port-reachable":                  {"loopback-only", "refused"},
			"handshake/allowed":                    {"not-allowed"},
			"handshake/names-unique":               {"same-name"},
			"handshake/name-as-addressed":          {"no-host", "other-host", "short-name"},
			"vm/auto-connect":                      {"never", "once"},
			"vm/connects-all":                      {"partial"},
			"vm/ticktime-same":                     {"differs"},
			"vm/partitions-prevented-same":         {"differs"},
			"mesh/one-component":                   {"separate-clusters"},
			"mesh/full":                            {"not-in-view", "too-few"},
			"recovery/exit-clean":                  {"killed-after-grace"},
			"console/commands-work":                {"command-failed"},
		},
		"no mutant yet; a deed in a running pod brings it about": {
			"epmd/name-registered":          {"not-registered", "registration-lost"},
			"mesh/none-hidden":              {"hidden-member"},
			"mesh/nobody-foreign":           {"foreign-node"},
			"mesh/full":                     {"stale-node"},
			"mesh/stable":                   {"flapping"},
			"discovery/alive":               {"not-asking"},
			"recovery/exit-clean":           {"killed"},
			"recovery/pod-delete":           {"no-replacement", "replacement-alone", "replacement-lost"},
			"recovery/stale-name-gone":      {"stale-address", "stale-name"},
			"recovery/survivors-keep-links": {"link-lost", "link-replaced"},
			"recovery/full-again":           {"not-in-view"},
		},
		"no mutant yet; packets that are lost bring it about": {
			"dns/resolver-answers":      {"filtered"},
			"epmd/reachable":            {"filtered"},
			"dist/port-reachable":       {"filtered"},
			"handshake/acceptor-prompt": {"acceptor-slow"},
			"mesh/links-alive":          {"backing-off", "no-data"},
		},
		"it takes a fake node: no BEAM does it": {
			"epmd/reachable":                 {"not-speaking", "silent"},
			"dist/port-reachable":            {"not-speaking", "silent"},
			"dist/cookie-accepted":           {"handshake-broken"},
			"handshake/wrong-cookie-refused": {"any-cookie"},
			"mesh/links-match-views":         {"link-without-name", "name-without-link"},
			"recovery/new-incarnation":       {"same-creation"},
		},
		"it takes a second Erlang/OTP release among the pods": {
			"handshake/flags": {"flags-missing"},
			"vm/otp-spread":   {"too-far"},
		},
		"it takes distribution over TLS": {
			"dist/port-reachable": {"tls-listener"},
		},
		"it takes a node of another architecture": {
			"pods/running": {"wrong-architecture"},
		},
		"it takes a node whose route to another is broken": {
			"dns/resolver-answers": {"unreachable"},
			"epmd/reachable":       {"unreachable"},
			"dist/port-reachable":  {"unreachable"},
		},
		"it takes a broken DNS server, and all workloads of a cluster share theirs": {
			"dns/resolver-answers": {"declined", "refused", "servfail"},
		},
		"where an image cannot be made nothing is deployed, and all workloads of a kill matrix share theirs": {
			"image/available": {"image-failed"},
		},
		"it is never red: a harness that is broken so ends as unknown": {
			"probe/own-address": {"other-address"},
			"probe/hidden":      {"probe-visible"},
		},
	}
}
