package agent

import "errors"

// Kill names a pod on the agent's own node and which of its processes is to be killed with SIGKILL: its VM, or its epmd.
type Kill struct {
	Pod string `json:"pod"` // UID
	// PID is that of the pod's VM, in the node's PID namespace, as the agent has recorded it (recording.VM.PID): a VM that has been
	// restarted meanwhile is another one, and is left alone.
	PID int `json:"pid,omitempty"`
	// EPMD says that it is epmd instead. No event has its PID; the agent finds it by its name.
	EPMD bool `json:"epmd,omitempty"`
}

// Check refuses what names no pod or no process.
func (k Kill) Check() error {
	switch {
	case !uidPattern.MatchString(k.Pod):
		return errors.New("the pod's UID is malformed")
	case k.EPMD && k.PID != 0:
		return errors.New("epmd has no PID here")
	case !k.EPMD && k.PID < 2:
		return errors.New("the PID must be greater than 1")
	}
	return nil
}
