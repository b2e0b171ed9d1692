package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestAccepted() check.Check {
	return check.Check{
		ID: "manifest/accepted", Title: "has names, labels and selectors that Kubernetes accepts", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "A release's name makes the names of a chart longer than Kubernetes allows: 63 characters for a Service and a label, 52 for a StatefulSet, whose pods carry its name and a hash in the label controller-revision-hash. A Service is then refused; a StatefulSet is accepted, and never has a pod. Nor does a container ever start that takes a key which its Secret or ConfigMap does not have.",
		Source: "https://github.com/kubernetes/kubernetes/issues/64023",
		Causes: check.Alike(check.From(check.Pods), "statefulset-name", "service-name", "label", "selector", "port-name", "headless-type", "subject", "name", "container-name", "volume", "no-such-key"),
		Judge: func(v *view.View) []check.Finding {
			m, blind := objects.Static(v)
			if blind != nil {
				return blind
			}
			var all []check.Finding
			for _, w := range m.Members {
				all = append(all, judged(v, w.Document, func(f *check.Finding) {
					if workloadAccepted(w, f); f.Outcome == check.Pass {
						podAccepted(m, w, f)
					}
				}))
				for _, b := range m.Bindings() {
					if b.Kind == "ClusterRoleBinding" && slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool { return lacksNamespace(s) && s.Name == w.Account() }) {
						all = append(all, judged(v, b.Document, func(f *check.Finding) {
							f.Fail("subject", fmt.Sprintf("the subject ServiceAccount %s of %s has no namespace, which a ClusterRoleBinding needs: Kubernetes refuses it", w.Account(), b), "add the namespace of the account to the subject")
						}))
					}
				}
			}
			for _, s := range m.Services() {
				if asking, _ := m.AskedFor(s); asking != nil || m.Serves(s) {
					all = append(all, judged(v, s.Document, func(f *check.Finding) { serviceAccepted(s, f) }))
				}
			}
			return all
		},
	}
}

func lacksNamespace(s rbacv1.Subject) bool {
	return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == ""
}

// judged is the finding of an object: a pass unless judge changes it.
func judged(v *view.View, d *manifest.Document, judge func(f *check.Finding)) check.Finding {
	f := check.Finding{Subject: check.OnObject(d.Kind, d.Name), Outcome: check.Pass}
	if judge(&f); f.Outcome == check.Fail {
		f.Try = objects.Kubectl(v, "apply --dry-run=server, which asks the API server and changes nothing")
	}
	return f
}

// mostOfStatefulSet is how long the name of a StatefulSet may be: the label controller-revision-hash of its pods is the name, a
// hyphen and a hash of up to ten digits, and a label's value has at most 63 characters.
const mostOfStatefulSet = validation.LabelValueMaxLength - 11

func workloadAccepted(w *manifest.Workload, f *check.Finding) {
	switch n := len(w.Name); {
	case w.Kind == "StatefulSet" && n > mostOfStatefulSet:
		f.Fail("statefulset-name", fmt.Sprintf("the name of %s has %d characters. %d are the most: its pods carry the label controller-revision-hash with the name and a hash of up to ten digits, and a label has at most %d. The StatefulSet is accepted, and no pod of it is ever made", w, n, mostOfStatefulSet, validation.LabelValueMaxLength),
			"shorten the name (of a chart: fullnameOverride, or the release's name)")
	case w.Kind == "StatefulSet" && strings.Contains(w.Name, "."):
		f.Fail("statefulset-name", fmt.Sprintf("the name of %s has a dot in it, and is part of its pods' host names, which must not have one: no pod of it is ever made", w), "write a hyphen instead of the dot")
	case len(validation.IsDNS1123Subdomain(w.Name)) > 0:
		f.Fail("name", fmt.Sprintf("%q is no name for a %s: Kubernetes refuses it", w.Name, w.Kind), "write lower-case letters, digits and hyphens")
	case w.Selector == nil && w.APIVersion == "apps/v1":
		f.Fail("selector", fmt.Sprintf("%s has no selector, which apps/v1 needs: Kubernetes refuses it", w), "add spec.selector: {matchLabels: {"+objects.LabelSet(w.Labels())+"}}")
	default:
		labelsAccepted("the pods of "+w.String(), w.Labels(), f)
	}
	if f.Outcome != check.Pass {
		return
	}
	if w.Selector != nil {
		switch is, err := manifest.Selects(w.Selector, w.Labels()); {
		case err != nil:
			f.Fail("selector", fmt.Sprintf("the selector of %s is refused: %v", w, err), "correct spec.selector")
		case !is:
			f.Fail("selector", fmt.Sprintf("the selector of %s does not select its own pods, which have {%s}: Kubernetes refuses it", w, objects.LabelSet(w.Labels())), "write in spec.selector labels that the pod template has")
		}
	}
	for _, c := range w.Containers() {
		for _, p := range c.Ports {
			if wrong := validation.IsValidPortName(p.Name); p.Name != "" && len(wrong) > 0 && f.Outcome == check.Pass {
				f.Fail("port-name", fmt.Sprintf("container %s of %s calls port %d %q: %s", c.Name, w, p.ContainerPort, p.Name, wrong[0]), "give the port a name of at most 15 lower-case letters, digits and hyphens")
			}
		}
	}
}

