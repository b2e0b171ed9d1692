package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// Each phase is compared with the nearest line about the same node in the log of the same pod, and with no other.
func TestPhasesBesideTheLogs(t *testing.T) {
	dir, r := t.TempDir(), rt.Recovery(3)
	h := r.Header()
	if err := os.MkdirAll(filepath.Join(dir, "recordings"), 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(filepath.Join(dir, "recordings", "x.recovery.jsonl"), h)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		w.Write(e)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(dir, "artifacts", h.Namespace)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	line := func(at time.Duration, text string) string {
		return h.Start.Add(at).Format("2006-01-02T15:04:05.000000Z07:00") + " info " + text + "\n"
	}
	log := line(rt.Full, "connected to "+rt.Node(0)+" (2 connected)") + line(rt.Exited, "lost "+rt.Node(0)+": connection_closed (1 connected)") +
		line(rt.Exited, "lost "+rt.Node(0)+"0: connection_closed (1 connected)") + line(rt.Rejoined-50*time.Millisecond, "connected to "+rt.Node(3)+" (2 connected)") + "no time\n"
	if err := os.WriteFile(filepath.Join(logs, rt.Name(1)+".derl.0.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := compare(&b, []string{dir}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "n 2, median ") || !strings.Contains(b.String(), "; 0 further off than the error that is said") {
		t.Error(b.String())
	}
	if err := compare(&b, []string{t.TempDir()}); err == nil {
		t.Error("a folder without recordings is compared")
	}
}
