package rules

import (
	"fmt"
	"regexp"
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
		Causes: check.Alike(check.From(check.EPMD), "ipv6-only", "dual-stack", "tools", "lookups", "twice"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				for _, judge := range []func(*objects.Manifests, *manifest.Workload, *check.Finding){rabbitOverIPv6, givenTwice} {
					if judge(m, w, f); f.Outcome == check.Fail {
						return
					}
				}
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

// For RabbitMQ two more places have to say it: its commands are VMs of their own, and what the server itself looks up (the API server, the
// names of peers) is in the resolver's family, not in that of distribution.
var (
	rabbitServer = regexp.MustCompile(`SERVER_ADDITIONAL_ERL_ARGS\b`)
	rabbitTools  = regexp.MustCompile(`CTL_ERL_ARGS\b[^\n]*inet6_`)
	rabbitLookup = regexp.MustCompile(`\binetrc\b`)
)

func rabbitOverIPv6(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	server, tools, lookup, scripts := "", false, false, false
	for _, p := range m.Places(w) {
		text := p.Text
		if p.Variable != "" {
			text = p.Variable + "=" + text
		}
		if at := rabbitServer.FindStringIndex(text); at != nil && strings.Contains(text[at[0]:], "inet6_") {
			server = p.Where
		}
		tools, lookup = tools || rabbitTools.MatchString(text), lookup || rabbitLookup.MatchString(text)
		scripts = scripts || p.Variable == "RABBITMQ_CONF_ENV_FILE"
	}
	switch {
	case server == "" || scripts:
	case !tools:
		f.Fail("tools", fmt.Sprintf("%s starts the server of %s with distribution over IPv6, and nothing in the manifests says so to rabbitmqctl and rabbitmq-diagnostics: they dial over IPv4", server, w),
			"set RABBITMQ_CTL_ERL_ARGS to -proto_dist inet6_tcp as well")
	case !lookup:
		f.Fail("lookups", fmt.Sprintf("%s starts the server of %s with distribution over IPv6, and no inetrc file is named in the manifests: peer discovery looks up IPv4 addresses and gets nxdomain", server, w),
			"mount a file with {inet6, true}. and name it: -kernel inetrc '/etc/rabbitmq/erl_inetrc' in RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS")
	}
}

// givenTwice fails where two flags certainly reach one VM, and not both say what it does anyway.
func givenTwice(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	for _, c := range w.Containers(manifest.Main) {
		var given, flags []string
		for _, p := range m.PlacesIn(w, c) {
			if !forEveryVM(p) {
				continue
			}
			for _, value := range protoDist(p.Text) {
				given, flags = append(given, value), append(flags, p.Where)
			}
		}
		if len(given) > 1 && slices.ContainsFunc(given, func(p string) bool { return p != "inet_tcp" }) {
			f.Fail("twice", fmt.Sprintf("-proto_dist is given %d times (%s) to the VM of %s: OTP 25 then takes none and distributes over IPv4 (inet_tcp), without a message, and OTP 27 takes the first", len(given), check.List(slices.Compact(flags)), w),
				"give -proto_dist once: in vm.args, where the release's commands find it, too, or in ERL_AFLAGS")
			return
		}
	}
}

// forEveryVM reports whether the text is certainly part of the VM's command line: a variable that erl reads, or a file vm.args. In a
// script one of two flags may be that of another case.
func forEveryVM(p objects.Place) bool {
	return slices.Contains([]string{"ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS"}, p.Variable) || p.Config && strings.HasPrefix(p.Where, "vm.args")
}
