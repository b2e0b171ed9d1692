package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"meshproof.dev/meshproof/reports/page"
)

// NewDir creates the folder of a run, out/TIME, under root, and makes the link "latest" beside it point to it: after a run that
// was killed there is no exit file, and nobody reads that of the run before.
func NewDir(root string, at time.Time) (string, error) {
	base := filepath.Join(root, at.UTC().Format("20060102T150405Z"))
	dir := base
	for n := 2; ; n++ {
		err := os.MkdirAll(root, 0o755)
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		if err == nil {
			return dir, link(dir)
		}
		if !errors.Is(err, os.ErrExist) || n > 99 {
			return "", fmt.Errorf("folder for the results: %w", err)
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
}

// Write puts report.html, report.json, junit.xml, summary.md and exit into dir, and makes "latest" point to it again if another run has begun since. Each
// file is written completely or not at all.
func Write(dir string, r *Run) error {
	var summary bytes.Buffer
	Summary(&summary, r)
	return write(dir, r, JUnit, summary.Bytes(), pageOf(r))
}

func write(dir string, r *Run, junitOf func(io.Writer, *Run) error, summary []byte, people *page.Page) error {
	var junit bytes.Buffer
	if err := junitOf(&junit, r); err != nil {
		return err
	}
	var report bytes.Buffer
	if err := JSON(&report, r); err != nil {
		return err
	}
	var html bytes.Buffer
	if err := page.Write(&html, people); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"report.html": html.Bytes(),
		"junit.xml":   junit.Bytes(),
		"report.json": report.Bytes(),
		"summary.md":  summary,
		"exit":        []byte(fmt.Sprintf("%d %s\n", r.Exit.Code, r.Exit.Word)),
	} {
		if err := whole(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return link(dir)
}

// JSON writes the run in the format of report.json.
func JSON(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func whole(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// link makes "latest" point to dir, in one step: two runs in one checkout may do it at the same time.
func link(dir string) error {
	latest := filepath.Join(filepath.Dir(dir), "latest")
	tmp := latest + "." + filepath.Base(dir) // no other run has this folder
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Base(dir), tmp); err != nil {
		return err
	}
	return os.Rename(tmp, latest)
}
