package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryExitClean() check.Check {
	return check.Check{
		ID: "recovery/exit-clean", Title: "shuts down on SIGTERM within its grace period", Rung: check.Recovery, Level: check.Latent, Scenario: "recovery", Also: []recording.Scenario{"all-pods", "scale", "node-drain"},
		Reads:  []recording.Kind{recording.KindPod, recording.KindProcess},
		Why:    "If the signal does not reach the VM (for example because a shell is process 1), the VM is killed when the grace period is over: it hands nothing over and closes no connection, and every rollout waits for that time.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
		Causes: map[string][]string{"killed-after-grace": nil, "shutdown-too-slow": nil, "killed": nil},
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			for _, d := range evidence.FindDeletions(v) {
				all = append(all, exitOf(v, d))
			}
			if len(all) == 0 {
				return evidence.NoDeletion(v)
			}
			return all
		},
	}
}

// killed is the exit code of a process that was ended by SIGKILL.
const killed = 128 + 9

// defaultGrace is terminationGracePeriodSeconds if a pod does not set it.
const defaultGrace = 30 * time.Second

func exitOf(v *view.View, d evidence.Deletion) check.Finding {
	f := check.Finding{Subject: check.OnPod(d.Victim), Outcome: check.Pass}
	exit, gone := d.Victim.Exited()
	c, known := lastEnd(v, d.Victim)
	grace, said := graceOf(v)
	f.From, f.At, f.Took = max(d.Act.T, 1), exit, exit-d.Act.T
	took := fmt.Sprintf("%.1f s after the deletion, with a grace period of %.0f s", f.Took.Seconds(), grace.Seconds())
	if !said {
		took += " (the default of Kubernetes; the manifests are not in this recording)"
	}
	late := f.Took+v.Slack(recording.ByRun, d.Victim.ExitSeenBy(), exit) >= grace-v.MaxGap()
	switch {
	case !gone:
		return check.Finding{Subject: f.Subject, Outcome: check.Unseen, Message: fmt.Sprintf("the exit of %s was not seen", d.Victim.Name)}
	case known && c.ExitCode != killed, !known && said && !late:
		return f
	case !known:
		f.Outcome, f.Took = check.Unseen, 0
		f.Message = fmt.Sprintf("the VM of %s exited %s; its exit code is not known", d.Victim.Name, took)
		return f
	case late:
		f.Message = fmt.Sprintf("container %s of %s was killed (exit code %d) %s: ", c.Name, d.Victim.Name, killed, took)
		afterGrace(d.Victim, c, &f)
	default:
		f.Code = "killed"
		f.Message = fmt.Sprintf("container %s of %s was killed (exit code %d%s) %s: before its grace period expired", c.Name, d.Victim.Name, killed, evidence.Because(recording.Container{Message: c.Reason}), took)
		f.Remedy = "find what killed it: the memory limit (OOMKilled), a forced deletion, or a process in the container"
	}
	f.Outcome, f.Took = check.Fail, 0
	f.Seen = evidence.LastLog(c)
	if f.Try = fmt.Sprintf("kubectl -n %s exec POD -- cat /proc/1/cmdline, with the name of a running pod", v.Header.Namespace); f.Code == "shutdown-too-slow" {
		f.Try = fmt.Sprintf("kubectl -n %s logs -f POD, with the name of a running pod, while you delete it", v.Header.Namespace)
	}
	return f
}

// afterGrace tells a VM whose shutdown was under way when the grace period expired from one that SIGTERM did not reach: by its log, where
// it says that the signal has come, else by the first process of the container, which gets it.
func afterGrace(p *view.Pod, c recording.Container, f *check.Finding) {
	var vm *recording.VM
	if n := len(p.VMs); n > 0 {
		vm = p.VMs[n-1].VM
	}
	says, handled := evidence.SIGTERMHandled(c)
	f.Code = "killed-after-grace"
	f.Remedy = "start the VM with exec, so that it is process 1 and receives the signal (CMD [\"bin/app\", \"foreground\"], no shell form); its shutdown and a preStop hook together must take less than the grace period"
	switch {
	case handled:
		f.Message += fmt.Sprintf("the VM got SIGTERM, as its log says (%q), and its shutdown took longer", says)
	case vm != nil && vm.NSPID == 1:
		f.Message += "the VM is process 1, which gets SIGTERM, and its shutdown took longer, or it does not handle the signal: its log does not say"
	case vm != nil && vm.FirstDeaf:
		f.Message += fmt.Sprintf("SIGTERM did not reach the VM, because the first process of the container is %s, which ignores it", vm.First)
		return
	case vm != nil:
		f.Message += fmt.Sprintf("the first process of the container, %s, got SIGTERM, and the log of the VM does not say that it was passed on", vm.First)
		return
	default:
		f.Message += "the VM did not shut down on SIGTERM"
		return
	}
	f.Code = "shutdown-too-slow"
	f.Remedy = "raise terminationGracePeriodSeconds above what the shutdown takes, or find what does not stop: each child of a supervisor has its own time (shutdown in its specification), and a preStop hook counts, too"
}

// lastEnd is how the victim's container ended, as the API server reported it last: of several containers, the one that was killed.
func lastEnd(v *view.View, p *view.Pod) (recording.Container, bool) {
	var end recording.Container
	found := false
	s := p.At(v.End())
	if s == nil {
		return end, false
	}
	for _, c := range s.Containers {
		if c.State == "terminated" && (!found || c.ExitCode == killed) {
			end, found = c, true
		}
	}
	return end, found
}

// graceOf is the time that the manifests give a pod between SIGTERM and SIGKILL, the longest if workloads differ. said is
// false if no manifest of a workload was recorded.
func graceOf(v *view.View) (grace time.Duration, said bool) {
	for _, w := range objects.Read(v).Members {
		if w.Err != nil {
			continue
		}
		g := defaultGrace
		if s := w.Pod().TerminationGracePeriodSeconds; s != nil {
			g = time.Duration(*s) * time.Second
		}
		grace, said = max(grace, g), true
	}
	if !said {
		grace = defaultGrace
	}
	return grace, said
}
