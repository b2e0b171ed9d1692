// Package check says what a check is: a requirement with a title that reads as a sentence, why it matters with a source, and a
// pure function from a view to findings, one per subject. The checks themselves are in package rules, one small file each.
// Here are their types, the helpers that iterate over pods (each.go) and take the snapshot of the mesh that is judged (mesh.go),
// and what a diagnosis explains (causes.go).
//
// In: a view. Out: findings. No check knows another's verdict, reads a clock or touches a cluster; what was not seen is
// reported as Unseen, never guessed.
package check

import (
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Rung is one step of the ladder that a connection climbs. A failure low on it explains those above.
type Rung string

// The rungs, lowest first.
const (
	Manifest  Rung = "manifest"
	Image     Rung = "image"
	Pods      Rung = "pods"
	VM        Rung = "vm"
	Service   Rung = "service"
	DNS       Rung = "dns"
	EPMD      Rung = "epmd"
	Dist      Rung = "dist"
	Handshake Rung = "handshake"
	Mesh      Rung = "mesh"
	Discovery Rung = "discovery"
	Recovery  Rung = "recovery"
	Rollout   Rung = "rollout"
	// Application is above those that a mesh is made of: its nodes are connected, and what runs on them is one cluster.
	Application Rung = "application"
	Console     Rung = "console"

	// Probe is not a rung of the application: it holds the checks of the harness itself. Nothing there is the
	// application's fault, so these checks never end with Fail.
	Probe Rung = "probe"
)

// Level says what a failure means for the exit code.
type Level string

// Required: it does not work now. Latent: it works now and breaks at the next join or restart. Both end a
// run with exit code 1, a latent one unless the profile waives it with a reason. Advice never changes the exit code: it is
// good practice that is not followed.
const (
	Required Level = "required"
	Latent   Level = "latent"
	Advice   Level = "advice"
)

// Check is one requirement.
type Check struct {
	ID       string // "dns/a-records-match-pods"
	Title    string // a sentence without its subject: "publishes exactly its ready pods as A records"
	Why      string // what goes wrong without it
	Source   string // where the rule comes from
	Rung     Rung
	Level    Level
	Scenario recording.Scenario // the scenario whose recording it is judged on
	// Also are other scenarios on whose recordings it is judged, each with a result of its own, if they are part of the run.
	Also []recording.Scenario
	// Inapplicable says why the profile has nothing for the check to judge, in whatever scenario; "" if it has. Nil: it always has.
	Inapplicable func(v *view.View) string
	// Static says that the manifests alone decide it: it is judged by lint, too, where nothing was deployed. So are all
	// checks of the rung [Manifest].
	Static bool
	// Settles says that a failure may only mean that more time was needed: a pod that is not Ready yet. Where the recording has no
	// end, because its writer was killed, such a failure is unknown.
	Settles bool
	// Refutable says that a failure, read from manifests, means that no mesh can form. Where one was seen to form it is withdrawn.
	Refutable bool
	// Causes lists, for each diagnosis code of this check, the checks whose failing or unobserved subjects it is
	// able to explain.
	Causes map[string][]string
	// Reads lists the kinds of events that decide the check, but for what the run itself did. Where one of their observers was
	// blind meanwhile, the finding is Unseen ([WithCoverage]).
	Reads []recording.Kind
	// Needs lists what else an observer must be able to see, such as [recording.PeerDials]: where the events come from somebody who
	// stands in for the agents, it may not. Findings are Unseen then, as they are without one of Reads.
	Needs []string
	Judge func(v *view.View) []Finding
}

// Scenarios are all scenarios on whose recordings it is judged.
func (c Check) Scenarios() []recording.Scenario {
	return append([]recording.Scenario{c.Scenario}, c.Also...)
}
