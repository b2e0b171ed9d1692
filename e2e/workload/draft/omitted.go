package draft

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
)

// renderer is the command for a folder that must be rendered, nil for any other.
func (d *draft) renderer(path string) []string {
	rel := d.relative(path)
	if data, err := files.Read(filepath.Join(path, "Chart.yaml")); err == nil {
		// The name of a folder may be invalid for a release; that of a chart is valid.
		var chart struct{ Name string }
		if yaml.Unmarshal(data, &chart) != nil || !releaseName.MatchString(chart.Name) {
			chart.Name = "app" // helm reports what is wrong with the chart
		}
		return []string{"helm", "template", chart.Name, "./" + rel}
	}
	for _, k := range kustomizations {
		if _, err := os.Stat(filepath.Join(path, k)); err == nil {
			if strings.HasPrefix(rel, "-") {
				rel = "./" + rel // no flag
			}
			return []string{"kubectl", "kustomize", rel}
		}
	}
	return nil
}

// folder reads a folder that is a chart or a kustomization, without running or fetching anything. argv is the program that does.
func (d *draft) folder(path string, argv []string) error {
	why := ""
	if argv[0] == "kubectl" {
		l, err := renderLocal(path, path)
		if err == nil {
			d.command, d.printed, d.where = argv, l.text, path
			return d.addRendered(l, path)
		}
		why = " (" + err.Error() + ")"
	}
	line := shell(argv)
	return exitcode.With(d.unrendered(), fmt.Errorf("not rendered: %s in %s%s: %s was not run, because a folder may come from anybody. To judge it: %s | meshproof lint -. To write a profile: meshproof init -- %s",
		kind(argv), shown(path), why, strings.Join(argv[:2], " "), line, line))
}

// unrendered is the exit code where nothing is left but what was not rendered: lint does not know what is in it, and for a profile
// somebody has to say more.
func (d *draft) unrendered() int {
	if d.lint {
		return exitcode.Unknown
	}
	return exitcode.Usage
}

// lacks reports whether something was found and not rendered.
func (d *draft) lacks() bool {
	return slices.ContainsFunc(d.omitted, func(line string) bool { return strings.HasPrefix(line, "not rendered: ") })
}

// kind names what a command renders.
func kind(argv []string) string {
	if argv[0] == "helm" {
		return "the chart"
	}
	return "the kustomization"
}

// omitted says what a search has left, a line for each reason.
func (s *search) omitted(d *draft) []string {
	var all []string
	for _, dir := range s.charts {
		argv := d.renderer(dir)
		all = append(all, fmt.Sprintf("not rendered: the chart in %s (helm template was not run). To judge it: %s | meshproof lint -", shown(dir), shell(argv)))
	}
	for _, dir := range s.kustom {
		if why := s.failed[dir]; why != nil {
			all = append(all, fmt.Sprintf("not rendered: the kustomization in %s (%v). To judge it: %s | meshproof lint -", shown(dir), why, shell(d.renderer(dir))))
		}
	}
	for _, why := range s.broken {
		all = append(all, "not read: "+why)
	}
	for _, x := range []struct {
		what  string
		names []string
	}{
		{"left, because it is a profile and no manifest (name it to judge it)", slices.DeleteFunc(slices.Clone(s.profiles), func(f string) bool { return filepath.Dir(f) == s.root })},
		{"left, because it is no Kubernetes object, or no kustomization names it", s.left},
		{"not searched", s.skipped},
	} {
		if len(x.names) > 0 {
			all = append(all, x.what+": "+s.few(x.names))
		}
	}
	return all
}

// from says which files the manifests were read from.
func (d *draft) from(root string) string {
	if d.command != nil {
		return kind(d.command) + " in " + shown(d.where)
	}
	var names []string
	for _, f := range d.files {
		names = append(names, f.name)
	}
	if len(names) == 1 {
		return shown(names[0])
	}
	return (&search{root: filepath.Clean(root)}).few(names)
}

// few are the first of several paths, seen from the folder that was named.
func (s *search) few(paths []string) string {
	var all []string
	for i, p := range paths {
		if i == mostNamed {
			all = append(all, fmt.Sprintf("and %d more", len(paths)-i))
			break
		}
		if rel, err := filepath.Rel(s.root, p); err == nil {
			p = rel
		}
		all = append(all, shown(p))
	}
	return strings.Join(all, ", ")
}

// mostNamed is how many files a note names.
const mostNamed = 4

// releaseName matches a name that helm takes for a release.
var releaseName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// plainWord matches what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./=:@%+,-]+$`)

// shell is a command as it may be given to a shell: the names in it were found in a folder.
func shell(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		if words[i] = w; !plainWord.MatchString(w) {
			words[i] = "'" + strings.ReplaceAll(shown(w), "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// shown is a name that was found in a folder, on one line.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
