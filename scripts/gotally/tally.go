package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

const modulePath = "meshproof.dev/meshproof"

// event is one line of `go test -json` (go doc test2json; build-output and build-fail: go help buildjson).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail, in place of Package
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // on a package's fail: the ImportPath whose build broke
}

type test struct {
	name    string
	action  string // pass, fail or skip; empty while it runs
	elapsed float64
	output  []string
	up      *test // its parent test
	parent  bool  // has subtests; then it is counted only if it fails or skips by itself
}

type pkg struct {
	tests  map[string]*test
	order  []*test
	output []string
	cached bool
}

func (p *pkg) test(name string) *test {
	t, ok := p.tests[name]
	if !ok {
		t = &test{name: name, up: p.parent(name)}
		if t.up != nil {
			t.up.parent = true
		}
		p.tests[name] = t
		p.order = append(p.order, t)
	}
	return t
}

// parent is the nearest parent test of name, nil for a top-level test. A subtest's own name may contain a slash, so not
// every prefix is a test. A parent has always started before its subtest.
func (p *pkg) parent(name string) *test {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if up, ok := p.tests[name[:i]]; ok {
			return up
		}
	}
	return nil
}

// tally counts tests and prints the result of each package. A test with subtests is counted only if it fails or skips
// although none of its subtests does. A package that fails without a failed test counts as one failure.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int

	packages, cached int
	pending          map[string]*pkg
	builds           map[string][]string
	failures         []string
	skips            map[string][]string // reason → tests
	slow             []slowTest
}

type slowTest struct {
	name    string
	seconds float64
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, pending: map[string]*pkg{}, builds: map[string][]string{}, skips: map[string][]string{}}
}

