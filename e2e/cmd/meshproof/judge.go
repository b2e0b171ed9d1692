package main

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
	"meshproof.dev/meshproof/reports/picture"
)

func judgeCommand(code *int) *cobra.Command {
	c := &cobra.Command{
		Use: "judge RECORDING…", Short: "judge recordings again, without a cluster",
		Example: `  meshproof judge reports/out/latest/recordings/*.jsonl
  meshproof judge -o json last-month.formation.jsonl | jq .exit`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitcode.With(exitcode.Usage, errors.New("judge requires at least 1 arg(s): give at least one recording, such as reports/out/latest/recordings/*.jsonl"))
			}
			return nil
		},
	}
	form, verbose := output(c), verboseFlag(c, "print the blocked checks one by one")
	accept := c.Flags().Bool("accept-unseen", false, "accept what is unknown only because the cluster refused privileged pods (never mesh/full)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := form.check("json", "html"); err != nil {
			return err
		}
		all, err := judgeFiles(args, rules.All())
		if err != nil {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%w (what a run has recorded is in its results: recordings/*.jsonl)", err))
		}
		for i := range all {
			if *accept {
				all[i].AcceptUnseen()
			}
		}
		return present(console(c, *verbose), *form, code, all)
	}
	return c
}

// recordingSet are the recordings of one workload.
type recordingSet struct {
	name, mutant, namespace string
	scenarios               []judge.Scenario
	files                   []string
	cut                     []string // why a file is not whole
}

// judgeFiles judges the recordings, those of each workload together, in the order in which the workloads come.
func judgeFiles(paths []string, checks []check.Check) ([]reports.Profile, error) {
	var groups []*recordingSet
	for _, path := range paths {
		v, err := view.Load(path)
		if err != nil {
			return nil, err
		}
		of := recordingSet{name: v.Profile.Name, mutant: v.Profile.Mutant, namespace: v.Header.Namespace}
		i := slices.IndexFunc(groups, func(g *recordingSet) bool {
			return g.name == of.name && g.mutant == of.mutant && g.namespace == of.namespace
		})
		if i < 0 {
			i, groups = len(groups), append(groups, &of)
		}
		if err = groups[i].add(path, v); err != nil {
			return nil, err
		}
	}
	var all []reports.Profile
	for _, g := range groups {
		all = append(all, g.judge(checks))
	}
	return all, nil
}

func (g *recordingSet) add(path string, v *view.View) error {
	for i, e := range g.scenarios {
		if e.Name == v.Header.Scenario {
			return fmt.Errorf("%s and %s are both the %s of %s in namespace %s: give one of them", g.files[i], path, e.Name, g.name, g.namespace)
		}
	}
	g.scenarios = append(g.scenarios, judge.Scenario{Name: v.Header.Scenario, View: v})
	g.files = append(g.files, path)
	if why := v.Killed(); why != "" {
		g.cut = append(g.cut, path+": "+why)
	}
	return nil
}

// judge judges the scenarios in the order in which they were recorded.
func (g *recordingSet) judge(checks []check.Check) reports.Profile {
	place := func(e judge.Scenario) int { return slices.Index(scenario.Names(), e.Name) }
	sort.SliceStable(g.scenarios, func(i, j int) bool { return place(g.scenarios[i]) < place(g.scenarios[j]) })
	p := reports.Profile{Profile: judge.Judge(g.name, g.scenarios, checks), Mutant: g.mutant, Namespace: g.namespace, Recordings: g.files}
	p.Trouble = strings.Join(g.cut, "; ")
	for _, s := range g.scenarios {
		p.Pictures = append(p.Pictures, picture.Of(s.View))
	}
	return p
}
