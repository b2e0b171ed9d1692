package objects

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Reading is one thing that a cluster of Erlang nodes needs, and where the manifests show it.
type Reading struct {
	What string
	Seen []string // "env RELEASE_NODE of container shop"; nil: nowhere
}

// Missing is the reading of what the workloads refer to and the manifests do not have.
const Missing = "missing"

// Readings are what the manifests show of the application: its node names, its cookie, its ports, how its nodes discover each
// other, and what is missing.
func Readings(v *view.View) []Reading {
	m := Read(v)
	names, cookies, flags := Reading{What: "node name"}, Reading{What: "cookie"}, Reading{What: "VM flags"}
	ports, asked, services, missing := Reading{What: "ports"}, Reading{What: "discovery"}, Reading{What: Services}, Reading{What: Missing}
	for _, w := range m.Members {
		for _, n := range m.Names(w) {
			names.add(n.Where)
		}
		m.namesInSecrets(w, &names)
		for _, p := range m.Places(w) {
			if saysCookie(p) {
				cookies.add(p.Where)
			}
			if erlangVariable.MatchString(p.Variable) || vmFlag.MatchString(p.Text) {
				flags.add(p.Where)
			}
		}
		for _, c := range w.Containers(manifest.Main, manifest.Init, manifest.Sidecar) {
			m.references(w, c, &cookies, &missing)
			for _, p := range c.Ports {
				if p.Name == "epmd" || strings.Contains(p.Name, "dist") || p.ContainerPort == 4369 {
					ports.add(strings.TrimSpace(fmt.Sprintf("%d %s", p.ContainerPort, p.Name)) + " of container " + c.Name)
				}
			}
		}
		m.discovery(w, &asked)
		for _, s := range m.Means(w) {
			services.add(s + ", named by " + w.String())
		}
		if a := w.Account(); a != "default" && m.Find("ServiceAccount", w.Namespace, a) == nil {
			missing.add("ServiceAccount " + a + " of " + w.String())
		}
	}
	if s := v.Profile.Service; s != "" && !slices.ContainsFunc(services.Seen, func(seen string) bool { return strings.HasPrefix(seen, s+",") }) {
		services.add(s + ", which selects the pods")
	}
	return []Reading{names, cookies, flags, ports, asked, services, missing}
}

// Services is the reading of the Services that the nodes may use. That they are there does not show that discovery asks for them.
const Services = "Services"

// Speaks reports whether any of the readings is one that only Erlang nodes have. A Service and a missing object everybody may have.
func Speaks(all []Reading) bool {
	return slices.ContainsFunc(all, func(r Reading) bool {
		return r.What != "discovery" && r.What != Services && r.What != Missing && len(r.Seen) > 0
	})
}

// discovery notes how w's nodes look for their peers, as far as their configuration shows it. What only the image knows is not seen.
func (m *Manifests) discovery(w *manifest.Workload, asked *Reading) {
	if a := m.AsksAPI(w); a != nil && a.Not == "" {
		asked.add("the Kubernetes API, by " + a.Where)
	}
	for _, q := range m.LabelQueries(w) {
		asked.add("labels " + q.Text + ", by " + q.Where)
	}
	for _, q := range m.Questions(w) {
		if q.By == ForPods {
			asked.add("names of pods, by " + q.Where)
		} else {
			asked.add(q.Name + ", by " + q.Where)
		}
	}
	for _, p := range m.Peers(w) {
		if p.Host != "" {
			asked.add("names of pods, by " + p.Where)
		}
	}
}

// namesInSecrets notes variables for the node name whose value the manifests do not show.
func (m *Manifests) namesInSecrets(w *manifest.Workload, names *Reading) {
	for _, c := range w.Containers(manifest.Main) {
		for _, v := range m.Env(w, c).Decided() {
			if kind, name := origin(v.From); v.Name != "" && IsNode(v.Name) && kind == "Secret" {
				names.add("env " + v.Name + " of container " + c.Name + ", whose value is in Secret " + name)
			}
		}
	}
}

func (r *Reading) add(where string) {
	if !slices.Contains(r.Seen, where) {
		r.Seen = append(r.Seen, where)
	}
}

// references notes where the cookie comes from by reference, and references to objects that are not there.
func (m *Manifests) references(w *manifest.Workload, c *manifest.Container, cookies, missing *Reading) {
	for _, v := range m.Env(w, c).Decided() {
		where := "env " + v.Name + " of container " + c.Name
		if v.Name == "" {
			where = "envFrom of container " + c.Name
		}
		if named(v.Name) && v.From != "" {
			cookies.add(where)
		}
		if kind, name := origin(v.From); v.Missing && kind != "" {
			missing.add(fmt.Sprintf("%s %s, for %s", kind, name, where))
		}
	}
	for _, f := range m.Files(w, c) {
		if named(f.Key) || named(f.Path) {
			cookies.add("file " + f.Path + " of container " + c.Name)
		}
		if f.Missing && f.Object != "" {
			missing.add(fmt.Sprintf("%s %s, for %s of container %s", f.Kind, f.Object, f.Path, c.Name))
		}
	}
}

// origin is the kind and name of the object from which a variable comes.
func origin(from string) (kind, name string) {
	how, name, _ := strings.Cut(from, " ")
	switch {
	case strings.HasPrefix(how, "configMap"):
		kind = "ConfigMap"
	case strings.HasPrefix(how, "secret"):
		kind = "Secret"
	}
	name, key, keyed := strings.Cut(name, "/")
	if keyed {
		name += " with key " + key
	}
	return kind, name
}

var (
	// erlangVariable are variables that releases of Erlang and Elixir read.
	erlangVariable = regexp.MustCompile(`^(RELEASE_(COOKIE|NODE|NAME|DISTRIBUTION)|DNS_CLUSTER_QUERY|RELX_.*|ERL_.*|ELIXIR_.*)$`)
	// vmFlag are flags of a distributed VM.
	vmFlag = regexp.MustCompile(`(^|\s)-(setcookie|-cookie|name|sname|proto_dist|kernel)\s`)
)

// named reports whether a name is that of a cookie, and not of one that browsers get.
func named(name string) bool {
	return strings.Contains(strings.ToLower(name), "cookie") && !strings.Contains(strings.ToLower(name), "session")
}

// saysCookie reports whether a text gives the VM a cookie.
func saysCookie(p Place) bool {
	if named(p.Variable) && p.Text != "" {
		return true
	}
	for _, flag := range []string{"-setcookie", "-cookie", "--cookie"} {
		if _, is := recording.Flag(Words(p.Text), flag); is {
			return true
		}
	}
	return false
}
