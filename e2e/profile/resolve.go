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

// Defaults of what a profile may omit.
const (
	DefaultInterval  = time.Second      // between two lookups of the application's peers
	DefaultFormation = 90 * time.Second // from when all pods are Ready to a mesh that stayed complete
	DefaultRecovery  = 60 * time.Second // from the deletion to a full mesh again
	DefaultStaleName = 15 * time.Second // from the container's exit
	DefaultRequires  = 2 * time.Minute  // from the creation of what is required
	DefaultAgreement = 30 * time.Second // from a full mesh to one answer of all nodes
	DefaultEPMDPort  = 4369             // epmd_cmd, "-port"
	minHold          = 10 * time.Second
)

// Resolved is a profile as a run uses it: what the user set, what was inferred from the manifests, and the defaults. The
// header of a recording contains it, so that judging needs nothing else.
type Resolved struct {
	Name      string            `json:"name"`
	Mutant    string            `json:"mutant,omitempty"`
	Namespace string            `json:"namespace,omitempty"` // to which it must be deployed; "": any
	Nodes     int               `json:"nodes,omitempty"`     // of the Kubernetes cluster, at least
	Expect    Expectations      `json:"expect"`
	Workloads []Workload        `json:"workloads"`
	Services  []string          `json:"services"`          // that select the workloads' pods
	Service   string            `json:"service,omitempty"` // the one that discovery looks up
	EPMDPort  int               `json:"epmdPort"`
	DistPort  int               `json:"distPort,omitempty"` // declared by the manifests; 0: not declared
	TLS       string            `json:"tls,omitempty"`      // the Secret with the certificate for connections to the nodes
	Interval  Duration          `json:"interval"`           // of the app's discovery
	Hold      Duration          `json:"hold"`               // how long a full mesh must stay full
	Budgets   Budgets           `json:"budgets"`
	Rollout   []string          `json:"rollout,omitempty"` // "KIND/NAME" of the workloads that get another pod template
	Console   []Command         `json:"console,omitempty"`
	Skip      map[string]string `json:"skip,omitempty"`
	Waive     map[string]string `json:"waive,omitempty"`
}

// Workload is one object of the manifests that runs pods.
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

// Owns reports whether a pod with these labels and that owner ("ReplicaSet/derl-6c9f") belongs to one of the workloads. Labels
// are not enough: pods of a Job, or of another application, may have the same.
func (r *Resolved) Owns(labels map[string]string, owner string) bool {
	for _, w := range r.Workloads {
		if manifest.Covers(labels, w.Labels) && w.made(owner) {
			return true
		}
	}
	return false
}

// made reports whether an object of that kind and name is the workload, or the ReplicaSet through which it creates its pods.
// Without an owner, or with one of an unknown kind, the answer is yes.
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

// Resolve combines the profile and its rendered manifests.
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
			Agreement: or(p.Spec.Budgets.Agreement, DefaultAgreement),
		},
	}
	// A mesh is stable if it stays full for three rounds of discovery: a discovery that disconnects the nodes it does not
	// find does so in the first.
	r.Hold = Duration(max(minHold, 3*r.Interval.D()))
	if r.Expect.Topology == "" {
		r.Expect.Topology = FullMesh
	}
	if r.Expect.Discovery == "" {
		r.Expect.Discovery = KeepsDiscovering
	}
	for _, w := range objects.Workloads() {
		if Runs(w.Kind) || p.root == nil && w.Kind == "ReplicationController" {
			r.addWorkload(w, objects)
		}
	}
	if p.root == nil && len(r.Workloads) == 0 {
		// Without a profile nothing is deployed, and Pods alone can be judged: those of a cluster, as kubectl prints them.
		for _, w := range objects.Workloads() {
			if w.Kind == "Pod" {
				r.addWorkload(w, objects)
			}
		}
	}
	if len(r.Workloads) == 0 {
		return nil, fmt.Errorf("%s: the manifests contain no %s, so no pod would run; they contain %s", p.At("spec", p.source()), Runners, names(objects))
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

// asked is the Service that discovery looks up: the first headless one that selects the workloads' pods, if possible the pods of
// all of them; else the first Service. A Service with a cluster IP is normally for the application's users.
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

// soleHeadless is the only headless Service of the manifests, "" if there are none or several: discovery most likely looks it
// up. If its selector matches no pod of the workload, that is a mistake that the checks must find, so it is not skipped here.
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

// source is the key of the profile that says where its objects come from.
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

// Runs reports whether an object of that kind keeps pods running; its pods may be nodes.
func Runs(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}, kind)
}

func (r *Resolved) addWorkload(w *manifest.Workload, all *manifest.Set) {
	one := Workload{Kind: w.Kind, Name: w.Name, Replicas: all.Count(w, r.Nodes), Labels: w.Labels()}
	for _, c := range w.Containers(manifest.Main) {
		one.Images = append(one.Images, c.Image)
		for _, p := range c.Ports {
			r.declare(p.Name, int(p.ContainerPort))
		}
		for _, e := range c.Env {
			// A release with this variable starts its VM without epmd (relx, extended_bin).
			if n, err := strconv.Atoi(e.Value); e.Name == "ERL_DIST_PORT" && err == nil {
				r.EPMDPort, r.DistPort = 0, n
			}
		}
	}
	r.Workloads = append(r.Workloads, one)
}

// declare finds a port by its name: "dist" or "erl-dist" is the port that inet_dist_listen_min/max must have.
func (r *Resolved) declare(name string, number int) {
	if strings.Contains(name, "dist") {
		r.DistPort = number
	}
}

// selectedBy reports whether a Service selects pods of one of the workloads.
func (r *Resolved) selectedBy(s *manifest.Service) bool {
	return slices.ContainsFunc(r.Workloads, func(w Workload) bool { return s.Selects(w.Labels) })
}

// wellTyped returns an error if an object that is needed for inference does not have the types of the Kubernetes API. For other
// objects the API server reports more.
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
