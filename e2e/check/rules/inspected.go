package rules

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
)

// inspected are the checks of runs that are judged on an inspection, too, with what else must be seen of each there: kinds of objects that
// the user may not be allowed to list. They hold on a cluster that has run for long, and are not about what a run does to one. What an
// API server has accepted, and what a run alone can refuse, is not among them; nor is what a Role gives, since the roles are not read.
func inspected() map[string][]string {
	config, service := []string{recording.OfObjects("ConfigMap")}, []string{recording.OfObjects("Service")}
	return map[string][]string{
		"manifest/name-per-pod":                config,
		"manifest/name-form":                   config,
		"manifest/host-resolves":               append(service, config...),
		"manifest/cookie-flag":                 config,
		"manifest/cookie-reaches-vm":           config,
		"manifest/cookie-in-secret":            config,
		"manifest/governing-service":           service,
		"manifest/network-policy-admits-peers": {recording.OfObjects("NetworkPolicy")},
		"manifest/host-network":                nil,
		"manifest/port-pinned-in-flags":        config,
		"manifest/probes-start-no-vm":          nil,
		"manifest/max-unavailable":             nil,
		"manifest/discovery-finds-peers":       append(service, config...),
		"manifest/ready-without-peers":         append(service, config...),
		"manifest/mesh-proxy":                  nil,
		"pods/running":                         nil,
		"pods/ready":                           nil,
		"vm/distributed":                       nil,
		"vm/name-complete":                     nil,
		"vm/long-names":                        nil,
		"vm/cookie-flag":                       nil,
		"vm/hidden":                            nil,
		"vm/first-process":                     nil,
		"vm/busy-wait":                         nil,
		"service/selects-pods":                 nil,
		"service/publishes-not-ready":          nil,
		"service/headless":                     nil,
		"dns/resolver-answers":                 nil,
		"dns/a-records-match-pods":             nil,
		"epmd/reachable":                       nil,
		"epmd/name-registered":                 nil,
		"epmd/one-name":                        nil,
		"epmd/registration-type":               nil,
		"epmd/port-as-declared":                nil,
		"dist/same-port":                       nil,
		"dist/tls-everywhere":                  nil,
		"dist/port-reachable":                  nil,
		"handshake/allowed":                    nil,
		"handshake/names-unique":               nil,
		"handshake/name-as-addressed":          nil,
		"handshake/flags":                      nil,
		"handshake/cookie-accepted":            nil, // this and what follows with a cookie alone
		"mesh/auto-connect":                    nil,
		"mesh/connects-all":                    nil,
		"mesh/ticktime-same":                   nil,
		"mesh/partitions-prevented-same":       nil,
		"mesh/otp-spread":                      nil,
		"mesh/none-hidden":                     nil,
		"mesh/nobody-foreign":                  nil,
		"mesh/one-component":                   nil,
		"mesh/full":                            nil,
	}
}

// alsoInspected lets these checks be judged on inspections.
func alsoInspected(all []check.Check) {
	needs := inspected()
	for i := range all {
		c := &all[i]
		if of, there := needs[c.ID]; there {
			c.Also = append(c.Also, recording.Inspect)
			c.Needs = append(c.Needs, of...)
		}
	}
}
