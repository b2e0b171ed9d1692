package objects

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// NameIn is the node name that a piece of text sets, and what stands before it.
func NameIn(p Place) (name, how string) {
	if strings.HasSuffix(p.Variable, "_NODE") || strings.HasSuffix(p.Variable, "NODE_NAME") || strings.HasSuffix(p.Variable, "NODENAME") {
		return p.Text, p.Variable + "="
	}
	for _, option := range []string{"-name", "--name", "-sname", "--sname"} {
		if value, is := recording.Flag(Words(p.Text), option); is {
			return value, option + " "
		}
	}
	return "", ""
}

// Container is one of a pod's, with what decides how its VM starts.
type Container struct {
	Name         string          `json:"name"`
	Image        string          `json:"image"`
	Command      []string        `json:"command"`
	Args         []string        `json:"args"`
	Env          []Variable      `json:"env"`
	EnvFrom      []variables     `json:"envFrom"`
	Ports        []containerPort `json:"ports"`
	VolumeMounts []Mount         `json:"volumeMounts"`
	Readiness    *Probe          `json:"readinessProbe"`
	Liveness     *Probe          `json:"livenessProbe"`
	Startup      *Probe          `json:"startupProbe"`
	Resources    struct {
		Limits map[string]any `json:"limits"`
	} `json:"resources"`
}

type containerPort struct {
	Name          string `json:"name"`
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
}

// Variable is one of a container's environment variables.
type Variable struct {
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

// Mount is where a container has one of its pod's volumes.
type Mount struct {
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

// Probe is how a container is probed.
type Probe struct {
	Exec *struct {
		Command []string `json:"command"`
	} `json:"exec"`
	HTTPGet *struct {
		Path string `json:"path"`
	} `json:"httpGet"`
}

// Place is a piece of text in the manifests that reaches a VM's command line or may do so.
type Place struct {
	Where    string // "env ERL_FLAGS of container shop", "vm.args.src in ConfigMap shop"
	Variable string // of an environment variable: its name
	Config   bool   // a file of a ConfigMap
	Text     string
	In       *Container
}

// Places are all pieces of text that may hold flags of w's VMs.
func (m *Manifests) Places(w *Workload) []Place {
	var all []Place
	for i := range w.Spec.Template.Spec.Containers {
		c := &w.Spec.Template.Spec.Containers[i]
		of := " of container " + c.Name
		if len(c.Command) > 0 {
			all = append(all, Place{Where: "command" + of, Text: strings.Join(c.Command, " "), In: c})
		}
		if len(c.Args) > 0 {
			all = append(all, Place{Where: "args" + of, Text: strings.Join(c.Args, " "), In: c})
		}
		for _, e := range c.Env {
			switch ref := e.ValueFrom; {
			case ref == nil:
				all = append(all, Place{Where: "env " + e.Name + of, Variable: e.Name, Text: e.Value, In: c})
			case ref.ConfigMapKeyRef != nil:
				if text, known := m.Configs[ref.ConfigMapKeyRef.Name][ref.ConfigMapKeyRef.Key]; known {
					all = append(all, Place{Where: "env " + e.Name + of, Variable: e.Name, Text: text, In: c})
				}
			}
		}
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef == nil {
				continue
			}
			for _, k := range Keys(m.Configs[from.ConfigMapRef.Name]) {
				all = append(all, Place{Where: fmt.Sprintf("env %s%s of container %s, from ConfigMap %s", from.Prefix, k, c.Name, from.ConfigMapRef.Name),
					Variable: from.Prefix + k, Text: m.Configs[from.ConfigMapRef.Name][k], In: c})
			}
		}
		all = append(all, m.files(w, c)...)
	}
	return all
}

// files are those of ConfigMaps that the container mounts.
func (m *Manifests) files(w *Workload, c *Container) []Place {
	var all []Place
	for _, vol := range w.Spec.Template.Spec.Volumes {
		mounted := slices.ContainsFunc(c.VolumeMounts, func(x Mount) bool { return x.Name == vol.Name })
		if vol.ConfigMap == nil || !mounted {
			continue
		}
		for _, k := range Keys(m.Configs[vol.ConfigMap.Name]) {
			all = append(all, Place{Where: k + " in ConfigMap " + vol.ConfigMap.Name, Config: true, Text: uncommented(m.Configs[vol.ConfigMap.Name][k]), In: c})
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

// Keys are the keys of m, sorted.
func Keys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// Words are the words of a command line, without the quotes around them.
func Words(text string) []string {
	all := strings.Fields(text)
	for i := range all {
		all[i] = strings.Trim(all[i], `"'`)
	}
	return all
}

// Masked is a command line without the cookie in it.
func Masked(text string) string {
	all := strings.Fields(text)
	for i := 1; i < len(all); i++ {
		if before := strings.Trim(all[i-1], `"'-`); before == "setcookie" || before == "cookie" {
			all[i] = "(cookie)"
		}
	}
	return strings.Join(all, " ")
}

// Env is the container's variable of that name, or nil.
func (c *Container) Lookup(name string) *Variable {
	for i := range c.Env {
		if c.Env[i].Name == name {
			return &c.Env[i]
		}
	}
	return nil
}

// Reference is a variable in a text: $(NAME) is Kubernetes' to replace, ${NAME} a shell's or a start script's.
var Reference = regexp.MustCompile(`\$\$?\([A-Z_][A-Z0-9_]*\)|\$\{[A-Z_][A-Z0-9_]*(:?-[^}]*)?\}`)

// variable reports whether the text is anything but literal.
func HasReference(text string) bool { return Reference.MatchString(text) }

// inCluster is a Service's name in the long form that DNS has for it.
var inCluster = regexp.MustCompile(`([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.(?:\$[({][A-Z_][A-Z0-9_]*[)}]|[a-z0-9-]+)\.svc\b`)

// byItself is such a name that is not the end of a pod's.
var byItself = regexp.MustCompile(`(?:^|[^.a-z0-9-])` + inCluster.String())

// Asked reports whether one of the nodes' own texts holds that Service's name, and not only names of pods below it.
func (m *Manifests) Asked(service string) bool {
	return slices.ContainsFunc(m.Members(), func(w *Workload) bool {
		return slices.ContainsFunc(m.Places(w), func(p Place) bool {
			return slices.ContainsFunc(byItself.FindAllStringSubmatch(p.Text, -1), func(found []string) bool { return found[1] == service })
		})
	})
}

// Means are the Services that w's text and its serviceName speak of, each once.
func (m *Manifests) Means(w *Workload) []string {
	var all []string
	if w.Kind == "StatefulSet" && w.Spec.ServiceName != "" {
		all = append(all, w.Spec.ServiceName)
	}
	for _, p := range m.Places(w) {
		for _, found := range inCluster.FindAllStringSubmatch(p.Text, -1) {
			all = append(all, found[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// LabelSet is a label set as YAML has it within braces.
func LabelSet(labels map[string]string) string {
	var all []string
	for _, k := range Keys(labels) {
		all = append(all, k+": "+labels[k])
	}
	return strings.Join(all, ", ")
}
