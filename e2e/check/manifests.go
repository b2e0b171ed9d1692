package check

import (
	"encoding/json"
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// manifests are the objects of a view, as far as the static checks look at them. Whatever else they hold is the API
// server's to judge.
type manifests struct {
	workloads []workload
	services  []service
	policies  []policy
	configs   map[string]map[string]string // what ConfigMaps hold, by their name
	secrets   map[string]bool
	unread    []string // objects that are not of the form that their kind has
}

type metadata struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// workload is a controller of pods.
type workload struct {
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
	Containers      []container `json:"containers"`
	Volumes         []volume    `json:"volumes"`
	SecurityContext struct {
		FSGroup *int64 `json:"fsGroup"`
	} `json:"securityContext"`
}

type service struct {
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

// decode reads the view's objects.
func decode(v *view.View) *manifests {
	m := &manifests{configs: map[string]map[string]string{}, secrets: map[string]bool{}}
	for _, o := range v.Objects("") {
		var err error
		switch {
		case workloadKinds[o.Kind]:
			err = m.addWorkload(v, o)
		case o.Kind == "Service":
			var s service
			if err = json.Unmarshal(o.Manifest, &s); err == nil {
				m.services = append(m.services, s)
			}
		case o.Kind == "NetworkPolicy":
			var p policy
			if err = json.Unmarshal(o.Manifest, &p); err == nil {
				m.policies = append(m.policies, p)
			}
		case o.Kind == "ConfigMap":
			var c struct {
				Data map[string]string `json:"data"`
			}
			if err = json.Unmarshal(o.Manifest, &c); err == nil {
				m.configs[o.Name] = c.Data
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

func (m *manifests) addWorkload(v *view.View, o recording.Object) error {
	var w workload
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
	m.workloads = append(m.workloads, w)
	return nil
}

// static decodes the manifests for a check, or says why it cannot judge them.
func static(v *view.View) (*manifests, []Finding) {
	m := decode(v)
	switch {
	case len(v.Objects("")) == 0:
		return nil, []Finding{{Subject: onWorkload(v), Outcome: Unseen, Message: "the manifests were not recorded"}}
	case len(m.unread) > 0:
		return nil, []Finding{{Subject: onWorkload(v), Outcome: Unseen, Message: "a manifest could not be read: " + m.unread[0]}}
	case len(m.members()) == 0:
		return nil, []Finding{{Subject: onWorkload(v), Outcome: Unseen, Message: "the profile's workloads are not among the recorded manifests"}}
	}
	return m, nil
}

// eachWorkload judges the manifests of each workload that the profile counts as nodes. The finding is a pass until judge
// makes something else of it.
func eachWorkload(v *view.View, judge func(m *manifests, w *workload, f *Finding)) []Finding {
	m, blind := static(v)
	if blind != nil {
		return blind
	}
	var all []Finding
	for _, w := range m.members() {
		f := Finding{Subject: w.subject(), Outcome: Pass}
		judge(m, w, &f)
		if f.Outcome == Fail && f.Try == "" {
			f.Try = kubectl(v, fmt.Sprintf("get %s %s -o yaml", strings.ToLower(w.Kind), w.Metadata.Name))
		}
		all = append(all, f)
	}
	return all
}

// kubectl is a command in the recording's namespace. Where manifests alone are judged, it is not known.
func kubectl(v *view.View, command string) string {
	if v.Header.Namespace == "" {
		return "kubectl " + command
	}
	return "kubectl -n " + v.Header.Namespace + " " + command
}

// members are the workloads that the profile counts as nodes.
func (m *manifests) members() []*workload {
	var all []*workload
	for i := range m.workloads {
		if m.workloads[i].member {
			all = append(all, &m.workloads[i])
		}
	}
	return all
}

// named is the Service of that name among the manifests, or nil.
func (m *manifests) named(name string) *service {
	for i := range m.services {
		if m.services[i].Metadata.Name == name {
			return &m.services[i]
		}
	}
	return nil
}

func onObject(kind, name string) Subject { return Subject{Kind: "object", Name: kind + "/" + name} }

func (w *workload) subject() Subject          { return onObject(w.Kind, w.Metadata.Name) }
func (w *workload) String() string            { return w.Kind + " " + w.Metadata.Name }
func (w *workload) labels() map[string]string { return w.Spec.Template.Metadata.Labels }

// replicas is how many pods there are at once; a DaemonSet has one for each node, which may be any number.
func (w *workload) replicas() int {
	switch {
	case w.Kind == "DaemonSet":
		return 2
	case w.Spec.Replicas == nil:
		return 1
	default:
		return *w.Spec.Replicas
	}
}

// covers reports whether labels hold everything that want asks for. Nothing covers nothing.
func covers(labels, want map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return len(want) > 0
}

// fail makes a diagnosis of the finding.
func (f *Finding) fail(code, says, remedy string, seen ...string) {
	f.Outcome, f.Code, f.Message, f.Remedy, f.Seen = Fail, code, says, remedy, seen
}

// skip says why the check does not apply to the finding's subject.
func (f *Finding) skip(why string) { f.Outcome, f.Message = NotApplicable, why }
