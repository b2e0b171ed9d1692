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
		ID: "recovery/exit-clean", Title: "ends at SIGTERM, before it is killed", Rung: check.Recovery, Level: check.Latent, Scenario: "recovery",
		Reads:  []recording.Kind{recording.KindPod, recording.KindProcess},
		Why:    "Where the signal does not reach the VM (a shell is process 1), it is killed when its grace is over: nothing is handed over, nothing closed, and every rollout waits for that time.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
		Causes: map[string][]string{"killed-after-grace": nil, "killed": nil},
		Judge: func(v *view.View) []check.Finding {
			d, ok := evidence.FindDeletion(v)
			if !ok {
				return evidence.NoDeletion(v)
			}
			return []check.Finding{exitOf(v, d)}
		},
	}
}

// killed is the exit code of a process that SIGKILL has ended.
const killed = 128 + 9

// defaultGrace is terminationGracePeriodSeconds where a pod says nothing.
const defaultGrace = 30 * time.Second

func exitOf(v *view.View, d evidence.Deletion) check.Finding {
	f := check.Finding{Subject: check.OnPod(d.Victim), Outcome: check.Pass}
	exit, gone := d.Victim.Exited()
	c, known := lastEnd(v, d.Victim)
	grace, said := graceOf(v)
	f.From, f.At, f.Took = max(d.Act.T, 1), exit, exit-d.Act.T
	took := fmt.Sprintf("%.1f s after the deletion, with a grace of %.0f s", f.Took.Seconds(), grace.Seconds())
	if !said {
		took += " (Kubernetes' default: the manifests are not in this recording)"
	}
	late := f.Took+v.Slack(recording.ByRun, d.Victim.ExitSeenBy(), exit) >= grace-view.MaxGap
	switch {
	case !gone:
		return check.Finding{Subject: f.Subject, Outcome: check.Unseen, Message: fmt.Sprintf("%s was not seen to end", d.Victim.Name)}
	case known && c.ExitCode != killed, !known && said && !late:
		return f
	case !known:
		f.Outcome, f.Took = check.Unseen, 0
		f.Message = fmt.Sprintf("the VM of %s ended %s; with which exit code was not seen", d.Victim.Name, took)
		return f
	case late:
		f.Code = "killed-after-grace"
		f.Message = fmt.Sprintf("container %s of %s was killed (exit code %d) %s: SIGTERM did not end the VM", c.Name, d.Victim.Name, killed, took)
		f.Remedy = "start the VM with exec, so that it is process 1 and gets the signal (CMD [\"bin/app\", \"foreground\"], no shell form), and let its shutdown and a preStop hook take less than the grace"
	default:
		f.Code = "killed"
		f.Message = fmt.Sprintf("container %s of %s was killed (exit code %d%s) %s: not for want of time", c.Name, d.Victim.Name, killed, evidence.Because(recording.Container{Message: c.Reason}), took)
		f.Remedy = "look for what killed it: the memory limit (OOMKilled), a forced deletion, a process in the container"
	}
	f.Outcome, f.Took = check.Fail, 0
	f.Seen = evidence.LastLog(c)
	f.Try = fmt.Sprintf("kubectl -n %s exec POD -- cat /proc/1/cmdline, of a pod that runs", v.Header.Namespace)
	return f
}

// lastEnd is how the victim's container ended, as the API server told it last: of several the one that was killed.
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

// graceOf is the time that the manifests give a pod between SIGTERM and SIGKILL, the longest where workloads differ. said is
// false where no manifest of a workload was recorded.
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
