package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeNameAsAddressed() check.Check {
	return check.Check{
		ID: "handshake/name-as-addressed", Title: "names each node by an address of its own pod", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDist},
		Why:    "A peer connects to NAME@HOST by dialling HOST, and closes the connection if the node answers with another name. The host part must be the pod's address, or a name that resolves to it.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake",
		Causes: check.Alike(check.NeedsMesh(), "short-name", "other-host", "no-host"),
		Judge:  evidence.EachNode(addressed),
	}
}

func addressed(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	node := p.Node()
	if node == "" {
		return evidence.HandshakeUnseen(v, p)
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: evidence.LastNamed(p)}
	if e := evidence.Challenge(p, from, to); e != nil {
		f.At = e.T
		f.Seen = []string{fmt.Sprintf("%s reports node name %s in its challenge", e.Dist.Addr, node)}
	}
	_, host, _ := strings.Cut(node, "@")
	f.Remedy = fmt.Sprintf("start the VM with -name %s@${POD_IP}, with POD_IP from the downward API (fieldRef: status.podIP); in a StatefulSet with a governing headless Service, POD_NAME.SERVICE.NAMESPACE.svc.DOMAIN is also a valid host part", evidence.ShortName(node))
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- epmd -names; kubectl -n %s get pod %s -o wide", v.Header.Namespace, p.Name, v.Header.Namespace, p.Name)
	switch ip, err := netip.ParseAddr(host); {
	case host == "":
		f.Outcome, f.Code = check.Fail, "no-host"
		f.Message = fmt.Sprintf("the node of %s has the name %q, with an empty host part: a variable in the name was empty", p.Name, node)
	case err == nil && ip.Unmap().String() == p.IP():
		return check.Finding{Subject: f.Subject, Outcome: check.Pass, At: f.At}
	case err == nil:
		f.Outcome, f.Code = check.Fail, "other-host"
		f.Message = fmt.Sprintf("the node of %s has the name %s, but the pod's address is %s: a peer that dials this name does not reach the pod", p.Name, node, p.IP())
	case !strings.Contains(host, ".") && completed(v, host, p):
		return check.Finding{Subject: f.Subject, Outcome: check.Pass, At: f.At}
	case !strings.Contains(host, "."):
		f.Outcome, f.Code = check.Fail, "short-name"
		f.Message = fmt.Sprintf("the node of %s has the name %s, with a short host name that no other pod can resolve; nodes with short names cannot connect to nodes with long names", p.Name, node)
	case resolvesTo(v, host, p):
		return check.Finding{Subject: f.Subject, Outcome: check.Pass, At: f.At}
	case !strings.Contains(host, ".svc.") && !strings.HasSuffix(host, ".svc") && !strings.Contains(host, ".pod."):
		f.Outcome, f.Remedy, f.Try = check.NotApplicable, "", ""
		f.Message = fmt.Sprintf("the node of %s has the name %s: its host is outside of the cluster's DNS, so it is not known to which address it resolves", p.Name, node)
	default:
		f.Outcome, f.Code = check.Fail, "other-host"
		f.Message = fmt.Sprintf("the node of %s has the name %s, but this host is no name of the pod %s at %s", p.Name, node, p.Name, p.IP())
	}
	return f
}

// completed reports whether each other pod resolves the short host name to p's: by its search list (dnsConfig.searches), or its
// /etc/hosts (hostAliases).
func completed(v *view.View, host string, p *view.Pod) bool {
	for _, q := range check.Members(v) {
		r := q.Resolver()
		switch {
		case q == p:
		case r == nil:
			return false
		case slices.ContainsFunc(r.Search, func(d string) bool { return resolvesTo(v, host+"."+d, p) }):
		case slices.ContainsFunc(r.Hosts, func(line string) bool {
			names := strings.Fields(line)
			return len(names) > 1 && names[0] == p.IP() && slices.Contains(names[1:], host)
		}):
		default:
			return false
		}
	}
	return true
}

// resolvesTo reports whether the cluster's DNS has this host name for the pod: POD.SERVICE.NAMESPACE.svc… (of a
// StatefulSet), and the address with dashes in the pod's or a Service's zone
// (https://github.com/kubernetes/dns/blob/master/docs/specification.md).
func resolvesTo(v *view.View, host string, p *view.Pod) bool {
	labels := strings.Split(host, ".")
	dashed := strings.NewReplacer(".", "-", ":", "-").Replace(p.IP())
	switch {
	case len(labels) >= 3 && labels[2] == "pod":
		return labels[0] == dashed && labels[1] == v.Header.Namespace
	case len(labels) >= 4 && labels[3] == "svc":
		return (labels[0] == p.Name || labels[0] == dashed) && slices.Contains(v.Profile.Services, labels[1]) && labels[2] == v.Header.Namespace
	}
	return false
}
