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

func manifestNamePerPod() check.Check {
	return check.Check{
		ID: "manifest/name-per-pod", Title: "gives each pod its own node name", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "For their peers, nodes with the same name are the same node: a connection to the second ends the one to the first, and with a fixed host all dials go to the same address.",
		Source: "https://kubernetes.io/docs/tasks/inject-data-application/environment-variable-expose-pod-information/",
		Causes: check.Alike(check.From(check.EPMD), "same-name", "fixed-address"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if fixedAddress(m, w, f); f.Outcome == check.Fail {
					return
				}
				names := m.Names(w)
				for _, n := range names {
					if fixedName(m, w, n, f); f.Outcome == check.Fail {
						return
					}
				}
				switch lacks := m.LacksConfig(w); {
				case len(names) == 0 && lacks != "" && m.Clusters(w) && !v.KubeSeen() && !v.MeansNoMesh() && objects.Speaks(objects.Readings(v)):
					f.Outcome = check.Unseen
					f.Message = fmt.Sprintf("no node name of %s was seen, and %s, which its pods need, is not in the manifests", w, lacks)
					f.Remedy = "let lint read " + lacks + " together with these manifests"
				case len(names) == 0:
					f.Skip(m.NoName(w))
				case m.Replicas(w) > 1 && !slices.ContainsFunc(names, differsByPod):
					f.Skip("the manifests do not tell what the node name " + names[0].Written + " becomes (" + names[0].Where + ")")
				}
			})
		},
	}
}

// differsByPod reports whether a name is seen to be another in each pod.
func differsByPod(n objects.NodeName) bool {
	return n.Host() == "" && !strings.ContainsAny(n.Value, "$`") || strings.Contains(n.Value, objects.PodIP) || strings.Contains(n.Value, objects.PodName) || strings.Contains(n.Value, "<metadata.uid>")
}

// fixedName fails the finding if the name is the same in all pods.
func fixedName(m *objects.Manifests, w *manifest.Workload, n objects.NodeName, f *check.Finding) {
	if other := sameAs(m, w, n); other != nil && !n.Maybe {
		f.Fail("same-name", fmt.Sprintf("%s sets the node name %s in the pods of %s, and those of %s have the same", n.Where, n.Written, w, other), ownHost(m, w, n))
		return
	}
	if m.Replicas(w) < 2 || n.Maybe || n.Host() == "" || strings.ContainsAny(n.Value, "$`<") {
		return
	}
	f.Fail("same-name", fmt.Sprintf("%s sets the node name %s in all %d pods of %s: the host part is always %s", n.Where, n.Written, m.Replicas(w), w, n.Host()), ownHost(m, w, n))
}

// sameAs is another workload whose node has that very name, nil where none has: three bare Pods, made of one by copying.
func sameAs(m *objects.Manifests, w *manifest.Workload, n objects.NodeName) *manifest.Workload {
	if n.Host() == "" || strings.ContainsAny(n.Value, "$`<") {
		return nil
	}
	for _, other := range m.Members {
		if other.String() != w.String() && slices.ContainsFunc(m.Names(other), func(o objects.NodeName) bool { return o.Value == n.Value && !o.Maybe }) {
			return other
		}
	}
	return nil
}

// ownHost says how to give each pod a host of its own: its name in DNS where it has one, else its address.
func ownHost(m *objects.Manifests, w *manifest.Workload, n objects.NodeName) string {
	before := "and write " + n.How + strings.TrimSuffix(n.Written, n.Host())
	if s := m.Service(w.Namespace, w.ServiceName); w.Kind == "StatefulSet" && s != nil && n.Form != objects.Short {
		return "define env {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}} " + before + n.Refer("POD_NAME") + "." + s.Name + "." + namespaceFor(m, w, n) + ".svc.cluster.local"
	}
	return "define env {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}} " + before + n.Refer("POD_IP")
}

// fixedAddress fails the finding if a variable that should differ between pods has the same value in all.
func fixedAddress(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	for _, p := range m.Places(w) {
		if m.Replicas(w) > 1 && perPod(p.Variable) && p.Text != "" && !objects.HasReference(p.Text) {
			f.Fail("fixed-address", fmt.Sprintf("%s is %s in all %d pods of %s", p.Where, p.Text, m.Replicas(w), w),
				"take the value from the pod: valueFrom: {fieldRef: {fieldPath: status.podIP}} (or metadata.name for the pod's name)")
			return
		}
	}
}

// perPod reports whether a variable of that name should differ between pods.
func perPod(name string) bool {
	return strings.HasSuffix(name, "POD_IP") || strings.HasSuffix(name, "POD_NAME") || name == "HOSTNAME"
}
