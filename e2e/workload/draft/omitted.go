package draft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
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
		text, err := localKustomization(path)
		if err == nil {
			d.command, d.printed = argv, text
			in := manifest.FromFile("the kustomization in "+shown(path)+" as rendered", text)
			in.Stream = true
			return d.add(in)
		}
		why = " (" + err.Error() + ")"
	}
	line := shell(argv)
	return fmt.Errorf("not rendered: %s in %s%s: %s was not run, because a folder may come from anybody. To judge it: %s | meshproof lint -. To write a profile: meshproof init -- %s",
		kind(argv), shown(path), why, strings.Join(argv[:2], " "), line, line)
}

// kind names what a command renders.
func kind(argv []string) string {
	if argv[0] == "helm" {
		return "the chart"
	}
	return "the kustomization"
}

// search looks for folders in a folder of manifests that a program would have to render.
func (d *draft) search(path string) {
	entries, _ := os.ReadDir(path) // the caller reads it, too, and says what is wrong
	for _, e := range entries {
		if sub := filepath.Join(path, e.Name()); e.IsDir() {
			if argv := d.renderer(sub); argv != nil {
				d.omitted = append(d.omitted, fmt.Sprintf("not rendered: %s in %s (%s was not run)", kind(argv), shown(sub), strings.Join(argv[:2], " ")))
			}
		}
	}
}

func (d *draft) omissions() (all []error) {
	for _, o := range d.omitted {
		all = append(all, errors.New(o))
	}
	return all
}

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
