package main

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run/options"
)

func TestTheBinaryHasTheFlagsOfTheDeclaration(t *testing.T) {
	var code int
	for _, name := range []string{"run", "kill-matrix"} {
		c, _, err := root(&code).Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range options.All() {
			f := c.Flags().Lookup(o.Flag)
			if o.Flag == "" || name == "kill-matrix" && slices.Contains([]string{"file", "scenarios", "namespace", "print-rbac", "repeat"}, o.Flag) {
				if f != nil {
					t.Errorf("%s has --%s", name, f.Name)
				}
				continue
			}
			if f == nil || f.Usage != o.Help || f.DefValue != o.Default || f.Shorthand != o.Short {
				t.Errorf("%s --%s: %+v", name, o.Flag, f)
			}
		}
	}
}

func TestTheBinaryRefusesFlags(t *testing.T) {
	checkout(t)
	for says, args := range map[string]string{
		`invalid argument "99" for "--nodes" flag: it must be a number from 1 to 20`:  "run --nodes 99",
		`invalid argument "-1" for "--pods" flag: it must be a number from 1 to 1000`: "kill-matrix --pods=-1",
		"unknown flag: --file: `meshproof kill-matrix --help` lists the flags":        "kill-matrix --file dns-a",
	} {
		if _, code, err := meshproof(t, strings.Fields(args)...); code != exitcode.Usage || err == nil || err.Error() != says {
			t.Errorf("%s: %d, %v", args, code, err)
		}
	}
}
