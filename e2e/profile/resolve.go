package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Defaults of what a profile may leave out.
const (
	DefaultInterval  = time.Second      // between two looks of the app for its peers
	DefaultFormation = 90 * time.Second // from when all pods are Ready to a mesh that has held
	DefaultRecovery  = 60 * time.Second // from the deletion to a full mesh again
	DefaultStaleName = 15 * time.Second // from the container's exit
	DefaultRequires  = 2 * time.Minute  // from the creation of what is required
	DefaultEPMDPort  = 4369             // epmd_cmd, "-port"
	minHold          = 10 * time.Second
)

// Resolved is a profile as a run understands it: what the user said, what the manifests tell, and the
// defaults. It stands in a recording's header, so that judging needs nothing else.
type Resolved struct {
	Name      string            `json:"name"`
	Mutant    string            `json:"mutant,omitempty"`
	Namespace string            `json:"namespace,omitempty"` // that it has to be deployed to; "": any
	Nodes     int               `json:"nodes,omitempty"`     // of the Kubernetes cluster, at least
	Expect    Expectations      `json:"expect"`
	Workloads []Workload        `json:"workloads"`
	Services  []string          `json:"services"`          // that select the workloads' pods
	Service   string            `json:"service,omitempty"` // the one discovery asks for
	EPMDPort  int               `json:"epmdPort"`
	DistPort  int               `json:"distPort,omitempty"` // declared by the manifests; 0: not declared
	TLS       string            `json:"tls,omitempty"`      // the Secret with which nodes are spoken to over TLS
	Interval  Duration          `json:"interval"`           // of the app's discovery
	Hold      Duration          `json:"hold"`               // how long a full mesh must stay full
	Budgets   Budgets           `json:"budgets"`
	Rollout   []string          `json:"rollout,omitempty"` // "KIND/NAME" of the workloads that get another pod template
	Console   []Command         `json:"console,omitempty"`
	Skip      map[string]string `json:"skip,omitempty"`
	Waive     map[string]string `json:"waive,omitempty"`
}

// Workload is one controller of pods among the manifests.
type Workload struct {
	Kind     string            `json:"kind"`
	Name     string            `json:"name"`
	Replicas int               `json:"replicas"`
	Labels   map[string]string `json:"labels"` // of the pod template
	Images   []string          `json:"images"`
}

// Replicas is the number of nodes that the mesh must have.
func (r *Resolved) Replicas() int {
	n := 0
	for _, w := range r.Workloads {
		n += w.Replicas
	}
	return n
}

// Owns reports whether a pod with these labels, that owner ("ReplicaSet/derl-6c9f") made, belongs to one of the workloads. Labels
// are not enough: pods of a Job, or of another application, may carry the same.
func (r *Resolved) Owns(labels map[string]string, owner string) bool {
	for _, w := range r.Workloads {
		if manifest.Covers(labels, w.Labels) && w.made(owner) {
			return true
		}
	}
	return false
}

// made reports whether an object of that kind and name is the workload, or what it makes to make its pods. What nobody owns, or
// a kind that is not known here, may be.
func (w Workload) made(owner string) bool {
	kind, name, _ := strings.Cut(owner, "/")
	switch kind {
	case "Job":
		return false
	case "ReplicaSet":
		return kind == w.Kind && name == w.Name || w.Kind == "Deployment" && strings.HasPrefix(name, w.Name+"-")
	case "StatefulSet", "DaemonSet":
		return kind == w.Kind && name == w.Name
	}
	return true
}

// Resolve puts the profile and its rendered manifests together.
func Resolve(p *Profile, objects *manifest.Set) (*Resolved, error) {
	if err := wellTyped(objects); err != nil {
		return nil, err
	}
	or := func(d Duration, def time.Duration) Duration {
		if d == 0 {
			return Duration(def)
		}
		return d
	}
	r := &Resolved{
		Name: p.Metadata.Name, EPMDPort: DefaultEPMDPort, Console: p.Spec.Console, Skip: p.Spec.Skip, Waive: p.Spec.Waive, TLS: p.Spec.TLS.Secret,
		Nodes: max(1, p.Spec.Nodes), Expect: p.Spec.Expect,
		Interval: or(p.Spec.Discovery.Interval, DefaultInterval),
		Budgets: Budgets{
			Formation: or(p.Spec.Budgets.Formation, DefaultFormation),
			Recovery:  or(p.Spec.Budgets.Recovery, DefaultRecovery),
			StaleName: or(p.Spec.Budgets.StaleName, DefaultStaleName),
			Requires:  or(p.Spec.Budgets.Requires, DefaultRequires),
		},
	}
	// Three rounds of discovery must pass over a full mesh before it is called stable: a discovery that
	// disconnects what it does not find shows itself in the first.
	r.Hold = Duration(max(minHold, 3*r.Interval.D()))
	if r.Expect.Topology == "" {
		r.Expect.Topology = FullMesh
	}
	if r.Expect.Discovery == "" {
		r.Expect.Discovery = LooksOn
	}
	for _, w := range objects.Workloads() {
		r.addWorkload(w, objects)
	}
	if len(r.Workloads) == 0 {
		return nil, fmt.Errorf("%s: no %s is among the manifests, so that nothing would run; there is %s", p.At("spec", p.source()), Runners, names(objects))
	}
	var err error
	if r.Namespace, err = p.namespace(objects); err != nil {
		return nil, err
	}
	for _, s := range objects.Services() {
		if r.selectedBy(s) {
			r.Services = append(r.Services, s.Name)
		}
	}
	r.Service = r.asked(objects)
	return r, nil
}

