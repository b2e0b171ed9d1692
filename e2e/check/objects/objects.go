package objects

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

// Manifests are the objects of a view.
type Manifests struct {
	*manifest.Set
	// Members are the workloads that the profile counts as nodes.
	Members []*manifest.Workload

	workloads []*manifest.Workload
	unread    []string // objects that could not be parsed as their kind
}

// readKinds are the kinds that must be readable for any of the manifests to be judged.
var readKinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod", "Job", "CronJob", "Service", "NetworkPolicy", "ConfigMap"}

// Read parses the view's objects, once.
func Read(v *view.View) *Manifests {
	m, _ := v.Once("manifests", func() any { return read(v) }).(*Manifests)
	return m
}

func read(v *view.View) *Manifests {
	m := &Manifests{Set: &manifest.Set{}}
	for _, o := range v.Objects("") {
		d, err := manifest.FromRecording(o.Manifest, o.File, o.Lines)
		if err == nil {
			m.Documents = append(m.Documents, d)
			err = d.Err
		}
		if err != nil && slices.Contains(readKinds, o.Kind) {
			m.unread = append(m.unread, fmt.Sprintf("%s/%s: %v", o.Kind, o.Name, err))
		}
	}
	for _, w := range m.Set.Workloads() {
		member := false
		for _, p := range v.Profile.Workloads {
			member = member || p.Kind == w.Kind && p.Name == w.Name
		}
		if member {
			m.Members = append(m.Members, w)
		}
		if member || w.Kind != "Pod" {
			m.workloads = append(m.workloads, w)
		}
	}
	return m
}

// Workloads are the objects that create pods. Bare Pods count only if the profile has them as nodes: any other may exist
// only for a moment, such as a Helm test.
func (m *Manifests) Workloads() []*manifest.Workload { return m.workloads }

// Static are the manifests for a check, or why it cannot judge them.
func Static(v *view.View) (*Manifests, []check.Finding) {
	m := Read(v)
	switch {
	case len(v.Objects("")) == 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the manifests were not recorded"}}
	case len(m.unread) > 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "a manifest could not be parsed: " + m.unread[0]}}
	case len(m.Members) == 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the recorded manifests do not contain the workloads of the profile"}}
	}
	return m, nil
}

// OfWorkloads judges the manifests of each workload that the profile counts as nodes: all that judge finds, one after the other.
func OfWorkloads(v *view.View, judge func(m *Manifests, w *manifest.Workload) []check.Finding) []check.Finding {
	m, blind := Static(v)
	if blind != nil {
		return blind
	}
	var all []check.Finding
	for _, w := range m.Members {
		all = append(all, judge(m, w)...)
	}
	return all
}

// EachWorkload is OfWorkloads with one finding for each workload. It is a pass unless judge changes it.
func EachWorkload(v *view.View, judge func(m *Manifests, w *manifest.Workload, f *check.Finding)) []check.Finding {
	return OfWorkloads(v, func(m *Manifests, w *manifest.Workload) []check.Finding {
		f := check.Finding{Subject: check.OnObject(w.Kind, w.Name), Outcome: check.Pass}
		judge(m, w, &f)
		if f.Outcome == check.Fail && f.Try == "" {
			f.Try = Kubectl(v, fmt.Sprintf("get %s %s -o yaml", strings.ToLower(w.Kind), w.Name))
		}
		return []check.Finding{f}
	})
}

// Kubectl is a command in the recording's namespace. Where manifests alone are judged, it is not known.
func Kubectl(v *view.View, command string) string {
	if v.Header.Namespace == "" {
		return "kubectl " + command
	}
	return "kubectl -n " + v.Header.Namespace + " " + command
}

// Replicas is the number of pods of the workload; a DaemonSet has one for each node, which may be any number.
func (m *Manifests) Replicas(w *manifest.Workload) int { return m.Count(w, 2) }

// Single reports whether the profile has one node only, which no peer has to find.
func (m *Manifests) Single() bool {
	n := 0
	for _, w := range m.Members {
		n += m.Replicas(w)
	}
	return n < 2
}

// Serves reports whether the Service selects pods of the profile's nodes.
func (m *Manifests) Serves(s *manifest.Service) bool {
	return slices.ContainsFunc(m.Members, func(w *manifest.Workload) bool { return s.Selects(w.Labels()) })
}
