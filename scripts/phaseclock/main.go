// Phaseclock compares the phases that were recorded with the clocks of the VMs themselves: derl logs when it is connected to a node and
// when it loses one, with microseconds.
//
//	go run ./scripts/phaseclock reports/out/latest
//
// In: folders of results of derl's profiles, with recordings and the pods' logs. Out: how far each nodedown and nodeup is from the line
// of the VM that it happened in, and of all of them the median and the greatest difference. It is for a cluster on this machine, where
// the VMs and the harness have one clock.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/view"
)

func main() {
	if err := compare(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "phaseclock:", err)
		os.Exit(1)
	}
}

// row is one phase beside the line of the VM.
type row struct {
	what string
	took view.Phase
	off  time.Duration // the phase minus the VM's own time
}

func compare(w io.Writer, dirs []string) error {
	var rows []row
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "recordings", "*.jsonl"))
		if err != nil {
			return err
		}
		for _, f := range files {
			v, err := view.Load(f)
			if err != nil {
				return err
			}
			some, err := rowsOf(v, filepath.Join(dir, "artifacts", v.Header.Namespace))
			if err != nil {
				return err
			}
			rows = append(rows, some...)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("in %s is no nodedown or nodeup that a VM has logged, too", strings.Join(dirs, ", "))
	}
	var all []time.Duration
	outside := 0
	fmt.Fprintf(w, "%-9s %-24s %-24s %9s %9s %9s\n", "phase", "on", "of", "at", "error", "off")
	for _, r := range rows {
		fmt.Fprintf(w, "%-9s %-24s %-24s %7.3f s ± %4.1f ms %6.1f ms\n", r.what, r.took.On, r.took.Pod, r.took.To.Seconds(), ms(r.took.Error), ms(r.off))
		all = append(all, r.off.Abs())
		if r.off.Abs() > r.took.Error {
			outside++
		}
	}
	slices.Sort(all)
	n := len(all)
	fmt.Fprintf(w, "n %d, median %.1f ms, max %.1f ms; %d further off than the error that is said\n", n, ms((all[(n-1)/2]+all[n/2])/2), ms(all[n-1]), outside)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// rowsOf compares one recording with the logs of its pods in dir.
func rowsOf(v *view.View, dir string) (rows []row, err error) {
	nodes := map[string]string{}
	for _, p := range v.Pods() {
		nodes[p.Name] = p.Node()
	}
	for _, p := range v.Phases() {
		word := map[string]string{profile.NodeDown: "lost", profile.NodeUp: "connected to"}[p.Name]
		if word == "" || !p.Known() {
			continue
		}
		said, err := lines(filepath.Join(dir, p.On+".*.log"), word+" "+nodes[p.Pod])
		if err != nil {
			return nil, err
		}
		best := row{what: p.Name, took: p, off: time.Hour}
		for _, t := range said {
			if off := v.Header.Start.Add(p.To).Sub(t); off.Abs() < best.off.Abs() {
				best.off = off
			}
		}
		if best.off < time.Second && best.off > -time.Second { // else the VM has logged another one only
			rows = append(rows, best)
		}
	}
	return rows, nil
}

// lines are the times of the lines of derl's logs that say that. A line is "TIME LEVEL connected to NODE (2 connected)", or
// "TIME LEVEL lost NODE: REASON".
func lines(logs, says string) (times []time.Time, err error) {
	files, err := filepath.Glob(logs)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			stamp, rest, _ := strings.Cut(s.Text(), " ")
			_, text, _ := strings.Cut(rest, " ")
			after, is := strings.CutPrefix(text, says)
			if t, bad := time.Parse(time.RFC3339Nano, stamp); is && bad == nil && (strings.HasPrefix(after, " ") || strings.HasPrefix(after, ":")) {
				times = append(times, t)
			}
		}
		_ = f.Close()
	}
	return times, nil
}
