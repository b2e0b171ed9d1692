package draft

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/workload"
)

// clusters groups the workloads that are meant to be one cluster, in their order. Two workloads are if one Service selects the
// pods of both, or if they run the same image, such as web and worker of one release. They are not if each has a headless
// Service of its own, as two installations of the same broker have: nodes discover their peers through it.
func (d *draft) clusters() [][]*manifest.Workload {
	place := make([]int, len(d.nodes)) // the index of the cluster to which a node belongs
	for i, o := range d.nodes {
		place[i] = i
		for j, other := range d.nodes[:i] {
			if !d.together(o, other) {
				continue
			}
			was := place[j]
			for k := range d.nodes[:i] {
				if place[k] == was {
					place[k] = i
				}
			}
		}
	}
	var all [][]*manifest.Workload
	at := map[int]int{}
	for i, o := range d.nodes {
		if _, there := at[place[i]]; !there {
			at[place[i]] = len(all)
			all = append(all, nil)
		}
		all[at[place[i]]] = append(all[at[place[i]]], o)
	}
	return all
}

// together reports whether two workloads are meant to be one cluster.
func (d *draft) together(a, b *manifest.Workload) bool {
	if apart(a.Document, b.Document) {
		return false
	}
	aHas, bHas := false, false
	for _, s := range d.all().Services() {
		ofA, ofB := s.Selects(a.Labels()), s.Selects(b.Labels())
		if ofA && ofB {
			return true
		}
		aHas, bHas = aHas || ofA && s.Headless(), bHas || ofB && s.Headless()
	}
	return (!aHas || !bHas) && d.nodeImage(a) != "" && d.nodeImage(a) == d.nodeImage(b)
}

// apart reports whether two objects are in different namespaces.
func apart(a, b *manifest.Document) bool {
	of := func(o *manifest.Document) string {
		if o.Kind == "Namespace" {
			return o.Name
		}
		return o.Namespace
	}
	return !manifest.SameNamespace(of(a), of(b))
}

// nodeImage is the image of the container that mentions Erlang, without tag and digest; sidecars do not count.
func (d *draft) nodeImage(w *manifest.Workload) string {
	c, _ := speaker(d.all(), w)
	if c == nil {
		return ""
	}
	ref, _, _ := strings.Cut(c.Image, "@")
	name, _ := workload.SplitImage(ref)
	return name
}

// theirs reports whether an object belongs to other workloads and not to mine: one of them, a Service that selects their pods,
// a role that is bound to their service accounts, anything in another namespace.
func (d *draft) theirs(o *manifest.Document, mine, others []*manifest.Workload) bool {
	if apart(o, mine[0].Document) && !d.grants(o, mine) {
		return true
	}
	switch o.Kind {
	case "Service":
		return selectsAny(o, others) && !selectsAny(o, mine)
	case "RoleBinding", "ClusterRoleBinding":
		b := (&manifest.Set{Documents: []*manifest.Document{o}}).Bindings()
		return len(b) == 1 && bound(b[0], others) && !bound(b[0], mine)
	case "Role", "ClusterRole":
		given := false
		for _, b := range d.all().Bindings() {
			if b.Role.Kind != o.Kind || b.Role.Name != o.Name {
				continue
			}
			if !d.theirs(b.Document, mine, others) {
				return false
			}
			given = true
		}
		return given
	}
	return among(others, o)
}

// grants reports whether an object of another namespace gives rights there to the account of one of the workloads: a RoleBinding, or
// the Role of one.
func (d *draft) grants(o *manifest.Document, mine []*manifest.Workload) bool {
	return slices.ContainsFunc(d.all().Bindings(), func(b *manifest.Binding) bool {
		is := b.Document == o || o.Kind == "Role" && b.Role.Kind == o.Kind && b.Role.Name == o.Name && b.Namespace == o.Namespace
		return is && b.Kind == "RoleBinding" && slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && slices.ContainsFunc(mine, func(w *manifest.Workload) bool { return s.Name == w.Account() && s.Namespace == w.Namespace })
		})
	})
}

// bound reports whether a binding gives its role to the service account of one of the workloads by name. A role that all
// accounts have does not count.
func bound(b *manifest.Binding, workloads []*manifest.Workload) bool {
	return slices.ContainsFunc(workloads, func(w *manifest.Workload) bool {
		return slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && s.Name == w.Account()
		})
	})
}
