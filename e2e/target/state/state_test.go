package state

import (
	"errors"
	"os"
	"os/exec"
	"strings"
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
	if all, err := dir.List(); len(all) != 0 || err != nil {
		t.Errorf("a directory that is not there: %v %v", all, err)
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
	all, err := dir.List()
	if err == nil || !strings.Contains(err.Error(), "meshproof-a.json") || len(all) != 2 || all[0].Name != "meshproof" {
		t.Errorf("List = %v, %v; want both good ones and an error on the broken one", all, err)
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
