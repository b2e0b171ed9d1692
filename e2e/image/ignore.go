package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// ignore is a .dockerignore file: the patterns of files that are not in a build context
// (https://docs.docker.com/build/concepts/context/#dockerignore-files). The last pattern that matches a path or one of its
// parents decides.
type ignore struct {
	rules      []rule
	reincludes bool // there are patterns with "!"
}

type rule struct {
	re      *regexp.Regexp
	include bool // a pattern with "!", which includes a file again
}

// readIgnore reads the first of the files that exists. Without any of them all files are in the context.
func readIgnore(dir string, names ...string) (ignore, error) {
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return ignore{}, err
		}
		ig, err := parseIgnore(string(b))
		if err != nil {
			return ignore{}, fmt.Errorf("%s: %w", filepath.Join(dir, n), err)
		}
		return ig, nil
	}
	return ignore{}, nil
}

func parseIgnore(text string) (ignore, error) {
	var ig ignore
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		pattern, in := strings.CutPrefix(line, "!")
		if pattern = strings.TrimSpace(pattern); pattern == "" {
			continue
		}
		pattern = strings.TrimPrefix(path.Clean(filepath.ToSlash(pattern)), "/")
		re, err := regexp.Compile(globRegexp(pattern))
		if err != nil {
			return ignore{}, fmt.Errorf("line %d: pattern %q: %w", i+1, line, err)
		}
		ig.rules = append(ig.rules, rule{re, in})
		ig.reincludes = ig.reincludes || in
	}
	return ig, nil
}

// globRegexp translates a pattern of filepath.Match, with "**" for any number of path elements, to a regular expression
// that also matches everything below a matching folder.
func globRegexp(pattern string) string {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString("(.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' || c == ']' || c == '^' || c == '-':
			b.WriteByte(c) // a class has the same syntax in both
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString("(/.*)?$")
	return b.String()
}

// skip reports whether a path is not in the context. A folder is only skipped if no pattern can include one of its files
// again.
func (ig ignore) skip(rel string, isDir bool) bool {
	out := false
	for _, r := range ig.rules {
		if r.re.MatchString(rel) {
			out = !r.include
		}
	}
	if isDir {
		return out && !ig.reincludes
	}
	return out
}
