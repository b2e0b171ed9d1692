package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports/picture"
)

// judged is the report on views of one workload.
func judged(t testing.TB, views ...*view.View) *Run {
	t.Helper()
	p := Profile{}
	var all []judge.Scenario
	for _, v := range views {
		all = append(all, judge.Scenario{Name: v.Header.Scenario, View: v})
		p.Pictures = append(p.Pictures, picture.Of(v))
		p.Mutant = v.Profile.Mutant
		p.Recordings = append(p.Recordings, "recordings/"+v.Profile.Name+"."+string(v.Header.Scenario)+".jsonl")
	}
	p.Profile = judge.Judge(views[0].Profile.Name, all, rules.All())
	r := &Run{Started: began, Profiles: []Profile{p}, Provenance: Provenance{Target: "recording"}}
	r.Close(nil, began.Add(time.Second))
	return r
}

// recorded are the views of one of the real recordings.
func recorded(t testing.TB, name string) []*view.View {
	t.Helper()
	var all []*view.View
	for _, scenario := range []string{"formation", "recovery", "console"} {
		path := filepath.Join("..", "fixtures", "recordings", name, scenario+".jsonl")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		v, err := view.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// made is the view of a recording that was made up.
func made(t testing.TB, r *recordingtest.Recording) *view.View {
	t.Helper()
	v, err := view.New(r.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		v.Apply(e)
	}
	return v
}

func html(t testing.TB, r *Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pages writes the pages that tests make to the folder that REPORT_PAGES names, for people to look at.
func pages(t testing.TB, name, page string) {
	t.Helper()
	if dir := os.Getenv("REPORT_PAGES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sparse is the view of n nodes that form a mesh, looked at as seldom as it may be.
func sparse(t testing.TB, n int) *view.View {
	t.Helper()
	h, events := recordingtest.Sparse(n)
	v, err := view.New(h)
	if err != nil {
		t.Fatal(err)
	}
	for e := range events {
		v.Apply(e)
	}
	return v
}

// A page is one file that is sent to colleagues: it stays small, and is made at once.
func TestAPageStaysSmall(t *testing.T) {
	for n, most := range map[int]int{3: 1 << 20, 30: 2 << 20, 100: 5 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			v := sparse(t, n)
			if n < 100 {
				v = made(t, recordingtest.Recovery(n))
			}
			r := judged(t, v)
			at := time.Now()
			p := picture.Of(v)
			drawn := time.Since(at)
			noisy(p)
			r.Profiles[0].Pictures = []*picture.Picture{r.Profiles[0].Pictures[0], p}
			at = time.Now()
			page := html(t, r)
			pages(t, fmt.Sprintf("made-%d", n), page)
			t.Logf("%d nodes: %d kB; picture in %s, page in %s", n, len(page)/1000, drawn, time.Since(at))
			if len(page) > most {
				t.Errorf("%d nodes: %d bytes, more than %d", n, len(page), most)
			}
		})
	}
}

// noisy makes of a picture the one of a minute in which at each look, four a second, each node sees one peer come or go, and loses
// or gets a connection.
func noisy(p *picture.Picture) {
	n := len(p.Pods)
	p.Begin, p.End, p.Looks, p.Scenario = 0, time.Minute, nil, "noise"
	for i := range p.Pods {
		p.Pods[i].Life = []picture.Span{{Stage: view.IsReady, To: p.End}}
	}
	for k := range 240 {
		for row := range n {
			col := (row + 1 + (k*7)%(n-1)) % n
			p.Looks = append(p.Looks, picture.Look{T: time.Duration(k) * 250 * time.Millisecond, Row: row, State: picture.State(5 + 5*((k+row)%2)), Of: []int{col}})
		}
	}
	p.Count()
}

// hostile is a run in which everything that comes from a cluster tries to break out of the page.
func hostile(t *testing.T) *Run {
	t.Helper()
	evil := `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`" + `--><!--]]>\u2028 javascript:alert(3)`
	v := made(t, recordingtest.Formation(3))
	for _, p := range v.Pods() {
		p.Name = evil
	}
	r := judged(t, v)
	p := &r.Profiles[0]
	p.Name, p.Trouble, p.Notes, p.Namespace = evil, evil, []string{evil}, evil
	p.Pictures[0].Acts = append(p.Pictures[0].Acts, picture.Act{What: evil, Pod: evil, Harm: true})
	p.Pictures[0].Scenario = recording.Scenario(evil)
	p.Pictures[0].Unseen = []picture.Unseen{{Who: evil, Why: evil}}
	p.Pictures[0].Phases = []picture.Phase{{Name: evil}}
	p.Pictures[0].Felt = []picture.Felt{{What: evil, From: evil, To: evil}}
	p.Pictures[0].Trails = []picture.Trail{{Pod: evil, Asked: []string{evil}, Got: []string{evil}, Dialled: []string{evil}, Answered: []string{evil}, Missing: evil}}
	bad := run(judge.Fail, judge.Unknown, judge.Blocked).Profiles[0].Results
	for i := range bad {
		bad[i].ID, bad[i].Title, bad[i].Message, bad[i].Why, bad[i].Source, bad[i].Scenario, bad[i].Rung = evil, evil, evil, evil, "javascript:alert(4)", recording.Scenario(evil), "dns"
		for k := range bad[i].Subjects {
			s := &bad[i].Subjects[k]
			s.Subject.Name, s.Message, s.Seen, s.Remedy, s.Try = evil, evil, []string{evil}, evil, evil
		}
	}
	p.Results = append(bad, p.Results...)
	r.Trouble, r.Leftovers = evil, []Leftover{{evil, evil, evil}}
	r.Provenance.Args, r.Provenance.Context = []string{evil}, evil
	return r
}

// Every word of a cluster is hostile: names, logs, messages. The page may show it, and nothing more.
func TestHostileWordsStayWords(t *testing.T) {
	page := html(t, hostile(t))
	pages(t, "hostile", page)
	for _, not := range []string{"<script>alert", "<img src=x", `href="javascript:`, "-->", "<!--"} {
		if strings.Contains(page, not) {
			i := strings.Index(page, not)
			t.Errorf("%q is in the page: …%s…", not, page[max(0, i-80):min(len(page), i+80)])
		}
	}
	// One script for each scenario's data, and our own.
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts", n)
	}
}

// What a leak could be in is not shown.
func TestALeakIsNotShown(t *testing.T) {
	r := run(judge.Fail)
	r.Close(nil, began)
	r.Leak = true
	if page := html(t, r); strings.Contains(page, "shop-1 is shut") || !strings.Contains(page, "not to be passed on") {
		t.Error("results with a leak are in the page")
	}
}

// The page says the same as the other files.
func TestThePageSaysCauseRemedyAndCommand(t *testing.T) {
	views := recorded(t, "cookie-differs")
	page := html(t, judged(t, views...))
	for _, want := range []string{"First broken rung: handshake", "two cookies are in use", "give all nodes the cookie from the same key of the same Secret", "kubectl -n " + views[0].Header.Namespace + " logs", "explains 12 others", "meshproof kill-matrix cookie-differs", "meshproof explain handshake/cookie-accepted"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	for _, n := range []int{3, 30, 100} {
		v := made(b, recordingtest.Formation(n))
		r := judged(b, v)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				r.Profiles[0].Pictures[0] = picture.Of(v)
				b.SetBytes(int64(len(html(b, r))))
			}
		})
	}
}
