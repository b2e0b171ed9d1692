package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mutant is a way of clustering that is broken on purpose, and the checks that must notice it; or one that is only odd,
// which no check may take for broken.
type Mutant struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"` // "Mutant"
	Metadata   Metadata   `yaml:"metadata"`
	Spec       MutantSpec `yaml:"spec"`
}

// MutantSpec is a base profile, how it is changed, and what must come of it. Files are relative to the
// mutant's folder.
type MutantSpec struct {
	// Base is a profile's name among the fixtures.
	Base string `yaml:"base"`
	// Why says what goes wrong in real life when this is wrong.
	Why string `yaml:"why"`
	// Shape changes the base without breaking it (a second Deployment, say). With the shape alone every
	// check must pass: it is the mutant with its one condition reversed.
	Shape Kustomize `yaml:"shape"`
	// Replicas are those of the base's first workload, where fewer than its own show the same: what all nodes have in common
	// is wrong with two of them, too. A matrix of forty mutants has that many pods less to start.
	Replicas int `yaml:"replicas"`
	// Break is the one condition.
	Break Kustomize `yaml:"break"`
	// Requires are manifests of what is there beside the application and is no part of it, as a profile's requires; without them
	// it is well.
	Requires []string `yaml:"requires"`
	// Rollout are patches of the next version that are broken, on top of the base's own.
	Rollout []string `yaml:"rollout"`
	// Means is what the profile says of it, where it says something else than the base's.
	Means Expectations `yaml:"means"`
	// Injections are done to the running pods: conditions that no manifest can bring about.
	Injections []Injection `yaml:"injections"`
	// Harness breaks the harness instead of the application: one of the words of [Sabotages].
	Harness string `yaml:"harness"`
	// Healthy says that this is odd and not broken: there is a shape, and nothing may be red.
	Healthy bool `yaml:"healthy"`
	// Expect are the checks that must turn red, each with the diagnosis it must give; no other check may.
	Expect []Expect `yaml:"expect"`
	// Unknown are the checks that must end as unknown, because the harness is broken; "*" alone stands for all of the
	// scenarios recorded. Others may.
	Unknown []string `yaml:"unknown"`
	// Scenarios are those that are recorded, of the reverse, too, where the later ones add nothing; all of them unless
	// said.
	Scenarios []string `yaml:"scenarios"`
	// Watch is how long a formed mesh is watched on, for what shows itself late.
	Watch Duration `yaml:"watch"`
	// Alone says that nothing else may run on the cluster meanwhile.
	Alone bool `yaml:"alone"`
	// Budgets overrides the base's: what never forms need not be waited for in full.
	Budgets Budgets `yaml:"budgets"`
}

// Kustomize is what kustomize applies to the base: components that several mutants share (names under fixtures/shapes), and
// files of the mutant's own, new objects and strategic-merge patches.
type Kustomize struct {
	Components []string `yaml:"components"`
	Resources  []string `yaml:"resources"`
	Patches    []string `yaml:"patches"`
}

// Empty reports whether nothing is changed.
func (k Kustomize) Empty() bool {
	return len(k.Components) == 0 && len(k.Resources) == 0 && len(k.Patches) == 0
}

// Expect is a check that must turn red and the diagnosis it must give.
type Expect struct {
	Check     string `yaml:"check"`
	Diagnosis string `yaml:"diagnosis"`
}

// String is the expectation as reports write a red check.
func (e Expect) String() string { return e.Check + " (" + e.Diagnosis + ")" }

// The moments at which an injection is done.
const (
	AtStart  = "start"  // to each pod as soon as it has an address
	AtFull   = "full"   // when the mesh is full, while it is watched
	AtFormed = "formed" // when the mesh has held
)

// The kinds of injections. The first three are faults of package agent by the same names, which lose packets for good.
const (
	DropIn       = "drop-in"       // of TCP to a port of the pod, coming from others
	DropDNS      = "drop-dns"      // of what the pod asks its DNS server
	Cut          = "cut"           // between the pod and the next one
	Exec         = "exec"          // a command in the pod's first container
	RotateSecret = "rotate-secret" // the value of the Secret that holds the cookie
	Delete       = "delete"        // one of the objects of the manifests
)

// Injection is one thing that the harness does to the running pods.
type Injection struct {
	At   string `yaml:"at"`
	Do   string `yaml:"do"`
	Pods string `yaml:"pods"` // "all" or "one"; of a command and a cut always one, and unless said
	Port int    `yaml:"port"` // of a drop-in, and of a cut the one that is dialled to see that it bites
	// Run is the command of an exec. TTY, Input and Expect are as in the profile's console commands.
	Run    []string `yaml:"run"`
	TTY    bool     `yaml:"tty"`
	Input  string   `yaml:"input"`
	Expect string   `yaml:"expect"`
	// Object is what a delete is about, "KIND/NAME".
	Object string `yaml:"object"`
	// Watch is how long the scenario goes on after the injection, so that its consequences are seen.
	Watch Duration `yaml:"watch"`
}