func serviceAccepted(s *manifest.Service, f *check.Finding) {
	unnamed := func(p corev1.ServicePort) bool { return p.Name == "" }
	double := doubled(s.Spec.Ports)
	switch n := len(s.Name); {
	case n > validation.DNS1035LabelMaxLength:
		f.Fail("service-name", fmt.Sprintf("the name of %s has %d characters, and %d are the most: Kubernetes refuses it", s, n, validation.DNS1035LabelMaxLength), "shorten the name (of a chart: fullnameOverride, or the release's name), and everywhere else where it stands")
	case len(validation.IsDNS1123Label(s.Name)) > 0:
		f.Fail("service-name", fmt.Sprintf("%q is no name for a Service: %s", s.Name, validation.IsDNS1123Label(s.Name)[0]), "write lower-case letters, digits and hyphens")
	case s.Headless() && (s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer):
		f.Fail("headless-type", fmt.Sprintf("%s has clusterIP: None and type: %s: Kubernetes refuses both together", s, s.Spec.Type), "leave out the type; for the application's users make a second Service")
	case len(s.Spec.Ports) > 1 && slices.ContainsFunc(s.Spec.Ports, unnamed):
		f.Fail("port-name", fmt.Sprintf("%s has %d ports and not each has a name: Kubernetes refuses it", s, len(s.Spec.Ports)), "give each port a name")
	case double != "":
		f.Fail("port-name", fmt.Sprintf("%s has two ports %s: Kubernetes refuses it", s, double), "give each port its own name, and each number once for a protocol")
	default:
		labelsAccepted("the selector of "+s.String(), s.Spec.Selector, f)
	}
}

// doubled is what two ports have in common, for the end of a sentence: their name, or number and protocol.
func doubled(ports []corev1.ServicePort) string {
	seen := map[string]bool{}
	for _, p := range ports {
		for _, what := range []string{"with the name " + p.Name, fmt.Sprintf("%d for %s", p.Port, cmp.Or(p.Protocol, corev1.ProtocolTCP))} {
			if what != "with the name " && seen[what] {
				return what
			}
			seen[what] = true
		}
	}
	return ""
}

// labelsAccepted fails the finding where a label is one that Kubernetes refuses.
func labelsAccepted(whose string, labels map[string]string, f *check.Finding) {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		wrong, what := validation.IsValidLabelValue(labels[k]), fmt.Sprintf("the value %q of label %s", labels[k], k)
		if key := validation.IsQualifiedName(k); len(key) > 0 {
			wrong, what = key, fmt.Sprintf("the label's name %q", k)
		}
		if len(wrong) > 0 {
			f.Fail("label", fmt.Sprintf("%s, %s, is refused: %s", whose, what, wrong[0]), "shorten or correct the label, in the selectors too")
			return
		}
	}
}
