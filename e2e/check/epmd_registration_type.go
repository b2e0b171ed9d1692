package check

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdRegistrationType() Check {
	return Check{
		ID: "epmd/registration-type", Title: "registers its nodes as visible ones", Rung: EPMD, Level: Latent, Scenario: "formation",
		Why:    "A node started with -hidden is in nobody's nodes(), takes no part in global and is introduced to no third node: each of its links has to be asked for.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden": NeedsMesh()},
		Judge:  ofEPMD(registrationType),
	}
}

func registrationType(v *view.View, p *view.Pod, _, _ time.Duration) Finding {
	f := Finding{Subject: onPod(p), Outcome: Unseen, Message: fmt.Sprintf("epmd of %s was not seen to say how its node is registered", p.Name)}
	own := short(p.Node())
	for _, e := range slices.Backward(p.Registrations) {
		r := e.Registration
		if r.Outcome != recording.OK || own != "" && r.Name != own {
			continue
		}
		f.At = e.T
		switch r.Type {
		case "normal":
			f.Outcome, f.Message = Pass, ""
		case "hidden":
			f.Outcome, f.Code = Fail, "hidden"
			f.Message = fmt.Sprintf("%s of %s is registered with epmd as a hidden node: nodes() of its peers never shows it", r.Name, p.Name)
			f.Seen = []string{fmt.Sprintf("name %s at port %d, type %s", r.Name, r.Port, r.Type)}
			f.Remedy = "take -hidden out of vm.args, ERL_FLAGS and the start command"
			f.Try = showArgs(v, p, 1) + " | grep -o -- -hidden"
		default:
			f.Message = fmt.Sprintf("epmd of %s says that %s is of type %s, which is neither a normal nor a hidden node", p.Name, r.Name, r.Type)
		}
		return f
	}
	f.Of = toward(v, p)
	return f
}
