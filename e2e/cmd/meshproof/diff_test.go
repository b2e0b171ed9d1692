package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/reports"
)

// reportOf is a folder with the report on the recordings, as a run leaves it.
func reportOf(t *testing.T, recordings ...string) string {
	t.Helper()
	out, _, err := meshproof(t, append([]string{"judge", "-o", "json"}, recordings...)...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err = os.WriteFile(filepath.Join(dir, "report.json"), []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The exit code tells a pipeline: 1 for a regression, 0 for none, 64 for what is no report.
func TestDiff(t *testing.T) {
	const fixtures = "../../../fixtures/recordings/"
	green, blind := reportOf(t, fixtures+"dns-a/formation.jsonl"), reportOf(t, fixtures+"no-agents/formation.jsonl")
	red := reportOf(t, fixtures+"dns-a/formation.jsonl", fixtures+"cookie-differs/formation.jsonl")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"the same":                  {[]string{green, filepath.Join(green, "report.json")}, exitcode.OK, "nothing differs"},
		"a failure":                 {[]string{green, red}, exitcode.Fail, "new failure  dns-a/cookie-differs: handshake/cookie-accepted"},
		"mended":                    {[]string{red, green}, exitcode.OK, "missing      dns-a/cookie-differs: the workload"},
		"not seen any more, slower": {[]string{green, blind, "-o", "text"}, exitcode.Fail, "not seen     dns-a: mesh/links-alive  pass -> unknown"},
		"for programs":              {[]string{green, red, "-o", "json"}, exitcode.Fail, `"kind": "new failure"`},
		"no report":                 {[]string{green, fixtures}, exitcode.Usage, "report.json"},
		"a recording":               {[]string{green, fixtures + "dns-a/formation.jsonl"}, exitcode.Usage, "apiVersion"},
		"one report":                {[]string{green}, exitcode.Usage, "two reports"},
		"a form that is not":        {[]string{green, red, "-o", "xml"}, exitcode.Usage, "text, json"},
	} {
		out, code, err := meshproof(t, append([]string{"diff"}, c.args...)...)
		if err != nil {
			code, out = exitcode.Of(err), out+err.Error()
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d; %q is to be in\n%s", name, code, c.code, c.want, out)
		}
		var d reports.Diff
		if name == "for programs" && (json.Unmarshal([]byte(out), &d) != nil || d.Regressions == 0 || d.B.Report != red) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// judge writes the page, too.
func TestJudgeWritesAPage(t *testing.T) {
	out, code, err := meshproof(t, "judge", "-o", "html", "../../../fixtures/recordings/cookie-differs/formation.jsonl")
	if err != nil || code != exitcode.Fail || !strings.HasPrefix(out, "<!DOCTYPE html>") || !strings.Contains(out, "First broken rung: handshake") || !strings.HasSuffix(out, "</html>\n") {
		t.Errorf("exit code %d, %v, %d bytes", code, err, len(out))
	}
}
