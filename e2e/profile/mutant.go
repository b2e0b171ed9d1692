package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Mutant is a deployment that is broken on purpose, and the checks that must fail because of it; or one that is only unusual,
// for which no check may fail.
type Mutant struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"` // "Mutant"
	Metadata   Metadata   `yaml:"metadata"`
	Spec       MutantSpec `yaml:"spec"`

	file string
	root *yaml.Node
}

// MutantSpec is a base profile, how it is changed, and the expected results. Files are relative to the mutant's folder.
type MutantSpec struct {
	// Base is the name of a profile in the fixtures.
	Base string `yaml:"base"`
	// Why says what this mistake causes in production.
	Why string `yaml:"why"`
	// Shape changes the base without breaking it (a second Deployment, say). With the shape alone every
	// check must pass: it is the mutant without its one mistake.
	Shape Kustomize `yaml:"shape"`
	// Replicas of the base's first workload, if fewer than its own show the same mistake: what all nodes have in common is
	// wrong with two of them, too. This saves pods in a matrix of many mutants.
	Replicas int `yaml:"replicas"`
	// Break is the one mistake.
	Break Kustomize `yaml:"break"`
	// Requires are manifests that are applied before the application, as a profile's requires. They cause the mistake: without
	// them every check passes.
	Requires []string `yaml:"requires"`
	// Rollout are patches that break the next version, applied after the base's own.
	Rollout []string `yaml:"rollout"`
	// Means are the profile's expectations, if they differ from the base's.
	Means Expectations `yaml:"means"`
	// Injections are applied to the running pods: faults that no manifest can cause.
	Injections []Injection `yaml:"injections"`
	// Harness breaks the harness instead of the application: one of [Sabotages].
	Harness string `yaml:"harness"`
	// Healthy says that this is unusual and not broken: it has a shape, and no check may fail.
	Healthy bool `yaml:"healthy"`
	// Expect are the checks that must fail, each with its diagnosis; no other check may fail.
	Expect []Expect `yaml:"expect"`
	// Unknown are the checks whose result must be unknown, because the harness is broken; others may be unknown, too. "*" alone
	// means all checks of the recorded scenarios.
	Unknown []string `yaml:"unknown"`
	// Scenarios are those that are recorded, for the mutant and for its reverse; default: all of them.
	Scenarios []string `yaml:"scenarios"`
	// Watch is how much longer a formed mesh is observed, for effects that come late.
	Watch Duration `yaml:"watch"`
	// Nightly says that CI leaves it out of its kill matrix, which must not take too long; `make kill-matrix` runs all.
	Nightly bool `yaml:"nightly"`
	// Alone says that nothing else may run on the cluster at the same time.
	Alone bool `yaml:"alone"`
	// Budgets override the base's: there is no need to wait long for a mesh that never forms.
	Budgets Budgets `yaml:"budgets"`
}

// Kustomize is what kustomize applies to the base: components that several mutants share (names under fixtures/shapes), and
// files of the mutant's own, new objects and strategic-merge patches.
type Kustomize struct {
	Components []string `yaml:"components"`
	Resources  []string `yaml:"resources"`
	Patches    []string `yaml:"patches"`
}

// Empty reports whether it changes nothing.
func (k Kustomize) Empty() bool {
	return len(k.Components) == 0 && len(k.Resources) == 0 && len(k.Patches) == 0
}

// Expect is a check that must fail, and its diagnosis.
type Expect struct {
	Check     string `yaml:"check"`
	Diagnosis string `yaml:"diagnosis"`
}

// String is the expectation as reports write a failed check.
func (e Expect) String() string { return e.Check + " (" + e.Diagnosis + ")" }

// The times at which an injection is done.
const (
	AtStart  = "start"  // to each pod as soon as it has an address
	AtFull   = "full"   // when the mesh is full, while it is observed
	AtFormed = "formed" // when the mesh has stayed complete
)

