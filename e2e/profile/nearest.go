package profile

import (
	"fmt"
	"strings"
)

// Meant suggests the known word that is most like this one, as the end of a sentence; "" if none is similar.
func Meant(word string, known []string) string {
	if k, _ := nearest(word, known); k != "" {
		return fmt.Sprintf(", did you mean %q?", k)
	}
	return ""
}

// nearest is the known word that is most like this one, and in how many letters they differ; "" if they differ in more
// than half.
func nearest(word string, known []string) (best string, by int) {
	by = len(word)/2 + 1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < by {
			best, by = k, d
		}
	}
	return best, by
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
