package objects

import (
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/manifest"
)

// Form says whether a node has a long name, a short one, or none because it is not distributed.
type Form string

// The forms of node names. Unsaid: nothing in the manifests decides it.
const (
	Long           Form = "long"
	Short          Form = "short"
	NotDistributed Form = "none"
	Unsaid         Form = ""
)

// form decides the form of a name, and says what decides it.
func (m *Manifests) form(w *manifest.Workload, n NodeName) (Form, string) {
	switch strings.TrimLeft(n.key, "-") {
	case "name":
		return Long, n.key
	case "sname":
		return Short, n.key
	case "NODENAME", "DOCKER_VERNEMQ_NODENAME":
		if strings.HasPrefix(n.Where, "rabbitmq-env.conf ") {
			return m.formOfRabbit(w, n)
		}
		if n.key == "NODENAME" && strings.Contains(n.Written, "@") && !strings.Contains(n.In.Image, "couchdb") {
			return Unsaid, n.key
		}
		return Long, "the start script of the image, which writes -name"
	case "RELEASE_NODE":
		return m.formOfRelease(w, n)
	case "LIVEBOOK_NODE":
		return m.formOfLivebook(w, n)
	case "RABBITMQ_NODENAME":
		return m.formOfRabbit(w, n)
	}
	return Unsaid, ""
}

// formOf is the form that a value of RELEASE_DISTRIBUTION means.
func formOf(value string) Form {
	switch value {
	case "name":
		return Long
	case "sname":
		return Short
	case "none":
		return NotDistributed
	}
	return Unsaid
}

// formOfRelease: bin/NAME of mix release passes RELEASE_NODE with --sname unless RELEASE_DISTRIBUTION says otherwise. env.sh, which
// it reads first, may set both; the one of the image is not seen.
func (m *Manifests) formOfRelease(w *manifest.Workload, n NodeName) (Form, string) {
	const variable = "RELEASE_DISTRIBUTION"
	value, seen := m.set(w, n.In, variable)
	switch {
	case formOf(value) != Unsaid:
		return formOf(value), variable + "=" + value
	case !seen && n.Config && strings.HasPrefix(n.Where, "env.sh ") && m.hidden(w, n.In) == "":
		return Short, variable + ", which is not set"
	}
	return Unsaid, variable
}

// oldLivebook is an image of Livebook before 0.13. Since then it always uses long names (livebook-dev/livebook#2646).
var oldLivebook = regexp.MustCompile(`livebook:v?0\.([0-9]|1[0-2])(\.|-|$)`)

func (m *Manifests) formOfLivebook(w *manifest.Workload, n NodeName) (Form, string) {
	value, _ := m.set(w, n.In, "LIVEBOOK_DISTRIBUTION")
	switch {
	case oldLivebook.MatchString(n.In.Image) || value == "name":
		return formOf(value), "LIVEBOOK_DISTRIBUTION=" + value
	case strings.Contains(n.In.Image, "livebook"):
		return Long, "Livebook since 0.13"
	}
	return Unsaid, "LIVEBOOK_DISTRIBUTION"
}

// formOfRabbit: RabbitMQ uses short names unless RABBITMQ_USE_LONGNAME, in rabbitmq-env.conf USE_LONGNAME, says yes.
func (m *Manifests) formOfRabbit(w *manifest.Workload, n NodeName) (Form, string) {
	const variable = "RABBITMQ_USE_LONGNAME"
	value, seen := m.set(w, n.In, variable)
	if !seen {
		value, seen = m.set(w, n.In, "USE_LONGNAME")
	}
	switch {
	case slices.Contains([]string{"true", "yes", "1", "on"}, strings.ToLower(value)):
		return Long, variable + "=" + value
	case seen && strings.Contains(value, "$"), !seen && m.hidden(w, n.In) != "":
		return Unsaid, variable
	case seen:
		return Short, variable + "=" + value
	}
	return Short, variable + ", which is not set"
}

// set is the value that a variable has when the VM starts: what a script sets, else what the container has.
func (m *Manifests) set(w *manifest.Workload, c *manifest.Container, variable string) (value string, seen bool) {
	for _, p := range m.startTexts(w) {
		if p.Variable != "" {
			continue
		}
		for _, found := range assignment.FindAllStringSubmatch(uncommented(p.Text), -1) {
			if found[1] == variable {
				value, seen = unquoted(found[2]), true
			}
		}
	}
	if seen {
		return value, true
	}
	v, there := m.Env(w, c).Lookup(variable)
	if !there && c.Role == manifest.Init { // what it writes is read in another container
		for _, main := range w.Containers(manifest.Main) {
			if v, there = m.Env(w, main).Lookup(variable); there {
				break
			}
		}
	}
	return v.Value.Value, there
}

