package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDNSNameAskedInFull(t *testing.T) {
	empty := recording.Question{Name: rt.Service, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}, Empty: 1}
	ns := rt.Service + "." + rt.Namespace
	try(t, "dns/name-asked-in-full", slices.Concat([]trial{
		{"one label", asksFor(1, nxdomain(rt.Service)), pod1Fails("short-name", "queries the short name derl and", rt.DNSName, "12 × NXDOMAIN")},
		{"without the domain", asksFor(1, nxdomain(ns+".svc")), pod1Fails("short-name", ns+".svc and gets no address")},
		{"one label, answered with nothing", asksFor(1, empty), pod1Fails("short-name", "of them empty")},
		{"through the search list", asksFor(1, nxdomain(ns+"."+rt.DNSName), nxdomain(ns), answered(rt.DNSName)), nil},
		{"through the search list, in vain", asksFor(1, nxdomain(rt.DNSName), nxdomain(rt.Service)), nil},
		{"other names", asksFor(1, nxdomain("shop.example")), nil},
		{"other types", asksFor(1, recording.Question{Name: rt.Service, Type: "TXT", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}), []want{{pod(1), check.NotApplicable, "", []string{"sent no DNS query"}}}},
		{"unanswered", asksFor(1, recording.Question{Name: rt.Service, Type: "A", Count: 1}), nil},
	}, unheardQuestions()))
}
