package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/reports"
)

func diffCommand(code *int) *cobra.Command {
	c := &cobra.Command{
		Use: "diff A B", Short: "say what became worse or better from one report to another",
		Example: `  meshproof diff reports/out/20261128T165824Z reports/out/latest
  meshproof diff -o json main/report.json branch/report.json | jq .regressions`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return exitcode.With(exitcode.Usage, fmt.Errorf("diff compares two reports, and %d are given: name two folders of results, or two report.json", len(args)))
			}
			return nil
		},
	}
	form := output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := form.check("text", "json"); err != nil {
			return err
		}
		var both [2]*reports.Run
		for i, path := range args {
			r, err := report(path)
			if err != nil {
				return exitcode.With(exitcode.Usage, err)
			}
			both[i] = r
		}
		d := reports.Compare(both[0], both[1])
		d.A.Report, d.B.Report = args[0], args[1]
		if d.Regressions > 0 {
			*code = exitcode.Fail
		}
		if *form == "json" {
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(d)
		}
		d.Text(c.OutOrStdout())
		return nil
	}
	return c
}

// report reads a report, or that of a folder of results.
func report(path string) (*reports.Run, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, "report.json")
	}
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := reports.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