// The kinds of injections. The first four are the faults of package agent with the same names; they last. The next two end by
// themselves.
const (
	DropIn       = "drop-in"       // TCP packets from others to a port of the pod
	RejectIn     = "reject-in"     // as drop-in, but an ICMP error says so
	DropDNS      = "drop-dns"      // the pod's DNS queries
	Cut          = "cut"           // between the pod and the next one
	Blip         = "blip"          // as a cut, for the time that for says
	Reset        = "reset"         // of the open connections between the pod and the next one, at the latest after the time that for says
	Exec         = "exec"          // a command in the pod's first container
	RotateSecret = "rotate-secret" // the value of the Secret that holds the cookie
	Delete       = "delete"        // one object of the manifests
)

// Injection is one thing that the harness does to the running pods.
type Injection struct {
	At   string `yaml:"at"`
	Do   string `yaml:"do"`
	Pods string `yaml:"pods"` // "all" or "one"; default one; a command and a cut are always done to one
	Port int    `yaml:"port"` // of a drop-in or reject-in; of a cut, the port that is dialled to verify that the cut has an effect
	// Run is the command of an exec. TTY, Input and Expect are as in the profile's console commands.
	Run    []string `yaml:"run"`
	TTY    bool     `yaml:"tty"`
	Input  string   `yaml:"input"`
	Expect string   `yaml:"expect"`
	// Object is what is deleted, "KIND/NAME".
	Object string `yaml:"object"`
	// For is how long a network fault lasts; it is healed then. Without it, it lasts until the end. A blip and a reset need it: a reset lasts
	// no longer, because an end gets its reset when it next sends something.
	For Duration `yaml:"for"`
	// Watch is how long the scenario continues after the injection, or after it was healed, so that its effects are recorded.
	Watch Duration `yaml:"watch"`
}

// Packets reports whether the injection is a network fault, which an agent causes.
func (d Injection) Packets() bool {
	return d.Brief() || slices.Contains([]string{DropIn, RejectIn, DropDNS, Cut}, d.Do)
}

// Brief reports whether it is a network fault that ends by itself.
func (d Injection) Brief() bool { return d.Do == Blip || d.Do == Reset }

// The ways in which the harness can be broken.
const (
	ObserverKilled = "observer-killed" // the agent is deleted while the mesh is observed, and is not replaced
	StreamCut      = "stream-cut"      // for some seconds nothing reaches the agent
	WatchCut       = "watch-cut"       // for some seconds after the deletion of a pod the API server is not watched
	ExecFails      = "exec-fails"      // no command can be run
	Toothless      = "toothless"       // the injected faults are set up and have no effect
	ProbeVisible   = "probe-visible"   // the agent's probe joins the mesh
	WrongNamespace = "wrong-namespace" // the agent dials from its own namespace
)

// Sabotages are the valid values of Harness.
var Sabotages = []string{ObserverKilled, StreamCut, WatchCut, ExecFails, Toothless, ProbeVisible, WrongNamespace}

// InAgent reports whether the sabotage is built into an agent of its own (build tag sabotage).
func InAgent(sabotage string) bool { return sabotage == ProbeVisible || sabotage == WrongNamespace }

// DecodeMutant reads a mutant file strictly. path is used in errors only.
func DecodeMutant(path string, data []byte) (*Mutant, error) {
	var m Mutant
	root, err := strict(path, data, "Mutant", &m)
	if err != nil {
		return nil, err
	}
	m.file, m.root = path, root
	if m.Metadata.Name == "" || m.Spec.Base == "" || m.Spec.Why == "" {
		return nil, fmt.Errorf("%s: metadata.name, spec.base and spec.why are required", path)
	}
	for i := range m.Spec.Injections {
		d := &m.Spec.Injections[i]
		if d.Pods == "" {
			d.Pods = "one"
		}
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("%s: spec.injections[%d]: %w", path, i, err)
		}
	}
	if err := m.Spec.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}

