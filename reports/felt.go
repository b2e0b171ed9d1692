package reports

import (
	"fmt"
	"io"
	"strings"

	"meshproof.dev/meshproof/reports/page"
	"meshproof.dev/meshproof/reports/picture"
)

// feltRows are what the application lost in a scenario, in words. Where nothing was lost between nodes that stayed, a row says so.
func feltRows(pic *picture.Picture) []page.Loss {
	var all []page.Loss
	pairs, lost := 0, false
	for _, f := range pic.Felt {
		if !f.Ended {
			pairs, lost = max(pairs, f.Pairs), lost || f.Lost > 0
		}
	}
	if pairs > 0 && !lost {
		all = append(all, page.Loss{Lost: "nothing", With: stayed, Pairs: fmt.Sprintf("0 of %d", pairs)})
	}
	for _, f := range pic.Felt {
		if f.Lost == 0 {
			continue
		}
		r := page.Loss{Lost: f.Name(), With: stayed, Pairs: fmt.Sprintf("%d of %d", f.Lost, f.Pairs)}
		if f.Ended {
			r.With = "with a node that ended"
		}
		if f.NotBack > 0 {
			r.Pairs += fmt.Sprintf(", %d not back", f.NotBack)
		}
		if f.From != "" {
			r.Longest = fmt.Sprintf("%s, %s of %s", page.Seconds(f.Longest), f.From, f.To)
		}
		if f.Open {
			r.Longest += ", not back at the end"
		}
		if f.Messages > 0 {
			r.Messages = fmt.Sprint(f.Messages)
		}
		all = append(all, r)
	}
	return all
}

const stayed = "between nodes that stayed"

// felt writes for each scenario what the application lost, in lines.
func (c Console) felt(p Profile) {
	for _, pic := range p.Pictures {
		rows := feltRows(pic)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(c.out(), "  what the application felt in %s, on pairs of nodes:\n", pic.Scenario)
		for _, r := range rows {
			line := fmt.Sprintf("    lost %s %s: %s", r.Lost, r.With, r.Pairs)
			if r.Longest != "" {
				line += "; longest " + r.Longest
			}
			if r.Messages != "" {
				line += "; " + r.Messages + " messages without an answer"
			}
			fmt.Fprintln(c.out(), line)
		}
	}
}

// tableOfFelt says what the application lost in each scenario; of several profiles only where it lost anything between nodes that stayed.
func tableOfFelt(w io.Writer, all []Profile) {
	head := "\n| | the application lost | | pairs | longest | messages |\n|---|---|---|---|---|--:|\n"
	for _, p := range all {
		for _, pic := range p.Pictures {
			for _, r := range feltRows(pic) {
				if len(all) > 1 && (r.With != stayed || r.Longest == "") {
					continue
				}
				cells := []string{title(p) + ", " + string(pic.Scenario), r.Lost, r.With, r.Pairs, r.Longest, r.Messages}
				for i := range cells {
					cells[i] = escaped(cells[i])
				}
				fmt.Fprintf(w, "%s| %s |\n", head, strings.Join(cells, " | "))
				head = ""
			}
		}
	}
}
