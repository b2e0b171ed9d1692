package judge

import (
	"slices"
	"sort"
)

// union are the strings of both, sorted.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	sort.Strings(a)
	return a
}
