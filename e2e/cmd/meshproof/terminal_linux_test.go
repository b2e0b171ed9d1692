package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/exitcode"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/target/keeper"
)

// TestMain is also the program itself, for the tests that look at what it writes to a terminal.
func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	if os.Getenv("MESHPROOF_TEST_PROGRAM") != "" {
		os.Exit(start())
	}
	os.Exit(m.Run())
}

// terminal opens a terminal of that width.
func terminal(t *testing.T, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: " + err.Error())
	}
	t.Cleanup(func() { _ = master.Close() })
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err = unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// seen collects what is written to the terminal.
type seen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *seen) read(master io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := master.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return // the program has closed its end
		}
	}
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// program runs the binary on the terminal. Both of its outputs are there, as they are in a shell.
func program(t *testing.T, slave *os.File, env []string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(append(os.Environ(), "MESHPROOF_TEST_PROGRAM=1", "TERM=xterm", "NO_COLOR="), env...)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return c
}

// A wait for an API server that does not answer is drawn on one line of the terminal, no wider than it, and Ctrl-C takes it away
// before the results.
func TestTheStatusOnARealTerminal(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(silentCluster(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	checkout(t)
	master, slave := terminal(t, 70)
	c := program(t, slave, nil, "run", "--context", "a-context-with-a-name-that-is-long-enough", "--kubeconfig", kubeconfig, "dns-a")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	out, ended := &seen{}, make(chan struct{})
	go func() { defer close(ended); out.read(master) }()
	const status = "waiting 2 s for the API server"
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), status); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no status:\n%q", out)
		}
	}
	if _, err := master.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	_ = c.Wait()
	<-ended
	text := out.String()
	drawn, after, _ := strings.Cut(text, "interrupted: ")
	if c.ProcessState.ExitCode() != exitcode.Interrupted || !strings.HasSuffix(after, " skipped\r\ninterrupted: by a signal; what was made is removed\r\n") {
		t.Errorf("it ended with %s:\n%q", c.ProcessState, text)
	}
	if strings.Contains(after[strings.LastIndex(after, "\x1b[J")+1:], "waiting") || !strings.Contains(drawn, "\r\x1b[J") {
		t.Errorf("the status is not taken away:\n%q", text)
	}
	for _, line := range strings.FieldsFunc(strings.ReplaceAll(drawn, "\x1b[J", "\r"), func(r rune) bool { return r == '\r' || r == '\n' }) {
		if n := len([]rune(line)); n > 68 {
			t.Errorf("%d columns on a terminal of 70: %q", n, line)
		}
	}
}

// Colours are for terminals, and for those who want them.
func TestColours(t *testing.T) {
	path := wrote(t, rt.Formation(3), 0)
	for name, c := range map[string]struct {
		env  []string
		want bool
	}{"a terminal": {nil, true}, "NO_COLOR": {[]string{"NO_COLOR=1"}, false}, "TERM=dumb": {[]string{"TERM=dumb"}, false}} {
		master, slave := terminal(t, 120)
		cmd := program(t, slave, c.env, "judge", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = slave.Close()
		out := &seen{}
		out.read(master)
		_ = cmd.Wait()
		if got := strings.Contains(out.String(), "\x1b[32m  ok       \x1b[0mmesh/full"); got != c.want || !strings.Contains(out.String(), "mesh/full") {
			t.Errorf("%s: %v\n%.400q", name, got, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "judge", path)
	cmd.Env = append(os.Environ(), "MESHPROOF_TEST_PROGRAM=1", "TERM=xterm")
	if text, err := cmd.CombinedOutput(); err != nil || bytes.ContainsRune(text, '\x1b') {
		t.Errorf("in a pipe: %v\n%.400q", err, text)
	}
}

// silentCluster is a kubeconfig whose API server accepts connections and says nothing.
func silentCluster(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://` + l.Addr().String() + `"}}]
contexts: [{name: a-context-with-a-name-that-is-long-enough, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
`
}
