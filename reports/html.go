package reports

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports/page"
	"meshproof.dev/meshproof/reports/picture"
)

// HTML writes the run as one page that needs nothing beside it.
func HTML(w io.Writer, r *Run) error { return page.Write(w, pageOf(r)) }

// classes are the verdicts as the page draws them.
var classes = map[judge.Verdict]string{
	judge.Pass: "pass", judge.Fail: "fail", judge.Unknown: "unknown", judge.Skip: "skip", judge.Blocked: "blocked", judge.Waived: "skip",
	judge.Advised: "advice", judge.Accepted: "skip", judge.Suppressed: "skip",
}

func mark(v judge.Verdict) page.Mark { return page.Mark{Class: classes[v], Word: string(v)} }

// worst are the verdicts from the one that a reader has to see first.
var worst = []judge.Verdict{judge.Fail, judge.Unknown, judge.Blocked, judge.Advised, judge.Pass, judge.Waived, judge.Suppressed, judge.Accepted, judge.Skip}

func pageOf(r *Run) *page.Page {
	p := frame(r)
	if r.Leak {
		p.Headline = "Not to be passed on"
		p.Trouble = []string{leaked}
		return p
	}
	for i, one := range r.Profiles {
		if one.Repeats() {
			p.Rows = append(p.Rows, overview(one, ""))
			continue
		}
		w := workload(r, one, fmt.Sprint(i+1))
		p.Workloads = append(p.Workloads, w)
		name, link := "", ""
		if len(r.Profiles) > 1 {
			name, link = w.Name, "#"+w.ID
			p.Rows = append(p.Rows, overview(one, link))
		}
		if b := one.FirstBroken(); b != nil {
			p.Broken = append(p.Broken, brokenOf(one, b, name, link))
		}
	}
	if len(p.Rows) > 0 {
		p.Columns = []string{"passed", "failed", "unknown", "blocked", "advice", "skipped"}
	}
	p.Headline = said(r)
	if len(r.Profiles) == 1 {
		p.Title = title(r.Profiles[0])
	}
	return p
}

// frame is the page without its workloads.
func frame(r *Run) *page.Page {
	p := &page.Page{Title: "meshproof", Mark: page.Mark{Class: "fail", Word: r.Exit.Word}, Counts: strings.Split(ran(r), "; ")}
	if r.Provenance.Target == "recording" {
		p.Counts = []string{r.Counts.String(), "judged from recordings"}
	}
	switch r.Exit.Code {
	case 0:
		p.Mark = page.Mark{Class: "pass", Word: "pass"}
	case 2:
		p.Mark.Class = "unknown"
	}
	if n := len(r.Profiles); n > 1 {
		p.Title = count(n, "workload")
	}
	if r.Trouble != "" {
		p.Trouble = append(p.Trouble, r.Trouble)
	}
	for _, l := range r.Leftovers {
		p.Trouble = append(p.Trouble, strings.TrimSpace("left behind: "+l.What+": "+l.Why+"\n"+l.Remove))
	}
	if r.Soak != nil {
		for _, x := range r.Soak.properties().List {
			p.Facts = append(p.Facts, page.Fact{Name: x.Name, Value: x.Value})
		}
	}
	p.Facts = append(p.Facts, provenanceOf(r)...)
	return p
}

// said is the verdict as a sentence.
func said(r *Run) string {
	rung, word := "", ""
	for _, p := range r.Profiles {
		if b := p.FirstBroken(); b != nil && (word == "" || b.Verdict == judge.Fail && word != "fail") {
			rung, word = string(b.Rung), string(b.Verdict)
		}
		if p.Unread != "" {
			return p.Unread
		}
	}
	switch {
	case word == string(judge.Fail):
		return "First broken rung: " + rung
	case word == string(judge.Unknown):
		return "No fault was seen, but not all was seen: " + rung
	case r.Exit.Code == 0:
		return fmt.Sprintf("All %s that apply passed", count(r.Counts.Passed, "check"))
	case r.Trouble != "":
		return "The run ended early"
	}
	return "meshproof could not finish"
}

