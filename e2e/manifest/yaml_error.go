package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	// yamlLine is how yaml.v3 names the place of an error.
	yamlLine = regexp.MustCompile(`(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): `)
	// tabbed is a line that is indented with a tab.
	tabbed = regexp.MustCompile(`(?m)^ *\t`)
)

// YAMLError is an error of yaml.v3 about data as people read it, with the place, where yaml.v3 knows it, and what it mostly
// comes from. whole names all of data, line one line of it.
func YAMLError(whole string, line func(int) string, data []byte, err error) error {
	text, at := strings.TrimPrefix(err.Error(), "yaml: "), whole
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		if n, e := strconv.Atoi(text[m[2]:m[3]]); e == nil {
			at = line(n)
		}
		text = text[:m[0]] + text[m[1]:]
	}
	text, _, _ = strings.Cut(text, "\n") // the first of several is enough to mend
	switch tab, brace := tabbed.FindIndex(data), bytes.Index(data, []byte("{{")); {
	case tab != nil && (strings.Contains(text, "cannot start any token") || strings.Contains(text, "a tab character")):
		return fmt.Errorf("%s: not YAML: the line is indented with a tab; YAML takes spaces only", line(lineOf(data, tab[0])))
	case brace >= 0:
		return fmt.Errorf("%s: not YAML: {{ stands here, as in a template; let what renders it print the manifests: command: [helm, template, ./chart]", line(lineOf(data, brace)))
	case strings.Contains(text, `mapping key "apiVersion" already defined`):
		text = "a second object begins here; a line --- is missing before it"
	case strings.Contains(text, "expected ',' or"), strings.Contains(text, "expected node content"):
		text += "; is a bracket, a brace or a quote not closed?"
	case strings.Contains(text, "expected key"), strings.Contains(text, "expected '-'"):
		at, text = line(brokenAt(data, text)), "this line is indented like none of those before it; the keys of one mapping begin in one column"
	case strings.Contains(text, "mapping values are not allowed"):
		text += "; is the line indented otherwise than its neighbours?"
	}
	return fmt.Errorf("%s: not YAML: %s", at, text)
}

// lineOf is the line in which a byte of data stands.
func lineOf(data []byte, at int) int { return 1 + bytes.Count(data[:at], []byte("\n")) }

// brokenAt is the first line with which data breaks in this way. Of blocks yaml.v3 only tells where they began.
func brokenAt(data []byte, how string) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	return 1 + sort.Search(len(lines)-1, func(n int) bool {
		d := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines[:n+1], nil)))
		for {
			if err := d.Decode(new(yaml.Node)); err != nil {
				return strings.HasSuffix(err.Error(), how)
			}
		}
	})
}
