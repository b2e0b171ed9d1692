package check

import (
	"fmt"
	"strconv"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmEPMDPort() Check {
	return Check{
		ID: "vm/epmd-port-same", Title: "uses one epmd port everywhere", Rung: VM, Level: Required, Scenario: "formation",
		Why:    "A node looks for its peers' epmd at the port that its own has. One with another ERL_EPMD_PORT finds nobody, and nobody finds it.",
		Source: "https://www.erlang.org/doc/apps/erts/epmd_cmd.html#environment-variables",
		Causes: map[string][]string{"differs": From(EPMD)},
		Judge: func(v *view.View) []Finding {
			pods := members(v)
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
			usual := most(pods, port)
			return eachVM(v, func(p *view.Pod, _ *recording.VM, f *Finding) {
				if mine := port(p); mine != usual {
					f.fail("differs", fmt.Sprintf("%s uses epmd port %s (ERL_EPMD_PORT), %s use %s", p.Name, mine, having(pods, port, usual), usual),
						"give ERL_EPMD_PORT the same value in all pods, or leave it out")
				}
			})
		},
	}
}

// defaultEPMD is epmd's port where nothing else is said (epmd_cmd, "-port").
const defaultEPMD = 4369
