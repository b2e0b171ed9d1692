// Discoverytable makes the table of measured times of docs/discovery-compared.md from the report.json of runs:
//
//	go run ./scripts/discoverytable reports/out/*/report.json
//
// Each cell is the median over the runs of a profile, and the least and the most of them. A profile whose mesh did not form is not
// counted in that run.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

func main() {
	if err := table(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// report is the part of report.json that the table needs.
type report struct {
	Profiles []struct {
		Name    string
		Mutant  string
		Results []struct {
			ID, Verdict string
			Took, At    time.Duration
		}
	}
}

// columns are the times of a profile. The second is what is left of the first when the last pod was Ready.
var columns = []string{"objects applied → full mesh", "of it after the last pod was Ready", "pod deleted → full mesh again", "its name gone everywhere"}

type times map[string][]time.Duration

func table(w io.Writer, files []string) error {
	profiles := map[string]times{}
	var order []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var r report
		if err := json.Unmarshal(b, &r); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, p := range r.Profiles {
			took, at := map[string]time.Duration{}, map[string]time.Duration{}
			for _, c := range p.Results {
				if c.Verdict == "pass" {
					took[c.ID], at[c.ID] = c.Took, c.At
				}
			}
			full, formed := took["mesh/full"]
			if !formed || p.Mutant != "" {
				continue
			}
			if profiles[p.Name] == nil {
				profiles[p.Name] = times{}
				order = append(order, p.Name)
			}
			add := func(column int, d time.Duration, seen bool) {
				if seen {
					profiles[p.Name][columns[column]] = append(profiles[p.Name][columns[column]], d)
				}
			}
			add(0, full, true)
			add(1, max(0, full-at["pods/ready"]), at["pods/ready"] > 0)
			add(2, took["recovery/full-again"], took["recovery/full-again"] > 0)
			add(3, took["recovery/stale-name-gone"], took["recovery/stale-name-gone"] > 0)
		}
	}
	fmt.Fprint(w, "| profile | runs |")
	for _, c := range columns {
		fmt.Fprint(w, " "+c+" |")
	}
	fmt.Fprintln(w, "\n|---|---|---|---|---|---|")
	for _, name := range order {
		fmt.Fprintf(w, "| `%s` | %d |", name, len(profiles[name][columns[0]]))
		for _, c := range columns {
			fmt.Fprint(w, " "+cell(profiles[name][c])+" |")
		}
		fmt.Fprintln(w)
	}
	return nil
}

// cell is a median with the least and the most, in seconds.
func cell(all []time.Duration) string {
	if len(all) == 0 {
		return "–"
	}
	slices.Sort(all)
	median := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	if len(all) == 1 {
		return fmt.Sprintf("%.1f s", median.Seconds())
	}
	return fmt.Sprintf("%.1f s (%.1f–%.1f)", median.Seconds(), all[0].Seconds(), all[len(all)-1].Seconds())
}
