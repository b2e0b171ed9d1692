package reports

import (
	"fmt"
	"strings"
)

// inLine is a text for one line of a terminal: its first line that is not empty, and how many more there are. Evidence contains what
// probes and logs printed, which may be any number of lines; report.json has all of them.
func inLine(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	first, more := "", 0
	for line := range strings.Lines(s) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case first == "":
			first = line
		default:
			more++
		}
	}
	switch more {
	case 0:
		return first
	case 1:
		return first + " (and one more line in the report)"
	default:
		return fmt.Sprintf("%s (and %d more lines in the report)", first, more)
	}
}

// hanging is a text of several lines whose lines after the first are indented.
func hanging(s string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ")
}
