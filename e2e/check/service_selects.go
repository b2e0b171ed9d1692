package check

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func serviceSelects() Check {
	return Check{
		ID: "service/selects-pods", Title: "has a Service whose selector fits its pods", Rung: Service, Level: Required, Scenario: "formation", Static: true,
		Why:    "A Service finds its pods by their labels alone. One letter off, and its name has no address: every node looks for peers in an empty list, without an error.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes",
		Causes: Alike(NeedsMesh("service/headless", "dns/*", "discovery/*"), "selects-nothing", "no-service"),
		Judge: func(v *view.View) []Finding {
			if len(v.Objects("")) == 0 {
				return selectsRunning(v)
			}
			m, blind := static(v)
			if blind != nil {
				return blind
			}
			var all []Finding
			served := false
			for i := range m.services {
				served = served || m.serves(&m.services[i])
			}
			for i := range m.services {
				s := &m.services[i]
				switch {
				case len(s.Spec.Selector) == 0: // its addresses come from elsewhere
				case m.serves(s):
					all = append(all, Finding{Subject: Subject{Kind: "service", Name: s.Metadata.Name}, Outcome: Pass})
				case m.selectsAny(s): // the pods of something else
				case !served || m.meant(s.Metadata.Name):
					all = append(all, selectsNothing(v, m, s))
				}
			}
			if len(all) > 0 {
				return all
			}
			if v.MeansNoMesh() {
				return []Finding{{Subject: onService(v), Outcome: NotApplicable, Message: "no Service selects the nodes' pods, and the profile means each node to be alone"}}
			}
			f := Finding{Subject: onService(v)}
			f.fail("no-service", fmt.Sprintf("no Service among the manifests selects the pods of %s, whose labels are %s", m.members()[0], set(m.members()[0].labels())),
				"add a Service with clusterIP: None and selector: {"+set(m.members()[0].labels())+"}")
			return []Finding{f}
		},
	}
}

// serves reports whether the Service selects pods of the profile's nodes.
func (m *manifests) serves(s *service) bool {
	return slices.ContainsFunc(m.members(), func(w *workload) bool { return covers(w.labels(), s.Spec.Selector) })
}

func (m *manifests) selectsAny(s *service) bool {
	return slices.ContainsFunc(m.workloads, func(w workload) bool { return covers(w.labels(), s.Spec.Selector) })
}

// meant reports whether one of the nodes' own texts speaks of that Service.
func (m *manifests) meant(name string) bool {
	return slices.ContainsFunc(m.members(), func(w *workload) bool { return slices.Contains(m.means(w), name) })
}

func selectsNothing(v *view.View, m *manifests, s *service) Finding {
	name := s.Metadata.Name
	f := Finding{Subject: Subject{Kind: "service", Name: name}}
	if v.Profile.Service == "" {
		f.Subject = onService(v) // which is the subject of all that needs a Service
	}
	w := m.members()[0]
	for _, other := range m.members() {
		if slices.Contains(m.means(other), name) {
			w = other
		}
	}
	f.fail("selects-nothing", fmt.Sprintf("Service %s selects no pod: its selector is %s, the pods of %s have %s (%s)", name, set(s.Spec.Selector), w, set(w.labels()), differ(s.Spec.Selector, w.labels())),
		fmt.Sprintf("in Service %s: selector: {%s}", name, set(w.labels())))
	f.Try = kubectl(v, "get endpointslices -l kubernetes.io/service-name="+name)
	return f
}

// selectsRunning compares the Service with the pods that run, where no manifests were recorded.
func selectsRunning(v *view.View) []Finding {
	f := Finding{Subject: onService(v), Of: images(v), Outcome: Pass}
	s, ok := v.Service()
	pods := members(v)
	if !ok || len(pods) == 0 {
		f.Outcome, f.Message = Unseen, "neither the manifests nor a Service with its pods was recorded"
		return []Finding{f}
	}
	for _, p := range pods {
		if labels := p.Last().Labels; len(s.Selector) > 0 && !covers(labels, s.Selector) {
			f.fail("selects-nothing", fmt.Sprintf("Service %s does not select %s: its selector is %s, the pod has %s (%s)", s.Name, p.Name, set(s.Selector), set(labels), differ(s.Selector, labels)),
				fmt.Sprintf("mend the selector of Service %s", s.Name))
			f.Try = kubectl(v, "get pods --show-labels")
		}
	}
	return []Finding{f}
}

// set is a label set as YAML has it within braces.
func set(labels map[string]string) string {
	var all []string
	for _, k := range keys(labels) {
		all = append(all, k+": "+labels[k])
	}
	return strings.Join(all, ", ")
}

// differ says in which labels a selector is not fulfilled.
func differ(selector, labels map[string]string) string {
	var all []string
	for _, k := range keys(selector) {
		switch value, there := labels[k]; {
		case !there:
			all = append(all, fmt.Sprintf("%s: %s vs nothing", k, selector[k]))
		case value != selector[k]:
			all = append(all, fmt.Sprintf("%s: %s vs %s", k, selector[k], value))
		}
	}
	return strings.Join(all, ", ")
}