// read reads events until r ends. A line that is not an event is printed unchanged.
func (t *tally) read(r io.Reader) error {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadBytes('\n')
		if len(line) > 0 {
			var ev event
			if json.Unmarshal(line, &ev) == nil && ev.Action != "" {
				t.add(ev)
			} else {
				fmt.Fprint(t.out, string(line))
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (t *tally) add(ev event) {
	if ev.ImportPath != "" {
		if ev.Action == "build-output" {
			t.builds[ev.ImportPath] = append(t.builds[ev.ImportPath], ev.Output)
		}
		return
	}
	p, ok := t.pending[ev.Package]
	if !ok {
		p = &pkg{tests: map[string]*test{}}
		t.pending[ev.Package] = p
	}
	if ev.Test != "" {
		one := p.test(ev.Test)
		switch ev.Action {
		case "output":
			one.output = append(one.output, ev.Output)
		case "pass", "fail", "skip":
			one.action, one.elapsed = ev.Action, ev.Elapsed
		}
		return
	}
	switch ev.Action {
	case "output":
		p.output = append(p.output, ev.Output)
		if strings.HasSuffix(ev.Output, "\t(cached)\n") {
			p.cached = true
		}
	case "pass", "fail", "skip":
		delete(t.pending, ev.Package)
		t.conclude(short(ev.Package), p, ev)
	}
}

// conclude counts the tests of a finished package and prints its line.
func (t *tally) conclude(name string, p *pkg, ev event) {
	var passed, skipped int
	var failed []*test
	// Subtests come after their parent in order. In reverse order, the results of subtests are known before their parent.
	childFailed, childSkipped := map[*test]bool{}, map[*test]bool{}
	for i := len(p.order) - 1; i >= 0; i-- {
		one := p.order[i]
		full := name + " " + one.name
		if one.action == "" && ev.Action == "fail" {
			one.action = "fail"
			one.output = append(one.output, "(did not end: the test binary stopped first)\n")
		}
		switch {
		case one.action == "fail":
			failed = append(failed, one)
			if !childFailed[one] {
				t.failed++
				t.failures = append(t.failures, full)
			}
			childFailed[one.up] = true
		case one.action == "skip" && !childSkipped[one]:
			skipped++
			reason := skipReason(one.output)
			t.skips[reason] = append(t.skips[reason], full)
			childSkipped[one.up] = true
		case one.action == "pass" && !one.parent:
			passed++
			if !p.cached {
				t.slow = append(t.slow, slowTest{full, one.elapsed})
			}
		}
	}
	t.passed += passed
	t.skipped += skipped
	if len(p.order) == 0 && ev.Action != "fail" {
		return // no test files
	}
	t.packages++
	took := fmt.Sprintf("%.1f s", ev.Elapsed)
	if p.cached {
		t.cached++
		took = "cached"
	}
	if ev.Action != "fail" {
		counts := fmt.Sprintf("%d passed", passed)
		if skipped > 0 {
			counts += fmt.Sprintf(", %d skipped", skipped)
		}
		fmt.Fprintf(t.out, "ok    %-40s %s, %s\n", name, counts, took)
		return
	}
	fmt.Fprintf(t.out, "FAIL  %-40s %s\n", name, took)
	for i := len(failed) - 1; i >= 0; i-- {
		t.show(fmt.Sprintf("--- %s (%.2f s)", failed[i].name, failed[i].elapsed), failed[i].output)
	}
	if len(failed) == 0 {
		t.failed++
		t.failures = append(t.failures, name)
	}
	if ev.FailedBuild != "" {
		t.show("--- does not build", t.builds[ev.FailedBuild])
		delete(t.builds, ev.FailedBuild)
	}
	t.show("--- package", p.output)
}

// show prints output under a heading, without the lines that the go command adds.
func (t *tally) show(heading string, output []string) {
	lines := meaningful(output)
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(t.out, "  %s\n", heading)
	for _, l := range lines {
		fmt.Fprintf(t.out, "    %s\n", l)
	}
}

// finish prints the summary. runErr is the error of the go command. If no event explains it, it counts as one failure.
func (t *tally) finish(runErr error, interrupted bool, took time.Duration) {
	for name, p := range t.pending { // the go command ended before it reported these packages
		t.conclude(short(name), p, event{Action: "fail"})
	}
	t.showSkips()
	t.showSlow()
	if len(t.failures) > 0 {
		sort.Strings(t.failures)
		fmt.Fprintf(t.out, "\nfailed:\n  %s\n", strings.Join(t.failures, "\n  "))
	}
	fmt.Fprintf(t.out, "\n%d packages in %.1f s, %d of them from Go's test cache\n", t.packages, took.Seconds(), t.cached)
	switch {
	case interrupted:
		fmt.Fprintln(t.out, "interrupted: running tests count as failed, tests that had not started are not counted")
	case runErr != nil && t.failed == 0:
		t.failed++
		fmt.Fprintf(t.out, "go test failed: %v, but no test failed\n", runErr)
	case t.passed+t.failed == 0:
		fmt.Fprintln(t.out, "no test ran: that proves nothing, so it is an error")
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}

func (t *tally) showSkips() {
	if len(t.skips) == 0 {
		return
	}
	fmt.Fprintln(t.out, "\nskipped:")
	for _, reason := range sortedKeys(t.skips) {
		names := t.skips[reason]
		sort.Strings(names)
		fmt.Fprintf(t.out, "  %s\n    %s\n", reason, strings.Join(names, "\n    "))
	}
}

// showSlow lists up to five tests that took half a second or more in this run; cached results are not listed.
func (t *tally) showSlow() {
	sort.Slice(t.slow, func(i, j int) bool { return t.slow[i].seconds > t.slow[j].seconds })
	for i, s := range t.slow {
		if i == 5 || s.seconds < 0.5 {
			return
		}
		if i == 0 {
			fmt.Fprintln(t.out, "\nslowest:")
		}
		fmt.Fprintf(t.out, "  %5.1f s  %s\n", s.seconds, s.name)
	}
}
