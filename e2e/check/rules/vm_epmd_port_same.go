package rules

import (
	"fmt"
	"strconv"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmEPMDPortSame() check.Check {
	return check.Check{
		ID: "vm/epmd-port-same", Title: "uses the same epmd port on all nodes", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads: []recording.Kind{recording.KindPod, recording.KindVM}, Needs: []string{recording.Environment},
		Why:    "A node contacts the epmd of its peers on the port of its own epmd. A node with another ERL_EPMD_PORT finds no peer, and no peer finds it.",
		Source: "https://www.erlang.org/doc/apps/erts/epmd_cmd.html#environment-variables",
		Causes: map[string][]string{"differs": check.From(check.EPMD)},
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			port := func(p *view.Pod) string {
				switch vm := p.VM(); {
				case vm == nil:
					return ""
				case vm.Env["ERL_EPMD_PORT"] == "":
					return strconv.Itoa(defaultEPMD)
				default:
					return vm.Env["ERL_EPMD_PORT"]
				}
			}
			usual := evidence.MostCommon(pods, port)
			return evidence.EachVM(v, func(p *view.Pod, _ *recording.VM, f *check.Finding) {
				if mine := port(p); mine != usual {
					f.Fail("differs", fmt.Sprintf("%s uses epmd port %s (ERL_EPMD_PORT), but %s use %s", p.Name, mine, evidence.PodsWith(pods, port, usual), usual),
						"set ERL_EPMD_PORT to the same value in all pods, or remove it")
				}
			})
		},
	}
}

// defaultEPMD is epmd's port if no other is set (epmd_cmd, "-port").
const defaultEPMD = 4369