// Packets reports whether the injection is a fault of the network, which an agent brings about.
func (d Injection) Packets() bool { return d.Do == DropIn || d.Do == DropDNS || d.Do == Cut }

// The ways in which the harness can be broken.
const (
	ObserverKilled = "observer-killed" // the agent is deleted while the mesh is watched, and none takes its place
	StreamCut      = "stream-cut"      // for some seconds nothing gets through to the agent
	WatchCut       = "watch-cut"       // for some seconds the API server is not watched, from the deletion of a pod on
	ExecFails      = "exec-fails"      // no command can be run
	Toothless      = "toothless"       // the injections' faults are put in place and stop nothing
	ProbeVisible   = "probe-visible"   // the agent's probe joins the mesh
	WrongNamespace = "wrong-namespace" // the agent dials from its own namespace
)

// Sabotages are the words that Harness knows.
var Sabotages = []string{ObserverKilled, StreamCut, WatchCut, ExecFails, Toothless, ProbeVisible, WrongNamespace}

// InAgent reports whether the sabotage is built into an agent of its own (build tag sabotage).
func InAgent(sabotage string) bool { return sabotage == ProbeVisible || sabotage == WrongNamespace }

// DecodeMutant reads a mutant file strictly. path is used in errors only.
func DecodeMutant(path string, data []byte) (*Mutant, error) {
	var m Mutant
	if _, err := strict(path, data, "Mutant", &m); err != nil {
		return nil, err
	}
	if m.Metadata.Name == "" || m.Spec.Base == "" || m.Spec.Why == "" {
		return nil, fmt.Errorf("%s: metadata.name, spec.base and spec.why are needed", path)
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
	broken := !s.Break.Empty() || len(s.Injections) > 0 || len(s.Rollout) > 0 || len(s.Requires) > 0 || s.Means != (Expectations{})
	wants := len(s.Expect) > 0 || len(s.Unknown) > 0
	if s.Replicas < 0 || s.Replicas == 1 {
		return fmt.Errorf("spec.replicas is %d; two nodes are a mesh", s.Replicas)
	}
	if s.Watch.D() > 2*time.Minute {
		return errors.New("spec.watch is longer than two minutes")
	}
	for _, e := range s.Expect {
		if e.Check == "" || e.Diagnosis == "" {
			return errors.New("spec.expect needs check and diagnosis")
		}
	}
	switch {
	case s.Harness != "" && !slices.Contains(Sabotages, s.Harness):
		return fmt.Errorf("spec.harness is %q; there are %s", s.Harness, strings.Join(Sabotages, ", "))
	case s.Healthy && (wants || !s.Break.Empty()):
		return errors.New("spec.healthy: what is healthy breaks nothing and expects nothing")
	case s.Healthy:
		if s.Shape.Empty() && len(s.Injections) == 0 && s.Harness == "" {
			return errors.New("spec.healthy: there is nothing odd about it")
		}
	case s.Harness == "" && !broken:
		return errors.New("spec.break is empty: a mutant that breaks nothing proves nothing")
	case s.Harness == "" && len(s.Expect) == 0:
		return errors.New("spec.expect is empty: nothing would have to notice it")
	case s.Harness != "" && len(s.Unknown) == 0:
		return errors.New("spec.unknown is empty: what a broken harness saw must not all be believed")
	case s.Harness == WatchCut && len(s.Scenarios) > 0 && !slices.Contains(s.Scenarios, "recovery"):
		return errors.New("spec.scenarios lacks recovery: without it no pod is deleted, and no watch is cut")
	case s.Harness == Toothless && len(s.Injections) == 0:
		return errors.New("spec.injections is empty: there is no fault that could be toothless")
	}
	return nil
}

func (d *Injection) check() error {
	if !slices.Contains([]string{AtStart, AtFull, AtFormed}, d.At) {
		return fmt.Errorf("at is %q; it is one of start, full, formed", d.At)
	}
	if d.Pods != "one" && d.Pods != "all" {
		return fmt.Errorf("pods is %q; it is one or all", d.Pods)
	}
	switch d.Do {
	case DropIn, Cut:
		if d.Port < 1 || d.Port > 65535 {
			return fmt.Errorf("%s needs a port", d.Do)
		}
	case DropDNS, RotateSecret:
	case Delete:
		if kind, name, _ := strings.Cut(d.Object, "/"); kind == "" || name == "" || d.At == AtStart {
			return errors.New("delete needs an object, KIND/NAME, and is done at full or formed")
		}
	case Exec:
		if len(d.Run) == 0 || d.At == AtStart {
			return errors.New("exec needs a command, and a pod that runs: it is done at full or formed")
		}
	default:
		return fmt.Errorf("do is %q; it is one of %s", d.Do, strings.Join([]string{DropIn, DropDNS, Cut, Exec, RotateSecret, Delete}, ", "))
	}
	if d.Pods == "all" && d.Do != DropIn && d.Do != DropDNS {
		return fmt.Errorf("%s is done to one pod", d.Do)
	}
	if d.Watch.D() > time.Minute {
		return errors.New("watch is longer than a minute")
	}
	return nil
}
