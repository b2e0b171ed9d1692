package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain is also the process that holds a lock until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STATE_TEST_HOLD"); dir != "" {
		if _, err := Dir(dir).Run("meshproof"); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

// TestLockDiesWithItsHolder: refused while the other process lives, with its pid; free at once when it is killed.
func TestLockDiesWithItsHolder(t *testing.T) {
	dir := Dir(t.TempDir())
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "STATE_TEST_HOLD="+string(dir))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Start(); err != nil {
		t.Fatal(err)
	}
	if n, rerr := out.Read(make([]byte, 8)); n == 0 {
		t.Fatal(rerr)
	}
	_, err = dir.Run("meshproof")
	var held *HeldError
	if !errors.As(err, &held) || held.PID != c.Process.Pid || time.Since(held.Since) > time.Minute {
		t.Errorf("Run = %v, want held by process %d since now", err, c.Process.Pid)
	}
	if other, oerr := dir.Run("meshproof-2"); oerr != nil {
		t.Errorf("another name is locked too: %v", oerr)
	} else {
		other.Unlock()
	}
	if err = c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	l, err := dir.Run("meshproof")
	if err != nil {
		t.Fatalf("after its holder was killed: %v", err)
	}
	l.Unlock()
	l.Unlock()
}

func TestKeeperAlive(t *testing.T) {
	dir := Dir(t.TempDir())
	if alive, err := dir.KeeperAlive("meshproof"); alive || err != nil {
		t.Errorf("nobody: %v %v", alive, err)
	}
	l, err := dir.Keeper("meshproof")
	if err != nil {
		t.Fatal(err)
	}
	if alive, err := dir.KeeperAlive("meshproof"); !alive || err != nil {
		t.Errorf("held: %v %v", alive, err)
	}
	l.Unlock()
	if alive, err := dir.KeeperAlive("meshproof"); alive || err != nil {
		t.Errorf("unlocked: %v %v", alive, err)
	}
}

func TestNotes(t *testing.T) {
	dir := Dir(t.TempDir())
	if all, broken, err := dir.List(); len(all)+len(broken) != 0 || err != nil {
		t.Errorf("a directory that is not there: %v %v %v", all, broken, err)
	}
	want := Cluster{Name: "meshproof", Phase: Up, Engine: "podman", EngineEnv: []string{"A=b"}, Started: time.Now().Truncate(time.Second)}
	for _, n := range []string{"meshproof-b", "meshproof"} {
		want.Name = n
		if err := dir.Write(want); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := dir.Read("meshproof")
	if err != nil || !ok || got.EngineEnv[0] != "A=b" || !got.Started.Equal(want.Started) {
		t.Errorf("Read = %+v %v %v", got, ok, err)
	}
	if err = os.WriteFile(dir.Path("meshproof-a", "json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, broken, err := dir.List()
	if err != nil || len(broken) != 1 || broken[0].Name != "meshproof-a" || !strings.Contains(broken[0].Err.Error(), "meshproof-a.json") || len(all) != 2 || all[0].Name != "meshproof" {
		t.Errorf("List = %v, %v, %v; want both good ones and the broken one apart", all, broken, err)
	}
	if err := dir.Remove("meshproof"); err != nil {
		t.Fatal(err)
	}
	if err := dir.Remove("meshproof"); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
	if _, ok, err := dir.Read("meshproof"); ok || err != nil {
		t.Errorf("Read after Remove: %v %v", ok, err)
	}
}

// TestNoteIsAboutItsName: a file copied to another name must not have another cluster deleted.
func TestNoteIsAboutItsName(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := dir.Write(Cluster{Name: "meshproof-a"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir.Path("meshproof-a", "json"), dir.Path("meshproof-b", "json")); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := dir.Read("meshproof-b"); ok || err == nil {
		t.Errorf("Read = %v %v, want an error", ok, err)
	}
}

// TestRemovedLockIsNoLock: lock files are removed by who holds them, and still only one holds the lock of a name.
func TestRemovedLockIsNoLock(t *testing.T) {
	dir := Dir(t.TempDir())
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for mine := 0; mine < 30; mine++ {
				l, err := dir.Run("meshproof-x")
				for held := new(HeldError); errors.As(err, &held); l, err = dir.Run("meshproof-x") {
					runtime.Gosched()
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				runtime.Gosched()
				inside.Add(-1)
				l.Remove()
			}
		})
	}
	wg.Wait()
}

func TestSweepRemovesOnlyWhatNobodyNeeds(t *testing.T) {
	dir := Dir(t.TempDir())
	for _, name := range []string{"meshproof-noted", "meshproof-aside"} {
		if err := dir.Write(Cluster{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dir.MoveAside("meshproof-aside"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"meshproof-noted.log", "meshproof-aside.kubeconfig", "meshproof-gone.log", "meshproof-gone.lock", "meshproof-gone.keeper", "meshproof-gone.json.123", "network", "notes-of-mine.txt"} {
		if err := os.WriteFile(filepath.Join(dir.clusters(), file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run, err := dir.Run("meshproof-starting")
	if err != nil {
		t.Fatal(err)
	}
	defer run.Unlock()
	keeper, err := dir.Keeper("meshproof-ending")
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Unlock()
	if err = dir.Sweep(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir.clusters())
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".json.broken-")
		left = append(left, name)
	}
	want := "meshproof-aside meshproof-aside.kubeconfig meshproof-ending.keeper meshproof-ending.lock meshproof-noted.json meshproof-noted.log meshproof-starting.lock network notes-of-mine.txt"
	if got := strings.Join(left, " "); got != want {
		t.Errorf("left\n%s\nwant\n%s", got, want)
	}
}

// TestReplaceLeavesTheOldFileIfItFails: no half of a new one, and no temporary file.
func TestReplaceLeavesTheOldFileIfItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil { // no file can be renamed to this
		t.Fatal(err)
	}
	if err := Replace(path, []byte("new"), 0o600); err == nil {
		t.Error("no error")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v %v", entries, err)
	}
	path = filepath.Join(dir, "b")
	for _, text := range []string{"old", "new"} {
		if err := Replace(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o640 || st.Size() != 3 {
		t.Errorf("%v %v", st, err)
	}
}
