package check

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func probeOwnAddress() Check {
	return Check{
		ID: "probe/own-address", Title: "is looked at from each pod's own address", Rung: Probe, Level: Required, Episode: "formation",
		Why:    "A dial from another network namespace meets other rules than the peer's would: it proves nothing about the pod that it should have come from.",
		Source: "https://man7.org/linux/man-pages/man7/network_namespaces.7.html",
		Causes: map[string][]string{"other-address": nil},
		Judge: func(v *view.View) []Finding {
			from := dialsFrom(v)
			return eachMember(v, func(p *view.Pod) Finding {
				f := Finding{Subject: onPod(p), Outcome: Pass}
				switch d := from[p.UID]; {
				case d.astray != "":
					f.Outcome, f.Code = Unseen, "other-address"
					f.Says = fmt.Sprintf("the harness dialled from elsewhere than %s at %s: %s", p.Name, p.IP(), d.astray)
				case d.good == 0:
					f.Outcome, f.Says = NotApplicable, fmt.Sprintf("nothing was dialled from %s", p.Name)
				}
				return f
			})
		},
	}
}

// origin is what became of the dials from one pod.
type origin struct {
	good   int
	astray string // what the agent said of one that did not come from the pod's address
}

func dialsFrom(v *view.View) map[string]origin {
	all := map[string]origin{}
	count := func(from string, o recording.Outcome, detail string) {
		d := all[from]
		switch {
		case o != recording.ProbeError:
			d.good++
		case strings.Contains(detail, "the pod's own address"):
			d.astray = detail
		}
		all[from] = d
	}
	for _, p := range v.Pods() {
		for _, e := range slices.Concat(p.EPMD, p.Dist) {
			if e.EPMD != nil {
				count(e.EPMD.From, e.EPMD.Outcome, e.EPMD.Detail)
			} else {
				count(e.Dist.From, e.Dist.Outcome, e.Dist.Detail)
			}
		}
		for _, e := range p.Cookies {
			count(p.UID, e.Cookie.Outcome, e.Cookie.Detail)
		}
	}
	return all
}
