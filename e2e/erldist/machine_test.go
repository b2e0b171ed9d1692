package erldist_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
)

// dial dials from this process's own network namespace.
var dial erldist.Dialer = (&net.Dialer{}).DialContext

func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// until retries until ok returns true.
func until(tb testing.TB, d time.Duration, ok func() bool) bool {
	tb.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// machine is an epmd and the real nodes registered with it, all on loopback.
type machine struct {
	erl, epmd string // addresses of programs
	addr      string // of epmd
	port      int
}

// startMachine starts a separate epmd for the test. The test is skipped if erl is not installed.
func startMachine(tb testing.TB) *machine {
	tb.Helper()
	m := &machine{}
	var err error
	if m.erl, err = exec.LookPath("erl"); err == nil {
		m.epmd, err = exec.LookPath("epmd")
	}
	if err != nil {
		tb.Skipf("no Erlang on this machine (%v; Debian: apt-get install erlang-base): only fake nodes were talked to", err)
	}
	// Between finding a free port and epmd's start another process can take the port.
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		m.addr = l.Addr().String()
		if err = l.Close(); err != nil {
			tb.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(m.addr)
		if m.port, err = strconv.Atoi(port); err != nil {
			tb.Fatal(err)
		}
		start(tb, nil, m.epmd, "-port", port, "-address", "127.0.0.1")
		if until(tb, 3*time.Second, func() bool {
			_, err := erldist.Names(within(tb, time.Second), dial, m.addr)
			return err == nil
		}) {
			return m
		}
	}
	tb.Fatalf("epmd does not answer on %s", m.addr)
	return nil
}

// start runs a program until the end of the test; output returns what it has printed so far.
func start(tb testing.TB, env []string, program string, args ...string) (output func() string) {
	tb.Helper()
	var out locked
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return out.String
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const realCookie = "a real cookie"

// node is a real node.
type node struct {
	name, addr string
	log        func() string
}

// start starts a real node whose cookie is realCookie.
func (m *machine) start(tb testing.TB, name string, extra ...string) func() node {
	tb.Helper()
	args := append([]string{"-noinput", "-name", name, "-setcookie", realCookie, "-start_epmd", "false", "-kernel", "logger_level", "info",
		"inet_dist_use_interface", "{127,0,0,1}", "-eval", `io:format("it is up~n")`}, extra...)
	home := tb.TempDir()
	log := start(tb, []string{"ERL_EPMD_PORT=" + strconv.Itoa(m.port), "HOME=" + home, "ERL_FLAGS=", "ERL_AFLAGS=", "ERL_ZFLAGS="}, m.erl, args...)
	short, _, _ := strings.Cut(name, "@")
	return func() node {
		tb.Helper()
		n := node{name: name, log: log}
		if !until(tb, 20*time.Second, func() bool {
			r, err := erldist.Port(within(tb, time.Second), dial, m.addr, short)
			n.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port))
			return err == nil && strings.Contains(log(), "it is up")
		}) {
			tb.Fatalf("%s did not start within 20 s; its output: %s", name, log())
		}
		return n
	}
}

func connect(tb testing.TB, addr string) *erldist.Conn {
	tb.Helper()
	c, err := erldist.Connect(within(tb, 5*time.Second), dial, addr, erldist.NewCookie([]byte(realCookie)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
