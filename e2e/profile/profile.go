package profile

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// APIVersion is the version of the profile format.
const APIVersion = "meshproof.dev/v1alpha1"

// Profile is the file a user writes. Everything that can be inferred from the manifests may be left out.
//
// The comments of these types are the descriptions in docs/profile.schema.json; the tag rule is what the decoder asks for
// and the schema says (see [rules]).
type Profile struct {
	// The version of the format.
	APIVersion string `yaml:"apiVersion" rule:"required"`
	// What the file is.
	Kind string `yaml:"kind" rule:"required"`
	// How the profile is called.
	Metadata Metadata `yaml:"metadata" rule:"required"`
	// What is deployed, and what it is held to.
	Spec Spec `yaml:"spec" rule:"required"`

	file string
	root *yaml.Node
}

// Metadata names a profile or a mutant.
type Metadata struct {
	// The name that reports and namespaces carry.
	Name string `yaml:"name" rule:"required"`
}

// Spec says what to deploy and what to hold it to. Paths are relative to the profile's own folder.
type Spec struct {
	// The files to deploy: paths, patterns such as deploy/*.yaml, and folders, of which *.yaml, *.yml and *.json are taken, not
	// those of folders inside.
	Manifests []string `yaml:"manifests" rule:"one=objects"`
	// A command that prints the manifests, run in the profile's folder, without a shell: [helm, template, ./chart].
	Command []string `yaml:"command" rule:"one=objects"`
	// Manifests of what the application needs beside its own pods (a database). They are applied before it, and no pod of
	// theirs is a node.
	Requires []string `yaml:"requires"`
	// The namespace that everything is deployed to. Unless said it is the one that the manifests carry or name, or a fresh one.
	Namespace string `yaml:"namespace" rule:"label"`
	// How many nodes the Kubernetes cluster has to have at least; 1 unless said.
	Nodes int `yaml:"nodes" rule:"min=1,max=9"`
	// Environment variables that the application's containers get, or get another value for.
	Env map[string]string `yaml:"env" rule:"variables"`
	// How images that the manifests name are made or had. One that is not listed must be pullable by the cluster's nodes.
	Images []Image `yaml:"images"`
	// Where the cookie of the Erlang distribution lies.
	Cookie Cookie `yaml:"cookie" rule:"required"`
	// What is needed to speak to nodes whose distribution goes over TLS.
	TLS TLS `yaml:"tls"`
	// The application's own search for its peers.
	Discovery Discovery `yaml:"discovery"`
	// What the application means to be, where that is not a full mesh whose nodes go on looking for each other.
	Expect Expectations `yaml:"expect"`
	// The times that are allowed.
	Budgets Budgets `yaml:"budgets"`
	// Patches that turn the running application into its next version (another image, another setting), as kustomize takes
	// them. The mesh that has formed is brought to it by a rolling update, and judged by what it keeps.
	Rollout []string `yaml:"rollout"`
	// Commands of the application's own command line that must work in a running container.
	Console []Command `yaml:"console"`
	// Checks that are left out, by id, each with the reason that the report shows.
	Skip map[string]string `yaml:"skip" rule:"filled"`
	// Checks that are judged and whose failure does not change the exit code, by id, each with the reason.
	Waive map[string]string `yaml:"waive" rule:"filled"`
}

// Image says how one image of the manifests is had: exactly one of the sources is set.
type Image struct {
	// The image as the manifests name it, with or without its tag.
	Name string `yaml:"name" rule:"required"`
	// A folder with a Dockerfile.
	Build string `yaml:"build" rule:"one=source"`
	// The Erlang/OTP release that it is built with, where that is not the run's: 25, 27 or 29.
	OTP string `yaml:"otp"`
	// An image archive (tar).
	Archive string `yaml:"archive" rule:"one=source"`
	// A reference that the local engine has.
	Local string `yaml:"local" rule:"one=source"`
	// A reference that the engine pulls.
	Pull string `yaml:"pull" rule:"one=source"`
}

// Cookie says where the distribution cookie lies. Its value never enters a profile.
type Cookie struct {
	// One key of a Secret among the manifests.
	SecretKeyRef SecretKeyRef `yaml:"secretKeyRef" rule:"required"`
}

// SecretKeyRef names one key of a Secret among the manifests.
type SecretKeyRef struct {
	// The Secret's name.
	Name string `yaml:"name" rule:"required"`
	// The key under which the cookie stands.
	Key string `yaml:"key" rule:"required"`
}

// TLS says with which certificate the nodes are spoken to where they are started with -proto_dist inet_tls.
type TLS struct {
	// A Secret with ca.crt, tls.crt and tls.key: the nodes' own, or another that they accept. Annotated with
	// meshproof.dev/certificate-for and DNS names it is made by the run; one that something in the cluster makes is waited for.
	Secret string `yaml:"secret" rule:"required"`
}

// Command is one command that is run in a running container, and what its output must hold.
type Command struct {
	// How reports call it.
	Name string `yaml:"name" json:"name" rule:"required"`
	// The program and its arguments.
	Run []string `yaml:"run" json:"run" rule:"required"`
	// Whether it gets a terminal.
	TTY bool `yaml:"tty" json:"tty,omitempty"`
	// Text that is typed once it runs; the command is ended when its output has what is expected.
	Input string `yaml:"input" json:"input,omitempty"`
	// Text that the output must hold.
	Expect string `yaml:"expect" json:"expect" rule:"required"`
}

// Discovery describes how often the app looks for its peers.
type Discovery struct {
	// The time between two looks; 1s unless said.
	Interval Duration `yaml:"interval"`
}

// Budgets are the times that the profile allows. A run that needs longer fails, and says what it last saw.
type Budgets struct {
	// From when all pods are Ready to a full mesh that has held; 90s unless said.
	Formation Duration `yaml:"formation" json:"formation"`
	// From the deletion of a pod to a full mesh with its replacement; 60s unless said.
	Recovery Duration `yaml:"recovery" json:"recovery"`
	// From the exit of a container until its node's name is out of every view and its address out of DNS; 15s unless said.
	StaleName Duration `yaml:"staleName" json:"staleName"`
	// How long what is required may take until it is at work; 2m unless said.
	Requires Duration `yaml:"requires" json:"requires,omitempty"`
}

// Expectations are what the application means to be. In recordings older than these words both are empty: the defaults.
type Expectations struct {
	// The mesh that is meant. full: every node is connected to every other. component: all nodes are one cluster, not all of
	// them connected directly. none: there is no cluster on purpose. full unless said.
	Topology Topology `yaml:"topology" json:"topology"`
	// How long the nodes look for each other. continuous: as long as they run. at-start: only when they start. none: they ask
	// nobody, whom they connect to is written down. continuous unless said.
	Discovery Looks `yaml:"discovery" json:"discovery"`
}

// Topology is a word for the shape of a mesh.
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

// Looks is a word for how long nodes look for each other.
type Looks string

// How long nodes look for each other.
const (
	LooksOn    Looks = "continuous"
	LooksOnce  Looks = "at-start"
	LooksNever Looks = "none"
)

func (Looks) words() []string {
	return []string{string(LooksOn), string(LooksOnce), string(LooksNever)}
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
