package workload

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"meshproof.dev/meshproof/e2e/profile"
)

var (
	// erlangs are variables that releases of Erlang and Elixir read, and images of theirs (https://hexdocs.pm/mix/Mix.Tasks.Release.html,
	// https://rebar3.org/docs/deployment/releases/).
	erlangs = regexp.MustCompile(`^(RELEASE_(COOKIE|NODE|NAME|DISTRIBUTION)|RELX_.*|ERL_.*|ELIXIR_.*|.*ERLANG_COOKIE|.*NODE_?COOKIE)$`)
	// erlangFlags are flags of a VM that is distributed, and what iex and elixir call the cookie's (elixir --help).
	erlangFlags = regexp.MustCompile(`(^|\s)-(setcookie|-cookie|name|sname|proto_dist|kernel)(\s|$)`)
)

// containers are those of a workload's pods.
func containers(o map[string]any) []map[string]any {
	var all []map[string]any
	list, _ := podSpec(o)["containers"].([]any)
	for _, c := range list {
		all = append(all, dict(c))
	}
	return all
}

// erlang says what in a workload speaks of Erlang, "" where nothing does.
func erlang(o map[string]any) string {
	_, why := speaker(o)
	return why
}

// speaker is the first container of a workload that speaks of Erlang, and by what; nil where none does.
func speaker(o map[string]any) (container map[string]any, why string) {
	for _, c := range containers(o) {
		if why = speaks(c); why != "" {
			return c, why
		}
	}
	return nil, ""
}

func speaks(c map[string]any) string {
	ports, _ := c["ports"].([]any)
	for _, p := range ports {
		if dict(p)["name"] == "epmd" || fmt.Sprint(dict(p)["containerPort"]) == "4369" {
			return "it declares epmd's port"
		}
	}
	env, _ := c["env"].([]any)
	for _, e := range env {
		if name := text(dict(e)["name"]); erlangs.MatchString(name) || isCookie.MatchString(name) {
			return "it has the variable " + name
		}
	}
	for _, key := range []string{"command", "args"} {
		words, _ := c[key].([]any)
		for _, w := range words {
			if flag := erlangFlags.FindString(text(w)); flag != "" {
				return "it has the argument " + strings.TrimSpace(flag)
			}
		}
	}
	return ""
}

// findCookie looks where the nodes take their cookie from: a variable, a file, all keys of a Secret; else a Secret that has a
// key of that name.
func (d *draft) findCookie() error {
	literal := ""
	for _, o := range d.nodes {
		for _, c := range containers(o) {
			env, _ := c["env"].([]any)
			for _, e := range env {
				e := dict(e)
				name := text(e["name"])
				if !isCookie.MatchString(name) {
					continue
				}
				if ref := dict(dict(e["valueFrom"])["secretKeyRef"]); ref != nil {
					d.cookie = [2]string{text(ref["name"]), text(ref["key"])}
					d.why["cookie"] = "variable " + name + " of container " + text(c["name"])
					return nil
				}
				if v := text(e["value"]); v != "" && !strings.HasPrefix(v, "$") {
					literal = fmt.Sprintf("variable %s of %s has the cookie written out", name, named(o))
				}
			}
		}
	}
	var secrets []string
	for _, f := range d.files {
		for _, o := range f.objects {
			if o["kind"] != "Secret" {
				continue
			}
			name := text(dict(o["metadata"])["name"])
			keys := slices.Concat(slices.Collect(maps.Keys(dict(o["data"]))), slices.Collect(maps.Keys(dict(o["stringData"]))))
			slices.Sort(keys)
			secrets = append(secrets, fmt.Sprintf("%s (%s)", name, strings.Join(keys, ", ")))
			for _, k := range keys {
				if isCookie.MatchString(k) && d.cookie[0] == "" {
					d.cookie = [2]string{name, k}
					d.why["cookie"] = "guessed from the key's name"
				}
			}
		}
	}
	switch {
	case literal != "":
		return fmt.Errorf("%s: put it into a Secret, and take it from there with valueFrom: {secretKeyRef: …}; without it no node can be asked for its view, and a profile holds no cookie", literal)
	case d.cookie[0] == "":
		found := "there is no Secret"
		if len(secrets) > 0 {
			found = "there is Secret " + strings.Join(secrets, ", Secret ")
		}
		return fmt.Errorf("where is the cookie of %s? No variable with cookie in its name takes it from a Secret, and no Secret has a key with cookie in it; %s. Without it no node can be asked for its view", named(d.nodes[0]), found)
	}
	return nil
}

// findBuild takes a Dockerfile beside the manifests, or above them up to the profile's folder, for what makes the nodes' image.
func (d *draft) findBuild(path string) {
	if len(d.images()) != 1 {
		return
	}
	top, _ := filepath.Abs(d.dir)
	dir, _ := filepath.Abs(path)
	for {
		if st, err := os.Stat(filepath.Join(dir, "Dockerfile")); err == nil && st.Mode().IsRegular() {
			d.build = d.relative(dir)
			d.why["images"] = "guessed: a Dockerfile is there"
			return
		}
		up := filepath.Dir(dir)
		if dir == top || up == dir || !strings.HasPrefix(dir, top) {
			return
		}
		dir = up
	}
}

// images are those of the nodes, each once.
func (d *draft) images() []string {
	var all []string
	for _, o := range d.nodes {
		for _, c := range containers(o) {
			if im := text(c["image"]); im != "" && !slices.Contains(all, im) {
				all = append(all, im)
			}
		}
	}
	return all
}

// text is the profile as it is written.
func (d *draft) text() string {
	var b strings.Builder
	line := func(key, value string) {
		fmt.Fprintf(&b, "  %s: %s", key, value)
		if w := d.why[key]; w != "" {
			b.WriteString("   # " + w)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "apiVersion: %s\nkind: Profile\nmetadata: {name: %s}\nspec:\n", profile.APIVersion, quoted(text(dict(d.nodes[0]["metadata"])["name"])))
	var paths []string
	for _, f := range d.files {
		if !slices.Contains(d.before, f.name) {
			paths = append(paths, d.relative(f.name))
		}
	}
	switch {
	case d.command != nil:
		line("command", flow(d.command))
	case d.whole != "":
		line("manifests", flow([]string{d.relative(d.whole)}))
	default:
		line("manifests", flow(paths))
	}
	if len(d.before) > 0 {
		var before []string
		for _, f := range d.before {
			before = append(before, d.relative(f))
		}
		line("requires", flow(before))
	}
	if d.build != "" {
		name, _ := split(d.images()[0])
		name, _, _ = strings.Cut(name, "@")
		line("images", fmt.Sprintf("[{name: %s, build: %s}]", quoted(name), quoted(d.build)))
	}
	line("cookie", fmt.Sprintf("{secretKeyRef: {name: %s, key: %s}}", quoted(d.cookie[0]), quoted(d.cookie[1])))
	if d.tls != "" {
		line("tls", fmt.Sprintf("{secret: %s}", quoted(d.tls)))
	}
	return b.String()
}

// flow is a list in one line.
func flow(all []string) string {
	q := make([]string, len(all))
	for i, s := range all {
		q[i] = quoted(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// quoted is a text as YAML takes it within brackets, with quotes where it needs them.
func quoted(s string) string {
	y, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{scalar(s)}})
	if err != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(y)), "["), "]")
}
