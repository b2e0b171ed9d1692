package main

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"
)

// series are the durations of repeated measurements.
type series []time.Duration

// median is the middle duration, or the mean of the two middle ones; 0 without measurements.
func (s series) median() time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := append(series{}, s...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// String is the median with the spread.
func (s series) String() string {
	if len(s) == 0 {
		return "not measured"
	}
	low, high := s[0], s[0]
	for _, d := range s {
		low, high = min(low, d), max(high, d)
	}
	return fmt.Sprintf("%s (%s - %s, n=%d)", short(s.median()), short(low), short(high), len(s))
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// ratio is the median of a divided by the median of b.
func ratio(a, b series) float64 {
	if b.median() == 0 {
		return 0
	}
	return float64(a.median()) / float64(b.median())
}

// phases parses the scripts' lines, "NAME<tab>SECONDS"; a name may occur several times.
func phases(r io.Reader) (map[string]series, error) {
	all := map[string]series{}
	for in := bufio.NewScanner(r); in.Scan(); {
		name, number, ok := strings.Cut(in.Text(), "\t")
		seconds, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("line %q is not NAME<tab>SECONDS", in.Text())
		}
		all[name] = append(all[name], time.Duration(seconds*float64(time.Second)))
	}
	return all, nil
}
