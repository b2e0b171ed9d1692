package evidence

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// NotDeployed reports whether the run ended before the workload's objects were made. That there are no nodes is no fault of theirs
// then.
func NotDeployed(v *view.View, pods []*view.Pod) bool {
	_, applied := v.Act("apply")
	return !applied && len(pods) == 0
}

// Because is why the container is in its state, to be put after a sentence, or "".
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

// LastLog is the end of a container's log, for a reader. A kernel that does not start says why in the first of ninety lines:
// the diagnosis looks at all that was recorded.
func LastLog(c recording.Container) []string {
	const most = 12
	var all []string
	for _, l := range c.Log[max(0, len(c.Log)-most):] {
		all = append(all, "log: "+l)
	}
	return all
}

// Warnings are the warnings that Kubernetes gave about the objects, each once, with how often it came.
func Warnings(v *view.View, objects ...string) []string {
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