func (s *MutantSpec) check() error {
	broken := !s.Break.Empty() || len(s.Injections) > 0 || len(s.Rollout) > 0 || len(s.Requires) > 0 || !s.Means.Empty()
	wants := len(s.Expect) > 0 || len(s.Unknown) > 0
	if s.Replicas < 0 || s.Replicas == 1 {
		return fmt.Errorf("spec.replicas is %d; a mesh needs at least two nodes", s.Replicas)
	}
	if s.Watch.D() > 2*time.Minute {
		return errors.New("spec.watch is longer than two minutes")
	}
	if ends := func(d Injection) bool { return d.For > 0 }; slices.ContainsFunc(s.Injections, ends) && len(s.Injections) > 1 {
		return errors.New("spec.injections: beside a fault that is healed again (for) there must be no other")
	}
	for _, e := range s.Expect {
		if e.Check == "" || e.Diagnosis == "" {
			return errors.New("spec.expect: check and diagnosis are required")
		}
	}
	switch {
	case s.Harness != "" && !slices.Contains(Sabotages, s.Harness):
		return fmt.Errorf("spec.harness is %q; it must be one of %s", s.Harness, strings.Join(Sabotages, ", "))
	case s.Healthy && (wants || !s.Break.Empty()):
		return errors.New("spec.healthy: a healthy variant must not set break or expect")
	case s.Healthy:
		if s.Shape.Empty() && len(s.Injections) == 0 && s.Harness == "" {
			return errors.New("spec.healthy: it is the same as its base; set a shape")
		}
	case s.Harness == "" && !broken:
		return errors.New("spec.break is empty: a mutant must break something")
	case s.Harness == "" && len(s.Expect) == 0:
		return errors.New("spec.expect is empty: at least one check must detect the mutant")
	case s.Harness != "" && len(s.Unknown) == 0:
		return errors.New("spec.unknown is empty: with a broken harness at least one check must be unknown")
	case s.Harness == WatchCut && len(s.Scenarios) > 0 && !slices.Contains(s.Scenarios, "recovery"):
		return errors.New("spec.scenarios does not contain recovery: without it no pod is deleted, and no watch is cut")
	case s.Harness == Toothless && len(s.Injections) == 0:
		return errors.New("spec.injections is empty: there is no fault that could have no effect")
	}
	return nil
}

func (d *Injection) check() error {
	if !slices.Contains([]string{AtStart, AtFull, AtFormed}, d.At) {
		return fmt.Errorf("at is %q; it must be start, full or formed", d.At)
	}
	if d.Pods != "one" && d.Pods != "all" {
		return fmt.Errorf("pods is %q; it must be one or all", d.Pods)
	}
	switch d.Do {
	case DropIn, RejectIn, Cut:
		if d.Port < 1 || d.Port > 65535 {
			return fmt.Errorf("%s needs a port", d.Do)
		}
	case Blip, Reset:
		if d.For.D() <= 0 || d.For.D() > time.Minute || d.At == AtStart {
			return fmt.Errorf("%s needs a duration in for, of at most a minute; at must be full or formed", d.Do)
		}
	case DropDNS, RotateSecret:
	case Delete:
		if kind, name, _ := strings.Cut(d.Object, "/"); kind == "" || name == "" || d.At == AtStart {
			return errors.New("delete needs an object, KIND/NAME; at must be full or formed")
		}
	case Exec:
		if len(d.Run) == 0 || d.At == AtStart {
			return errors.New("exec needs a command and a running pod: at must be full or formed")
		}
	default:
		return fmt.Errorf("do is %q; it must be one of %s", d.Do, strings.Join([]string{DropIn, RejectIn, DropDNS, Cut, Blip, Reset, Exec, RotateSecret, Delete}, ", "))
	}
	if d.Pods == "all" && d.Do != DropIn && d.Do != RejectIn && d.Do != DropDNS {
		return fmt.Errorf("%s is possible on one pod only", d.Do)
	}
	switch {
	case d.For > 0 && (!d.Packets() || d.At == AtStart):
		return errors.New("for is for network faults in a formed mesh: at must be full or formed")
	case d.For.D() > time.Minute:
		return errors.New("for is longer than a minute")
	}
	if d.Watch.D() > time.Minute {
		return errors.New("watch is longer than a minute")
	}
	return nil
}
