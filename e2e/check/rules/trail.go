package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/view"
)

// followTrail says what the pods did instead of finding each other, where all of it was seen. pods are those of all clusters, apart
// those of the clusters that the finding is about.
func followTrail(v *view.View, pods, apart []*view.Pod, f *check.Finding) {
	silence := evidence.NeverAsked(v, pods)
	switch {
	case silence != nil:
		f.Code = "never-asked"
		f.Message = fmt.Sprintf("no pod asked DNS or the API for peers %s, nor dialled one: %s", silence.Says(), f.Message)
		f.Remedy = "discovery did not start, or ended with its first round: see at the beginning of the log whether its configuration was read, and whether it is in the list of applications or supervised processes that this release starts"
		if len(silence.Others) > 0 {
			f.Seen = append(f.Seen, "all that they asked for or dialled: "+check.List(silence.Others))
		}
	case evidence.APIGaveNobody(v, apart):
		askedAPI(v, apart, f)
	case evidence.DialledNobody(v, apart):
		f.Code = "dialled-nobody"
		f.Message = fmt.Sprintf("%s got the addresses of peers from DNS and dialled none of them: %s", check.List(podNames(apart)), f.Message)
		f.Remedy = fmt.Sprintf("let discovery make node names of the answers that the nodes have, such as %s: see in the log which names it tries", evidence.NodeOrPod(pods[0]))
	case evidence.NobodyThere(v, apart):
		f.Code = "no-such-node"
		f.Message = fmt.Sprintf("%s asked the epmd of peers, which answered, and then dialled no node: no node has the name that they asked for: %s", check.List(podNames(apart)), f.Message)
		f.Remedy = fmt.Sprintf("let discovery make node names that the nodes have, such as %s: compare the part before the @ with the one that discovery is configured with", evidence.NodeOrPod(pods[0]))
		f.Try = fmt.Sprintf("kubectl -n %s exec %s -- epmd -names", v.Header.Namespace, apart[0].Name)
	default:
		dialsEnd(v, apart, f)
	}
}

// askedAPI tells of pods that asked the API server and then dialled nobody whether it refused to answer, by a log or by what the
// manifests allow. Its answer itself is encrypted.
func askedAPI(v *view.View, apart []*view.Pod, f *check.Finding) {
	who, ns := check.List(podNames(apart)), v.Header.Namespace
	bind := "bind a Role that lets the pods' ServiceAccount get and list what discovery reads (pods, endpoints, endpointslices)"
	compare := "compare the selector and the namespace that discovery asks for with the pods"
	f.Try = fmt.Sprintf("kubectl -n %s auth can-i list pods --as=system:serviceaccount:%s:%s", ns, ns, objects.Read(v).AccountOf(apart[0].Last().Labels))
	p, line := evidence.DeniedInLog(apart)
	rights, allowed := evidence.APIRights(v, apart)
	switch {
	case p != nil:
		f.Code, f.Remedy = "api-denied", bind
		f.Message = fmt.Sprintf("%s asked the API server, which refused to answer, as the log of %s says: %s", who, p.Name, f.Message)
		f.Seen = append(f.Seen, "log: "+line)
		switch {
		case evidence.TokenRefused(line):
			f.Remedy = "let discovery read a token that the API server takes: the one that Kubernetes mounts by itself, or a projected one without an audience; this one is refused whatever its roles are"
			f.Try = fmt.Sprintf("kubectl -n %s get pod %s -o jsonpath='{.spec.volumes}'", ns, p.Name)
		case allowed:
			f.Remedy = rights + ", so compare with the log for which account, resource and namespace it asked"
		}
	case rights != "" && !allowed:
		f.Code, f.Remedy = "api-denied", bind
		f.Message = fmt.Sprintf("%s asked the API server, nobody else, and then dialled no peer: it refuses to answer, because %s: %s", who, rights, f.Message)
	default:
		f.Code = "api-gave-nobody"
		f.Message = fmt.Sprintf("%s asked the API server, nobody else, and then dialled no peer: it gave them none, or refused to answer, which cannot be told: %s", who, f.Message)
		f.Remedy = bind + "; where it has one, " + compare
		if allowed {
			f.Message = fmt.Sprintf("%s asked the API server, nobody else, and then dialled no peer; %s, so it seems to have named none: %s", who, rights, f.Message)
			f.Remedy = compare
		}
	}
}

// dialsEnd says how the dials of the pods ended, where all of them ended alike.
func dialsEnd(v *view.View, apart []*view.Pod, f *check.Finding) {
	end, to := evidence.DialsEnd(v, apart)
	if end == "" {
		return
	}
	who, whom := check.List(podNames(apart)), evidence.DialledOf(to)
	said := ""
	switch end {
	case evidence.DialsRefused:
		f.Code = "dials-refused"
		said = fmt.Sprintf("%s dialled %s, and each dial was refused: nothing listens on that port there", who, whom)
		f.Remedy = "let nodes dial the port on which their peers listen"
		if ports := evidence.Listens(v, to[0].Pod); ports != "" {
			f.Remedy += fmt.Sprintf(": %s listens on %s", to[0].Pod.Name, ports)
		}
	case evidence.DialsRejected:
		f.Code = "dials-rejected"
		said = fmt.Sprintf("%s dialled %s, and each dial was answered by an ICMP error: a rule on the way rejects it", who, whom)
		f.Remedy = "allow that port between the pods in every NetworkPolicy that selects them, and in the firewalls of their Kubernetes nodes"
	case evidence.DialsUnanswered:
		f.Code = "dials-unanswered"
		said = fmt.Sprintf("%s dialled %s, and no dial was answered: packets are dropped on the way", who, whom)
		f.Remedy = "allow that port between the pods in every NetworkPolicy that selects them"
	case evidence.DialsClosed:
		f.Code = "dials-closed"
		said = fmt.Sprintf("%s dialled %s, and each connection was accepted and closed after the challenge: the cookie of who dials is not taken", who, whom)
		f.Remedy = "give all nodes one cookie, also where it is set for single nodes (erlang:set_cookie/2, -setcookie NODE COOKIE)"
	case evidence.DialsLeft:
		f.Code = "other-name"
		said = fmt.Sprintf("%s dialled %s, and closed each connection after the challenge of the node there: it says that it has another name, %s", who, whom, evidence.NodeOrPod(to[0].Pod))
		f.Remedy = fmt.Sprintf("let discovery make node names that the nodes have, such as %s, or name the nodes as discovery addresses them", evidence.NodeOrPod(to[0].Pod))
	}
	f.Message = said + ": " + f.Message
}
