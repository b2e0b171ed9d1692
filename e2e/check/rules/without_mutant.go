package rules

// WithoutMutant are the required and latent diagnoses that no mutant of fixtures/mutants produces, by the reason and by the check.
// All others have a mutant, which names them in its own file. The trial beside the check proves that each diagnosis is
// produced at all.
func WithoutMutant() map[string]map[string][]string {
	return map[string]map[string][]string{
		"no mutant yet; changed manifests can produce it": {
			"manifest/accepted":                    {"container-name", "headless-type", "label", "name", "no-such-key", "port-name", "selector", "service-name", "statefulset-name", "subject", "volume"},
			"manifest/ready-without-peers":         {"hidden-until-ready", "waits-in-order"},
			"manifest/variables-set":               {"left-as-is", "unset"},
			"manifest/name-per-pod":                {"same-name"},
			"manifest/name-form":                   {"long-without-dot", "not-distributed"},
			"manifest/host-resolves":               {"alone", "of-the-machine", "other-namespace", "other-service"},
			"manifest/cookie-given":                {"none"},
			"manifest/cookie-file-mode":            {"fs-group", "too-open", "unreadable"},
			"manifest/governing-service":           {"names-nothing", "no-name"},
			"manifest/role-bound":                  {"lacks-access", "no-token", "not-cluster-wide", "other-account", "other-namespace"},
			"manifest/discovery-finds-peers":       {"addresses-for-hosts", "hosts-for-addresses", "no-such-pod", "no-such-port", "no-such-service", "other-name", "other-namespace", "other-service", "selector-fits-nothing", "short-seeds"},
			"manifest/network-policy-admits-peers": {"api-closed", "dist-closed", "dns-closed", "epmd-closed", "peers-closed"},
			"manifest/host-network":                {"shared"},
			"manifest/proto-dist":                  {"interface-family"},
			"manifest/not-exposed":                 {"by-host-port", "by-service"},
			"pods/running":                         {"name-taken", "port-taken", "restarted", "restarting"},
			"vm/name-complete":                     {"empty", "no-host", "placeholder"},
			"vm/long-names":                        {"short-among-long"},
			"vm/cookie-flag":                       {"misspelt"},
			"vm/epmd-port-same":                    {"differs"},
			"service/selects-pods":                 {"no-selector", "no-service"},
			"service/one-application":              {"two-applications"},
			"service/headless":                     {"no-service"},
			"dns/a-records-match-pods":             {"dns-empty", "dns-missing", "dns-nxdomain"},
			"epmd/reachable":                       {"refused"},
			"epmd/one-name":                        {"several-names"},
			"epmd/registration-type":               {"hidden"},
			"dist/certificate-trusted":             {"not-begun", "one-sided"},
			"dist/port-reachable":                  {"refused"},
			"handshake/allowed":                    {"not-allowed"},
			"handshake/name-as-addressed":          {"no-host", "short-name"},
			"mesh/auto-connect":                    {"never"},
			"mesh/partitions-prevented-same":       {"differs"},
			"mesh/full":                            {"not-in-view", "too-few"},
			"mesh/one-component":                   {"api-gave-nobody"},
		},
		"no mutant yet; a fault in a running pod can produce it": {
			"epmd/name-registered":          {"not-registered"},
			"mesh/none-hidden":              {"hidden-member"},
			"mesh/full":                     {"stale-node"},
			"mesh/stable":                   {"flapping"},
			"recovery/exit-clean":           {"killed"},
			"recovery/pod-delete":           {"no-replacement", "replacement-lost"},
			"recovery/stale-name-gone":      {"stale-address", "stale-name"},
			"recovery/survivors-keep-links": {"link-lost"},
			"recovery/full-again":           {"not-in-view"},
			"recovery/container-kill":       {"not-rejoined"},
			"recovery/untouched-links-kept": {"link-lost"},
			"recovery/partition-detected":   {"not-noticed", "too-late"},
			"recovery/partition-as-otp":     {"overlapping"},
			"recovery/heals":                {"restarted"},
			"rollout/replaces-all":          {"not-in-view"},
		},
		"it needs another application: derl dials the nodes that it finds": {
			"mesh/one-component": {"dialled-nobody", "dials-closed"},
		},
		"global connects those that are added to each other, whatever discovery does": {
			"recovery/scale": {"not-joined"},
		},
		"our own probe dials the same ports, so that a check of a lower rung fails first": {
			"mesh/one-component": {"dials-refused", "dials-rejected", "dials-unanswered"},
		},
		"the command line of its VM says why, in vm/address-family": {
			"dist/port-reachable": {"other-family"},
		},
		"a run does not judge it: only meshproof inspect does": {
			"epmd/listens":              {"dead", "loopback-only"},
			"handshake/nobody-rejected": {"cookie-refused", "not-allowed", "rejected"},
			"mesh/linked":               {"alone", "split"},
		},
		"no mutant yet; lost packets can produce it": {
			"handshake/acceptor-prompt": {"acceptor-slow"},
			"mesh/links-alive":          {"backing-off", "no-data"},
		},
		"it needs a fake node: no real BEAM does it": {
			"epmd/reachable":                 {"not-speaking", "silent"},
			"dist/port-reachable":            {"not-speaking", "silent"},
			"handshake/cookie-accepted":      {"handshake-broken"},
			"handshake/wrong-cookie-refused": {"any-cookie"},
			"mesh/links-match-views":         {"link-without-name", "name-without-link"},
			"recovery/new-creation":          {"same-creation"},
			"recovery/container-kill":        {"same-creation"},
		},
		"it needs a second Erlang/OTP release among the pods": {
			"handshake/flags": {"flags-missing"},
			"mesh/otp-spread": {"too-far"},
		},
		"it needs a Kubernetes node of another architecture": {
			"pods/running": {"wrong-architecture"},
		},
		"it needs a Kubernetes node whose route to another one is broken": {
			"dns/resolver-answers": {"unreachable"},
			"epmd/reachable":       {"unreachable"},
		},
		"it needs a broken DNS server, and all workloads of a cluster share one": {
			"dns/resolver-answers": {"declined", "refused", "servfail"},
		},
		"if an image cannot be built nothing is deployed, and all workloads of a kill matrix share their images": {
			"image/available": {"image-failed"},
		},
		"it never fails: if the harness is broken in this way, the verdict is unknown": {
			"probe/own-address": {"other-address"},
			"probe/hidden":      {"probe-visible"},
		},
	}
}
