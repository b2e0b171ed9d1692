package rules

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdRegistrationType() check.Check {
	return check.Check{
		ID: "epmd/registration-type", Title: "registers its nodes as visible nodes", Rung: check.EPMD, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindRegistration},
		Why:    "A node started with -hidden is not in the nodes() of its peers and takes no part in global. Peers do not tell other nodes about it, so each of its links has to be made explicitly.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden": check.NeedsMesh()},
		Judge:  evidence.EachEPMD(registrationType),
	}
}

func registrationType(v *view.View, p *view.Pod, _, _ time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, Message: fmt.Sprintf("the type of the registration in the epmd of %s is not known", p.Name)}
	own := evidence.ShortName(p.Node())
	for _, e := range slices.Backward(p.Registrations) {
		r := e.Registration
		if r.Outcome != recording.OK || own != "" && r.Name != own {
			continue
		}
		f.At = e.T
		switch r.Type {
		case "normal":
			f.Outcome, f.Message = check.Pass, ""
		case "hidden":
			f.Outcome, f.Code = check.Fail, "hidden"
			f.Message = fmt.Sprintf("%s of %s is registered with epmd as a hidden node: it is never in nodes() of its peers", r.Name, p.Name)
			f.Seen = []string{fmt.Sprintf("name %s at port %d, type %s", r.Name, r.Port, r.Type)}
			f.Remedy = "remove -hidden from vm.args, ERL_FLAGS and the start command"
			f.Try = evidence.ShowCommandLine(v, p, 1) + " | grep -o -- -hidden"
		default:
			f.Message = fmt.Sprintf("epmd of %s reports type %s for %s, which is neither a normal nor a hidden node", p.Name, r.Type, r.Name)
		}
		return f
	}
	f.Of = check.PairsTo(v, p)
	return f
}
