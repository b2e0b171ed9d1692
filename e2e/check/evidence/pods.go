package evidence

import (
	"fmt"
	"regexp"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// NotDeployed reports whether the run ended before the objects of the workload were created. Then it is not the workload's fault
// that there are no nodes.
func NotDeployed(v *view.View, pods []*view.Pod) bool {
	_, applied := v.Act(recording.Apply)
	return !applied && len(pods) == 0
}

// Because is why the container is in its state, to be appended to a message, or "".
func Because(c recording.Container) string {
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

// LastLog is the end of a container's log, for a reader. A VM that does not start gives the reason in the first of ninety
// lines: the diagnosis reads all lines that were recorded.
func LastLog(c recording.Container) []string {
	const most = 12
	var all []string
	for i, l := range c.Log {
		if i == 0 || l != c.Log[i-1] { // a start script may say the same again and again
			all = append(all, "log: "+l)
		}
	}
	return all[max(0, len(all)-most):]
}

// refusedPod is what differs between the events of a controller that tries again: the name of the pod that it could not create, and how
// Kubernetes marks events that it has counted together.
var refusedPod = regexp.MustCompile(`^\(combined from similar events\): |pods "[^"]+" `)

// Warnings are the warning events of the objects, each once, with how often it was seen.
func Warnings(v *view.View, objects ...string) []string {
	var lines []string
	times := map[string]int{}
	for _, o := range objects {
		for _, n := range v.Notices(o) {
			if n.Type == "Normal" {
				continue
			}
			line := "event: " + n.Reason + ": " + n.Message
			if n.Reason == "FailedCreate" {
				line = "event: " + n.Reason + ": " + refusedPod.ReplaceAllStringFunc(n.Message, func(s string) string {
					if s[0] == '(' {
						return ""
					}
					return "pod "
				})
			}
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
