package main

import (
	"regexp"
	"sort"
	"strings"
)

var (
	// Lines that the testing package and the go command add to a test's output.
	framing = regexp.MustCompile(`^(=== |\s*--- (PASS|FAIL|SKIP|BENCH): |FAIL$|PASS$|FAIL\t|ok  \t|exit status )`)
	// The line of t.Skip: file and line, then the reason.
	location = regexp.MustCompile(`^\s*[^\s:]+\.go:\d+: `)
)

// meaningful joins output, which may be split anywhere in a line, and removes added lines and surrounding blank lines.
func meaningful(output []string) []string {
	var lines []string
	for l := range strings.Lines(strings.Join(output, "")) {
		l = strings.TrimRight(l, "\n")
		if !framing.MatchString(l) {
			lines = append(lines, l)
		}
	}
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// skipReason is the last message of a skipped test.
func skipReason(output []string) string {
	lines := meaningful(output)
	for i, l := range lines {
		if at := location.FindString(l); at != "" && location.FindString(strings.Join(lines[i+1:], "\n")) == "" {
			reason := []string{l[len(at):]}
			for _, more := range lines[i+1:] {
				reason = append(reason, strings.TrimSpace(more))
			}
			return strings.Join(reason, " ")
		}
	}
	return "no reason given"
}

func short(importPath string) string {
	if importPath == modulePath {
		return "."
	}
	return strings.TrimPrefix(importPath, modulePath+"/")
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