// overview is a workload in one row.
func overview(p Profile, link string) page.Row {
	t := tally{}
	for _, r := range p.Results {
		t.add(r.Verdict)
	}
	row := page.Row{Name: title(p), Link: link, Mark: markOf(p)}
	for _, v := range counted {
		cell := ""
		if t[v] > 0 {
			cell = fmt.Sprint(t[v])
		}
		row.Cells = append(row.Cells, cell)
	}
	if b := p.FirstBroken(); b != nil {
		row.Text = broken(b)
	}
	return row
}

// markOf is the verdict on a whole workload.
func markOf(p Profile) page.Mark {
	if b := p.FirstBroken(); b != nil {
		return mark(b.Verdict)
	}
	if p.Trouble != "" || p.Unread != "" || len(p.Bugs) > 0 {
		return page.Mark{Class: "unknown", Word: "trouble"}
	}
	return mark(judge.Pass)
}

func brokenOf(p Profile, b *judge.Result, name, link string) page.Broken {
	o := page.Broken{Workload: name, Link: link, Mark: mark(b.Verdict), Rung: string(b.Rung), Check: b.ID, Title: b.Title, Cause: shown(b.Message)}
	for _, s := range b.Subjects {
		if s.Verdict == b.Verdict {
			o.Remedy, o.Try = s.Remedy, s.Try
			if s.Place != nil {
				o.Place = s.Place.String()
			}
			break
		}
	}
	o.Blocked = blockedBy(p.Results)[b.ID]
	return o
}

func workload(r *Run, p Profile, id string) *page.Workload {
	w := &page.Workload{ID: id, Name: title(p), Mark: markOf(p), Notes: p.Notes}
	for _, b := range p.Bugs {
		w.Notes = append(w.Notes, "a bug of ours: "+b)
	}
	for _, t := range []string{p.Unread, p.Trouble} {
		if t != "" {
			w.Notes = append(w.Notes, t)
		}
	}
	if p.Vantage != nil {
		w.Notes = append(w.Notes, seen(p.Vantage))
	}
	if p.Again != "" {
		w.Notes = append(w.Notes, "recorded twice; the first time "+p.Again)
	}
	w.Rungs = rungs(r, p, id)
	if p.Search != nil {
		w.Search, w.Trails = p.Search.Says, searched(p)
	}
	for _, pic := range p.Pictures {
		s := &page.Scenario{Picture: pic, ID: id + "." + word(string(pic.Scenario)), Moments: moments(p, pic), Losses: feltRows(pic)}
		w.Scenarios = append(w.Scenarios, s)
		if w.Trails == nil {
			w.Trails = pic.Trails
		}
	}
	// Those that were not answered well are first.
	slices.SortStableFunc(w.Trails, func(a, b picture.Trail) int { return cmp.Compare(b.Bad, a.Bad) })
	if len(w.Trails) > mostTrails+1 {
		w.Trails, w.Others = w.Trails[:mostTrails], w.Trails[mostTrails:]
	}
	w.Facts = factsOf(p)
	return w
}

// word is a text that may be part of an id.
func word(s string) string { return notWord.ReplaceAllString(s, "-") }

var notWord = regexp.MustCompile(`[^A-Za-z0-9]+`)

// rungs are the checks by rung, lowest first.
func rungs(r *Run, p Profile, id string) []page.Rung {
	var all []page.Rung
	var names []string
	by := map[string][]judge.Result{}
	for _, res := range p.Results {
		name := string(res.Rung)
		if by[name] == nil {
			names = append(names, name)
		}
		by[name] = append(by[name], res)
	}
	// The checks of the harness are on no rung of the application's ladder.
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(strings.Index("probe", a), strings.Index("probe", b)) })
	for _, name := range names {
		one := page.Rung{ID: id + ".rung." + word(name), Name: name, Counts: inWords(by[name])}
		v := by[name][0].Verdict
		for _, res := range by[name] {
			if slices.Index(worst, res.Verdict) < slices.Index(worst, v) {
				v = res.Verdict
			}
			one.Checks = append(one.Checks, checkOf(r, p, res))
		}
		one.Mark = mark(v)
		all = append(all, one)
	}
	return all
}

