// Command dist makes a release: for each platform a static program that brings all it needs, in an archive with the licence; what
// it is made of; checksums; and the manifest by which krew installs it as a kubectl plugin.
//
// In: a checkout with its git repository. Out: the files of a release in one folder. The same commit and the same Go give the
// same bytes, wherever the checkout lies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	d := dist{root: "."}
	flag.StringVar(&d.out, "out", "dist", "folder for the files; those of an earlier release are replaced")
	flag.StringVar(&d.url, "url", downloads(), "where the archives can be downloaded, up to the tag's folder; for krew's manifest")
	on := flag.String("platforms", strings.Join(platforms, ","), "operating systems and architectures")
	flag.Parse()
	d.platforms = strings.Split(*on, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := d.make(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} //nolint:gochecknoglobals // a list that nothing changes

// downloads is where GitHub serves the files of this repository's releases. Outside of its runners the repository is not known.
func downloads() string {
	if repo := os.Getenv("GITHUB_REPOSITORY"); repo != "" {
		return os.Getenv("GITHUB_SERVER_URL") + "/" + repo + "/releases/download"
	}
	return "https://example.invalid/meshproof/releases/download"
}

type dist struct {
	root, out, url string
	platforms      []string

	tag    string    // "v0.1.0"; it ends in -dirty where the checkout has changes that are in no commit
	commit string    // in full
	time   time.Time // of the commit: whatever has a time gets this one
	work   string    // a temporary folder
}

// version is the tag as file names have it.
func (d *dist) version() string { return strings.TrimPrefix(d.tag, "v") }

func (d *dist) make(ctx context.Context) (err error) {
	if err = d.describe(ctx); err != nil {
		return err
	}
	if d.work, err = os.MkdirTemp("", "meshproof-dist"); err != nil {
		return err
	}
	defer os.RemoveAll(d.work)
	if err = d.empty(); err != nil {
		return err
	}
	b, err := d.bundle(ctx)
	if err != nil {
		return err
	}
	var archives []archive
	for _, platform := range d.platforms {
		a, failed := d.release(ctx, platform, b)
		if failed != nil {
			return fmt.Errorf("%s: %w", platform, failed)
		}
		archives = append(archives, a)
	}
	if err = os.WriteFile(filepath.Join(d.out, "meshproof.yaml"), d.krew(archives), 0o644); err != nil {
		return err
	}
	return d.checksums()
}

// release builds for one platform and writes its archive and what it is made of.
func (d *dist) release(ctx context.Context, platform string, b brought) (archive, error) {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return archive{}, errors.New("it must be such as linux/amd64")
	}
	fmt.Println("dist: meshproof for", platform)
	bin := filepath.Join(d.work, goos+"-"+goarch, "meshproof")
	// What the go command itself would write down of the repository depends on how it was cloned: in a linked worktree it is nothing.
	const in = " -X meshproof.dev/meshproof/e2e/version."
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags=release", "-overlay="+b.overlay,
		"-ldflags=-s -w"+in+"revision="+d.tag+in+"commit="+d.commit, "-o", bin, "./e2e/cmd/meshproof")
	c.Dir, c.Stderr = d.root, os.Stderr
	c.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0")
	if err := c.Run(); err != nil {
		return archive{}, err
	}
	name := "meshproof_" + d.version() + "_" + goos + "_" + goarch
	bom, err := d.bom(platform, append([]string{bin}, b.programs...))
	if err != nil {
		return archive{}, err
	}
	if err = os.WriteFile(filepath.Join(d.out, name+".cdx.json"), bom, 0o644); err != nil {
		return archive{}, err
	}
	return d.pack(goos, goarch, name+".tar.gz", bin)
}

// describe asks git what is released.
func (d *dist) describe(ctx context.Context) error {
	tag, err := d.git(ctx, "describe", "--tags", "--always", "--abbrev=12", "--dirty") // without a fixed length it depends on the size of the clone
	if err != nil {
		return fmt.Errorf("a release is made of a commit: %w", err)
	}
	d.tag = tag
	if !regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+`).MatchString(tag) {
		d.tag = "v0.0.0-g" + tag // a version for krew, though there is no tag
	}
	if d.commit, err = d.git(ctx, "rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := d.git(ctx, "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	d.time = time.Unix(n, 0).UTC()
	return err
}

func (d *dist) git(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir, c.Stderr = d.root, os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// empty removes the files of an earlier release, and no others.
func (d *dist) empty() error {
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{"meshproof_*", "meshproof.yaml", "checksums.txt"} {
		old, err := filepath.Glob(filepath.Join(d.out, pattern))
		if err != nil {
			return err
		}
		for _, f := range old {
			if err = os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}
