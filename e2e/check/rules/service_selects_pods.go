package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func serviceSelectsPods() check.Check {
	return check.Check{
		ID: "service/selects-pods", Title: "has a Service whose selector matches its pods", Rung: check.Service, Level: check.Required, Scenario: "formation", Static: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindService},
		Why:    "A Service finds its pods only by their labels. If one letter is wrong, its name has no addresses: every node gets an empty list of peers, without an error.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes",
		Causes: check.Alike(check.NeedsMesh("service/headless", "dns/*", "discovery/*"), "selects-nothing", "no-selector", "no-service"),
		Judge: func(v *view.View) []check.Finding {
			if len(v.Objects("")) == 0 {
				return selectsRunning(v)
			}
			m, blind := objects.Static(v)
			if blind != nil {
				return blind
			}
			var all []check.Finding
			served := false
			for _, s := range m.Services() {
				served = served || m.Serves(s)
			}
			for _, s := range m.Services() {
				asking, where := m.AskedFor(s)
				switch {
				case len(s.Spec.Selector) == 0 && asking != nil && s.Spec.Type != corev1.ServiceTypeExternalName && !m.Endpoints(s):
					all = append(all, noSelector(v, s, asking, where))
				case len(s.Spec.Selector) == 0: // its addresses come from elsewhere
				case m.Serves(s):
					all = append(all, check.Finding{Subject: check.Subject{Kind: "service", Name: s.Name}, Outcome: check.Pass})
				case asking == nil && selectsAny(m, s): // the pods of something else
				case asking != nil || !served || mentioned(m, s.Name):
					all = append(all, selectsNothing(v, m, s))
				}
			}
			if len(all) > 0 {
				return all
			}
			if v.MeansNoMesh() {
				return []check.Finding{{Subject: check.OnService(v), Outcome: check.NotApplicable, Message: "no Service selects the pods of the workload, and the profile expects no connections between nodes"}}
			}
			f := check.Finding{Subject: check.OnService(v)}
			f.Fail("no-service", fmt.Sprintf("no Service in the manifests selects the pods of %s, which have the labels %s", m.Members[0], objects.LabelSet(m.Members[0].Labels())),
				"add a Service with clusterIP: None and selector: {"+objects.LabelSet(m.Members[0].Labels())+"}")
			return []check.Finding{f}
		},
	}
}

func selectsAny(m *objects.Manifests, s *manifest.Service) bool {
	return slices.ContainsFunc(m.Workloads(), func(w *manifest.Workload) bool { return s.Selects(w.Labels()) })
}

// mentioned reports whether the configuration of the nodes mentions that Service.
func mentioned(m *objects.Manifests, name string) bool {
	return slices.ContainsFunc(m.Members, func(w *manifest.Workload) bool { return slices.Contains(m.Means(w), name) })
}

func selectsNothing(v *view.View, m *objects.Manifests, s *manifest.Service) check.Finding {
	name := s.Name
	f := check.Finding{Subject: check.Subject{Kind: "service", Name: name}}
	if v.Profile.Service == "" {
		f.Subject = check.OnService(v) // the subject of all checks that need a Service
	}
	w := m.Members[0]
	for _, other := range m.Members {
		if slices.Contains(m.Means(other), name) {
			w = other
		}
	}
	if asking, _ := m.AskedFor(s); asking != nil {
		w = asking
	}
	what := "no pod"
	if selectsAny(m, s) {
		what = "other pods"
	}
	f.Fail("selects-nothing", fmt.Sprintf("Service %s selects %s: its selector is %s, but the pods of %s have %s (%s)", name, what, objects.LabelSet(s.Spec.Selector), w, objects.LabelSet(w.Labels()), differ(s.Spec.Selector, w.Labels())),
		fmt.Sprintf("write in Service %s: selector: {%s}", name, objects.LabelSet(w.Labels())))
	f.Try = objects.Kubectl(v, "get endpointslices -l kubernetes.io/service-name="+name)
	return f
}

// noSelector fails a Service that the nodes ask for, and that selects nothing at all.
func noSelector(v *view.View, s *manifest.Service, w *manifest.Workload, where string) check.Finding {
	f := check.Finding{Subject: check.Subject{Kind: "service", Name: s.Name}}
	if v.Profile.Service == "" {
		f.Subject = check.OnService(v)
	}
	f.Fail("no-selector", fmt.Sprintf("Service %s has no selector, and no EndpointSlice is in the manifests: its name has no addresses, and %s names it", s.Name, where),
		fmt.Sprintf("write in Service %s: selector: {%s}", s.Name, objects.LabelSet(w.Labels())))
	f.Try = objects.Kubectl(v, "get endpointslices -l kubernetes.io/service-name="+s.Name)
	return f
}

// selectsRunning compares the Service with the running pods, if no manifests were recorded.
func selectsRunning(v *view.View) []check.Finding {
	f := check.Finding{Subject: check.OnService(v), Of: check.Images(v), Outcome: check.Pass}
	s, ok := v.Service()
	pods := check.Members(v)
	if !ok || len(pods) == 0 {
		f.Outcome, f.Message = check.Unseen, "neither the manifests nor a Service with its pods was recorded"
		return []check.Finding{f}
	}
	for _, p := range pods {
		if labels := p.Last().Labels; len(s.Selector) > 0 && !manifest.Covers(labels, s.Selector) {
			f.Fail("selects-nothing", fmt.Sprintf("Service %s does not select %s: its selector is %s, but the pod has %s (%s)", s.Name, p.Name, objects.LabelSet(s.Selector), objects.LabelSet(labels), differ(s.Selector, labels)),
				fmt.Sprintf("correct the selector of Service %s", s.Name))
			f.Try = objects.Kubectl(v, "get pods --show-labels")
		}
	}
	return []check.Finding{f}
}

// differ says which labels of a selector do not match.
func differ(selector, labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		switch value, there := labels[k]; {
		case !there:
			all = append(all, fmt.Sprintf("%s: %s vs nothing", k, selector[k]))
		case value != selector[k]:
			all = append(all, fmt.Sprintf("%s: %s vs %s", k, selector[k], value))
		}
	}
	return strings.Join(all, ", ")
}
