package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/check/rules"
)

const module = "meshproof.dev/meshproof/"

// page reads a document of the folder.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the part of a page below a heading.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no section %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

var quoted = regexp.MustCompile("`([^`]+)`")

// rows are the rows of a table: what is quoted in the first cell, and the other cells.
func rows(text string) map[string]string {
	all := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if first, rest, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); ok && strings.HasPrefix(line, "| `") {
			all[first] = rest
		}
	}
	return all
}

// packages are the folders under root that hold Go files.
func packages(t *testing.T, root string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", root), func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "out"):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(file) == ".go":
			rel, err := filepath.Rel("..", filepath.Dir(file))
			all[filepath.ToSlash(rel)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The table of packages names each package under e2e and reports, and no other.
func TestArchitectureNamesThePackages(t *testing.T) {
	written := rows(section(t, page(t, "architecture.md"), "The packages"))
	there := packages(t, "e2e")
	maps.Copy(there, packages(t, "reports"))
	for p := range there {
		if _, named := written[p]; !named {
			t.Errorf("docs/architecture.md does not say what is in %s", p)
		}
	}
	for p := range written {
		if !there[p] {
			t.Errorf("docs/architecture.md describes %s, which is no package", p)
		}
	}
}

// depguard is what .golangci.yml says of imports.
type depguard struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]struct {
					Files []string            `json:"files"`
					Deny  []map[string]string `json:"deny"`
					Allow []string            `json:"allow"`
				} `json:"rules"`
			} `json:"depguard"`
		} `json:"settings"`
	} `json:"linters"`
}

// The table of imports says what .golangci.yml says, of each package that may not import all of ours.
func TestArchitectureTellsTheImports(t *testing.T) {
	var config depguard
	if err := yaml.Unmarshal([]byte(page(t, "../.golangci.yml")), &config); err != nil {
		t.Fatal(err)
	}
	written := rows(section(t, page(t, "architecture.md"), "Who may import whom"))
	held := map[string]bool{}
	for name, r := range config.Linters.Settings.Depguard.Rules {
		if !slices.ContainsFunc(r.Deny, func(d map[string]string) bool { return d["pkg"] == strings.TrimSuffix(module, "/") }) {
			continue
		}
		from := strings.TrimPrefix(path.Dir(r.Files[0]), "**/")
		held[from] = true
		var want, got []string
		for _, a := range r.Allow {
			to, ours := strings.CutPrefix(strings.TrimSuffix(a, "$"), module)
			if ours && to != from && to != "e2e/exitcode" {
				want = append(want, to)
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(written[from], -1) {
			got = append(got, m[1])
		}
		slices.Sort(want)
		slices.Sort(got)
		if _, there := written[from]; !there || !slices.Equal(got, want) {
			t.Errorf("rule %s of .golangci.yml: %s may import %q; docs/architecture.md says %q", name, from, want, got)
		}
	}
	for from := range written {
		if !held[from] {
			t.Errorf("docs/architecture.md says what %s may import, and no rule of .golangci.yml holds it", from)
		}
	}
}

var (
	link        = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	ofTheTree   = regexp.MustCompile(`^(e2e|reports|scripts|fixtures|docs|erlang-app|\.github)/[^ ]+$`)
	placeholder = regexp.MustCompile(`NAME|NN|X\.Y|DIR|^reports/out`)
)

// The files that the pages link to, and those that they name in code font, are there.
func TestPagesNameFilesThatExist(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, name := range append(pages, "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md") {
		text := page(t, name)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("docs/%s links to %s: %v", name, m[1], err)
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if !ofTheTree.MatchString(m[1]) || placeholder.MatchString(m[1]) {
				continue
			}
			named++
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("docs/%s names %s: %v", name, m[1], err)
			}
		}
	}
	if named < 40 {
		t.Errorf("only %d files are named: this test does not find them", named)
	}
}

// A line of the console: the verdict, the check, its title, and for some how long it took.
var printed = regexp.MustCompile(`(?m)^ +(?:ok|FAIL|UNKNOWN|skip|blocked|advice|waived) +([a-z]+/[a-z0-9-]+) +(.+?)(?: \([0-9.]+ m?s\))?$`)

// What the pages show of the console are checks that exist, with their titles, in the order in which they are printed.
func TestSamplesShowTheChecks(t *testing.T) {
	titles, place := map[string]string{}, map[string]int{}
	for i, c := range rules.All() {
		titles[c.ID], place[c.ID] = c.Title, i
	}
	for name, least := range map[string]int{"../README.md": 20, "your-own-app.md": 3} {
		lines, last := printed.FindAllStringSubmatch(page(t, name), -1), -1
		if len(lines) < least {
			t.Errorf("docs/%s: only %d lines of the console are found", name, len(lines))
		}
		for _, m := range lines {
			if id, title := m[1], m[2]; title != titles[id] {
				t.Errorf("docs/%s shows %s with the title %q; it is %q", name, id, title, titles[id])
			}
			if name == "../README.md" && place[m[1]] <= last {
				t.Errorf("docs/%s shows %s too late", name, m[1])
			}
			last = place[m[1]]
		}
	}
}
