package evidence

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// killedBySignal is the exit code of a process that was ended by SIGKILL.
const killedBySignal = 128 + 9

// OutOfMemory says that the kernel killed the container for its memory limit, where Kubernetes reported that: as its state now, or as
// its last end.
func OutOfMemory(c recording.Container) (what string, is bool) {
	const reason = "OOMKilled"
	code := c.ExitCode
	switch {
	case c.State == "terminated" && c.Reason == reason:
	case c.LastReason == reason:
		code = c.LastExitCode
	default:
		return "", false
	}
	limit := "its memory limit"
	if c.MemoryLimit != "" {
		limit += " of " + c.MemoryLimit
	}
	return fmt.Sprintf("was killed by the kernel for %s (%s, exit code %d)", limit, reason, code), true
}

// LastEnd says how a container ended the last time, to be appended to a message, "" where that is not known or what the message says
// already.
func LastEnd(c recording.Container) string {
	if c.State == "terminated" || c.LastReason == "" {
		return ""
	}
	out := fmt.Sprintf("; it ended last with exit code %d (%s", c.LastExitCode, c.LastReason)
	switch {
	case c.LastExitCode == killedBySignal && c.MemoryLimit != "":
		out += fmt.Sprintf(": by SIGKILL; its memory limit is %s", c.MemoryLimit)
	case c.LastExitCode == killedBySignal:
		out += ": by SIGKILL"
	}
	return out + ")"
}

// SIGTERMHandled is the line of the container's log in which its VM says that it got SIGTERM and shuts down (erl_signal_handler of
// kernel).
func SIGTERMHandled(c recording.Container) (line string, is bool) {
	for _, l := range c.Log {
		if strings.Contains(l, "SIGTERM received") {
			return l, true
		}
	}
	return "", false
}

// Claims are what events say of the claims of a pod that waits for its volumes, each once.
func Claims(v *view.View, p *view.Pod) []string {
	var mine []string
	for _, o := range v.NoticedObjects() {
		name, is := strings.CutPrefix(o, "PersistentVolumeClaim/")
		if is && (strings.HasSuffix(name, "-"+p.Name) || claimed(v, p, name)) {
			mine = append(mine, o)
		}
	}
	var lines []string
	for _, o := range mine {
		all := v.Notices(o)
		for i := len(all) - 1; i >= 0; i-- {
			if n := all[i]; n.Type != "Normal" || n.Reason == "FailedBinding" {
				lines = append(lines, fmt.Sprintf("claim %s: %s: %s", strings.TrimPrefix(o, "PersistentVolumeClaim/"), n.Reason, n.Message))
				break
			}
		}
	}
	return lines
}

// ClaimRemedy is what to do about what an event says of a claim, "" where that is not known.
func ClaimRemedy(line string) string {
	switch {
	case strings.Contains(line, "storageclass") && strings.Contains(line, "not found"):
		return "set storageClassName of the claim to a class that the cluster has (kubectl get storageclass), or leave it out for the default one"
	case strings.Contains(line, "no storage class is set"):
		return "set storageClassName of the claim (kubectl get storageclass), or make one of them the default"
	}
	return ""
}

// claimed reports whether the manifests of the pod's workload name the claim.
func claimed(v *view.View, p *view.Pod, name string) bool {
	for _, w := range objects.Read(v).Members {
		if w.Err != nil || !fits(w.Labels(), p.Last().Labels) {
			continue
		}
		for _, volume := range w.Pod().Volumes {
			if c := volume.PersistentVolumeClaim; c != nil && c.ClaimName == name {
				return true
			}
		}
	}
	return false
}

func fits(want, have map[string]string) bool {
	for k, x := range want {
		if have[k] != x {
			return false
		}
	}
	return true
}
