package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/reports"
)

// With -o json stdout has one JSON document and nothing else, with the exit code that the command has without it. A command that
// gives a report gives one also where it was refused: with the code and the reason, and no profile.
func TestJSONIsAllThatStdoutHas(t *testing.T) {
	good, cut := wrote(t, rt.Formation(3), 0), wrote(t, rt.Formation(3), 20)
	broken := filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(broken, []byte("apiVersion: meshproof.dev/v1alpha1\nkind: Profle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, c := range map[string]struct {
		code int
		says string // in the report's trouble, and on stderr
	}{
		"judge -o json " + good:                    {code: exitcode.OK},
		"judge " + cut + " --output=json":          {code: exitcode.Unknown},
		"judge -ojson /nonexistent.jsonl":          {exitcode.Usage, "no such file"},
		"judge -o json":                            {exitcode.Usage, "give at least one recording"},
		"lint -o json -v dns-a":                    {code: exitcode.OK},
		"lint -o=json " + broken:                   {exitcode.Usage, "Profle"},
		"lint -o json no-such-profile":             {exitcode.Usage, "no-such-profile"},
		"lint --loud -o json dns-a":                {exitcode.Usage, "unknown flag: --loud"},
		"run --output json dns-z":                  {exitcode.Usage, `no profile "dns-z"`},
		"run -o json --nodes 99 dns-a":             {exitcode.Usage, `for "--nodes" flag`},
		"inspect -o json shop":                     {exitcode.Usage, "names no workload"},
		"inspect -o json --context nowhere":        {exitcode.Unavailable, `no context "nowhere"`},
		"run --print-rbac -o json dns-a":           {exitcode.Usage, "leave out one of the two"},
		"run --kubeconfig k -o json dns-a":         {exitcode.Usage, "no effect without context"},
		"run --context no-such-context -o json -v": {exitcode.Unavailable, `no context "no-such-context"`},
	} {
		t.Run(args, func(t *testing.T) {
			t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
			if strings.HasPrefix(args, "run") || strings.HasPrefix(args, "lint") {
				checkout(t)
			}
			var stdout, stderr bytes.Buffer
			code := execute(t.Context(), strings.Fields(args), &stdout, &stderr)
			var r reports.Run
			d := json.NewDecoder(&stdout)
			if err := d.Decode(&r); err != nil {
				t.Fatalf("exit code %d, %v\n%s", code, err, stderr.String())
			}
			if _, err := d.Token(); !errors.Is(err, io.EOF) {
				t.Errorf("more than one document: %v", err)
			}
			if code != c.code || r.Exit.Code != c.code || r.APIVersion != reports.Version {
				t.Errorf("exit code %d, report %+v; want %d\n%s", code, r.Exit, c.code, stderr.String())
			}
			if !strings.Contains(r.Trouble, c.says) || !strings.Contains(stderr.String(), c.says) || (c.says == "") != (len(r.Profiles) > 0) {
				t.Errorf("the report's trouble %q, %d profiles; stderr\n%s", r.Trouble, len(r.Profiles), stderr.String())
			}
		})
	}
	for _, args := range []string{"checks -o json", "version -o json"} {
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitcode.OK || !json.Valid(stdout.Bytes()) || stderr.Len() > 0 {
			t.Errorf("%s: %d\n%s%s", args, code, stdout.String(), stderr.String())
		}
	}
}

// Without -o json a command that is refused prints nothing on stdout that could be taken for results.
func TestARefusalIsOnStderr(t *testing.T) {
	for _, args := range []string{"lint no-such-profile", "judge /nonexistent.jsonl", "judge -o xml x", "checks -o xml", "schema x", "frobnicate"} {
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitcode.Usage || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "meshproof: ") {
			t.Errorf("%s: %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}
