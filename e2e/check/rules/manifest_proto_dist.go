package rules

import (
	"fmt"
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestProtoDist() check.Check {
	return check.Check{
		ID: "manifest/proto-dist", Title: "starts distribution with a valid protocol, and on an interface of its family", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "The VM does not start with a protocol that it does not know, or on an interface that is no address of the protocol's family.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html#inet_dist_use_interface",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "glued", "interface-form", "interface-family"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				seen := false
				for _, c := range w.Containers(manifest.Main) {
					seen = distributionFlags(m.PlacesIn(w, c), w, f) || seen
				}
				if !seen {
					f.Skip("neither -proto_dist nor inet_dist_use_interface was seen in the manifests of " + w.String())
				}
			})
		},
	}
}

// protocols are those that OTP brings. Another name is a module of the application's.
var protocols = regexp.MustCompile(`^inet6?_(?:tcp|tls)`)

// distributionFlags judges what the texts of one container say, the first mistake only. It reports whether they say anything.
func distributionFlags(places []objects.Place, w *manifest.Workload, f *check.Finding) bool {
	seen := false
	for _, p := range places {
		here := protoDist(p.Text)
		for _, value := range here {
			seen = true
			if known := protocols.FindString(value); known != "" && strings.HasPrefix(value[len(known):], "-") {
				f.Fail("glued", fmt.Sprintf("%s of %s has -proto_dist %s: the next flag is glued to the protocol, and the VM knows no such protocol", p.Where, w, value),
					"put a space between "+known+" and "+value[len(known):])
				return true
			}
		}
		seen = interfaceOf(p, here, w, f) || seen
		if f.Outcome == check.Fail {
			return true
		}
	}
	return seen
}

var flag = regexp.MustCompile(`-proto_dist\s+([^\s'"]+)`)

// protoDist are the values of -proto_dist in a text, as far as they are written there.
func protoDist(text string) (values []string) {
	for _, found := range flag.FindAllStringSubmatch(text, -1) {
		values = append(values, found[1])
	}
	return values
}

// onInterface is the address of inet_dist_use_interface: a tuple, or something that is none.
var onInterface = regexp.MustCompile(`inet_dist_use_interface['"\s,]+(\{[0-9\s,]*\}|[0-9A-Fa-f]*[:.][0-9A-Fa-f:.]*)`)

// interfaceOf judges the interface that a text names, by the protocol beside it. It reports whether there is one.
func interfaceOf(p objects.Place, protocols []string, w *manifest.Workload, f *check.Finding) bool {
	found := onInterface.FindStringSubmatch(p.Text)
	if found == nil {
		return strings.Contains(p.Text, "inet_dist_use_interface")
	}
	parts := strings.Count(found[1], ",") + 1
	six := func(protocol string) bool { return strings.HasPrefix(protocol, "inet6_") }
	switch {
	case !strings.HasPrefix(found[1], "{"):
		f.Fail("interface-form", fmt.Sprintf("%s of %s has inet_dist_use_interface %s, which is no address in Erlang's form: the VM does not start", p.Where, w, found[1]),
			"write a tuple: {0,0,0,0} with inet_tcp, {0,0,0,0,0,0,0,0} with inet6_tcp; or leave it out, the VM listens on all addresses of its family anyway")
	case len(protocols) != 1 || !strings.HasPrefix(protocols[0], "inet"):
	case parts == 4 && six(protocols[0]), parts == 8 && !six(protocols[0]):
		f.Fail("interface-family", fmt.Sprintf("%s of %s has -proto_dist %s and inet_dist_use_interface %s, an address of the other family: the VM does not start", p.Where, w, protocols[0], found[1]),
			"leave inet_dist_use_interface out, or write an address of the protocol's family")
	}
	return true
}
