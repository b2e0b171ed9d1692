// Command recoverytable measures how meshes recover, and writes docs/recovery-measured.md: one row for each profile, scenario and
// setting of distribution.
//
//	make recovery-table                        # all that is missing, hours
//	make recovery-table CELLS='recovery ticktime=8 dns-a'
//
// In: the meshproof binary in the same folder, and words that limit what is measured. Out: a file in docs/recovery for each cell, and the
// page that is made of all of them. What has its file is not measured again, so that it can be stopped at any time.
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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Where the files of the cells, the page and the results of a run are, below the root of the checkout.
const (
	data    = "docs/recovery"
	page    = "docs/recovery-measured.md"
	results = "reports/out/latest"
)

func main() {
	n := flag.Int("n", 0, "repetitions of each cell (default: 20 at ticktime 8, else 5)")
	keep := flag.Bool("keep", true, "keep the cluster for the next cell and the next time; make clean removes it")
	list := flag.Bool("list", false, "say which cells are missing and how long they take, and measure nothing")
	from := flag.String("from", "", "measure nothing, and read the results of the chosen cell in this folder again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := measureAll(ctx, flag.Args(), *n, *keep, *list, *from)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "recovery-table:", err)
		os.Exit(1)
	}
}

// measureAll measures the chosen cells that are missing, one at a time, and writes the page after each.
func measureAll(ctx context.Context, words []string, n int, keep, list bool, from string) error {
	cells, err := choose(grid(), words)
	if err != nil {
		return err
	}
	if from != "" {
		return readAgain(cells, from)
	}
	var failed []error
	for _, c := range cells {
		if n > 0 {
			c.Want = n
		}
		old, err := read(data, c)
		if err != nil {
			return err
		}
		if old != nil && old.N >= c.Want {
			continue
		}
		if list {
			fmt.Printf("%-55s n=%-3d about %s\n", c, c.Want, c.lasts())
			continue
		}
		fmt.Fprintf(os.Stderr, "recovery-table: %s, n=%d, about %s\n", c, c.Want, c.lasts())
		if err := measure(ctx, c, keep); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c, err))
			fmt.Fprintln(os.Stderr, "recovery-table:", failed[len(failed)-1])
		}
		if err := writePage(data, page); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("stopped; the next time it goes on with the cell that was under way")
		}
	}
	return errors.Join(append(failed, writePage(data, page))...)
}

// measure runs one cell and writes its file.
func measure(ctx context.Context, c cell, keep bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "meshproof-recovery-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	file, err := c.profile(work)
	if err != nil {
		return err
	}
	args := []string{"run", "-f", file, "--scenarios", c.Scenario, "--repeat", strconv.Itoa(c.Want)}
	if keep {
		args = append(args, "--keep")
	}
	began := time.Now()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "meshproof"), args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute // it removes what it has made
	ran := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// A red run is a result, too.
	r, err := resultOf(c, results, began)
	if err != nil {
		return errors.Join(ran, err)
	}
	return r.write(data)
}

// readAgain writes the file of the one chosen cell from the results of an earlier run, without a cluster.
func readAgain(cells []cell, dir string) error {
	if len(cells) != 1 {
		return fmt.Errorf("%d cells are chosen, and the results in %s are of one", len(cells), dir)
	}
	r, err := resultOf(cells[0], dir, time.Time{})
	if err == nil {
		err = r.write(data)
	}
	return errors.Join(err, writePage(data, page))
}

// command is how the cell is measured again.
func (c cell) command() string {
	return fmt.Sprintf("make recovery-table CELLS='%s'", strings.Join(c.words(), " "))
}
