package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// container is one of a pod's, with what decides how its VM starts.
type container struct {
	Name         string          `json:"name"`
	Image        string          `json:"image"`
	Command      []string        `json:"command"`
	Args         []string        `json:"args"`
	Env          []variable      `json:"env"`
	EnvFrom      []variables     `json:"envFrom"`
	Ports        []containerPort `json:"ports"`
	VolumeMounts []mount         `json:"volumeMounts"`
	Readiness    *probe          `json:"readinessProbe"`
	Liveness     *probe          `json:"livenessProbe"`
	Startup      *probe          `json:"startupProbe"`
	Resources    struct {
		Limits map[string]any `json:"limits"`
	} `json:"resources"`
}

type containerPort struct {
	Name          string `json:"name"`
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
}

type variable struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	ValueFrom *struct {
		FieldRef *struct {
			FieldPath string `json:"fieldPath"`
		} `json:"fieldRef"`
		SecretKeyRef    *keyRef `json:"secretKeyRef"`
		ConfigMapKeyRef *keyRef `json:"configMapKeyRef"`
	} `json:"valueFrom"`
}

type keyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type variables struct {
	Prefix       string  `json:"prefix"`
	ConfigMapRef *keyRef `json:"configMapRef"`
	SecretRef    *keyRef `json:"secretRef"`
}

type mount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	SubPath   string `json:"subPath"`
}

type volume struct {
	Name   string `json:"name"`
	Secret *struct {
		SecretName  string `json:"secretName"`
		DefaultMode *int   `json:"defaultMode"`
		Items       []struct {
			Key  string `json:"key"`
			Path string `json:"path"`
			Mode *int   `json:"mode"`
		} `json:"items"`
	} `json:"secret"`
	ConfigMap *keyRef `json:"configMap"`
}

type probe struct {
	Exec *struct {
		Command []string `json:"command"`
	} `json:"exec"`
	HTTPGet *struct {
		Path string `json:"path"`
	} `json:"httpGet"`
}

// place is a piece of text in the manifests that reaches a VM's command line or may do so.
type place struct {
	where    string // "env ERL_FLAGS of container shop", "vm.args.src in ConfigMap shop"
	variable string // of an environment variable: its name
	config   bool   // a file of a ConfigMap
	text     string
	in       *container
}

// places are all pieces of text that may hold flags of w's VMs.
func (m *manifests) places(w *workload) []place {
	var all []place
	for i := range w.Spec.Template.Spec.Containers {
		c := &w.Spec.Template.Spec.Containers[i]
		of := " of container " + c.Name
		if len(c.Command) > 0 {
			all = append(all, place{where: "command" + of, text: strings.Join(c.Command, " "), in: c})
		}
		if len(c.Args) > 0 {
			all = append(all, place{where: "args" + of, text: strings.Join(c.Args, " "), in: c})
		}
		for _, e := range c.Env {
			switch ref := e.ValueFrom; {
			case ref == nil:
				all = append(all, place{where: "env " + e.Name + of, variable: e.Name, text: e.Value, in: c})
			case ref.ConfigMapKeyRef != nil:
				if text, known := m.configs[ref.ConfigMapKeyRef.Name][ref.ConfigMapKeyRef.Key]; known {
					all = append(all, place{where: "env " + e.Name + of, variable: e.Name, text: text, in: c})
				}
			}
		}
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef == nil {
				continue
			}
			for _, k := range keys(m.configs[from.ConfigMapRef.Name]) {
				all = append(all, place{where: fmt.Sprintf("env %s%s of container %s, from ConfigMap %s", from.Prefix, k, c.Name, from.ConfigMapRef.Name),
					variable: from.Prefix + k, text: m.configs[from.ConfigMapRef.Name][k], in: c})
			}
		}
		all = append(all, m.files(w, c)...)
	}
	return all
}

// files are those of ConfigMaps that the container mounts.
func (m *manifests) files(w *workload, c *container) []place {
	var all []place
	for _, vol := range w.Spec.Template.Spec.Volumes {
		mounted := slices.ContainsFunc(c.VolumeMounts, func(x mount) bool { return x.Name == vol.Name })
		if vol.ConfigMap == nil || !mounted {
			continue
		}
		for _, k := range keys(m.configs[vol.ConfigMap.Name]) {
			all = append(all, place{where: k + " in ConfigMap " + vol.ConfigMap.Name, config: true, text: uncommented(m.configs[vol.ConfigMap.Name][k]), in: c})
		}
	}
	return all
}

// uncommented is a vm.args file without its comments, or any other text as it is.
func uncommented(text string) string {
	var kept []string
	for _, l := range strings.Split(text, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(l), "#") {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

func keys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// words are the words of a command line, without the quotes around them.
func words(text string) []string {
	all := strings.Fields(text)
	for i := range all {
		all[i] = strings.Trim(all[i], `"'`)
	}
	return all
}

// masked is a command line without the cookie in it.
func masked(text string) string {
	all := strings.Fields(text)
	for i := 1; i < len(all); i++ {
		if before := strings.Trim(all[i-1], `"'-`); before == "setcookie" || before == "cookie" {
			all[i] = "(cookie)"
		}
	}
	return strings.Join(all, " ")
}

// env is the container's variable of that name, or nil.
func (c *container) env(name string) *variable {
	for i := range c.Env {
		if c.Env[i].Name == name {
			return &c.Env[i]
		}
	}
	return nil
}

// reference is a variable in a text: $(NAME) is Kubernetes' to replace, ${NAME} a shell's or a start script's.
var reference = regexp.MustCompile(`\$\$?\([A-Z_][A-Z0-9_]*\)|\$\{[A-Z_][A-Z0-9_]*(:?-[^}]*)?\}`)

// variable reports whether the text is anything but literal.
func variableIn(text string) bool { return reference.MatchString(text) }

// inCluster is a Service's name in the long form that DNS has for it.
var inCluster = regexp.MustCompile(`([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.(?:\$[({][A-Z_][A-Z0-9_]*[)}]|[a-z0-9-]+)\.svc\b`)

// byItself is such a name that is not the end of a pod's.
var byItself = regexp.MustCompile(`(?:^|[^.a-z0-9-])` + inCluster.String())

// asked reports whether one of the nodes' own texts holds that Service's name, and not only names of pods below it.
func (m *manifests) asked(service string) bool {
	return slices.ContainsFunc(m.members(), func(w *workload) bool {
		return slices.ContainsFunc(m.places(w), func(p place) bool {
			return slices.ContainsFunc(byItself.FindAllStringSubmatch(p.text, -1), func(found []string) bool { return found[1] == service })
		})
	})
}

// means are the Services that w's text and its serviceName speak of, each once.
func (m *manifests) means(w *workload) []string {
	var all []string
	if w.Kind == "StatefulSet" && w.Spec.ServiceName != "" {
		all = append(all, w.Spec.ServiceName)
	}
	for _, p := range m.places(w) {
		for _, found := range inCluster.FindAllStringSubmatch(p.text, -1) {
			all = append(all, found[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
