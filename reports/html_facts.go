package reports

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/reports/page"
	"meshproof.dev/meshproof/reports/picture"
)

// mostTrails is how many pods' trails are shown at once.
const mostTrails = 6

// mostLines is how many questions, or dials, of a pod the page shows.
const mostLines = 8

// searched are the trails of pods that formed no mesh.
func searched(p Profile) []picture.Trail {
	var all []picture.Trail
	for _, s := range p.Search.Rows {
		t := picture.Trail{Pod: s.Pod, Missing: s.Unheard}
		for _, pic := range p.Pictures {
			if i := slices.IndexFunc(pic.Trails, func(o picture.Trail) bool { return o.Pod == s.Pod }); i >= 0 && t.Missing == "" {
				t.Missing = pic.Trails[i].Missing
				break
			}
		}
		t.Asked, t.Got = first(s.Asked), first(s.Got)
		t.Dialled, t.Answered = first(s.Dialled), first(s.Answered)
		all = append(all, t)
	}
	return all
}

func first(lines []string) []string {
	if n := len(lines); n > mostLines {
		return append(slices.Clone(lines[:mostLines-1]), fmt.Sprintf("and %d more", n-mostLines+1))
	}
	return lines
}

// factsOf says what was looked at, and what it cost.
func factsOf(p Profile) []page.Fact {
	var all []page.Fact
	add := func(name, value string) {
		if value != "" {
			all = append(all, page.Fact{Name: name, Value: value})
		}
	}
	add("namespace", p.Namespace)
	add("took", wall(p.Wall))
	add("recordings", strings.Join(p.Recordings, "\n"))
	for _, pic := range p.Pictures {
		line := fmt.Sprintf("%s, %s, %s, observers’ own delay at most %s", pic.Start.UTC().Format("2006-01-02 15:04:05 MST"), page.Seconds(pic.End), count(len(pic.Pods), "pod"), page.Seconds(pic.Late))
		if len(pic.Unseen) > 0 {
			line += "; " + count(len(pic.Unseen), "gap")
		}
		add(string(pic.Scenario), line)
		var used []string
		for _, c := range pic.Costs {
			used = append(used, fmt.Sprintf("%s %.0f %%, at most %.0f %%", who(c.Who), 100*c.Average, 100*c.Most))
		}
		add("looking used, of one core", strings.Join(used, "; "))
	}
	return all
}

// who names an observer for people.
func who(observer string) string {
	if observer == recording.ByKube {
		return "the harness"
	}
	return observer
}

func wall(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return page.Seconds(d)
}

// provenanceOf says what exactly was run.
func provenanceOf(r *Run) []page.Fact {
	p := r.Provenance
	var all []page.Fact
	add := func(name, value string) {
		if value != "" {
			all = append(all, page.Fact{Name: name, Value: value})
		}
	}
	add("began", r.Started.UTC().Format("2006-01-02 15:04:05 MST")+fmt.Sprintf(", took %.0f s", r.Ended.Sub(r.Started).Seconds()))
	add("exit", fmt.Sprintf("%d %s", r.Exit.Code, r.Exit.Word))
	add("meshproof", strings.TrimSpace(p.Meshproof+" "+p.Commit))
	add("built with", strings.TrimSpace(cmp.Or(p.Go, "")+" "+p.Kind))
	add("target", strings.TrimSpace(p.Target+" "+p.Context))
	if p.Kubernetes != "" {
		add("Kubernetes", p.Kubernetes+", "+count(max(1, p.Nodes), "node"))
	}
	add("OTP", strings.Join(p.OTP, ", "))
	add("machine", p.Machine)
	add("engine", p.Engine)
	if p.Seed != 0 {
		add("seed", fmt.Sprint(p.Seed))
	}
	add("arguments", strings.Join(p.Args, " "))
	for _, i := range p.Images {
		add("image "+path.Base(i.Name), strings.TrimSpace(i.Ref+" ("+i.Source+")\n"+i.ID))
	}
	return all
}
