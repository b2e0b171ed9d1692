package reports

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// realMatrix is a kill matrix of two mutants, one of which survived, and their base.
func realMatrix(t *testing.T, dir string) *Matrix {
	t.Helper()
	m := &Matrix{Dir: dir, Run: &Run{Started: began}}
	for _, name := range []string{"cookie-differs", "selector-typo", "dns-a"} {
		p := judged(t, recorded(t, name)...).Profiles[0]
		r := Row{Profile: p, Reverse: "dns-a"}
		for _, res := range p.Results {
			if res.Verdict == "fail" {
				r.Red = append(r.Red, res.ID+" ("+res.Code+")")
			}
		}
		if r.Want = r.Red; name == "selector-typo" {
			r.Want = []string{"service/headless (not-headless)"}
		}
		m.Run.Profiles, m.Rows = append(m.Run.Profiles, p), append(m.Rows, r)
	}
	m.Run.Close(nil, began)
	m.Close(began)
	return m
}

// The matrix is a page with a row for each workload, whose own page it links.
func TestTheMatrixLinksAPageForEachWorkload(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteMatrix(dir, realMatrix(t, dir)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{"2 of 3 workloads as expected", "killed", "survived: service/headless (not-headless)", "handshake/cookie-accepted (cookie-refused)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	links := regexp.MustCompile(`href="(workloads/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 3 {
		t.Fatalf("links: %v", links)
	}
	for _, l := range links {
		one, err := os.ReadFile(filepath.Join(dir, l[1]))
		if err != nil || !strings.Contains(string(one), `href="../report.html"`) || len(one) > 1<<20 {
			t.Errorf("%s: %d bytes, %v", l[1], len(one), err)
		}
	}
}
