package rules

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func serviceOneApplication() check.Check {
	return check.Check{
		ID: "service/one-application", Title: "has a Service that selects only this application", Rung: check.Service, Level: check.Latent, Scenario: "formation", Static: true,
		Why:    "Discovery treats every address behind the Service as a peer. It dials a pod of a Job or of another application in each round, and the pod never answers as a node.",
		Source: "https://github.com/mrluc/peerage/issues/18",
		Causes: map[string][]string{"job": check.NeedsMesh("dns/*", "epmd/*"), "two-applications": check.From(check.DNS)},
		Judge: func(v *view.View) []check.Finding {
			m, blind := objects.Static(v)
			if blind != nil {
				return blind
			}
			var all []check.Finding
			for _, s := range m.Services() {
				if m.Serves(s) {
					all = append(all, oneApplication(m, v, s))
				}
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "no Service selects the pods of the workload"}}
			}
			return all
		},
	}
}

func oneApplication(m *objects.Manifests, v *view.View, s *manifest.Service) check.Finding {
	f := check.Finding{Subject: check.Subject{Kind: "service", Name: s.Name}, Outcome: check.Pass}
	f.Try = objects.Kubectl(v, "get pods -l "+strings.ReplaceAll(strings.ReplaceAll(objects.LabelSet(s.Spec.Selector), ": ", "="), ", ", ","))
	var first *manifest.Workload
	for _, w := range m.Workloads() {
		if !s.Selects(w.Labels()) {
			continue
		}
		if w.Kind == "Job" || w.Kind == "CronJob" {
			f.Fail("job", fmt.Sprintf("Service %s (selector %s) also selects the pods of %s, which are not Erlang nodes", s.Name, objects.LabelSet(s.Spec.Selector), w),
				"give the pods of "+w.String()+" other labels, or add one more label to the pods of the nodes and to the selector of the Service")
			return f
		}
		if first != nil && !shareImage(first, w) {
			f.Fail("two-applications", fmt.Sprintf("Service %s (selector %s) selects the pods of %s and of %s, which run different images: %s, %s", s.Name, objects.LabelSet(s.Spec.Selector), first, w, check.List(repositories(first)), check.List(repositories(w))),
				"give each application a separate Service and a separate label")
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
func shareImage(a, b *manifest.Workload) bool {
	of := repositories(a)
	return slices.ContainsFunc(repositories(b), func(image string) bool { return slices.Contains(of, image) })
}

// repositories are the images of the workload's containers without tag and digest.
func repositories(w *manifest.Workload) []string {
	var all []string
	for _, c := range w.Containers(manifest.Main) {
		image, _, _ := strings.Cut(c.Image, "@")
		if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
			image = image[:i]
		}
		all = append(all, image)
	}
	return all
}