// asked is the Service that discovery asks for: of those that select the workloads' pods the first headless one, since a cluster
// IP in front of them is for their users, and rather one that selects the pods of them all; else the first.
func (r *Resolved) asked(objects *manifest.Set) string {
	first := ""
	for _, s := range objects.Services() {
		if !s.Headless() || !slices.Contains(r.Services, s.Name) {
			continue
		}
		if !slices.ContainsFunc(r.Workloads, func(w Workload) bool { return !s.Selects(w.Labels) }) {
			return s.Name
		}
		first = cmp.Or(first, s.Name)
	}
	if first != "" {
		return first
	}
	if len(r.Services) > 0 {
		return r.Services[0]
	}
	return soleHeadless(objects)
}

// soleHeadless is the one headless Service of the manifests, "" where there are none or several: what else would discovery
// ask for? That its selector matches no pod of the workload is a mistake to be found, no reason not to look at it.
func soleHeadless(objects *manifest.Set) string {
	name := ""
	for _, s := range objects.Services() {
		if !s.Headless() {
			continue
		}
		if name != "" {
			return ""
		}
		name = s.Name
	}
	return name
}

// source is the key under which the profile says where its objects come from.
func (p *Profile) source() string {
	if len(p.Spec.Command) > 0 {
		return "command"
	}
	return "manifests"
}

// names lists objects for a message, the first few of them.
func names(objects *manifest.Set) string {
	var all []string
	for _, o := range objects.Documents {
		all = append(all, o.String())
	}
	return few(all)
}

// few lists the first five.
func few(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	if more := len(all) - 5; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:5], ", "), more)
	}
	return strings.Join(all, ", ")
}

// Runners are the kinds of objects that keep pods running, for messages.
const Runners = "Deployment, StatefulSet, ReplicaSet or DaemonSet"

// Runs reports whether an object of that kind keeps pods running, which may then be nodes.
func Runs(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}, kind)
}

func (r *Resolved) addWorkload(w *manifest.Workload, all *manifest.Set) {
	if !Runs(w.Kind) {
		return
	}
	one := Workload{Kind: w.Kind, Name: w.Name, Replicas: all.Count(w, r.Nodes), Labels: w.Labels()}
	for _, c := range w.Containers(manifest.Main) {
		one.Images = append(one.Images, c.Image)
		for _, p := range c.Ports {
			r.declare(p.Name, int(p.ContainerPort))
		}
		for _, e := range c.Env {
			// A release that is given this starts its VM without epmd (relx, extended_bin).
			if n, err := strconv.Atoi(e.Value); e.Name == "ERL_DIST_PORT" && err == nil {
				r.EPMDPort, r.DistPort = 0, n
			}
		}
	}
	r.Workloads = append(r.Workloads, one)
}

// declare takes a port's name for its meaning: "dist" or "erl-dist" is what inet_dist_listen_min/max must say.
func (r *Resolved) declare(name string, number int) {
	if strings.Contains(name, "dist") {
		r.DistPort = number
	}
}

// selectedBy reports whether a Service selects pods of one of the workloads.
func (r *Resolved) selectedBy(s *manifest.Service) bool {
	return slices.ContainsFunc(r.Workloads, func(w Workload) bool { return s.Selects(w.Labels) })
}

// wellTyped is an error when what inference reads is not of the type that the API has for it. Of what else is wrong with an
// object the API server says more.
func wellTyped(objects *manifest.Set) error {
	for n, d := range objects.Documents {
		if d.Err != nil && (Runs(d.Kind) || d.Kind == "Service" || d.Kind == "HorizontalPodAutoscaler") {
			var field *manifest.FieldError
			place := d.At()
			if errors.As(d.Err, &field) {
				place = d.At(field.Path...)
			}
			if place == "" {
				return fmt.Errorf("object %d of the manifests (%s): %w", n+1, d, d.Err)
			}
			return fmt.Errorf("%s: %s: %w", place, d, d.Err)
		}
	}
	return nil
}

// Images lists the images that the workloads name, sorted, each once.
func (r *Resolved) Images() []string {
	seen := map[string]bool{}
	var all []string
	for _, w := range r.Workloads {
		for _, i := range w.Images {
			if !seen[i] {
				seen[i] = true
				all = append(all, i)
			}
		}
	}
	sort.Strings(all)
	return all
}
