package rules_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryExitClean(t *testing.T) {
	isEnd := func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Gone }
	ended := func(code int32, reason string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isEnd, func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				c.ExitCode, c.Reason = code, reason
			})
		}
	}
	grace := func(seconds int) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Add(recording.Event{T: rt.Before, By: "run", Object: &recording.Object{Kind: "Deployment", Name: "derl", Manifest: json.RawMessage(
				fmt.Sprintf(`{"kind":"Deployment","metadata":{"name":"derl"},"spec":{"template":{"spec":{"terminationGracePeriodSeconds":%d}}}}`, seconds))}})
		}
	}
	noCode := func(s *rt.Recording) { s.Change(isEnd, func(e *recording.Event) { e.Pod.Containers = nil }) }
	noVM := func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.VM != nil }) }
	first := func(name string, deaf bool) func(s *rt.Recording) {
		return vm(0, func(m *recording.VM) { m.NSPID, m.First, m.FirstDeaf = 10, name, deaf })
	}
	logged := func(s *rt.Recording) {
		s.Change(isEnd, func(e *recording.Event) {
			e.Pod.Containers[0].Log = []string{"[info] up", "[notice] SIGTERM received - shutting down"}
		})
	}
	try(t, "recovery/exit-clean", []trial{
		noDeletion(),
		{"killed when its grace was over", all(grace(1), ended(137, "Error"), noVM), []want{{pod(0), check.Fail, "killed-after-grace",
			[]string{"container derl of " + rt.Name(0), "exit code 137", "1.0 s after the deletion, with a grace period of 1 s", "the VM did not shut down on SIGTERM", "process 1"}}}},
		{"a shell is the first process", all(grace(1), ended(137, "Error"), first("sh", true)), []want{{pod(0), check.Fail, "killed-after-grace",
			[]string{"SIGTERM did not reach the VM, because the first process of the container is sh, which ignores it", "start the VM with exec"}}}},
		{"a script that handles the signal is the first process", all(grace(1), ended(137, "Error"), first("start.sh", false)), []want{{pod(0), check.Fail, "killed-after-grace",
			[]string{"the first process of the container, start.sh, got SIGTERM", "does not say that it was passed on"}}}},
		{"its shutdown was under way", all(grace(1), ended(137, "Error"), first("tini", false), logged), []want{{pod(0), check.Fail, "shutdown-too-slow",
			[]string{"the VM got SIGTERM, as its log says (\"[notice] SIGTERM received - shutting down\"), and its shutdown took longer", "raise terminationGracePeriodSeconds", "logs -f POD"}}}},
		{"it is process 1, and its log is not there", all(grace(1), ended(137, "Error")), []want{{pod(0), check.Fail, "shutdown-too-slow", []string{"the VM is process 1, which gets SIGTERM", "its log does not say"}}}},
		{"killed for another reason", ended(137, "OOMKilled"), []want{{pod(0), check.Fail, "killed", []string{"OOMKilled", "the default of Kubernetes", "memory limit"}}}},
		{"ended by the signal itself", all(grace(1), ended(143, "Error")), nil},
		{"not seen to end", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Process != nil && e.Process.Exited || isEnd(e) })
		}, []want{{pod(0), check.Unseen, "", []string{"the exit of " + rt.Name(0) + " was not seen"}}}},
		{"the API server never told of it", func(s *rt.Recording) { s.Drop(isPod(0)) }, []want{{"pod *", check.Unseen, "", []string{"its exit code is not known"}}}},
		{"the exit code was not seen", noCode, []want{{pod(0), check.Unseen, "", []string{"its exit code is not known"}}}},
		{"the exit code was not seen, and it ended in time", all(grace(15), noCode), nil},
		{"the exit code was not seen, and it took all its grace", all(grace(2), noCode), []want{{pod(0), check.Unseen, "", []string{"grace period of 2 s"}}}},
	})
}
