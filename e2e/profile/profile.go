package profile

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// APIVersion is the version of the profile format.
const APIVersion = "meshproof.dev/v1alpha1"

// Profile is the file that a user writes. Everything that can be inferred from the manifests may be omitted.
//
// The comments of these types are the descriptions in docs/profile.schema.json; the tag rule is what the decoder and the
// schema require (see [rules]).
type Profile struct {
	// The version of the format.
	APIVersion string `yaml:"apiVersion" rule:"required"`
	// What the file is.
	Kind string `yaml:"kind" rule:"required"`
	// The profile's name.
	Metadata Metadata `yaml:"metadata" rule:"required"`
	// What is deployed, and what is expected of it.
	Spec Spec `yaml:"spec" rule:"required"`

	file string
	root *yaml.Node
}

// Metadata names a profile or a mutant.
type Metadata struct {
	// The name, used in reports and in the names of namespaces.
	Name string `yaml:"name" rule:"required"`
}

// Spec says what to deploy and what is expected of it. Paths are relative to the profile's own folder.
type Spec struct {
	// The files to deploy: paths, patterns such as deploy/*.yaml, and folders, from which *.yaml, *.yml and *.json are used;
	// folders inside them are not searched.
	Manifests []string `yaml:"manifests" rule:"one=objects"`
	// A command that prints the manifests, run in the profile's folder, without a shell and with a small environment: [helm, template, ./chart].
	Command []string `yaml:"command" rule:"one=objects"`
	// Manifests of what the application needs in addition to its own pods (a database). They are applied first, and none of
	// their pods is a node.
	Requires []string `yaml:"requires"`
	// The namespace to which everything is deployed. Default: the one that the manifests fix or name, or a new one.
	Namespace string `yaml:"namespace" rule:"label"`
	// The minimum number of nodes of the Kubernetes cluster; default 1.
	Nodes int `yaml:"nodes" rule:"min=1,max=9"`
	// Environment variables that are set in the application's containers, or replaced there.
	Env map[string]string `yaml:"env" rule:"variables"`
	// Where the images in the manifests come from. The cluster's nodes must be able to pull every image that is not listed.
	Images []Image `yaml:"images"`
	// The Secret that contains the cookie of the Erlang distribution.
	Cookie Cookie `yaml:"cookie" rule:"required"`
	// What is needed to connect to nodes whose distribution uses TLS.
	TLS TLS `yaml:"tls"`
	// How the application discovers its peers.
	Discovery Discovery `yaml:"discovery"`
	// What the application is meant to be, if it is not a full mesh whose nodes keep discovering each other.
	Expect Expectations `yaml:"expect"`
	// The allowed times.
	Budgets Budgets `yaml:"budgets"`
	// Kustomize patches that turn the running application into its next version (another image, another setting). The formed
	// mesh is updated to it by a rolling update, and the checks judge what stays connected.
	Rollout []string `yaml:"rollout"`
	// Commands of the application's own command line that must work in a running container.
	Console []Command `yaml:"console"`
	// Checks that are not judged, by id, each with the reason, which the report shows.
	Skip map[string]string `yaml:"skip" rule:"filled"`
	// Checks that are judged but whose failure does not change the exit code, by id, each with the reason.
	Waive map[string]string `yaml:"waive" rule:"filled"`
}

// Image says where one image of the manifests comes from: exactly one of the sources is set.
type Image struct {
	// The image's name in the manifests, with or without its tag.
	Name string `yaml:"name" rule:"required"`
	// A folder with a Dockerfile.
	Build string `yaml:"build" rule:"one=source"`
	// The Erlang/OTP release with which it is built, if it is not the run's: 25, 27 or 29.
	OTP string `yaml:"otp"`
	// An image archive (tar).
	Archive string `yaml:"archive" rule:"one=source"`
	// A reference to an image in the local engine's store.
	Local string `yaml:"local" rule:"one=source"`
	// A reference that the engine pulls.
	Pull string `yaml:"pull" rule:"one=source"`
}

// Cookie says which Secret contains the distribution cookie. A profile never contains its value.
type Cookie struct {
	// One key of a Secret in the manifests.
	SecretKeyRef SecretKeyRef `yaml:"secretKeyRef" rule:"required"`
}

// SecretKeyRef names one key of a Secret in the manifests.
type SecretKeyRef struct {
	// The Secret's name.
	Name string `yaml:"name" rule:"required"`
	// The key that contains the cookie.
	Key string `yaml:"key" rule:"required"`
}

// TLS says with which certificate the harness connects to nodes that are started with -proto_dist inet_tls.
type TLS struct {
	// A Secret with ca.crt, tls.crt and tls.key: the nodes' own, or another that they accept. If it has the annotation
	// meshproof.dev/certificate-for with DNS names, the run creates its contents. If something in the cluster creates it, the run waits for it.
	Secret string `yaml:"secret" rule:"required"`
}

