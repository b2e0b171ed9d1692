package run

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"meshproof.dev/meshproof/reports"
)

// GitHub is the step of GitHub Actions in which a door runs; nil elsewhere.
type GitHub struct {
	out   io.Writer
	token string
}

// BeginGitHub returns the step in which this program runs, nil where that is not GitHub Actions. Until Publish nothing that is printed
// is a workflow command: output of the tested application is printed too, and GitHub takes commands from every line.
func BeginGitHub(out io.Writer) *GitHub {
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	g := &GitHub{out, rand.Text()}
	fmt.Fprintf(out, "::stop-commands::%s\n", g.token)
	return g
}

// Publish gives the step its annotations, its part of the job's summary, and its outputs.
func (g *GitHub) Publish(p reports.GitHub) {
	if g == nil {
		return
	}
	fmt.Fprintf(g.out, "::%s::\n%s", g.token, p.Annotations)
	summary := os.Getenv("GITHUB_STEP_SUMMARY")
	err := errors.Join(appendTo(summary, fitted(summary, p.Summary)), appendTo(os.Getenv("GITHUB_OUTPUT"), p.Outputs))
	if err != nil {
		fmt.Fprintf(g.out, "GitHub Actions does not get everything: %v\n", err)
	}
}

// summaryLimit is how long a step's part of a summary may be. GitHub shows nothing of a longer one.
const summaryLimit = 1 << 20

const cut = "\n\nThe rest is left out, because GitHub shows one mebibyte. The file summary.md of the results has all of it.\n"

// fitted is the text, cut off where the file would become too long with it.
func fitted(path, text string) string {
	room := summaryLimit
	if info, err := os.Stat(path); err == nil {
		room -= int(info.Size())
	}
	switch {
	case len(text) <= room:
		return text
	case room < len(cut):
		return ""
	}
	return strings.ToValidUTF8(text[:room-len(cut)], "") + cut
}

// appendTo appends the text to a file that GitHub has made for the step.
func appendTo(path, text string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
