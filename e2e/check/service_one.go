package check

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func serviceOne() Check {
	return Check{
		ID: "service/one-application", Title: "has a Service that selects this application only", Rung: Service, Level: Latent, Scenario: "formation", Static: true,
		Why:    "Every address behind the Service is taken for a peer. A pod of a Job or of another application there is dialled in each round, and never answers as a node.",
		Source: "https://github.com/mrluc/peerage/issues/18",
		Causes: map[string][]string{"job": NeedsMesh("dns/*", "epmd/*"), "two-applications": From(DNS)},
		Judge: func(v *view.View) []Finding {
			m, blind := static(v)
			if blind != nil {
				return blind
			}
			var all []Finding
			for i := range m.services {
				if s := &m.services[i]; m.serves(s) {
					all = append(all, m.oneApplication(v, s))
				}
			}
			if len(all) == 0 {
				return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "no Service selects the nodes' pods"}}
			}
			return all
		},
	}
}

func (m *manifests) oneApplication(v *view.View, s *service) Finding {
	f := Finding{Subject: Subject{Kind: "service", Name: s.Metadata.Name}, Outcome: Pass}
	f.Try = kubectl(v, "get pods -l "+strings.ReplaceAll(strings.ReplaceAll(set(s.Spec.Selector), ": ", "="), ", ", ","))
	var first *workload
	for i := range m.workloads {
		w := &m.workloads[i]
		if !covers(w.labels(), s.Spec.Selector) {
			continue
		}
		if w.Kind == "Job" || w.Kind == "CronJob" {
			f.fail("job", fmt.Sprintf("Service %s (selector %s) selects the pods of %s too, which are no nodes", s.Metadata.Name, set(s.Spec.Selector), w),
				"give the pods of "+w.String()+" other labels, or the nodes one more that the Service asks for")
			return f
		}
		if first != nil && !shareImage(first, w) {
			f.fail("two-applications", fmt.Sprintf("Service %s (selector %s) selects the pods of %s and of %s, which run different images: %s, %s", s.Metadata.Name, set(s.Spec.Selector), first, w, list(repositories(first)), list(repositories(w))),
				"give each application a Service and a label of its own")
			return f
		}
		if first == nil {
			first = w
		}
	}
	f.Try = ""
	return f
}

// shareImage reports whether two workloads run an image of the same repository; its tag may differ, as a canary's does.
func shareImage(a, b *workload) bool {
	of := repositories(a)
	return slices.ContainsFunc(repositories(b), func(image string) bool { return slices.Contains(of, image) })
}

// repositories are the images of the workload's containers without tag and digest.
func repositories(w *workload) []string {
	var all []string
	for _, c := range w.Spec.Template.Spec.Containers {
		image, _, _ := strings.Cut(c.Image, "@")
		if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
			image = image[:i]
		}
		all = append(all, image)
	}
	return all
}
