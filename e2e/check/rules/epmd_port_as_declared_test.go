package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDPortAsDeclared(t *testing.T) {
	try(t, "epmd/port-as-declared", []trial{
		noEPMD(), epmdNotAsked(),
		{"not pinned", lists(2, 0, recording.Registered{Name: "derl", Port: 38171}), []want{{pod(2), check.Fail, "port-unpinned",
			[]string{"epmd on " + rt.IP(2) + ":4369 advertises port 38171 for derl, but the manifests declare port 10000", "inet_dist_listen_min"}}}},
		{"nothing is declared", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.DistPort = 0 }) }, []want{{"pod *", check.NotApplicable, "", []string{"declare no distribution port"}}}},
		{"no node is registered", lists(2, 0), []want{{pod(2), check.Unseen, "", []string{"does not list the node of " + rt.Name(2)}}}},
		{"epmd refuses", shut(2, 0), []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
		{"the youngest dial failed", shut(2, 14*time.Second), nil},
		{"another node beside it, at another port", lists(2, 0, recording.Registered{Name: "rem-1f0e-derl", Port: 40001}, registeredDerl()), nil},
	})
}
