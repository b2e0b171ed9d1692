package draft

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// findCookie finds from where the nodes read their cookie: a variable, a file, all keys of a Secret; else a Secret that has a
// key with cookie in its name.
func (d *draft) findCookie() error {
	literal := ""
	for _, w := range d.nodes {
		for _, c := range w.Containers(manifest.Main) {
			for _, e := range c.Env {
				if !workload.SaysCookie(e.Name) {
					continue
				}
				if from := e.ValueFrom; from != nil && from.SecretKeyRef != nil {
					d.cookie = [2]string{from.SecretKeyRef.Name, from.SecretKeyRef.Key}
					d.why["cookie"] = "variable " + e.Name + " of container " + c.Name
					return nil
				}
				if e.Value != "" && !strings.HasPrefix(e.Value, "$") {
					literal = fmt.Sprintf("variable %s of %s has the cookie as plain text", e.Name, w)
				}
			}
		}
	}
	var secrets []string
	for _, o := range d.all().Of("Secret") {
		keys := keysOf(o)
		secrets = append(secrets, fmt.Sprintf("%s (%s)", o.Name, strings.Join(keys, ", ")))
		for _, k := range keys {
			if workload.SaysCookie(k) && d.cookie[0] == "" {
				d.cookie = [2]string{o.Name, k}
				d.why["cookie"] = "guessed from the key's name"
			}
		}
	}
	switch {
	case literal != "":
		return fmt.Errorf("%s: put it into a Secret, and read it with valueFrom: {secretKeyRef: …}; without the cookie the harness cannot connect to the nodes, and a profile contains no cookie", literal)
	case d.cookie[0] == "":
		found := "the manifests contain no Secret"
		if len(secrets) > 0 {
			found = "the manifests contain Secret " + strings.Join(secrets, ", Secret ")
		}
		return fmt.Errorf("where is the cookie of %s? No variable with cookie in its name reads it from a Secret, and no Secret has a key with cookie in it; %s. Without the cookie the harness cannot connect to the nodes", d.nodes[0], found)
	}
	return nil
}

// keysOf are the keys of a Secret.
func keysOf(o *manifest.Document) []string {
	if s, is := o.Object.(*corev1.Secret); is {
		return manifest.Keys(s)
	}
	return nil
}

// findBuild assumes that a Dockerfile beside the manifests, or above them up to the profile's folder, builds the nodes' image.
func (d *draft) findBuild(path string) {
	if len(d.images()) != 1 {
		return
	}
	top, _ := filepath.Abs(d.dir)
	dir, _ := filepath.Abs(path)
	for {
		if st, err := os.Stat(filepath.Join(dir, "Dockerfile")); err == nil && st.Mode().IsRegular() {
			d.build = d.relative(dir)
			d.why["images"] = "guessed: there is a Dockerfile"
			return
		}
		up := filepath.Dir(dir)
		if dir == top || up == dir || !strings.HasPrefix(dir, top) {
			return
		}
		dir = up
	}
}

// images are the images of the nodes, each once.
func (d *draft) images() []string {
	var all []string
	for _, o := range d.nodes {
		for _, c := range o.Containers(manifest.Main) {
			if c.Image != "" && !slices.Contains(all, c.Image) {
				all = append(all, c.Image)
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
	fmt.Fprintf(&b, "apiVersion: %s\nkind: Profile\nmetadata: {name: %s}\nspec:\n", profile.APIVersion, quoted(d.nodes[0].Name))
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
		name, _ := workload.SplitImage(d.images()[0])
		name, _, _ = strings.Cut(name, "@")
		line("images", fmt.Sprintf("[{name: %s, build: %s}]", quoted(name), quoted(d.build)))
	}
	line("cookie", fmt.Sprintf("{secretKeyRef: {name: %s, key: %s}}", quoted(d.cookie[0]), quoted(d.cookie[1])))
	if d.tls != "" {
		line("tls", fmt.Sprintf("{secret: %s}", quoted(d.tls)))
	}
	for _, o := range d.omitted {
		b.WriteString("  # " + o + "\n")
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

// quoted is a text as it is written in YAML within brackets, with quotes if it needs them.
func quoted(s string) string {
	y, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}}})
	if err != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(y)), "["), "]")
}
