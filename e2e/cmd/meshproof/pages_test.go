package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	call   = regexp.MustCompile("(?:^|[\\s(`$])meshproof ((?:[a-z][a-z-]*)(?: clean)?)([^`\n]*)")
	fenced = regexp.MustCompile("(?ms)^```.*?^```")
	inline = regexp.MustCompile("`[^`\n]+`")
	indent = regexp.MustCompile("(?m)^    .*$")
)

// Every command of meshproof that a page calls exists, with the flags that it is called with.
func TestPagesCallCommandsThatExist(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"docs/*.md", "*.md", "fixtures/profiles/*/*.md", "erlang-app/*.md"} {
		found, err := filepath.Glob("../../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	calls := 0
	for _, name := range pages {
		if strings.HasSuffix(name, "CHANGELOG.md") {
			continue // it also says what was
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range slices.Concat(fenced.FindAllString(string(text), -1), indent.FindAllString(string(text), -1), inline.FindAllString(string(text), -1)) {
			for line := range strings.Lines(part) {
				for _, m := range call.FindAllStringSubmatch(line, -1) {
					calls++
					called(t, strings.TrimPrefix(name, "../../../"), m[1], m[2])
				}
			}
		}
	}
	if calls < 25 {
		t.Errorf("only %d calls are found", calls)
	}
}

// called looks at one call.
func called(t *testing.T, page, command, rest string) {
	t.Helper()
	var code int
	c, left, err := root(&code).Find(strings.Fields(command))
	if err != nil || len(left) > 0 && c.HasSubCommands() {
		t.Errorf("%s calls meshproof %s, which is no command: %v", page, command, err)
		return
	}
	c.InitDefaultHelpFlag()
	for _, end := range []string{" | ", " #", " -- ", " > ", ";"} {
		rest, _, _ = strings.Cut(rest, end)
	}
	for _, m := range flag.FindAllStringSubmatch(rest, -1) {
		name := strings.TrimLeft(m[1], "-")
		if c.Flags().Lookup(name) == nil && (len(name) > 1 || c.Flags().ShorthandLookup(name) == nil) {
			t.Errorf("%s calls meshproof %s with %s, which it does not have", page, command, m[1])
		}
	}
}
