// Package rights says what the user of a run on somebody's cluster must be allowed to do, prints it as RBAC objects, and finds what
// of it is missing.
//
// In: what the run is to do, and its rendered manifests. Out: a table of rights; the same table is printed for the cluster's
// administrator and asked of the API server before anything is made. It changes nothing.
package rights

import (
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Right is what a user must be allowed to do with one resource.
type Right struct {
	Verbs    []string
	Group    string   // of the API; "" the core group
	Resource string   // "pods", "pods/log"
	Names    []string // of the objects; nil: all
	Cluster  bool     // the resource, or its use, is not in one namespace
	For      string   // what the run does with it: "to watch the pods"
	Lost     string   // what the run goes on without; "" if there is no run without the right
}

// What a run goes on without.
const (
	// NoReaper is a run that its cluster does not remove if it is killed.
	NoReaper = "a reaper"
	// NoAgents is a run that sees nothing from inside the pods.
	NoAgents = "agents"
	// NoTry is a run that learns only from the agents' events that the cluster refuses them.
	NoTry = "beforehand, whether the cluster admits the agents' pods"
	// NoExec is a run without agents that cannot look into the pods by a command.
	NoExec = "what only a command in a pod can show where no agents may run"
	// NoNodes is a run that does not know the cluster's nodes.
	NoNodes = "the nodes: how many there are, and what they run"
	// NoOthers is a run that does not see what other runs have left, or that they are under way.
	NoOthers = "other runs on this cluster, and what dead ones have left"
	// NoPolicies is a run that does not see which policies restrict its pods.
	NoPolicies = "which NetworkPolicies of the namespace restrict the pods"
)

// Plan is what the run is to do.
type Plan struct {
	Namespace  string        // the existing namespace that it works in alone; "" where it makes its own
	Objects    *manifest.Set // that it deploys
	Required   *manifest.Set // that it creates before, and waits for
	Rolled     []string      // "Deployment/shop" that get a new pod template
	Scaled     []string      // "Deployment/shop" that get another number of replicas
	Rotated    []string      // Secrets whose value it changes for a while: the cookie's
	Secrets    []string      // that it reads: the cookie's, the certificate's
	Commands   bool          // it runs commands in pods
	PullSecret bool          // it copies a pull secret
}

const (
	apps         = "apps"
	rbac         = "rbac.authorization.k8s.io"
	coordination = "coordination.k8s.io"

	tried = "to try, without creating it, whether an agent's pod is admitted"
)

// Needed is the table of the rights for a plan.
func Needed(p Plan) []Right {
	var all []Right
	if p.Namespace != "" {
		all = append(all, within(p.Namespace)...)
	} else {
		all = append(all, ofCluster()...)
	}
	all = append(all, observed(p)...)
	all = append(all, ofObjects(p)...)
	if p.Namespace == "" {
		for i := range all {
			all[i].Cluster = true // the names of the run's namespaces are not known before
		}
	}
	return all
}

// within are the rights for what a run makes in an existing namespace beside its workload.
func within(namespace string) []Right {
	const reaper = "to deploy the reaper, and to see that it is gone"
	made := []string{"create", "get", "list", "delete"}
	return []Right{
		{Verbs: []string{"create", "get", "list", "patch", "delete"}, Group: coordination, Resource: "leases", For: "to show that the run is alive"},
		{Verbs: made, Resource: "serviceaccounts", For: reaper, Lost: NoReaper},
		{Verbs: made, Group: rbac, Resource: "roles", For: reaper, Lost: NoReaper},
		{Verbs: made, Group: rbac, Resource: "rolebindings", For: reaper, Lost: NoReaper},
		{Verbs: made, Group: apps, Resource: "deployments", For: reaper, Lost: NoReaper},
		{Verbs: made, Group: apps, Resource: "daemonsets", For: "to deploy the agents, and to see that they are gone", Lost: NoAgents},
		{Verbs: []string{"create"}, Resource: "pods", For: tried, Lost: NoTry},
		{Verbs: []string{"get"}, Resource: "namespaces", Names: []string{namespace}, For: "to see that the namespace exists", Lost: "whether the namespace exists"},
		{Verbs: []string{"list"}, Group: "networking.k8s.io", Resource: "networkpolicies", For: "to say which policies restrict the pods", Lost: NoPolicies},
	}
}

// Beyond are rights that a run within a namespace makes use of if it has them. They are not in that namespace, and not printed.
func Beyond() []Right {
	return []Right{{Verbs: []string{"list"}, Resource: "nodes", Cluster: true, For: "to see the nodes", Lost: NoNodes}}
}

// ofCluster are the rights for what a run that has namespaces of its own makes beside its workloads.
func ofCluster() []Right {
	const (
		root  = "to create the run's root, and to let the reaper delete it"
		sweep = "to find what dead runs have left"
		end   = "to end the pods of the run's namespaces"
	)
	stopped := []string{"deletecollection"}
	return []Right{
		{Verbs: []string{"create", "get", "delete"}, Group: rbac, Resource: "clusterroles", For: root, Lost: NoReaper},
		{Verbs: []string{"create", "get", "delete"}, Group: rbac, Resource: "clusterrolebindings", For: root, Lost: NoReaper},
		{Verbs: []string{"create"}, Group: rbac, Resource: "roles", For: root, Lost: NoReaper},
		{Verbs: []string{"create"}, Group: rbac, Resource: "rolebindings", For: root, Lost: NoReaper},
		{Verbs: []string{"create"}, Resource: "serviceaccounts", For: root, Lost: NoReaper},
		{Verbs: []string{"create"}, Group: apps, Resource: "deployments", For: root, Lost: NoReaper},
		{Verbs: []string{"create", "get", "patch"}, Group: coordination, Resource: "leases", For: "to show that the run is alive"},
		{Verbs: []string{"create", "get", "delete"}, Resource: "namespaces", For: "to create the run's namespaces, and to see that they are gone"},
		{Verbs: []string{"create"}, Group: apps, Resource: "daemonsets", For: "to deploy the agents", Lost: NoAgents},
		{Verbs: []string{"create"}, Resource: "pods", For: tried, Lost: NoTry},
		{Verbs: stopped, Group: apps, Resource: "deployments", For: end},
		{Verbs: stopped, Group: apps, Resource: "statefulsets", For: end},
		{Verbs: stopped, Group: apps, Resource: "daemonsets", For: end},
		{Verbs: stopped, Group: apps, Resource: "replicasets", For: end},
		{Verbs: stopped, Group: "batch", Resource: "jobs", For: end},
		{Verbs: stopped, Resource: "pods", For: end},
		{Verbs: []string{"list"}, Resource: "namespaces", For: sweep, Lost: NoOthers},
		{Verbs: []string{"list"}, Group: rbac, Resource: "clusterroles", For: sweep, Lost: NoOthers},
		{Verbs: []string{"list"}, Group: rbac, Resource: "clusterrolebindings", For: sweep, Lost: NoOthers},
		{Verbs: []string{"list", "delete"}, Group: coordination, Resource: "leases", For: sweep, Lost: NoOthers},
		{Verbs: []string{"list"}, Resource: "nodes", For: "to see the nodes", Lost: NoNodes},
	}
}

// observed are the rights for what a run sees of the workload, and does to it.
func observed(p Plan) []Right {
	watch := []string{"get", "list", "watch"}
	all := []Right{
		{Verbs: watch[1:], Resource: "pods", For: "to watch the pods"},
		{Verbs: watch[1:], Resource: "services", For: "to watch the Services"},
		{Verbs: watch[1:], Group: "discovery.k8s.io", Resource: "endpointslices", For: "to watch the addresses of the Services"},
		{Verbs: watch[1:], Resource: "events", For: "to read what Kubernetes says about the pods"},
		{Verbs: watch[:1], Resource: "pods/log", For: "to keep the pods' logs"},
		{Verbs: []string{"create"}, Resource: "pods/portforward", For: "to reach the agents, or the pods where no agents may run"},
		{Verbs: []string{"delete"}, Resource: "pods", For: "to delete a pod and see the mesh recover"},
	}
	exec := Right{Verbs: []string{"create"}, Resource: "pods/exec", For: "to look into the pods where no agents may run", Lost: NoExec}
	if p.Commands {
		exec.For, exec.Lost = "to run the profile's commands in a pod", ""
	}
	all = append(all, exec)
	for _, name := range p.Secrets {
		all = append(all, Right{Verbs: watch[:1], Resource: "secrets", Names: []string{name}, For: "to read the cookie or the certificate"})
	}
	for _, w := range p.Scaled {
		kind, name, _ := strings.Cut(w, "/")
		all = append(all, Right{Verbs: []string{"patch"}, Group: apps, Resource: strings.ToLower(kind) + "s/scale", Names: []string{name}, For: "to give it other numbers of replicas"})
	}
	for _, name := range p.Rotated {
		all = append(all, Right{Verbs: []string{"patch"}, Resource: "secrets", Names: []string{name}, For: "to change the cookie, and to change it back"})
	}
	if p.PullSecret {
		all = append(all, Right{Verbs: []string{"create", "get", "list", "delete"}, Resource: "secrets", For: "to copy the pull secret, and to see that the copy is gone"})
	}
	return all
}

// merged are the rights with one line for each resource and the same names, without what a line for all names has already.
func merged(all []Right) []Right {
	var lines []Right
	for _, r := range all {
		i := slices.IndexFunc(lines, func(l Right) bool { return l.same(r) && slices.Equal(l.Names, r.Names) })
		if i < 0 {
			r.Verbs = slices.Clone(r.Verbs)
			lines = append(lines, r)
			continue
		}
		l := &lines[i]
		if !slices.Contains(strings.Split(l.For, "; "), r.For) {
			l.For += "; " + r.For
		}
		for _, v := range r.Verbs {
			if !slices.Contains(l.Verbs, v) {
				l.Verbs = append(l.Verbs, v)
			}
		}
	}
	for i := range lines {
		for _, l := range lines {
			if len(l.Names) == 0 && len(lines[i].Names) > 0 && l.same(lines[i]) {
				lines[i].Verbs = slices.DeleteFunc(lines[i].Verbs, func(v string) bool { return slices.Contains(l.Verbs, v) })
			}
		}
	}
	return slices.DeleteFunc(lines, func(r Right) bool { return len(r.Verbs) == 0 })
}

// same reports whether both are about the same resource in the same place.
func (r Right) same(o Right) bool {
	return r.Group == o.Group && r.Resource == o.Resource && r.Cluster == o.Cluster
}
