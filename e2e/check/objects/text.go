package objects

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Place is a piece of text in the manifests that is, or may be, part of a VM's command line.
type Place struct {
	Where    string // "env ERL_FLAGS of container shop", "vm.args.src in ConfigMap shop"
	Variable string // of an environment variable: its name
	Config   bool   // a file of a ConfigMap
	Text     string
	In       *manifest.Container
}

// Places are all pieces of text that may contain flags of w's VMs, as written: variables in them are not expanded.
func (m *Manifests) Places(w *manifest.Workload) []Place {
	var all []Place
	for _, c := range w.Containers(manifest.Main) {
		all = append(all, m.PlacesIn(w, c)...)
	}
	return all
}

// PlacesIn are those of one container.
func (m *Manifests) PlacesIn(w *manifest.Workload, c *manifest.Container) []Place {
	var all []Place
	of := " of container " + c.Name
	if len(c.Command) > 0 {
		all = append(all, Place{Where: "command" + of, Text: strings.Join(c.Command, " "), In: c})
	}
	if len(c.Args) > 0 {
		all = append(all, Place{Where: "args" + of, Text: strings.Join(c.Args, " "), In: c})
	}
	all = append(all, m.variables(w, c)...)
	return append(all, m.files(w, c)...)
}

// variables are those with a literal value, or from a ConfigMap in the manifests: those of env first.
func (m *Manifests) variables(w *manifest.Workload, c *manifest.Container) []Place {
	var own, more []Place
	for _, v := range m.Env(w, c).Decided() {
		at := Place{Where: "env " + v.Name + " of container " + c.Name, Variable: v.Name, Text: v.Written, In: c}
		name, fromMap := strings.CutPrefix(v.From, "configMapRef ")
		switch {
		case v.Missing:
		case v.From == "" || strings.HasPrefix(v.From, "configMapKeyRef "):
			own = append(own, at)
		case fromMap:
			at.Where += ", from ConfigMap " + name
			more = append(more, at)
		}
	}
	return append(own, more...)
}

// files are those of ConfigMaps that the container mounts.
func (m *Manifests) files(w *manifest.Workload, c *manifest.Container) []Place {
	var all []Place
	for _, f := range m.Files(w, c) {
		at := Place{Where: f.Key + " in ConfigMap " + f.Object, Config: true, Text: uncommented(f.Content), In: c}
		if f.Kind == "ConfigMap" && !f.Missing && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// uncommented is a vm.args file without its comments, or any other text unchanged.
func uncommented(text string) string {
	var kept []string
	for _, l := range strings.Split(text, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(l), "#") {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
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

// Reference is a variable in a text: Kubernetes replaces $(NAME), a shell or a start script replaces ${NAME}.
var Reference = regexp.MustCompile(`\$\$?\([A-Z_][A-Z0-9_]*\)|\$\{[A-Z_][A-Z0-9_]*(:?-[^}]*)?\}`)

// HasReference reports whether the text contains a reference to a variable.
func HasReference(text string) bool { return Reference.MatchString(text) }

// inCluster is a Service's name in its long DNS form.
var inCluster = regexp.MustCompile(`([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.(?:\$[({][A-Z_][A-Z0-9_]*[)}]|[a-z0-9-]+)\.svc\b`)

// byItself is such a name that is not the end of a pod's name.
var byItself = regexp.MustCompile(`(?:^|[^.a-z0-9-])` + inCluster.String())

// Asked reports whether the configuration of the nodes contains that Service's name, and not only names of pods below it.
func (m *Manifests) Asked(service string) bool {
	return slices.ContainsFunc(m.Members, func(w *manifest.Workload) bool {
		return slices.ContainsFunc(m.Places(w), func(p Place) bool {
			return slices.ContainsFunc(byItself.FindAllStringSubmatch(p.Text, -1), func(found []string) bool { return found[1] == service })
		})
	})
}

// Means are the Services that w's text and its serviceName mention, each once.
func (m *Manifests) Means(w *manifest.Workload) []string {
	var all []string
	if w.Kind == "StatefulSet" && w.ServiceName != "" {
		all = append(all, w.ServiceName)
	}
	for _, p := range m.Places(w) {
		for _, found := range inCluster.FindAllStringSubmatch(p.Text, -1) {
			if found[1] != "kubernetes" { // the API server
				all = append(all, found[1])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// LabelSet is a label set as written in YAML within braces.
func LabelSet(labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+": "+labels[k])
	}
	return strings.Join(all, ", ")
}