// Command is one command that is run in a running container, and what its output must contain.
type Command struct {
	// Its name in reports.
	Name string `yaml:"name" json:"name" rule:"required"`
	// The program and its arguments.
	Run []string `yaml:"run" json:"run" rule:"required"`
	// Whether it runs in a terminal.
	TTY bool `yaml:"tty" json:"tty,omitempty"`
	// Text that is typed once it runs; the command is ended when its output contains the expected text.
	Input string `yaml:"input" json:"input,omitempty"`
	// Text that the output must contain.
	Expect string `yaml:"expect" json:"expect" rule:"required"`
}

// Discovery says how often the application looks for its peers.
type Discovery struct {
	// The time between two lookups; default 1s.
	Interval Duration `yaml:"interval"`
}

// Budgets are the times that the profile allows. A run that needs longer fails, and says what it last saw.
type Budgets struct {
	// From when all pods are Ready until a full mesh has stayed complete; default 90s.
	Formation Duration `yaml:"formation" json:"formation"`
	// From the deletion of a pod to a full mesh with its replacement; default 60s.
	Recovery Duration `yaml:"recovery" json:"recovery"`
	// From the exit of a container until no node lists its node name and DNS does not list its address; default 15s.
	StaleName Duration `yaml:"staleName" json:"staleName"`
	// From the creation of what is required until it is ready; default 2m.
	Requires Duration `yaml:"requires" json:"requires,omitempty"`
	// From a full mesh until all nodes answer alike (expect.agree); default 30s.
	Agreement Duration `yaml:"agreement" json:"agreement,omitempty"`
}

// Expectations are what the application is meant to be. In recordings made before these fields existed both are empty, which
// means the defaults.
type Expectations struct {
	// The expected mesh. full (default): every node is connected to every other. component: all nodes are one cluster, but not
	// all of them are connected directly. none: no cluster is meant to form.
	Topology Topology `yaml:"topology" json:"topology"`
	// When the nodes discover each other. continuous (default): as long as they run. at-start: only when they start. none:
	// never, their peers are configured.
	Discovery DiscoveryMode `yaml:"discovery" json:"discovery"`
	// Questions that all nodes must answer alike when the mesh is full: connected nodes need not be one cluster for the application.
	Agree []Agreement `yaml:"agree" json:"agree,omitempty"`
}

// Empty reports whether nothing is said.
func (e Expectations) Empty() bool { return e.Topology == "" && e.Discovery == "" && len(e.Agree) == 0 }

// RunsCommands reports whether a question is a command.
func (e Expectations) RunsCommands() bool {
	return slices.ContainsFunc(e.Agree, func(a Agreement) bool { return len(a.Run) > 0 })
}

// Agreement is a question that all nodes must answer alike.
type Agreement struct {
	// Its name in reports.
	Name string `yaml:"name" json:"name" rule:"required"`
	// A command that is run in each pod, in its first container: the program and its arguments. Its output must be the same
	// everywhere, without white space at its ends; lines that are all node names may have any order.
	Run []string `yaml:"run" json:"run,omitempty" rule:"one=question"`
	// A value that the agents read from each node. mnesia/running_db_nodes: the nodes with which its Mnesia shares its tables now.
	Read ReadableValue `yaml:"read" json:"read,omitempty" rule:"one=question"`
}

// ReadableValue is a value that can be read from a node without a command: nothing is changed by that, and no connection made.
type ReadableValue string

// RunningDBNodes are the nodes with which a node's Mnesia shares its tables now.
const RunningDBNodes ReadableValue = "mnesia/running_db_nodes"

func (ReadableValue) words() []string { return []string{string(RunningDBNodes)} }

// Topology is the expected shape of the mesh.
type Topology string

// The topologies.
const (
	FullMesh     Topology = "full"
	OneComponent Topology = "component"
	NoMesh       Topology = "none"
)

func (Topology) words() []string {
	return []string{string(FullMesh), string(OneComponent), string(NoMesh)}
}

// DiscoveryMode says when nodes discover each other.
type DiscoveryMode string

// The discovery modes.
const (
	KeepsDiscovering DiscoveryMode = "continuous"
	DiscoversOnce    DiscoveryMode = "at-start"
	DiscoversNever   DiscoveryMode = "none"
)

func (DiscoveryMode) words() []string {
	return []string{string(KeepsDiscovering), string(DiscoversOnce), string(DiscoversNever)}
}

// Duration is a time.Duration that reads and writes as "10s" in YAML and JSON.
type Duration time.Duration

// UnmarshalText reads a Go duration such as "1m30s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 10s or 1m30s", b)
	}
	if v <= 0 {
		return fmt.Errorf("%q is not a positive duration", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// D is the duration as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }
