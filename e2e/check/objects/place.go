package objects

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

// WithPlaces adds to the findings of the check where in the files of the manifests they can be mended: in the field that the sentence
// of the finding names ("env RELEASE_NODE of container shop"), else in the object that it is about. A check that knows the place
// better says it itself.
func WithPlaces(c check.Check) check.Check {
	judge := c.Judge
	c.Judge = func(v *view.View) []check.Finding {
		found := judge(v)
		for i := range found {
			if f := &found[i]; f.Place == nil && (f.Outcome == check.Fail || f.Outcome == check.Unseen) {
				f.Place = Read(v).place(f)
			}
			// Before anything is deployed there is nothing to get: the file, with its line where that is known, is what to look at.
			if f := &found[i]; f.Place != nil && v.Header.Namespace == "" && strings.HasPrefix(f.Try, "kubectl get ") {
				f.Try = ""
			}
		}
		return found
	}
	return c
}

// place is where a finding can be mended; nil if it is about no object of the manifests, or that was in no file.
func (m *Manifests) place(f *check.Finding) *check.Place {
	d := m.about(f.Subject)
	if d == nil {
		return nil
	}
	if w := d.Workload(); w != nil {
		if of, path := m.said(w, f.Message); of != nil {
			d = of
			if path != nil {
				return at(of, path...)
			}
		}
	}
	return at(d, keyIn(d, f.Message)...)
}

// at is the place of a field.
func at(d *manifest.Document, path ...any) *check.Place {
	p := d.Position(path...)
	switch {
	case p.File == "":
		return nil
	case p.Rendered:
		return &check.Place{File: p.File}
	}
	return &check.Place{File: p.File, Line: p.Line}
}

// about is the object that a subject is, or the first of the workloads; nil if it is neither.
func (m *Manifests) about(s check.Subject) *manifest.Document {
	kind, name := "Service", s.Name
	switch s.Kind {
	case "object":
		kind, name, _ = strings.Cut(s.Name, "/")
	case "service":
	case "workload":
		if len(m.Members) > 0 {
			return m.Members[0].Document
		}
		return nil
	default:
		return nil
	}
	if d := m.Find(kind, "", name); d != nil {
		return d
	}
	if s.Kind == "service" && len(m.Members) > 0 {
		return m.Members[0].Document // the Service that is not there
	}
	return nil
}

// field is a field of a document and the words by which sentences name it.
type field struct {
	words string
	of    *manifest.Document
	path  []any
}

// said is the field of w or of a ConfigMap, or the other object, that a sentence names first; nil if it names none.
func (m *Manifests) said(w *manifest.Workload, sentence string) (*manifest.Document, []any) {
	var best field
	first := len(sentence)
	for _, f := range m.fields(w) {
		n := indexOf(sentence, f.words)
		if n >= 0 && (n < first || n == first && len(f.words) > len(best.words)) {
			best, first = f, n
		}
	}
	return best.of, best.path
}

// fields are the places of w's text as [Place] names them.
func (m *Manifests) fields(w *manifest.Workload) []field {
	var all []field
	add := func(words string, of *manifest.Document, path ...any) { all = append(all, field{words, of, path}) }
	for _, c := range w.Containers() {
		of := " of container " + c.Name
		if c.Role == manifest.Init {
			of = " of init container " + c.Name
		}
		add("command"+of, w.Document, c.At("command")...)
		add("args"+of, w.Document, c.At("args")...)
		for i, e := range c.Env {
			add("env "+e.Name+of, w.Document, c.At("env", i)...)
		}
		for i, p := range c.VolumeMounts {
			add("volumeMount "+p.Name+of, w.Document, c.At("volumeMounts", i)...)
		}
		for _, v := range m.Env(w, c).Variables {
			if name, is := strings.CutPrefix(v.From, "configMapRef "); is && !v.Missing {
				add("env "+v.Name+of+", from ConfigMap "+name, m.Find("ConfigMap", w.Namespace, name), "data", v.Name)
			}
		}
		for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
			add(probe+of, w.Document, c.At(probe)...)
		}
	}
	for _, d := range m.Documents {
		if d.Workload() == nil {
			add(d.String(), d)
		}
		if d.Kind == "NetworkPolicy" {
			add("NetworkPolicies "+d.Name, d) // the first of several
		}
		if o, is := d.Object.(*corev1.ConfigMap); is {
			for key := range o.Data {
				add(key+" in ConfigMap "+d.Name, d, "data", key)
			}
		}
	}
	return all
}

// indexOf is where the words stand in a sentence, and not as the beginning of longer ones; -1 if nowhere.
func indexOf(sentence, words string) int {
	for from := 0; ; {
		n := strings.Index(sentence[from:], words)
		if n < 0 {
			return -1
		}
		n += from
		if from = n + len(words); !goesOn.MatchString(sentence[from:]) {
			return n
		}
	}
}

// goesOn matches what makes a name longer.
var goesOn = regexp.MustCompile(`^[.]?[A-Za-z0-9_-]`)

// camel matches a key of the API that is no word of English.
var camel = regexp.MustCompile(`\b[a-z]+[A-Z][A-Za-z]+\b|\bselector\b`)

// keyIn is the path of a field of the document whose key a sentence has: "publishNotReadyAddresses", "selector".
func keyIn(d *manifest.Document, sentence string) []any {
	for _, key := range camel.FindAllString(sentence, -1) {
		if path := findKey(d.Raw, key); path != nil {
			return path
		}
	}
	return nil
}

// findKey is the path of a key below v, the one that is nearest to the top.
func findKey(v any, key string) []any {
	type step struct {
		at   any
		path []any
	}
	for level := []step{{v, nil}}; len(level) > 0; {
		var next []step
		for _, s := range level {
			switch x := s.at.(type) {
			case map[string]any:
				if _, is := x[key]; is {
					return append(slices.Clip(s.path), key)
				}
				for _, k := range slices.Sorted(maps.Keys(x)) {
					next = append(next, step{x[k], append(slices.Clip(s.path), k)})
				}
			case []any:
				for i, item := range x {
					next = append(next, step{item, append(slices.Clip(s.path), i)})
				}
			}
		}
		level = next
	}
	return nil
}
