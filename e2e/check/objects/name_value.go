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

// fill fills in the name's value: its text with what Kubernetes, and then the shell or the start script, puts into it; and the references
// that nobody replaces, or perhaps nobody.
func (m *Manifests) fill(w *manifest.Workload, n *NodeName) {
	f := filler{env: m.Env(w, n.In), pod: w.Pod().Hostname == "" && !w.Pod().HostNetwork}
	n.Value = f.fill(n.Place, n.Written, 0)
	n.Literal, n.ForShell = f.literal, f.forShell
}

type filler struct {
	env      *manifest.Env
	pod      bool // the host name of a container is the name of its pod
	literal  []string
	forShell []string
}

func (f *filler) fill(p Place, text string, nested int) string {
	own, _ := f.env.Lookup(p.Variable)
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := strings.Trim(ref, "$(){}`")
		v, there := f.env.Lookup(name)
		kubes := strings.HasPrefix(ref, "$(") && !p.Config
		switch {
		case strings.HasPrefix(ref, "$$") && p.Variable == "" && !p.Config: // Kubernetes makes $(…) of it, for the shell
			return f.command(name, ref)
		case strings.HasPrefix(ref, "$$") && nested == 0 && !p.Config && there:
			f.literal = append(f.literal, ref)
			return ref
		case strings.HasPrefix(ref, "$$"), nested == maxNests:
			return ref
		case nested == 0 && !strings.HasPrefix(ref, "$(") && noShell(p):
			f.literal = append(f.literal, ref)
			return ref
		case nested == 0 && !strings.HasPrefix(ref, "$(") && p.Variable != "" && slices.Contains(alwaysNode, p.Variable):
			f.forShell = append(f.forShell, ref)
			return ref
		case kubes && p.Variable != "" && (slices.Contains(own.Value.Unresolved, name) || strings.HasPrefix(own.From, "configMap")):
			f.literal = append(f.literal, ref)
			return ref
		case kubes && there:
			return f.valueOf(v, ref, nested)
		case strings.HasPrefix(ref, "$(") || strings.HasPrefix(ref, "`"):
			return f.command(name, ref)
		case assigns(p.Text, name):
			if value, once := assigned(p, name); once {
				return f.fill(p, value, nested+1)
			}
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

// assigned is the value that a script gives to a variable; once is false where it may give it several, or none that can be read.
func assigned(p Place, name string) (value string, once bool) {
	if p.Variable != "" {
		return "", false
	}
	found := regexp.MustCompile(`(?m)(?:^|[\s;&"'])`+name+`=`+word).FindAllStringSubmatch(uncommented(p.Text), -1)
	if len(found) != 1 || strings.HasPrefix(found[0][1], "'") {
		return "", false
	}
	return unquoted(found[0][1]), true
}

// readAsItIs are variables of which no start script makes anything else: the VM itself reads the first, and the start scripts of
// RabbitMQ, EMQX and Livebook take the others as they are.
var readAsItIs = regexp.MustCompile(`^(ERL_[AZ]?FLAGS|RABBITMQ_NODENAME|EMQX_NODE__NAME|LIVEBOOK_NODE)$`)

var (
	isShell = regexp.MustCompile(`^(\S*/)?(ba|da|a|z|k)?sh$|^(\S*/)?(eval|envsubst|gomplate)\b`)
	spaced  = regexp.MustCompile(`\s`)
)

// noShell reports whether nobody replaces ${NAME} in that place: it is a variable that is read as it is, or a command line whose
// words all go to the program as they are.
func noShell(p Place) bool {
	if p.Variable != "" {
		return readAsItIs.MatchString(p.Variable)
	}
	return !p.Config && !slices.ContainsFunc(slices.Concat(p.In.Command, p.In.Args), func(s string) bool { return isShell.MatchString(s) || spaced.MatchString(s) })
}
