package profile

// The phases of a repair, as reports name them and as budgets.phases does. Those of a deleted pod are counted from the deletion, and
// those of a new one from what comes before them.
const (
	EndpointNotReady = "endpoint not ready" // the deleted pod's address is no longer ready in the EndpointSlice
	VMEnded          = "VM ended"           // that of the deleted pod
	NodeDown         = "nodedown"           // on one peer; counted from the end of the VM, or from the fault; a node that leaves before its VM ends took no time
	AddressOut       = "address out of DNS" // for the queries of one pod; counted from when the EndpointSlice no longer has it for DNS
	EndpointGone     = "endpoint gone"      // its address is no longer in the EndpointSlice; counted from the end of the VM
	Healed           = "healed"             // from a fault until it is gone
	PodCreated       = "pod created"        // the replacement
	VMRuns           = "VM runs"            // counted from the pod's creation, or from the end of the VM before it in the same pod
	PodReady         = "pod Ready"          // counted from the begin of its VM
	AddressIn        = "address in DNS"     // for the queries of one pod; counted from when the new pod is Ready
	NodeUp           = "nodeup"             // on one peer, and in the new node of that peer; counted from when the new pod is Ready, or from the end of the fault; a node that meets before that took no time
	FullAgain        = "mesh full again"    // counted from the deletion or the kill, or from the end of the fault
	Stable           = "mesh stable"        // counted from when it was full until it was full for good
)

// Phases are their names, in the order in which they usually happen.
func Phases() []string {
	return []string{EndpointNotReady, VMEnded, NodeDown, AddressOut, EndpointGone, Healed, PodCreated, VMRuns, PodReady, AddressIn, NodeUp, FullAgain, Stable}
}
