package run

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/reports"
)

// TestMain is also a program with a run in it, for the tests that interrupt one: its cluster is a file.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RUN_TEST_INTERRUPT"); dir != "" {
		os.Exit(interruptible(dir))
	}
	os.Exit(m.Run())
}

func interruptible(dir string) int {
	ctx, stop := Interruptible(context.Background())
	defer stop()
	out := reports.Console{W: os.Stdout}
	s := &Session{Dir: dir, judgements: newJudgements()}
	board := progress.New(os.Stderr, time.Now())
	s.options.Log, s.options.Progress = board.Line, board
	s.start(ctx, func(ctx context.Context, _ *reports.Run) error {
		fmt.Println("begun")
		wait := progress.Wait(ctx, "an interrupt")
		wait.Seen("nobody pressed Ctrl-C")
		<-ctx.Done()
		wait.Done()
		for range 100 { // a clean-up that talks
			s.options.Log("removing")
			time.Sleep(2 * time.Millisecond)
		}
		return os.WriteFile(filepath.Join(dir, "removed"), nil, 0o600)
	})
	r := s.Finish()
	board.Close()
	out.Closing(r, dir)
	return r.Exit.Code
}

// Neither the signal of a terminal that is closed nor the end of whoever reads the output ends the clean-up.
func TestARunCleansUpWithoutATerminal(t *testing.T) {
	for name, how := range map[string]func(*testing.T, *exec.Cmd) (read, written *os.File, end func()){
		"SIGINT twice":           byPipe(syscall.SIGINT, syscall.SIGINT),
		"SIGTERM":                byPipe(syscall.SIGTERM),
		"SIGHUP":                 byPipe(syscall.SIGHUP),
		"the terminal is closed": byTerminal,
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := reports.NewDir(t.TempDir(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), "RUN_TEST_INTERRUPT="+dir)
			read, written, end := how(t, c)
			c.Stdout, c.Stderr = written, written
			if err = c.Start(); err != nil {
				t.Fatal(err)
			}
			_ = written.Close()
			if line, rerr := bufio.NewReader(read).ReadString('\n'); rerr != nil || strings.TrimSpace(line) != "begun" {
				t.Fatalf("it says %q, %v", line, rerr)
			}
			end()
			_ = c.Wait()
			exit, err := os.ReadFile(filepath.Join(dir, "exit"))
			if err != nil || string(exit) != "130 interrupted\n" || c.ProcessState.ExitCode() != 130 {
				t.Errorf("it ended with %s, the exit file has %q, %v", c.ProcessState, exit, err)
			}
			if _, err = os.Stat(filepath.Join(dir, "removed")); err != nil {
				t.Errorf("the clean-up did not come to its end: %v", err)
			}
		})
	}
}

// byPipe closes the reader of the output, and then sends the signals.
func byPipe(signals ...syscall.Signal) func(*testing.T, *exec.Cmd) (read, written *os.File, end func()) {
	return func(t *testing.T, c *exec.Cmd) (read, written *os.File, end func()) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w, func() {
			_ = r.Close()
			for _, s := range signals {
				_ = c.Process.Signal(s)
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}

// byTerminal gives the program a terminal of its own, and closes it: the kernel then sends SIGHUP, and each write fails.
func byTerminal(t *testing.T, c *exec.Cmd) (read, written *os.File, end func()) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: " + err.Error())
	}
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdin = slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return master, slave, func() { _ = master.Close() }
}
