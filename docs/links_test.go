package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// pages are all documents for people, by their path from this folder.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "../*.md", "../erlang-app/*.md", "../fixtures/profiles/*/*.md", "../scripts/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 15 {
		t.Fatalf("only %d pages are found", len(all))
	}
	return all
}

var (
	heading   = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	target    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inHeading = regexp.MustCompile("`|\\*|\\[([^]]*)\\]\\([^)]*\\)")
)

// anchors are the names of a page's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	text, _ = code(text)
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all[anchor(m[1])] = true
	}
	return all
}

func anchor(title string) string {
	title = inHeading.ReplaceAllString(title, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// code takes a page apart: its prose, and the lines of its code, those in code font among them.
func code(text string) (prose string, lines []string) {
	var p strings.Builder
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			lines = append(lines, strings.TrimSpace(line))
		default:
			p.WriteString(line + "\n")
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				lines = append(lines, m[1])
			}
		}
	}
	return p.String(), lines
}

// Every relative link leads to a file that exists, and to a heading that the file has.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	for _, name := range pages(t) {
		prose, _ := code(page(t, name))
		for _, m := range target.FindAllStringSubmatch(prose, -1) {
			file, at, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, ":") {
				continue // of another site
			}
			links++
			file = filepath.Join(filepath.Dir(name), file)
			if strings.HasPrefix(m[1], "#") {
				file = name
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("docs/%s links to %s: %v", name, m[1], err)
			} else if at != "" && filepath.Ext(file) == ".md" && !anchors(page(t, file))[at] {
				t.Errorf("docs/%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
	if links < 80 {
		t.Errorf("only %d links are found", links)
	}
}

var (
	calledMake = regexp.MustCompile(`^(?:\$ )?(?:[A-Z]+=\S+ )*make ([a-z][a-z0-9-]*)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):.*## `)
	parameter  = regexp.MustCompile(` ([A-Z][A-Z0-9_]*)=`)
)

// Every target of make that a page names exists, and so does each parameter.
func TestPagesNameTargetsOfMake(t *testing.T) {
	makefile := page(t, "../Makefile")
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = true
	}
	called := 0
	for _, name := range pages(t) {
		_, lines := code(page(t, name))
		for _, line := range lines {
			m := calledMake.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			called++
			if !targets[m[1]] {
				t.Errorf("docs/%s calls make %s: the Makefile has no such target with a line in its help", name, m[1])
			}
			line, _, _ = strings.Cut(line, " #")
			for _, p := range parameter.FindAllStringSubmatch(line, -1) {
				read := regexp.MustCompile(`\$[({]` + p[1] + `[:)]|\$\$\{?` + p[1] + `\b|(?m:^(#: |export .*)` + p[1] + `\b)`)
				if !read.MatchString(makefile) {
					t.Errorf("docs/%s gives make the parameter %s, which the Makefile does not read: %s", name, p[1], line)
				}
			}
		}
	}
	if called < 30 {
		t.Errorf("make is called only %d times: this test does not find it", called)
	}
}

// A page that has a list of its parts lists all of them, in their order.
func TestContentsAreWhole(t *testing.T) {
	item := regexp.MustCompile(`(?m)^- \[([^]]+)\]\((#[^)]+)\)$`)
	for _, name := range pages(t) {
		prose, _ := code(page(t, name))
		before, _, _ := strings.Cut(prose, "\n## ")
		listed := item.FindAllStringSubmatch(before, -1)
		if len(listed) < 3 {
			continue
		}
		var parts []string
		for _, m := range heading.FindAllStringSubmatch(prose, -1) {
			if strings.HasPrefix(m[0], "## ") {
				parts = append(parts, m[1])
			}
		}
		var titles []string
		for _, m := range listed {
			titles = append(titles, m[1])
			if "#"+anchor(m[1]) != m[2] {
				t.Errorf("docs/%s lists %s as %s", name, m[1], m[2])
			}
		}
		if strings.Join(parts, ", ") != strings.Join(titles, ", ") && len(listed) > 3 {
			t.Errorf("docs/%s has the parts\n%q and lists\n%q", name, parts, titles)
		}
	}
}
