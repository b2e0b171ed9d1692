package agent

import "errors"

// Kill names a pod on the agent's own node whose VM is to be killed with SIGKILL. The PID must be that of the pod's VM as
// the agent has recorded it (recording.VM.PID): a VM that has been restarted meanwhile is another one, and is left alone.
type Kill struct {
	Pod string `json:"pod"` // UID
	PID int    `json:"pid"` // in the node's PID namespace
}

// Check refuses what names no pod or no process.
func (k Kill) Check() error {
	if !uidPattern.MatchString(k.Pod) {
		return errors.New("the pod's UID is malformed")
	}
	if k.PID < 2 {
		return errors.New("the PID must be greater than 1")
	}
	return nil
}
