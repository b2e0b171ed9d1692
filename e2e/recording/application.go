package recording

import "time"

// What an application can notice of its peers, as [Felt] has it.
const (
	FeltNode    = "node"    // nodeup and nodedown, as net_kernel:monitor_nodes/1 tells of them
	FeltMessage = "message" // a message that has to be answered
	FeltGlobal  = "global"  // the peer's name in global
	FeltPg      = "pg"      // the peer's process in a group of pg
)

// Felt is what an application noticed of a peer and wrote to its log: it lost it, or has it (again). At is the wall clock of the
// pod's Kubernetes node less the header's Start: where those clocks differ it is off by as much, and only the difference of two of
// the same pod is exact. For is measured by the VM itself.
type Felt struct {
	Pod      string        `json:"pod"`
	Peer     string        `json:"peer"` // node name
	What     string        `json:"what"` // such as [FeltMessage]
	Up       bool          `json:"up,omitempty"`
	At       time.Duration `json:"at"`
	For      time.Duration `json:"for,omitempty"`      // if it was down before: for how long
	Messages int           `json:"messages,omitempty"` // that got no answer in time meanwhile
}

// Answer is the answer of one node to a question that all nodes have to answer alike (the profile's expect.agree). The outcome
// "error" means that it could not be asked.
type Answer struct {
	Pod     string        `json:"pod"`
	Name    string        `json:"name"` // of the question, as the profile calls it
	Outcome Outcome       `json:"outcome"`
	Answer  string        `json:"answer,omitempty"` // without white space at its ends; node names are sorted, one a line
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took"`
}
