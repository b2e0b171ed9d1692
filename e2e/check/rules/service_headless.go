package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func serviceHeadless() check.Check {
	return check.Check{
		ID: "service/headless", Title: "uses a headless Service for discovery", Rung: check.Service, Level: check.Required, Scenario: "formation", Static: true,
		Reads:  []recording.Kind{recording.KindService, recording.KindAsked},
		Why:    "Only the name of a headless Service resolves to its pods. With a cluster IP it resolves to that one address: a node would connect to itself or to one peer, with a name that no node has.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/service/#headless-services",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*"), "not-headless", "virtual-ip", "no-service"),
		Judge: func(v *view.View) []check.Finding {
			f := check.Finding{Subject: check.OnService(v), Of: check.Images(v), Outcome: check.Pass, Reads: []recording.Kind{recording.KindService}}
			s, ok := v.Service()
			switch {
			case v.Profile.Service == "" && v.MeansNoMesh():
				f.Outcome, f.Message = check.NotApplicable, "no Service selects the pods of the workload, and the profile expects no connections between nodes"
			case v.Profile.Service == "":
				f.Outcome, f.Code = check.Fail, "no-service"
				f.Message = "no Service in the manifests selects the pods of the workload"
				f.Remedy = "add a Service with clusterIP: None whose selector matches the labels of the pod template"
			case !v.KubeSeen() && len(v.Objects("")) > 0:
				return headlessAsWritten(v)
			case !ok:
				f.Outcome, f.Message = check.Unseen, fmt.Sprintf("Service %s was not reported by the API server", v.Profile.Service)
			case s.ClusterIP != "None":
				f.Outcome, f.Code = check.Fail, "not-headless"
				f.Message = fmt.Sprintf("Service %s has cluster IP %s: its name resolves to that one virtual address, not to the pods", s.Name, s.ClusterIP)
				f.Remedy = "set spec.clusterIP: None (the field is immutable: delete the Service and create it again)"
				f.Try = fmt.Sprintf("kubectl -n %s get service %s -o jsonpath='{.spec.clusterIP}'", v.Header.Namespace, s.Name)
			default:
				asksVirtual(v, &f)
			}
			return []check.Finding{f}
		},
	}
}

// asksVirtual fails the Service where it is headless, and the nodes ask for another one of these pods, which is not.
func asksVirtual(v *view.View, f *check.Finding) {
	p, q, s := evidence.AskedVirtual(v, check.Members(v))
	if p == nil || s.Name == v.Profile.Service {
		return
	}
	full := evidence.FullName(v, p)
	f.Reads = []recording.Kind{recording.KindService, recording.KindAsked}
	f.At = v.End()
	f.Fail("virtual-ip", fmt.Sprintf("%s asks DNS for %s and gets only %s, the virtual address of Service %s; the headless Service of these pods is %s", p.Name, q.Name, s.ClusterIP, s.Name, v.Profile.Service),
		"let discovery ask for "+full, evidence.TrailOf(v, p)...)
	m := objects.Read(v)
	if written, there := m.AsksVirtual()[s.Name]; there { // as it is written there: a run has a namespace of its own
		f.Remedy = fmt.Sprintf("write %s into %s, which names Service %s now", strings.Replace(written.Name, s.Name, v.Profile.Service, 1), written.Where, s.Name)
	} else if where := m.WhereAsked(s.Name); where != "" {
		f.Remedy = fmt.Sprintf("write %s into %s, which names Service %s now", full, where, s.Name)
	}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahosts %s", v.Header.Namespace, p.Name, full)
}

// headlessAsWritten judges the Service by its manifest if nothing was deployed. Then it is not seen whether the nodes query DNS
// for it: a cluster IP is a mistake only if the configuration of the nodes contains its DNS name.
func headlessAsWritten(v *view.View) []check.Finding {
	m, blind := objects.Static(v)
	if blind != nil {
		return blind
	}
	f := check.Finding{Subject: check.OnService(v), Outcome: check.Pass, Reads: []recording.Kind{recording.KindService}}
	virtual := m.AsksVirtual()
	s := m.Service("", v.Profile.Service)
	switch {
	case s == nil:
		f.Skip(fmt.Sprintf("Service %s is not in the manifests", v.Profile.Service))
	case s.Headless():
	case !m.Asked(s.Name) && virtual[s.Name].Name == "":
		f.Skip(fmt.Sprintf("Service %s is not headless, but nothing in the manifests queries DNS for it", s.Name))
	default:
		f.Fail("not-headless", fmt.Sprintf("Service %s will have a cluster IP: its name resolves to that one virtual address, not to the pods", s.Name),
			"set spec.clusterIP: None (the field is immutable: delete the Service and create it again)")
	}
	all := []check.Finding{f}
	for _, name := range slices.Sorted(maps.Keys(virtual)) {
		if name != v.Profile.Service {
			all = append(all, asksVirtualAsWritten(m, name, virtual[name]))
		}
	}
	return all
}

// asksVirtualAsWritten fails a Service of the nodes that discovery asks for, and that is not headless: that another one is does not help.
func asksVirtualAsWritten(m *objects.Manifests, name string, q objects.Question) check.Finding {
	f := check.Finding{Subject: check.Subject{Kind: "service", Name: name}, Reads: []recording.Kind{recording.KindService}}
	f.Fail("virtual-ip", fmt.Sprintf("%s has discovery ask for %s, and Service %s will have a cluster IP: the name resolves to that one virtual address, not to the pods", q.Where, q.Name, name),
		"set clusterIP: None in the spec of a Service for discovery, and write its name there")
	for _, w := range m.Members {
		if own := m.OwnServices(w, true); len(own) > 0 {
			f.Remedy = "write the name of the headless Service there: " + strings.Replace(q.Name, name, own[0], 1)
		}
	}
	return f
}
