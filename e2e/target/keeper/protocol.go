package keeper

import "meshproof.dev/meshproof/e2e/target/state"

// Spec describes the cluster that a keeper is to create or to take over.
type Spec struct {
	Cluster  state.Cluster `json:"cluster"` // with Config, Engine, Kubeconfig, Containers filled in
	StateDir string        `json:"stateDir"`
	LogsDir  string        `json:"logsDir,omitempty"` // gets the nodes' logs when creating fails
	// ModulesDir is an empty directory that replaces /lib/modules if the host has none; empty: the host has one.
	ModulesDir string `json:"modulesDir,omitempty"`
}

// order is sent from the harness to its keeper, one JSON value per line. The end of the stream is an order, too: delete.
type order struct {
	Do   string `json:"do"`
	Spec *Spec  `json:"spec,omitempty"`
}

const (
	doCreate  = "create"
	doAdopt   = "adopt"   // own a cluster that an earlier run kept
	doDelete  = "delete"  // also in the middle of create
	doRelease = "release" // leave the cluster to the next run
)

// event is sent from the keeper to its harness, one JSON value per line.
type event struct {
	Event string `json:"event"`
	Text  string `json:"text,omitempty"`
}

const (
	evHello    = "hello"
	evLog      = "log"
	evCreated  = "created"
	evFailed   = "failed"   // creating failed; text says how; what was created is gone, or text names it
	evDeleted  = "deleted"  // the cluster is gone
	evStands   = "stands"   // deleting failed; text says what still exists
	evReleased = "released" // the cluster is kept
)