// inWords counts verdicts, those first that matter.
func inWords(results []judge.Result) string {
	n := map[judge.Verdict]int{}
	for _, r := range results {
		n[r.Verdict]++
	}
	var all []string
	for _, v := range worst {
		if n[v] > 0 {
			all = append(all, fmt.Sprintf("%d %s", n[v], words[v]))
		}
	}
	return strings.ToLower(strings.Join(all, ", "))
}

// mostFindings is how many subjects of a check the page shows.
const mostFindings = 12

func checkOf(r *Run, p Profile, res judge.Result) page.Check {
	c := page.Check{ID: res.ID, Title: res.Title, Mark: mark(res.Verdict), Why: res.Why, Source: res.Source, Rerun: rerun(r, p, res)}
	if res.Level != "required" {
		c.Level = string(res.Level)
	}
	if res.Took >= time.Millisecond && res.Verdict == judge.Pass {
		c.Took = page.Seconds(res.Took)
	}
	if res.At > 0 && (res.Verdict == judge.Fail || res.Verdict == judge.Unknown) {
		c.At = page.Seconds(res.At)
	}
	switch res.Verdict {
	case judge.Pass:
		return c
	case judge.Skip, judge.Blocked, judge.Waived, judge.Accepted, judge.Suppressed:
		c.Reason = shown(reason(res))
	}
	for _, s := range res.Subjects {
		if s.Verdict != res.Verdict || res.Verdict == judge.Skip || res.Unseen != "" {
			continue
		}
		if len(c.Findings) == mostFindings {
			c.More++
			continue
		}
		f := page.Finding{Subject: s.Subject.String(), Message: shown(s.Message), Remedy: s.Remedy, Try: s.Try}
		for _, l := range s.Seen {
			if l != "" {
				f.Seen = append(f.Seen, shown(l))
			}
		}
		if s.Place != nil {
			f.Place = s.Place.String()
		}
		c.Findings = append(c.Findings, f)
	}
	if len(c.Findings) == 0 && res.Message != "" && res.Verdict != judge.Skip {
		c.Findings = append(c.Findings, page.Finding{Message: shown(res.Message)})
	}
	return c
}

// shown is evidence as a page has it: without control characters, and not without end.
func shown(s string) string {
	const most = 4000
	s = visible(s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "… (report.json has all of it)"
	}
	return s
}

// moments are when the evidence of what is wrong was seen, the first few.
func moments(p Profile, pic *picture.Picture) []page.Moment {
	const most = 3
	var all []page.Moment
	for _, v := range []judge.Verdict{judge.Fail, judge.Unknown} {
		if len(all) > 0 {
			break // what is unknown beside a failure matters less
		}
		for _, r := range p.Results {
			if r.Verdict == v && r.Scenario == pic.Scenario && r.At > 0 && len(all) < most {
				all = append(all, page.Moment{Label: mark(v).Sign() + " " + r.ID, At: r.At, Class: classes[v]})
			}
		}
	}
	return all
}

// rerun are the commands that judge it again, and record it again.
func rerun(r *Run, p Profile, res judge.Result) []string {
	var all []string
	switch {
	case p.Mutant != "":
		name, _, _ := strings.Cut(p.Mutant, ",")
		all = append(all, "meshproof kill-matrix "+quoted(name))
	case r.Provenance.Target != "recording" && p.Unread == "":
		line := "meshproof run " + quoted(p.Name)
		if r.Provenance.Seed != 0 {
			line += fmt.Sprintf(" --seed %d", r.Provenance.Seed)
		}
		all = append(all, line)
	}
	for _, f := range p.Recordings {
		if strings.HasSuffix(f, string(res.Scenario)+".jsonl") || len(p.Recordings) == 1 {
			all = append(all, "meshproof judge "+quoted(f))
		}
	}
	return append(all, "meshproof explain "+quoted(res.ID))
}

// quoted is a word of a shell's command line.
func quoted(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)
