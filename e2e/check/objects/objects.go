package objects

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Target is the container port behind a Service's port: a number, the name of a container's port, or the port itself.
func Target(w *Workload, port int, t any) int {
	switch t := t.(type) {
	case float64:
		return int(t)
	case string:
		return w.port(t)
	default:
		return port
	}
}

// port is the number of the container port of that name, or 0.
func (w *Workload) port(name string) int {
	for _, c := range w.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// Manifests are the objects of a view, as far as the static checks look at them. Whatever else they hold is the API
// server's to judge.
type Manifests struct {
	Workloads []Workload
	Services  []Service
	Policies  []Policy
	Configs   map[string]map[string]string // what ConfigMaps hold, by their name
	secrets   map[string]bool
	unread    []string // objects that are not of the form that their kind has
}

type metadata struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// Workload is a controller of pods.
type Workload struct {
	Kind     string       `json:"kind"`
	Metadata metadata     `json:"metadata"`
	Spec     workloadSpec `json:"spec"`
	member   bool         // one of those that the profile counts as nodes
}

type workloadSpec struct {
	Replicas       *int         `json:"replicas"`
	ServiceName    string       `json:"serviceName"`
	Strategy       strategy     `json:"strategy"`       // of a Deployment
	UpdateStrategy strategy     `json:"updateStrategy"` // of a StatefulSet
	Template       podTemplate  `json:"template"`
	JobTemplate    *jobTemplate `json:"jobTemplate"` // of a CronJob
}

type jobTemplate struct {
	Spec struct {
		Template podTemplate `json:"template"`
	} `json:"spec"`
}

type strategy struct {
	Type          string `json:"type"`
	RollingUpdate struct {
		MaxUnavailable any `json:"maxUnavailable"` // a number or "25%"
	} `json:"rollingUpdate"`
}

type podTemplate struct {
	Metadata metadata `json:"metadata"`
	Spec     podSpec  `json:"spec"`
}

type podSpec struct {
	HostNetwork     bool        `json:"hostNetwork"`
	ServiceAccount  string      `json:"serviceAccountName"`
	Account         string      `json:"serviceAccount"` // the same under its old name
	Containers      []Container `json:"containers"`
	Volumes         []volume    `json:"volumes"`
	SecurityContext struct {
		FSGroup *int64 `json:"fsGroup"`
	} `json:"securityContext"`
}

// Service is one of the manifests.
type Service struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Type            string            `json:"type"`
		ClusterIP       string            `json:"clusterIP"`
		Selector        map[string]string `json:"selector"`
		PublishNotReady bool              `json:"publishNotReadyAddresses"`
		Ports           []struct {
			Name       string `json:"name"`
			Port       int    `json:"port"`
			TargetPort any    `json:"targetPort"` // a number or the name of a container's port
		} `json:"ports"`
	} `json:"spec"`
}

// workloadKinds are those whose pods a Service may select.
var workloadKinds = map[string]bool{"Deployment": true, "StatefulSet": true, "DaemonSet": true, "ReplicaSet": true, "Job": true, "CronJob": true}

// Decode reads the view's objects.
func Decode(v *view.View) *Manifests {
	m := &Manifests{Configs: map[string]map[string]string{}, secrets: map[string]bool{}}
	for _, o := range v.Objects("") {
		var err error
		switch {
		case workloadKinds[o.Kind]:
			err = m.addWorkload(v, o)
		case o.Kind == "Service":
			var s Service
			if err = json.Unmarshal(o.Manifest, &s); err == nil {
				m.Services = append(m.Services, s)
			}
		case o.Kind == "NetworkPolicy":
			var p Policy
			if err = json.Unmarshal(o.Manifest, &p); err == nil {
				m.Policies = append(m.Policies, p)
			}
		case o.Kind == "ConfigMap":
			var c struct {
				Data map[string]string `json:"data"`
			}
			if err = json.Unmarshal(o.Manifest, &c); err == nil {
				m.Configs[o.Name] = c.Data
			}
		case o.Kind == "Secret":
			m.secrets[o.Name] = true
		}
		if err != nil {
			m.unread = append(m.unread, fmt.Sprintf("%s/%s: %v", o.Kind, o.Name, err))
		}
	}
	return m
}

