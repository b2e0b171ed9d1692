package reports

import (
	"fmt"
	"io"
	"strings"

	"meshproof.dev/meshproof/reports/page"
	"meshproof.dev/meshproof/reports/picture"
)

// feltRows are what the application felt in a scenario, in words.
func feltRows(pic *picture.Picture) []page.Loss {
	var all []page.Loss
	for _, f := range pic.Felt {
		r := page.Loss{Lost: f.Name(), With: "between nodes that stayed", Pairs: fmt.Sprintf("%d of %d", f.Lost, f.Pairs)}
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
			for i, r := range feltRows(pic) {
				if len(all) > 1 && (pic.Felt[i].Lost == 0 || pic.Felt[i].Ended) {
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
