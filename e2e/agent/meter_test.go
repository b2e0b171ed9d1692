package agent

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestEveryTenthBeatSaysWhatTheProcessHolds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what a process holds, in /proc")
	}
	m := NewMeter()
	var first, held int
	for i := range 21 {
		b := m.Beat(time.Duration(i))
		if b.Late != time.Duration(i) || b.CPU < 0 {
			t.Errorf("beat %d: %+v", i, b)
		}
		if says := b.Memory > 1<<20 && b.Descriptors > 2 && b.Threads > 0; says != (i%10 == 0) {
			t.Errorf("beat %d: %+v", i, b)
		}
		if b.Descriptors == 0 {
			continue
		}
		if held = b.Descriptors; first == 0 {
			first = held
			f, err := os.Open(os.DevNull) // one more from now on
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
		}
	}
	if held != first+1 {
		t.Errorf("%d descriptors, then one more is opened, and it says %d", first, held)
	}
}

func TestASystemThatDoesNotTell(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	memory, threads := status(none)
	if n := descriptors(none); memory != 0 || threads != 0 || n != 0 {
		t.Errorf("%d bytes, %d threads, %d descriptors", memory, threads, n)
	}
	path := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(path, []byte("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t9\nVmRSS: much\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if memory, threads = status(path); memory != 2<<20 || threads != 9 {
		t.Errorf("%d bytes, %d threads", memory, threads)
	}
}
