package objects

import (
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// The fields of a pod as [NodeName.Value] has them.
const (
	PodName  = "<metadata.name>"
	PodIP    = "<status.podIP>"
	HostIP   = "<status.hostIP>"
	KubeNode = "<spec.nodeName>"
)

// maxNests is how deep variables in variables are followed.
const maxNests = 8

// reference is any reference in a text: $(NAME) of Kubernetes, ${NAME} and $NAME of a shell or a start script, and the commands that
// print a pod's host name or address.
var reference = regexp.MustCompile("\\$\\$\\([^)]*\\)|\\$\\([^)]*\\)|\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}|\\$[A-Za-z_][A-Za-z0-9_]*|`[^`]*`")

// filled is a piece of the place's text with what Kubernetes, and then the shell or the start script, puts into it; and the
// references that Kubernetes leaves as they are.
func (m *Manifests) filled(w *manifest.Workload, p Place, text string) (value string, literal []string) {
	f := filler{env: m.Env(w, p.In), pod: w.Pod().Hostname == "" && !w.Pod().HostNetwork}
	return f.fill(p, text, 0), f.literal
}

type filler struct {
	env     *manifest.Env
	pod     bool // the host name of a container is the name of its pod
	literal []string
}

func (f *filler) fill(p Place, text string, nested int) string {
	own, _ := f.env.Lookup(p.Variable)
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := strings.Trim(ref, "$(){}`")
		v, there := f.env.Lookup(name)
		kubes := strings.HasPrefix(ref, "$(") && !p.Config
		switch {
		case strings.HasPrefix(ref, "$$"), nested == maxNests:
			return ref
		case kubes && p.Variable != "" && (slices.Contains(own.Value.Unresolved, name) || strings.HasPrefix(own.From, "configMap")):
			f.literal = append(f.literal, ref)
			return ref
		case kubes && there:
			return f.valueOf(v, ref, nested)
		case strings.HasPrefix(ref, "$(") || strings.HasPrefix(ref, "`"):
			return f.command(name, ref)
		case assigns(p.Text, name):
			return ref
		case there:
			return f.valueOf(v, ref, nested)
		case name == "HOSTNAME" && f.pod && len(f.env.Unnamed()) == 0:
			return PodName
		}
		return ref
	})
}

// valueOf is what the container gets for a variable, and the reference to it where that is not known.
func (f *filler) valueOf(v manifest.Variable, ref string, nested int) string {
	field, isField := strings.CutPrefix(v.From, "fieldRef ")
	switch {
	case isField:
		return "<" + field + ">"
	case v.Missing || v.From != "" && !strings.HasPrefix(v.From, "configMap"):
		return ref
	}
	return f.fill(Place{Variable: v.Name, Text: v.Written}, v.Written, nested+1)
}

// command is what a shell puts in for a command that prints the pod's host name or its address.
func (f *filler) command(name, ref string) string {
	switch words := strings.Fields(name); {
	case !f.pod || len(words) == 0 || words[0] != "hostname" || len(words) > 2:
		return ref
	case len(words) == 1 || words[1] == "-s" || words[1] == "--short":
		return PodName
	case words[1] == "-i" || words[1] == "-I" || words[1] == "--ip-address":
		return PodIP
	}
	return ref
}

// assigns reports whether the text itself gives a value to that variable, which is then not the one of the container.
func assigns(text, name string) bool {
	at := strings.Index(text, name+"=")
	return at == 0 || at > 0 && strings.ContainsRune(" \t\n;\"'&", rune(text[at-1]))
}
