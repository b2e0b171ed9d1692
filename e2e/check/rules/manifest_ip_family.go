package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestIPFamily() check.Check {
	return check.Check{
		ID: "manifest/ip-family", Title: "runs distribution in the address family of its Service", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "A VM distributes over IPv4 unless it is started with -proto_dist inet6_tcp (or inet6_tls), and over one of both families only. In a cluster of IPv6, or where the records of a Service lead to IPv6 addresses, such nodes do not find each other.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html",
		Causes: check.Alike(check.From(check.EPMD), "ipv6-only", "dual-stack"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				s := withIPv6(m, w)
				switch {
				case s == nil:
					f.Skip("no Service of " + w.String() + " asks for IPv6")
				case slices.ContainsFunc(m.Places(w), func(p objects.Place) bool {
					return strings.Contains(p.Text, "inet6_tcp") || strings.Contains(p.Text, "inet6_tls")
				}):
				case s.Spec.IPFamilyPolicy == nil || *s.Spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack:
					f.Fail("ipv6-only", fmt.Sprintf("%s has IPv6 addresses only (ipFamilies), and nothing in the manifests starts the nodes of %s with -proto_dist inet6_tcp: they listen and dial over IPv4", s, w),
						"start the VM with -proto_dist inet6_tcp (in vm.args, or by ERL_AFLAGS), unless the image does so")
				default:
					f.Fail("dual-stack", fmt.Sprintf("%s has addresses of both families (ipFamilyPolicy: %s), and nothing in the manifests starts the nodes of %s with -proto_dist inet6_tcp: of the names that discovery builds from its AAAA records none is a node's", s, *s.Spec.IPFamilyPolicy, w),
						"let discovery use A records only, or set ipFamilies: [IPv4] and ipFamilyPolicy: SingleStack in this Service")
				}
			})
		},
	}
}

// withIPv6 is the headless Service of the pods that asks for IPv6, alone or beside IPv4, nil where none does.
func withIPv6(m *objects.Manifests, w *manifest.Workload) *manifest.Service {
	for _, s := range m.Services() {
		policy := s.Spec.IPFamilyPolicy
		dual := policy != nil && *policy != corev1.IPFamilyPolicySingleStack
		if s.Headless() && s.Selects(w.Labels()) && (dual || slices.Contains(s.Spec.IPFamilies, corev1.IPv6Protocol)) {
			return s
		}
	}
	return nil
}
