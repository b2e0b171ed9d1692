package objects

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"meshproof.dev/meshproof/e2e/manifest"
)

// LabelQuery is a label selector with which w's nodes ask the Kubernetes API.
type LabelQuery struct {
	Where, Text string
	Selector    labels.Selector
	// Pods and Endpoints tell what is selected; both where it is not known. Endpoints have the labels of their Service.
	Pods, Endpoints bool
}

var (
	selectorVariable = regexp.MustCompile(`^DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR$|^(\w*_)?(KUBERNETES|K8S|LIBCLUSTER|DISCOVERY|CLUSTER|PEER|PEERS|POD)(\w*_)?SELECTOR$`)
	selectorKey      = regexp.MustCompile(`kubernetes_selector['":,\s]+"([^"]+)"`)
	selectorInScript = regexp.MustCompile(`/(pods|endpoints)\?(?:[^\s"']*&)?labelSelector=([^\s"'&]+)|kubectl\s[^|;&\n]*\bget\s+(pods?|endpoints|ep)\b[^|;&\n]*?\s(?:-l|--selector)[= ]?["']?([^\s"']+)`)
)

// LabelQueries are the label selectors in w's configuration. What has variables in it is left out.
func (m *Manifests) LabelQueries(w *manifest.Workload) []LabelQuery {
	var all []LabelQuery
	add := func(p Place, text string, pods, endpoints bool) {
		decoded, err := url.PathUnescape(text)
		if err != nil || !strings.ContainsAny(decoded, "=") || strings.ContainsAny(decoded, "$#{}<>") {
			return
		}
		if s, err := labels.Parse(decoded); err == nil {
			all = append(all, LabelQuery{p.Where, decoded, s, pods, endpoints})
		}
	}
	for _, p := range m.Places(w) {
		switch {
		case p.Variable == "DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR":
			add(p, m.value(w, p), true, false)
		case selectorVariable.MatchString(p.Variable) && !strings.Contains(p.Variable, "NODE_SELECTOR"):
			add(p, m.value(w, p), true, true)
		case p.Variable == "":
			for _, found := range selectorKey.FindAllStringSubmatch(p.Text, -1) {
				pods := lookupPods.MatchString(p.Text)
				add(p, found[1], pods, !pods)
			}
			for _, found := range selectorInScript.FindAllStringSubmatch(p.Text, -1) {
				pods := strings.HasPrefix(found[1]+found[3], "pod")
				add(p, found[2]+found[4], pods, !pods)
			}
		}
	}
	return all
}

// ownKeys are labels that Kubernetes itself gives to the pods of a workload.
var ownKeys = []string{"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "controller-revision-hash", "pod-template-hash"}

// Finds reports whether the selector fits pods of the nodes, or the Endpoints of a Service of theirs.
func (m *Manifests) Finds(q LabelQuery) bool {
	requirements, _ := q.Selector.Requirements()
	if slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return slices.Contains(ownKeys, r.Key()) }) {
		return true // their values are not in the manifests
	}
	pods := q.Pods && slices.ContainsFunc(m.Members, func(w *manifest.Workload) bool { return q.Selector.Matches(labels.Set(w.Labels())) })
	return pods || q.Endpoints && slices.ContainsFunc(m.Services(), func(s *manifest.Service) bool {
		return m.Serves(s) && q.Selector.Matches(labels.Set(labelsOf(s)))
	})
}

// ServiceLabels are those of the Services of the nodes, each with the Service's name.
func (m *Manifests) ServiceLabels() []string {
	var all []string
	for _, s := range m.Services() {
		if m.Serves(s) {
			all = append(all, "Service "+s.Name+" has {"+LabelSet(labelsOf(s))+"}")
		}
	}
	return all
}

// labelsOf are those of the Service itself, which its Endpoints have too.
func labelsOf(s *manifest.Service) map[string]string {
	if o, is := s.Object.(*corev1.Service); is {
		return o.Labels
	}
	return nil
}
