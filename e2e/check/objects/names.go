package objects

import (
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// NodeName is a node name, or only its host, that the manifests give to the VMs of a workload.
type NodeName struct {
	Place
	How     string // how it is set: "RELEASE_NODE=", "-name "
	Written string // as it is in the manifests: "shop@$(POD_IP)"
	// Value is what the VM gets. A field of the pod is written as <status.podIP>; what the manifests do not tell stays a reference.
	Value string
	// Literal are the references in it that nobody replaces, ForShell those that only a shell would, and none is known to read them.
	Literal, ForShell []string
	// Form says whether the name is long or short, and FormBy what decides it: "RELEASE_DISTRIBUTION=sname".
	Form   Form
	FormBy string
	// Maybe says that a script decides whether this name is used.
	Maybe bool

	key string // the variable or flag without what follows it
}

// Host is the host part of the name; "" if the text has none, and the VM then takes the host name of its pod.
func (n NodeName) Host() string {
	_, host, _ := strings.Cut(n.Value, "@")
	return host
}

// HostKnown reports whether the manifests alone decide the host part, but for the fields of each pod.
func (n NodeName) HostKnown() bool { return n.Host() != "" && !strings.ContainsAny(n.Host(), "$`") }

// Names are the node names of w's VMs: in variables, in flags, in files of ConfigMaps and in what init containers write.
func (m *Manifests) Names(w *manifest.Workload) []NodeName {
	var all []NodeName
	for _, p := range m.startTexts(w) {
		for _, s := range sayings(p) {
			n := NodeName{Place: p, How: s.how, Written: s.value, Maybe: s.maybe, key: s.key}
			m.fill(w, &n)
			if only, is := hostOnly[s.key]; is && !strings.Contains(n.Value, "@") && isHost(p.In, only, n.Value) {
				n.Value = only + "@" + n.Value
			}
			if !s.sure && !strings.Contains(n.Value, "@") {
				continue
			}
			n.Form, n.FormBy = m.form(w, n)
			all = append(all, n)
		}
	}
	return withoutReplaced(all)
}

// isHost reports whether a value without an @ is the host of a node of that product, and not the name of something else.
func isHost(c *manifest.Container, product, value string) bool {
	return strings.Contains(strings.ToLower(c.Image), strings.ToLower(product)) || product == "couchdb" && strings.Contains(value, ".svc")
}

// startTexts are the places of w, and what its init containers run: they often write vm.args or a start script for the VM.
func (m *Manifests) startTexts(w *manifest.Workload) []Place {
	all := m.Places(w)
	for _, c := range w.Containers(manifest.Main) {
		for _, v := range m.Env(w, c).Decided() {
			if _, only := hostOnly[v.Name]; only && strings.HasPrefix(v.From, "fieldRef ") {
				all = append(all, Place{Where: "env " + v.Name + " of container " + c.Name, Variable: v.Name, Text: "$(" + v.Name + ")", In: c})
			}
		}
	}
	for _, c := range w.Containers(manifest.Init) {
		if text := strings.Join(slices.Concat(c.Command, c.Args), " "); text != "" {
			all = append(all, Place{Where: "command of init container " + c.Name, Text: text, In: c})
		}
		for _, f := range m.files(w, c) {
			if !slices.ContainsFunc(all, func(p Place) bool { return p.Where == f.Where }) {
				all = append(all, f)
			}
		}
	}
	return all
}

// withoutReplaced leaves out the variables that a start script sets again.
func withoutReplaced(all []NodeName) []NodeName {
	return slices.DeleteFunc(all, func(n NodeName) bool {
		return n.Variable != "" && slices.ContainsFunc(all, func(other NodeName) bool { return other.Variable == "" && other.key == n.key })
	})
}

// saying is one node name as a text has it.
type saying struct {
	key, how, value string
	sure            bool // it is a node name even without an @
	maybe           bool
}

var (
	// ownNode are the names of variables that hold the node's own name.
	ownNode = regexp.MustCompile(`NODE.*NAME|(^|_)NODE(_ARG)?$`)
	// notOwn are those of other nodes, of Kubernetes' node, and of people.
	notOwn = regexp.MustCompile(`SEED|JOIN|PEER|CLUSTER|MASTER|REMOTE|TARGET|FIRST|PRIMARY|LEADER|BOOT|CONTACT|INITIAL|OTHER|PARENT|CONNECT|K8S|KUBE|USER|MAIL|DATABASE|DB_|^RABBITMQ_NODE$`)
	// alwaysNode are names of which the start script makes a node name, with the pod's host name where the value has no @.
	alwaysNode = []string{"RELEASE_NODE", "LIVEBOOK_NODE", "RABBITMQ_NODENAME", "ERLANG_NODE_ARG", "EMQX_NODE__NAME", "EMQX_NODE_NAME", "EMQ_NODE__NAME"}
	// hostOnly are variables that hold the host part alone, with what the image puts before the @: docker-entrypoint.sh of
	// apache/couchdb-docker, bin/vernemq.sh of vernemq/docker-vernemq, docker-entrypoint.sh of emqx.
	hostOnly = map[string]string{"NODENAME": "couchdb", "DOCKER_VERNEMQ_NODENAME": "VerneMQ", "EMQX_HOST": "emqx"}

	flagsOfVM = regexp.MustCompile(`^ERL_([AZ]?FLAGS|OPTS)$|ERL(ANG)?_(OPTIONS|OPTS|ARGS|FLAGS)$|VM_?ARGS$`)
)

const word = `("[^"\n]*"|'[^'\n]*'|(?:\$\([^)\n]*\)|\$\{[^}\n]*\}|[^\s;&|)"'])+)`

var (
	nameFlag   = regexp.MustCompile(`(?m)(?:^|[\s"'=])(--?s?name)[ \t=]+` + word)
	assignment = regexp.MustCompile(`(?m)(?:^|[\s;&"'])([A-Z][A-Z0-9_]*)=` + word)
	setting    = regexp.MustCompile(`(?m)^\s*(node\.name|nodename)\s*=\s*` + word)
	nodeBlock  = regexp.MustCompile(`(?m)^\s*node\s*\{[^}]*?\b(name)\s*[=:]\s*` + word)
	// othersVM is a command that starts another VM than the node, or no VM.
	othersVM = regexp.MustCompile(`\bfind\b|remsh|rpc-eval|erl_call|nodetool|remote_console`)
	startsVM = regexp.MustCompile(`-setcookie|\b(erl|erlexec|iex|elixir|werl|foreground)\b`)
	decides  = regexp.MustCompile(`\b(if|case)\b|\|\||\]\s*&&|:-`)
)

// sayings are the node names that a piece of text sets.
func sayings(p Place) []saying {
	if p.Variable != "" && !flagsOfVM.MatchString(p.Variable) {
		if key := strings.ToUpper(p.Variable); p.Text != "" && IsNode(key) {
			return []saying{{key: key, how: p.Variable + "=", value: p.Text, sure: slices.Contains(alwaysNode, key)}}
		}
	}
	text := uncommented(p.Text)
	vmArgs := p.Config && strings.Contains(p.Where, "vm.args") || flagsOfVM.MatchString(p.Variable)
	maybe := !vmArgs && decides.MatchString(text)
	var all []saying
	for _, at := range nameFlag.FindAllStringSubmatchIndex(text, -1) {
		flag, value, line := text[at[2]:at[3]], unquoted(text[at[4]:at[5]]), lineAt(text, at[2])
		if strings.HasPrefix(value, "-") || othersVM.MatchString(line) {
			continue
		}
		all = append(all, saying{key: flag, how: flag + " ", value: value, sure: vmArgs || strings.HasSuffix(flag, "sname") || startsVM.MatchString(line), maybe: maybe})
	}
	if p.Variable != "" {
		return all
	}
	for _, found := range assignment.FindAllStringSubmatch(text, -1) {
		if IsNode(found[1]) {
			all = append(all, saying{key: found[1], how: found[1] + "=", value: unquoted(found[2]), sure: slices.Contains(alwaysNode, found[1]), maybe: maybe})
		}
	}
	for _, form := range []*regexp.Regexp{setting, nodeBlock} {
		for _, found := range form.FindAllStringSubmatch(text, -1) {
			all = append(all, saying{key: found[1], how: found[1] + " = ", value: unquoted(found[2])})
		}
	}
	return all
}

// IsNode reports whether a variable of that name holds the node's own name, or the host of it.
func IsNode(variable string) bool {
	variable = strings.ToUpper(variable)
	_, only := hostOnly[variable]
	return only || ownNode.MatchString(variable) && !notOwn.MatchString(variable)
}

func unquoted(text string) string { return strings.Trim(text, `"'`) }

// lineAt is the line of the text around that place.
func lineAt(text string, at int) string {
	from := strings.LastIndexByte(text[:at], '\n') + 1
	to := strings.IndexByte(text[at:], '\n')
	if to < 0 {
		return text[from:]
	}
	return text[from : at+to]
}

// Said is the name as it is set: with its flag, or without its variable, which Where names.
func (n NodeName) Said() string {
	if strings.HasPrefix(n.key, "-") {
		return n.How + n.Written
	}
	return n.Written
}

// Refer is a reference to a variable as it is written where the name is: $(NAME) where Kubernetes replaces it, else ${NAME}.
func (n NodeName) Refer(variable string) string {
	if n.Config {
		return "${" + variable + "}"
	}
	return "$(" + variable + ")"
}
