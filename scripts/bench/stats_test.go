package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedianAndSpread(t *testing.T) {
	for want, s := range map[string]series{
		"not measured":                     nil,
		"2.0 s (1.0 s - 9.0 s, n=3)":       {9 * time.Second, time.Second, 2 * time.Second},
		"3.00 ms (2.00 ms - 4.00 ms, n=2)": {4 * time.Millisecond, 2 * time.Millisecond},
	} {
		if got := s.String(); got != want {
			t.Errorf("%v is %q, want %q", []time.Duration(s), got, want)
		}
	}
	if r := ratio(series{3 * time.Second}, series{2 * time.Second}); r != 1.5 {
		t.Errorf("ratio %v", r)
	}
}

func TestPhases(t *testing.T) {
	p, err := phases(strings.NewReader("create\t20.50\neval\t0.4\neval\t0.6\n"))
	if err != nil || p["create"].median() != 20500*time.Millisecond || len(p["eval"]) != 2 {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := phases(strings.NewReader("something else\n")); err == nil {
		t.Error("a line that is not a phase was accepted")
	}
}
