package probe

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// newTestWatch returns a watch that has only what the facts need, and the log of its events.
func newTestWatch(t *testing.T, root string) (*watch, *eventLog) {
	t.Helper()
	s := &eventLog{began: time.Now()}
	return &watch{o: &Observer{fs: proc.FS(root), emit: s.emit, conns: newOwnConns()}, pod: agent.Pod{UID: uidA}, ctx: t.Context(), plan: agent.Plan{Cookie: []byte(secret)}}, s
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func TestResolverIsRecordedWhenItChanges(t *testing.T) {
	tree, cmd := newTree(t), sleeper(t)
	tree.put(cmd.Process.Pid, uidA)
	w, s := newTestWatch(t, tree.root)
	w.root = cmd.Process.Pid
	record := w.resolverRecorder()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tree.root, strconv.Itoa(w.root), "root/etc/hosts"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		hosts    string
		recorded int
	}{{"127.0.0.1 localhost", 1}, {"127.0.0.1 localhost", 1}, {"127.0.0.1 localhost # the same", 1}, {"127.0.0.1 x " + secret, 2}} {
		write(c.hosts)
		record(t.Context())
		if n := s.now(); n != c.recorded {
			t.Errorf("after call %d: recorded %d times, want %d", i+1, n, c.recorded)
		}
	}
	if r := s.events[1].Resolver; r.Pod != uidA || len(r.Hosts) != 1 || r.Hosts[0] != "127.0.0.1 x (cookie)" {
		t.Errorf("%+v", r)
	}
	// Its files disappear with the process. That is no change.
	tree.remove(w.root)
	record(t.Context())
	if n := s.now(); n != 2 {
		t.Errorf("the exit of the process was recorded as %+v", s.events[2].Resolver)
	}
}

// A process without a command line is recorded after some retries. Data of another process is not recorded.
func TestFactsOfAProcessWithoutArguments(t *testing.T) {
	tree, cmd := newTree(t), sleeper(t)
	pid := cmd.Process.Pid
	tree.put(pid, uidA)
	cmdline := filepath.Join(tree.root, strconv.Itoa(pid), "cmdline")
	if err := os.Remove(cmdline); err != nil {
		t.Fatal(err)
	}
	w, s := newTestWatch(t, tree.root)
	p, alive := w.o.fs.Process(pid)
	if !alive {
		t.Fatal("the process has exited")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*startRetry)
	w.recordVM(ctx, p)
	cancel()
	if n := s.now(); n != 0 {
		t.Fatalf("recorded without retries: %+v", s.events[0].VM)
	}
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.recordVM(ctx, p)
	}()
	if v := s.await(t, "the process", 0, func(e recording.Event) bool { return e.VM != nil }).VM; !strings.Contains(v.Detail, "the command line: open") {
		t.Errorf("%+v", v)
	}
	cancel()
	<-done
	other := p
	other.Name = "beam.smp"
	w.recordVM(t.Context(), other)
	if n := s.now(); n != 1 {
		t.Errorf("another process was recorded: %+v", s.events[1].VM)
	}
}

// Of a process that is no VM nothing is read, also where it is the pod's own.
func TestNothingIsReadOfOtherProcesses(t *testing.T) {
	_, ns := netnstest.New(t)
	cmd := inside(t, ns, "sleep", "12345.6789")
	tree := newTree(t)
	tree.put(cmd.Process.Pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(planOf(4369, 9100))
	s.await(t, "its sockets", 0, func(e recording.Event) bool { return e.Sockets != nil })
	time.Sleep(3 * scanEvery)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if b, err := json.Marshal(e); err != nil || e.VM != nil || e.Process != nil || strings.Contains(string(b), "12345.6789") {
			t.Errorf("%s %v", b, err)
		}
	}
}
