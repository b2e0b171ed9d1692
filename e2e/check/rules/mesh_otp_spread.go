package rules

import (
	"fmt"
	"strconv"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshOTPSpread() check.Check {
	return check.Check{
		ID: "mesh/otp-spread", Title: "runs OTP releases that are compatible with each other", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "OTP promises that a node can communicate with nodes that are up to two releases older. Nodes further apart may connect, but nobody has tested that they work together.",
		Source: "https://www.erlang.org/doc/system/distributed.html (compatibility of nodes), https://github.com/erlang/otp/issues/10337",
		Causes: map[string][]string{"too-far": check.NeedsLinks()},
		Judge: func(v *view.View) []check.Finding {
			f := check.Finding{Subject: check.OnWorkload(v), Outcome: check.Pass}
			oldest, newest := 0, 0
			var seen []string
			for _, p := range check.Members(v) {
				release, at := otp(p)
				if release == 0 {
					continue
				}
				if oldest == 0 || release < oldest {
					oldest = release
				}
				newest, f.At = max(newest, release), max(f.At, p.Nodes[at].T)
				seen = append(seen, fmt.Sprintf("%s runs OTP %d", p.Name, release))
			}
			switch {
			case len(seen) == 0:
				f.Outcome, f.Message = check.Unseen, "no node reported its OTP release"
			case newest-oldest > 2:
				f.Fail("too-far", fmt.Sprintf("the nodes run OTP %d to %d: they are %d releases apart, and at most two are supported", oldest, newest, newest-oldest),
					fmt.Sprintf("upgrade all images to OTP %d or later", newest-2), seen...)
			}
			if f.Outcome != check.Pass {
				f.Of = check.Everything(v)
			}
			return []check.Finding{f}
		},
	}
}

// otp is the release that p's node reported last, and in which of its views; 0 if it did not.
func otp(p *view.Pod) (release, at int) {
	for at = len(p.Nodes) - 1; at >= 0; at-- {
		if n, err := strconv.Atoi(p.Nodes[at].Nodes.OTP); err == nil {
			return n, at
		}
	}
	return 0, 0
}
