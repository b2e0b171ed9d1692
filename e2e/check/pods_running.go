package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func podsRunning() Check {
	return Check{
		ID: "pods/running", Title: "runs every replica without a restart", Rung: Pods, Level: Required, Scenario: "formation",
		Why:    "A node that crashes or never starts cannot be a member; one that restarts comes back as another node.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/",
		Causes: stopped(),
		Judge: func(v *view.View) []Finding {
			var all []Finding
			pods := members(v)
			if len(pods) == 0 && !v.KubeSeen() {
				return none(v, "the API server was not watched: whether there are pods is not known")
			}
			if notDeployed(v, pods) {
				return none(v, "the workload was not deployed")
			}
			if want := v.Profile.Replicas(); len(pods) < want {
				all = append(all, Finding{Subject: onWorkload(v), Of: images(v), Outcome: Fail, Code: "not-created",
					Message: fmt.Sprintf("%d of %d pods were created", len(pods), want), Seen: notices(v, workloadObjects(v)...)})
			}
			for _, p := range pods {
				all = append(all, running(v, p))
			}
			return all
		},
	}
}

// notDeployed reports whether the run ended before the workload's objects were made. That there are no nodes is no fault of theirs
// then.
func notDeployed(v *view.View, pods []*view.Pod) bool {
	_, applied := v.Act("apply")
	return !applied && len(pods) == 0
}

// stopped gives every way of not running the same consequences: nothing is seen of a VM that is not there.
func stopped() map[string][]string {
	all := From(DNS, "pods/ready", "vm/*")
	m := map[string][]string{"not-created": all, "not-running": all, "restarting": all, "restarted": NeedsMesh("pods/ready", "dns/a-records-match-pods")}
	for _, c := range crashes {
		m[c.code] = all
	}
	return m
}

func running(v *view.View, p *view.Pod) Finding {
	f := Finding{Subject: onPod(p), Of: images(v), Outcome: Pass}
	s := p.Last()
	for _, c := range s.Containers {
		switch {
		case c.State != "running":
			f.Outcome, f.Code = Fail, "not-running"
			f.Message = fmt.Sprintf("container %s of %s is %s%s", c.Name, p.Name, c.State, because(c))
		case c.Restarts > 0 && !p.Ready(v.End()):
			f.Outcome, f.Code = Fail, "restarting"
			f.Message = fmt.Sprintf("container %s of %s has restarted %d times and is not ready", c.Name, p.Name, c.Restarts)
		case c.Restarts > 0:
			f.Outcome, f.Code = Fail, "restarted"
			f.Message = fmt.Sprintf("container %s of %s has restarted %d times", c.Name, p.Name, c.Restarts)
		default:
			continue
		}
		f.Seen = append(lastLog(c), notices(v, "Pod/"+p.Name)...)
		f.Try = fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", v.Header.Namespace, p.Name, c.Name)
		if c.Restarts == 0 && c.State == "waiting" {
			f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, p.Name) // it never ran, there is no log
		}
		if line, why, found := lastWords(append([]string{c.Message}, c.Log...)); found {
			f.Code, f.Remedy = why.code, why.remedy
			f.Message += fmt.Sprintf("; it says %q", line)
		}
		return f
	}
	if len(s.Containers) == 0 || s.Phase != "Running" {
		f.Outcome, f.Code = Fail, "not-running"
		f.Message = fmt.Sprintf("%s is %s", p.Name, s.Phase)
		if s.NotReady != "" {
			f.Message += ": " + s.NotReady
		}
		f.Seen = notices(v, "Pod/"+p.Name)
		f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, p.Name)
	}
	return f
}

func because(c recording.Container) string {
	out := ""
	if c.Reason != "" {
		out = " (" + c.Reason
		if c.State == "terminated" {
			out += fmt.Sprintf(", exit code %d", c.ExitCode)
		}
		out += ")"
	}
	if c.Message != "" {
		out += ": " + c.Message
	}
	return out
}

// lastLog is the end of a container's log, for a reader. A kernel that does not start says why in the first of ninety lines:
// the diagnosis looks at all that was recorded.
func lastLog(c recording.Container) []string {
	const most = 12
	var all []string
	for _, l := range c.Log[max(0, len(c.Log)-most):] {
		all = append(all, "log: "+l)
	}
	return all
}

// notices are the warnings that Kubernetes gave about the objects, each once, with how often it came.
func notices(v *view.View, objects ...string) []string {
	var lines []string
	times := map[string]int{}
	for _, o := range objects {
		for _, n := range v.Notices(o) {
			if n.Type == "Normal" {
				continue
			}
			line := "event: " + n.Reason + ": " + n.Message
			if times[line]++; times[line] == 1 {
				lines = append(lines, line)
			}
		}
	}
	for i, l := range lines {
		if n := times[l]; n > 1 {
			lines[i] = fmt.Sprintf("%s (%d times)", l, n)
		}
	}
	return lines
}

func workloadObjects(v *view.View) []string {
	var all []string
	for _, w := range v.Profile.Workloads {
		all = append(all, w.Kind+"/"+w.Name)
	}
	return all
}