// NoName says that no node name was seen, and where one may be.
func (m *Manifests) NoName(w *manifest.Workload) string {
	return "no node name of " + w.String() + " was seen in the manifests" + m.mayHave(w)
}

// LacksConfig is a ConfigMap that w's pods must have before they start, and that is not in the manifests; "" where all are. What it
// says of the node is not known.
func (m *Manifests) LacksConfig(w *manifest.Workload) string {
	lacks := func(name string, optional *bool) bool {
		const ofEachNamespace = "kube-root-ca.crt"
		return name != "" && name != ofEachNamespace && (optional == nil || !*optional) && m.Find("ConfigMap", w.Namespace, name) == nil
	}
	for _, c := range w.Containers(manifest.Main) {
		for _, e := range c.EnvFrom {
			if r := e.ConfigMapRef; r != nil && lacks(r.Name, r.Optional) {
				return "ConfigMap " + r.Name
			}
		}
	}
	for _, v := range w.Pod().Volumes {
		if r := v.ConfigMap; r != nil && lacks(r.Name, r.Optional) {
			return "ConfigMap " + r.Name
		}
	}
	return ""
}

// mayHave names the objects that are not in the manifests and may say more.
func (m *Manifests) mayHave(w *manifest.Workload) string {
	var all []string
	for _, c := range w.Containers(manifest.Main) {
		all = append(all, m.Hidden(w, c)...)
	}
	if len(all) == 0 {
		return ""
	}
	return "; " + check.List(slices.Compact(all)) + ", not in the manifests, may have it"
}

// hidden names an object that may hold more of the container's variables or start files, and is not in the manifests; "" if there
// is none.
func (m *Manifests) hidden(w *manifest.Workload, c *manifest.Container) string {
	all := m.Hidden(w, c)
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// Hidden names the ConfigMaps and Secrets that the container takes whole, and that are not in the manifests.
func (m *Manifests) Hidden(w *manifest.Workload, c *manifest.Container) []string {
	var all []string
	for _, v := range m.Env(w, c).Unnamed() {
		kind, name, _ := strings.Cut(v.From, " ")
		all = append(all, map[string]string{"configMapRef": "ConfigMap ", "secretRef": "Secret "}[kind]+name)
	}
	for _, f := range m.Files(w, c) {
		if at := f.Kind + " " + f.Object; f.Missing && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// MakeLong says what to write so that the VM uses long names.
func MakeLong(n NodeName) string {
	switch key := strings.TrimLeft(n.key, "-"); key {
	case "sname":
		return "write " + strings.Replace(n.How, "sname", "name", 1) + "instead of " + strings.TrimSpace(n.How)
	case "NODENAME":
		return "add the line USE_LONGNAME=true to " + n.Where
	case "RABBITMQ_NODENAME":
		return "add {name: RABBITMQ_USE_LONGNAME, value: \"true\"} to the env of container " + n.In.Name
	case "LIVEBOOK_NODE":
		return "set LIVEBOOK_DISTRIBUTION to name"
	}
	if n.Form == Unsaid {
		return "add {name: RELEASE_DISTRIBUTION, value: name} to the env of container " + n.In.Name
	}
	return "set RELEASE_DISTRIBUTION to name"
}

// IsDefaultShort reports whether a name is short because nothing says otherwise: that of mix release.
func IsDefaultShort(n NodeName) bool { return n.key == "RELEASE_NODE" && n.Form == Unsaid }

// WithoutReferences is a text without the references in it.
func WithoutReferences(text string) string { return reference.ReplaceAllString(text, "") }

// Mentions reports whether that word is anywhere in what starts w's VMs.
func (m *Manifests) Mentions(w *manifest.Workload, word string) bool {
	return slices.ContainsFunc(m.startTexts(w), func(p Place) bool {
		return strings.Contains(strings.ToLower(p.Variable+"="+uncommented(p.Text)), word)
	})
}

// Clusters reports whether the manifests show that w's nodes are to find each other: several pods that declare epmd's port, or have
// a headless Service.
func (m *Manifests) Clusters(w *manifest.Workload) bool {
	if m.Replicas(w) < 2 {
		return false
	}
	for _, s := range m.Services() {
		if s.Headless() && s.Selects(w.Labels()) {
			return true
		}
	}
	return slices.ContainsFunc(w.Containers(manifest.Main), func(c *manifest.Container) bool { return c.Port("epmd") != 0 })
}
