package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/version"
	"meshproof.dev/meshproof/reports"
)

// lintFormats are the values of lint's -o.
var lintFormats = []string{"text", "json", "github", "sarif", "junit"}

// writers write a judgement for programs: standard output has that alone.
var writers = map[format]func(io.Writer, *reports.Run) error{
	"json":   reports.JSON,
	"html":   reports.HTML,
	"github": reports.Annotations,
	"sarif":  func(w io.Writer, r *reports.Run) error { return reports.SARIF(w, r, fromRoot) },
	"junit":  reports.JUnit,
}

// present prints results that need no run, and sets the exit code, which is the same in every form.
func present(out reports.Console, form format, code *int, all []reports.Profile) error {
	r := &reports.Run{Started: time.Now(), Profiles: all, Provenance: reports.Provenance{Target: "recording"}}
	if v, err := version.Get(); err == nil {
		r.Provenance.Meshproof = v.Meshproof
	}
	r.Close(nil, time.Now())
	*code = r.Exit.Code
	write, commands := writers[form], out.W
	if write != nil {
		commands = io.Discard
	}
	github := run.BeginGitHub(commands)
	defer github.Publish(reports.OfRun(r, ""))
	if write != nil {
		return write(out.W, r)
	}
	for _, p := range all {
		out.Inspection(p)
		out.Profile(p)
	}
	fmt.Fprintln(out.W)
	out.Counts(r)
	return nil
}

// fromRoot is a file's path from the root of the Git repository that contains it, or else from the working folder, with slashes.
// A template of a chart is named by helm from the folder above the chart, which is not always the folder above here.
func fromRoot(file string) string {
	if _, err := os.Stat(file); err != nil {
		chart, below, _ := strings.Cut(filepath.ToSlash(file), "/")
		for _, at := range []string{below, "*/" + file, "*/*/" + file} {
			if found, err := filepath.Glob(at); err == nil && len(found) == 1 && chart != "" {
				file = found[0]
				break
			}
		}
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	root, err := os.Getwd()
	if err != nil {
		return filepath.ToSlash(file)
	}
	for up := filepath.Dir(path); up != filepath.Dir(up); up = filepath.Dir(up) {
		if _, err = os.Lstat(filepath.Join(up, ".git")); err == nil {
			root = up
			break
		}
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return strings.TrimPrefix(filepath.ToSlash(path), "/") // it is in no repository
	}
	return filepath.ToSlash(rel)
}
