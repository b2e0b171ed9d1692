package check

// Killer is what proves that a check can fail, and for that reason: a mutant of fixtures/mutants, or the trial of a
// recording (every diagnosis has one in this package), and why there is no more than that.
type Killer struct{ Mutant, Trial string }

// Killers are those of the required and latent checks, by "CHECK DIAGNOSIS".
func Killers() map[string]Killer {
	all := map[string]Killer{
		"manifest/name-per-pod fixed-address":         {Mutant: "pod-ip-fixed"},
		"manifest/host-resolves not-in-dns":           {Mutant: "name-not-in-dns"},
		"manifest/cookie-flag misspelt":               {Mutant: "cookie-flag-misspelt"},
		"manifest/cookie-reaches-vm tool-only":        {Mutant: "relx-cookie-only"},
		"manifest/port-pinned-in-flags for-every-vm":  {Mutant: "port-pinned-in-flags"},
		"image/available not-pulled":                  {Mutant: "image-nowhere"},
		"pods/running bad-name":                       {Mutant: "pod-ip-missing"},
		"pods/running cookie-file":                    {Mutant: "cookie-file-mode"},
		"pods/running read-only":                      {Mutant: "no-place-to-render"},
		"pods/ready not-ready":                        {Mutant: "never-ready"},
		"vm/distributed not-distributed":              {Mutant: "not-distributed"},
		"vm/long-names short-names":                   {Mutant: "short-names"},
		"vm/hidden hidden":                            {Mutant: "hidden-node"},
		"service/selects-pods selects-nothing":        {Mutant: "selector-typo"},
		"service/one-application job":                 {Mutant: "job-with-app-labels"},
		"service/headless not-headless":               {Mutant: "cluster-ip"},
		"dns/resolver-answers filtered":               {Mutant: "dns-filtered"},
		"dns/name-asked-in-full short-name":           {Mutant: "short-service-name"},
		"dns/cluster-domain wrong-domain":             {Mutant: "wrong-domain"},
		"dns/a-records-match-pods dns-foreign":        {Mutant: "foreign-application"},
		"dns/peers-exist no-such-name":                {Mutant: "static-other-service"},
		"dns/peers-exist no-such-port":                {Mutant: "srv-port-unnamed"},
		"dns/peers-exist no-such-service":             {Mutant: "service-renamed"},
		"dist/same-port other-port":                   {Mutant: "epmdless-other-port"},
		"epmd/reachable filtered":                     {Mutant: "epmd-port-filtered"},
		"epmd/reachable loopback-only":                {Mutant: "epmd-on-loopback"},
		"epmd/name-registered registration-lost":      {Mutant: "epmd-killed"},
		"epmd/port-as-declared port-unpinned":         {Mutant: "port-unpinned"},
		"dist/port-reachable filtered":                {Mutant: "dist-port-filtered"},
		"dist/port-reachable loopback-only":           {Mutant: "dist-on-loopback"},
		"dist/tls-everywhere mixed":                   {Mutant: "tls-one-plain"},
		"dist/certificate-trusted ended":              {Mutant: "tls-ended"},
		"dist/certificate-trusted untrusted":          {Mutant: "tls-other-authority"},
		"dist/certificate-names-host host-not-named":  {Mutant: "tls-service-name"},
		"dist/certificate-names-host wildcard-only":   {Mutant: "tls-wildcard"},
		"handshake/names-unique same-name":            {Mutant: "host-ip-for-pod-ip"},
		"handshake/name-as-addressed other-host":      {Mutant: "name-discovery-does-not-build"},
		"handshake/cookie-accepted cookie-refused":    {Mutant: "cookie-differs"},
		"mesh/auto-connect once":                      {Mutant: "auto-connect-once"},
		"mesh/connects-all partial":                   {Mutant: "connect-all-off"},
		"mesh/ticktime-same differs":                  {Mutant: "ticktime-differs"},
		"mesh/nobody-foreign foreign-node":            {Mutant: "foreign-node"},
		"mesh/nobody-foreign not-alone":               {Mutant: "meant-to-be-alone"},
		"mesh/one-component separate-clusters":        {Mutant: "discovery-asks-once"},
		"discovery/alive not-asking":                  {Mutant: "discovery-satisfied"},
		"discovery/alive asks":                        {Mutant: "meant-to-ask-nobody"},
		"recovery/exit-clean killed-after-grace":      {Mutant: "shell-as-first-process"},
		"recovery/pod-delete replacement-alone":       {Mutant: "secret-rotated"},
		"recovery/discovery-goes-on not-asking":       {Mutant: "discovery-dies"},
		"recovery/survivors-keep-links link-replaced": {Mutant: "discovery-disconnects"},
		"manifest/role-bound unbound":                 {Mutant: "rbac-missing"},
		"manifest/max-unavailable all-at-once":        {Mutant: "rollout-all-at-once"},
		"rollout/keeps-links link-lost":               {Mutant: "rollout-disconnects"},
		"rollout/replaces-all stuck":                  {Mutant: "rollout-stuck"},
		"rollout/hands-over founded-anew":             {Mutant: "rollout-all-at-once"},
		"console/commands-work command-failed":        {Mutant: "rabbitmq-data-lost"},
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
			"manifest/name-per-pod":                {"same-name"},
			"manifest/host-resolves":               {"alone", "of-the-machine", "other-service"},
			"manifest/cookie-file-mode":            {"fs-group", "too-open"},
			"manifest/governing-service":           {"names-nothing", "no-name"},
			"manifest/role-bound":                  {"other-account"},
			"manifest/network-policy-admits-peers": {"dist-closed", "dns-closed", "epmd-closed", "peers-closed"},
			"manifest/host-network":                {"shared"},
			"manifest/not-exposed":                 {"by-host-port", "by-service"},
			"pods/running":                         {"epmd-unreachable", "name-taken", "not-created", "not-running", "port-taken", "restarted", "restarting"},
			"vm/name-complete":                     {"empty", "no-host", "placeholder"},
			"vm/long-names":                        {"short-among-long"},
			"vm/cookie-flag":                       {"misspelt"},
			"vm/epmd-port-same":                    {"differs"},
			"service/selects-pods":                 {"no-service"},
			"service/one-application":              {"two-applications"},
			"service/publishes-not-ready":          {"hidden-until-ready"},
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
		},
		"no mutant yet; a disturbance in a running pod brings it about": {
			"epmd/name-registered":          {"not-registered"},
			"mesh/none-hidden":              {"hidden-member"},
			"mesh/full":                     {"stale-node"},
			"mesh/stable":                   {"flapping"},
			"recovery/exit-clean":           {"killed"},
			"recovery/pod-delete":           {"no-replacement", "replacement-lost"},
			"recovery/stale-name-gone":      {"stale-address", "stale-name"},
			"recovery/survivors-keep-links": {"link-lost"},
			"recovery/full-again":           {"not-in-view"},
			"rollout/replaces-all":          {"not-in-view"},
		},
		"no mutant yet; packets that are lost bring it about": {
			"handshake/acceptor-prompt": {"acceptor-slow"},
			"mesh/links-alive":          {"backing-off", "no-data"},
		},
		"it takes a fake node: no BEAM does it": {
			"epmd/reachable":                 {"not-speaking", "silent"},
			"dist/port-reachable":            {"not-speaking", "silent"},
			"handshake/cookie-accepted":      {"handshake-broken"},
			"handshake/wrong-cookie-refused": {"any-cookie"},
			"mesh/links-match-views":         {"link-without-name", "name-without-link"},
			"recovery/new-incarnation":       {"same-creation"},
		},
		"it takes a second Erlang/OTP release among the pods": {
			"handshake/flags": {"flags-missing"},
			"mesh/otp-spread": {"too-far"},
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
