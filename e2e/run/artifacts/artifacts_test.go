package artifacts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/fake"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

const theCookie = "fixture-cookie-of-dns-a"

func TestEventsLogHoldsNoCookie(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "artifacts", "ns")
	var redactor secrets.Redactor
	redactor.Guard([]byte(theCookie))
	a, err := New(nil, "ns", dir, &redactor)
	if err != nil {
		t.Fatal(err)
	}
	a.See(recording.Event{Notice: &recording.Notice{Object: "Pod/derl", Type: "Warning", Reason: "Unhealthy", Message: "the probe said " + theCookie}})
	a.Close()
	got, err := os.ReadFile(filepath.Join(dir, "events.log"))
	if err != nil || !strings.Contains(string(got), "Unhealthy: the probe said (cookie)\n") {
		t.Errorf("events.log: %q, %v", got, err)
	}
}

// A StatefulSet's replacement has the name of the pod before it, and a log of its own all the same.
func TestLogsOfPodsWithOneNameAreApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "artifacts", "ns")
	a, err := New(fake.NewClientset(), "ns", dir, &secrets.Redactor{})
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range []string{"11111111-a", "22222222-b", "22222222-b"} {
		a.See(recording.Event{Pod: &recording.Pod{UID: uid, Name: "derl-0", Containers: []recording.Container{{Name: "derl", State: "running"}}}})
		a.wg.Wait()
	}
	a.Close()
	for _, name := range []string{"derl-0.derl.0.log", "derl-0-22222222.derl.0.log"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(got) == 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 3 {
		t.Errorf("%v, %v; want events.log and two logs", all, err)
	}
}
