package workload

import (
	"cmp"
	"slices"
	"strings"
)

// clusters puts the nodes together that mean to be one cluster, those that come first first. Two workloads do where one Service
// selects the pods of both, or where they run the same image: web and worker of one release, say. Not so where each has a headless
// Service for itself, as two installations of the same broker have: that is where nodes look for their peers.
func (d *draft) clusters() [][]map[string]any {
	place := make([]int, len(d.nodes)) // of the cluster that a node is put into
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
	var all [][]map[string]any
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

// together reports whether two workloads mean to be in one cluster.
func (d *draft) together(a, b map[string]any) bool {
	if apart(a, b) {
		return false
	}
	one, other := []map[string]any{a}, []map[string]any{b}
	aHas, bHas := false, false
	for _, s := range d.all("Service") {
		ofA, ofB := d.selectsAny(s, one), d.selectsAny(s, other)
		if ofA && ofB {
			return true
		}
		headless := dict(s["spec"])["clusterIP"] == "None"
		aHas, bHas = aHas || ofA && headless, bHas || ofB && headless
	}
	return (!aHas || !bHas) && nodeImage(a) != "" && nodeImage(a) == nodeImage(b)
}

// apart reports whether two objects are in different namespaces.
func apart(a, b map[string]any) bool {
	of := func(o map[string]any) string {
		if o["kind"] == "Namespace" {
			return text(dict(o["metadata"])["name"])
		}
		return text(dict(o["metadata"])["namespace"])
	}
	one, other := of(a), of(b)
	return one != "" && other != "" && one != other
}

// nodeImage is the image of the container that speaks of Erlang, without tag and digest; sidecars tell nothing.
func nodeImage(o map[string]any) string {
	c, _ := speaker(o)
	ref, _, _ := strings.Cut(text(c["image"]), "@")
	name, _ := split(ref)
	return name
}

// all are the objects of those kinds.
func (d *draft) all(kinds ...string) []map[string]any {
	var all []map[string]any
	for _, f := range d.files {
		for _, o := range f.objects {
			if slices.Contains(kinds, text(o["kind"])) {
				all = append(all, o)
			}
		}
	}
	return all
}

// theirs reports whether an object is there for other workloads and not for mine: one of them, a Service that selects their pods,
// a role that is given to their accounts, anything in another namespace.
func (d *draft) theirs(o map[string]any, mine, others []map[string]any) bool {
	if apart(o, mine[0]) {
		return true
	}
	switch o["kind"] {
	case "Service":
		return d.selectsAny(o, others) && !d.selectsAny(o, mine)
	case "RoleBinding", "ClusterRoleBinding":
		return bound(o, others) && !bound(o, mine)
	case "Role", "ClusterRole":
		given := false
		for _, b := range d.all("RoleBinding", "ClusterRoleBinding") {
			ref := dict(b["roleRef"])
			if ref["kind"] != o["kind"] || ref["name"] != dict(o["metadata"])["name"] {
				continue
			}
			if !d.theirs(b, mine, others) {
				return false
			}
			given = true
		}
		return given
	}
	return among(others, o)
}

// bound reports whether a binding gives its role to the account of one of the workloads. A pod that names none runs as default.
func bound(binding map[string]any, workloads []map[string]any) bool {
	subjects, _ := binding["subjects"].([]any)
	return slices.ContainsFunc(workloads, func(w map[string]any) bool {
		account := cmp.Or(text(podSpec(w)["serviceAccountName"]), text(podSpec(w)["serviceAccount"]), "default")
		return slices.ContainsFunc(subjects, func(s any) bool {
			return dict(s)["kind"] == "ServiceAccount" && dict(s)["name"] == account
		})
	})
}