func (m *Manifests) addWorkload(v *view.View, o recording.Object) error {
	var w Workload
	if err := json.Unmarshal(o.Manifest, &w); err != nil {
		return err
	}
	if w.Spec.JobTemplate != nil {
		w.Spec.Template = w.Spec.JobTemplate.Spec.Template
	}
	w.Kind = o.Kind
	for _, p := range v.Profile.Workloads {
		w.member = w.member || p.Kind == o.Kind && p.Name == o.Name
	}
	m.Workloads = append(m.Workloads, w)
	return nil
}

// Static decodes the manifests for a check, or says why it cannot judge them.
func Static(v *view.View) (*Manifests, []check.Finding) {
	m := Decode(v)
	switch {
	case len(v.Objects("")) == 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the manifests were not recorded"}}
	case len(m.unread) > 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "a manifest could not be read: " + m.unread[0]}}
	case len(m.Members()) == 0:
		return nil, []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the profile's workloads are not among the recorded manifests"}}
	}
	return m, nil
}

// EachWorkload judges the manifests of each workload that the profile counts as nodes. The finding is a pass until judge
// makes something else of it.
func EachWorkload(v *view.View, judge func(m *Manifests, w *Workload, f *check.Finding)) []check.Finding {
	m, blind := Static(v)
	if blind != nil {
		return blind
	}
	var all []check.Finding
	for _, w := range m.Members() {
		f := check.Finding{Subject: w.subject(), Outcome: check.Pass}
		judge(m, w, &f)
		if f.Outcome == check.Fail && f.Try == "" {
			f.Try = Kubectl(v, fmt.Sprintf("get %s %s -o yaml", strings.ToLower(w.Kind), w.Metadata.Name))
		}
		all = append(all, f)
	}
	return all
}

// Kubectl is a command in the recording's namespace. Where manifests alone are judged, it is not known.
func Kubectl(v *view.View, command string) string {
	if v.Header.Namespace == "" {
		return "kubectl " + command
	}
	return "kubectl -n " + v.Header.Namespace + " " + command
}

// Members are the workloads that the profile counts as nodes.
func (m *Manifests) Members() []*Workload {
	var all []*Workload
	for i := range m.Workloads {
		if m.Workloads[i].member {
			all = append(all, &m.Workloads[i])
		}
	}
	return all
}

// Named is the Service of that name among the manifests, or nil.
func (m *Manifests) Named(name string) *Service {
	for i := range m.Services {
		if m.Services[i].Metadata.Name == name {
			return &m.Services[i]
		}
	}
	return nil
}

func (w *Workload) subject() check.Subject { return check.OnObject(w.Kind, w.Metadata.Name) }

func (w *Workload) String() string { return w.Kind + " " + w.Metadata.Name }

func (w *Workload) Labels() map[string]string { return w.Spec.Template.Metadata.Labels }

// Replicas is how many pods there are at once; a DaemonSet has one for each node, which may be any number.
func (w *Workload) Replicas() int {
	switch {
	case w.Kind == "DaemonSet":
		return 2
	case w.Spec.Replicas == nil:
		return 1
	default:
		return *w.Spec.Replicas
	}
}

// Covers reports whether labels hold everything that want asks for. Nothing covers nothing.
func Covers(labels, want map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return len(want) > 0
}

// Serves reports whether the Service selects pods of the profile's nodes.
func (m *Manifests) Serves(s *Service) bool {
	return slices.ContainsFunc(m.Members(), func(w *Workload) bool { return Covers(w.Labels(), s.Spec.Selector) })
}
