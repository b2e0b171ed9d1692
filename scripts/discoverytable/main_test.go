package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, text := range []string{
		`{"profiles":[{"name":"dns-a","results":[{"id":"mesh/full","verdict":"pass","took":4000000000},{"id":"pods/ready","verdict":"pass","at":3500000000},{"id":"recovery/full-again","verdict":"pass","took":2000000000}]}]}`,
		`{"profiles":[{"name":"dns-a","results":[{"id":"mesh/full","verdict":"pass","took":6000000000},{"id":"pods/ready","verdict":"pass","at":6100000000},{"id":"recovery/full-again","verdict":"fail","took":90000000000}]},
		              {"name":"dns-a","mutant":"cluster-ip","results":[{"id":"mesh/full","verdict":"pass","took":1}]},
		              {"name":"static","results":[{"id":"mesh/full","verdict":"blocked","took":9000000000}]}]}`,
		`{"profiles":[{"name":"dns-a","results":[{"id":"mesh/full","verdict":"pass","took":5000000000},{"id":"pods/ready","verdict":"pass","at":4900000000}]}]}`,
	} {
		files = append(files, filepath.Join(dir, string(rune('a'+i))+".json"))
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := table(&out, files); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if want := "| `dns-a` | 3 | 5.0 s (4.0–6.0) | 0.1 s (0.0–0.5) | 2.0 s | – |"; len(lines) != 3 || lines[2] != want {
		t.Errorf("got\n%s\nwant one row\n%s", out.String(), want)
	}
	if err := table(&out, []string{filepath.Join(dir, "nowhere")}); err == nil {
		t.Error("a file that is not there")
	}
}
