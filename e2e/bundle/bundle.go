// Package bundle is what a released program brings with it, so that it needs no checkout: the agent's programs, the builders of
// the images, the fixtures and the application that they deploy. A program that make builds brings nothing and works on its
// checkout.
//
// In: what scripts/dist embedded. Out: programs, and a folder with the sources.
package bundle

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The files that scripts/dist embeds, in a folder that exists only for the compiler.
const (
	Folder  = "files"
	Sources = "sources.tar.gz" // what Trees name, as in the checkout
	Sums    = "programs.txt"   // lines of sha256sum: of each program, before it was compressed
)

// Programs are what is in the agent's image; the first is what it starts. The reaper is started by a pod of its own.
func Programs() []string { return []string{"agent", "reaper"} }

// Architectures are those of the nodes for which a release brings the programs.
func Architectures() []string { return []string{"amd64", "arm64"} }

// Trees are the files and folders of the checkout that a run reads, below its root.
func Trees() []string {
	return []string{
		"erlang-app", "fixtures/mutants", "fixtures/profiles", "fixtures/shapes",
		"scripts/base-image", "scripts/debian-mirror", "scripts/node-image", "scripts/versions.env",
	}
}

// ProgramFile is the name of an embedded program.
func ProgramFile(name, goarch string) string { return name + "-linux-" + goarch + ".gz" }

// Present reports whether this program brings what it needs.
func Present() bool {
	_, err := files.ReadFile(Folder + "/" + Sources)
	return err == nil
}

// Program is one of the agent's programs.
func Program(name, goarch string) ([]byte, error) {
	packed, err := files.ReadFile(Folder + "/" + ProgramFile(name, goarch))
	if err != nil {
		return nil, fmt.Errorf("this release has no %s for nodes of the architecture %s; it has those for %s", name, goarch, strings.Join(Architectures(), " and "))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// Digest is the sha256 of a program that a release brings.
type Digest struct {
	Program string `json:"program"` // "agent-linux-amd64"
	SHA256  string `json:"sha256"`
}

// Digests are those of all programs, sorted; none where the program works on a checkout.
func Digests() (all []Digest) {
	b, err := files.ReadFile(Folder + "/" + Sums)
	if err != nil {
		return nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if sum, name, ok := strings.Cut(lines.Text(), "  "); ok {
			all = append(all, Digest{name, sum})
		}
	}
	slices.SortFunc(all, func(a, b Digest) int { return cmp.Compare(a.Program, b.Program) })
	return all
}
