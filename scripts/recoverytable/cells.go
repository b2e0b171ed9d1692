package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/scenario"
)

// cell is what is measured together: a profile, a scenario, and the settings of distribution, of which the zero value is the
// profile's own.
type cell struct {
	Profile    string `json:"profile"`
	Scenario   string `json:"scenario"`
	Ticktime   int    `json:"ticktime,omitempty"`   // net_ticktime in seconds
	Prevention string `json:"prevention,omitempty"` // of overlapping partitions: "on" or "off"
	Want       int    `json:"-"`                    // repetitions
}

// derl is the profile whose settings are varied.
const derl = "dns-a"

// grid are all cells: derl with all settings, and the others as they are.
func grid() (all []cell) {
	for _, s := range scenarios() {
		for _, tick := range []int{8, 60} {
			for _, prevention := range []string{"on", "off"} {
				c := cell{Profile: derl, Scenario: s, Ticktime: tick, Prevention: prevention, Want: 5}
				if tick == 8 {
					c.Want = 20
				}
				all = append(all, c)
			}
		}
	}
	for _, p := range []string{"rabbitmq", "ejabberd", "mix-release"} {
		for _, s := range scenarios() {
			all = append(all, cell{Profile: p, Scenario: s, Want: 5})
		}
	}
	return all
}

// scenarios are those from which a mesh recovers, so that they can be repeated with one mesh.
func scenarios() (all []string) {
	for _, s := range scenario.All() {
		if !s.Once && s.Name != "console" {
			all = append(all, string(s.Name))
		}
	}
	return all
}

// words are those with which the cell, and no other, is chosen.
func (c cell) words() []string {
	all := []string{c.Profile, c.Scenario}
	if c.Ticktime > 0 {
		all = append(all, fmt.Sprintf("ticktime=%d", c.Ticktime), "prevention="+c.Prevention)
	}
	return all
}

func (c cell) String() string { return strings.Join(c.words(), " ") }

// file is the name of the cell's file.
func (c cell) file() string {
	return strings.ReplaceAll(strings.Join(c.words(), "."), "=", "-") + ".json"
}

// lasts is about how long it takes to measure the cell on a cluster that is there; a scenario estimates what it takes on a busy machine.
func (c cell) lasts() time.Duration {
	one := 25 * time.Second
	for _, s := range scenario.All() {
		if string(s.Name) == c.Scenario {
			one = s.Estimate
		}
	}
	return (time.Minute + time.Duration(c.Want)*one/2).Round(time.Minute)
}

// choose limits the cells. Words of one kind are alternatives: profiles, scenarios, ticktime=, prevention=.
func choose(all []cell, words []string) (some []cell, err error) {
	kinds := []func(cell) string{
		func(c cell) string { return c.Profile },
		func(c cell) string { return c.Scenario },
		func(c cell) string { return fmt.Sprintf("ticktime=%d", c.Ticktime) },
		func(c cell) string { return "prevention=" + c.Prevention },
	}
	of := make([][]string, len(kinds))
	for _, w := range words {
		i := slices.IndexFunc(kinds, func(kind func(cell) string) bool {
			return slices.ContainsFunc(all, func(c cell) bool { return kind(c) == w })
		})
		if i < 0 {
			return nil, fmt.Errorf("%q is none of the profiles, scenarios and settings that are measured; for example %s", w, all[0])
		}
		of[i] = append(of[i], w)
	}
	for _, c := range all {
		in := true
		for i, kind := range kinds {
			in = in && (len(of[i]) == 0 || slices.Contains(of[i], kind(c)))
		}
		if in {
			some = append(some, c)
		}
	}
	return some, nil
}

// profile is the cell's profile: one of the fixtures, or a copy of it in dir with other settings.
func (c cell) profile(dir string) (string, error) {
	from, err := filepath.Abs(filepath.Join("fixtures", "profiles", c.Profile))
	if err != nil || c.Ticktime == 0 {
		return from, err
	}
	app, err := filepath.Abs("erlang-app")
	if err != nil {
		return "", err
	}
	env := fmt.Sprintf("\n        - {name: NET_TICKTIME, value: %q}", fmt.Sprint(c.Ticktime))
	if c.Prevention == "off" {
		env += "\n        - {name: DIST_FLAGS, value: -kernel prevent_overlapping_partitions false}"
	}
	changes := map[string][2]string{
		"deployment.yaml": {"\n        env:", "\n        env:" + env},
		"profile.yaml":    {"../../../erlang-app", app},
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return "", err
		}
		if change, is := changes[e.Name()]; is {
			if bytes.Count(text, []byte(change[0])) != 1 {
				return "", fmt.Errorf("%s of %s has not one %q any more", e.Name(), c.Profile, change[0])
			}
			text = bytes.ReplaceAll(text, []byte(change[0]), []byte(change[1]))
		}
		if e.Name() == "profile.yaml" && c.Ticktime > 8 {
			// A cut link is noticed after up to five quarters of it, and then has to be repaired.
			text = append(text, []byte("  budgets: {recovery: 3m}\n")...)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "profile.yaml"), nil
}
