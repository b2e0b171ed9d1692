// Package options declares what a user can say about a run, once: the flags of the meshproof binary and of the Ginkgo
// suite, make's parameters, and the tables that describe them.
//
// In: what was said. Out: a run's options. A value that makes no sense is refused before anything is made.
package options

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/registry"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/scripts"
)

// Option is one thing that a user can say. A name that is empty means that it cannot be said there.
type Option struct {
	Make    string // variable of make, and of the environment
	Flag    string // flag of the meshproof binary
	Short   string // the same in one letter
	Suite   string // flag of the Ginkgo suite
	Default string
	Help    string
	Kind    Kind

	set       func(v *Values, s string) error // of what is a flag
	ofCluster bool                            // of a cluster that is made
}

// Kind is what a value looks like.
type Kind string

// The kinds of values. A List may be given again, and has commas.
const (
	Text   Kind = "string"
	Number Kind = "int"
	Switch Kind = "bool"
	List   Kind = "strings"
)

// Values are what was said.
type Values struct {
	run.Options
	Profiles []string // names among the fixtures, folders, or files
	Verbose  bool     // print blocked checks one by one
	RBAC     bool     // print the rights that the run needs, and run nothing

	said        map[string]string // what was given as a flag, by the option's name
	environment []error           // what is wrong with the environment variables
}

// All are the options, in the order in which they are explained.
func All() []Option {
	return []Option{
		{Make: "PROFILE", Flag: "file", Short: "f", Suite: "profile", Default: "dns-a", Kind: List, Help: "profiles to run: names under fixtures/profiles, folders, or files",
			set: func(v *Values, s string) error { return profiles(&v.Profiles, s) }},
		{Make: "OTP", Flag: "otp", Suite: "otp", Kind: Text, Help: "Erlang/OTP release of the application's image: 25, 27 or 29 (default: the pinned one)",
			set: func(v *Values, s string) error { v.OTP = s; return release(s) }},
		{Make: "K8S", Flag: "k8s", Suite: "k8s", Kind: Text, Help: "Kubernetes version of the cluster that is made: 1.37, 1.36 or 1.35 (default: the pinned one)",
			set: func(v *Values, s string) error { v.K8S = s; return kubernetes(s) }, ofCluster: true},
		{Make: "NODES", Flag: "nodes", Suite: "nodes", Default: "1", Kind: Number, Help: "nodes of the cluster that is made, 1 to 20",
			set: func(v *Values, s string) error { return number(&v.Nodes, s, 1, 20) }, ofCluster: true},
		{Make: "IP", Flag: "ip", Suite: "ip", Default: "4", Kind: Text, Help: "addresses of the cluster that is made: 4, 6, or dual (both, IPv4 first)",
			set: func(v *Values, s string) error { return v.IP.Set(s) }, ofCluster: true},
		{Make: "KEEP", Flag: "keep", Suite: "keep", Kind: Switch, Help: "1 keeps the cluster, and the next run takes it over (about half the time)",
			set: func(v *Values, s string) error { return yes(&v.Keep, s) }, ofCluster: true},
		{Make: "CONTEXT", Flag: "context", Suite: "context", Kind: Text, Help: "use the cluster of this kubeconfig context and make none",
			set: func(v *Values, s string) error { return text(&v.Context, s) }},
		{Flag: "kubeconfig", Suite: "kubeconfig", Kind: Text, Help: "kubeconfig file of the context (default: as kubectl finds it)",
			set: func(v *Values, s string) error { return text(&v.Kubeconfig, s) }},
		{Flag: "namespace", Short: "n", Kind: Text, Help: "work in this existing namespace of the context alone, with rights in it alone (default: the run makes its namespaces)",
			set: func(v *Values, s string) error { v.Namespace = s; return namespace(s) }},
		{Flag: "print-rbac", Kind: Switch, Help: "print the Role or ClusterRole that this run needs, for kubectl apply -f -, and run nothing",
			set: func(v *Values, s string) error { return yes(&v.RBAC, s) }},
		{Make: "PUSH", Flag: "push", Suite: "push", Kind: Text, Help: "push the images to this repository prefix, HOST/PATH; the nodes pull them from there (with CONTEXT=)",
			set: func(v *Values, s string) error { return push(&v.Push, s) }},
		{Make: "PULL_SECRET", Flag: "pull-secret", Suite: "pull-secret", Kind: Text, Help: "what the nodes pull with: a Secret NAMESPACE/NAME of the cluster, or a docker config.json (with PUSH=)",
			set: func(v *Values, s string) error { return text(&v.PullSecret, s) }},
		{Make: "SCENARIOS", Flag: "scenarios", Suite: "scenarios", Kind: List, Help: "scenarios to record beside formation, or all (default: those of the profile, else all but those that run on request only)",
			set: func(v *Values, s string) error { return scenarios(&v.Scenarios, s) }},
		{Make: "ACCEPT_UNSEEN", Flag: "accept-unseen", Suite: "accept-unseen", Kind: Switch, Help: "1 accepts what is unknown only because the cluster refuses privileged pods (never mesh/full)",
			set: func(v *Values, s string) error { return yes(&v.AcceptUnseen, s) }},
		{Flag: "seed", Suite: "seed", Kind: Number, Help: "decides which pod is deleted (default: by chance; the report says it)",
			set: func(v *Values, s string) error { return seed(&v.Seed, s) }},
		{Flag: "pods", Kind: Number, Help: "how many pods may run at the same time (default: derived from CPU and memory)",
			set: func(v *Values, s string) error { return number(&v.Pods, s, 1, 1000) }},
		{Make: "REPEAT", Flag: "repeat", Kind: Number, Help: "run each profile so often, or the SCENARIOS with one mesh, and report flakes and how long each phase takes (make soak: 50)",
			set: func(v *Values, s string) error { return number(&v.Repeat, s, 2, 1000) }},
		{Flag: "verbose", Short: "v", Suite: "v", Kind: Switch, Help: "print the blocked checks one by one",
			set: func(v *Values, s string) error { return yes(&v.Verbose, s) }},
		{Make: "MUTANTS", Kind: List, Help: "for make kill-matrix: names under fixtures/mutants (default: all)"},
		{Make: "INSTALL", Kind: Switch, Help: "0 forbids installing missing packages with apt"},
		{Make: "ENGINE", Kind: Text, Help: "docker or podman (default: whichever works)"},
		{Make: "ARGS", Kind: Text, Help: "further flags for the program that make runs"},
	}
}

// FromEnvironment are the values that only environment variables say; make passes them on.
func FromEnvironment() Values {
	v := Values{said: map[string]string{}}
	install, engine := true, os.Getenv("ENGINE")
	if s := os.Getenv("INSTALL"); s != "" {
		if err := yes(&install, s); err != nil {
			install = true
			v.environment = append(v.environment, fmt.Errorf("invalid value %q for INSTALL: %w", s, err))
		}
	}
	if engine != "" && engine != "docker" && engine != "podman" {
		v.environment = append(v.environment, fmt.Errorf("invalid value %q for ENGINE: it must be docker or podman", engine))
	}
	v.NoInstall, v.Engine = !install, engine
	return v
}

// Check refuses what makes no sense together, and wrong environment variables. A door calls it when all flags are read.
func (v *Values) Check() error {
	if len(v.environment) > 0 {
		return v.environment[0]
	}
	if v.Kubeconfig != "" && v.Context == "" {
		return fmt.Errorf("kubeconfig (%s) has no effect without context: say which context of it to use", v.Kubeconfig)
	}
	if v.Push != "" && v.Context == "" {
		return fmt.Errorf("push (%s) has no effect without context: the nodes of a cluster that is made get the images from this machine", v.Push)
	}
	if v.PullSecret != "" && v.Push == "" {
		return fmt.Errorf("pull-secret (%s) has no effect without push: it is for the images that are pushed", v.PullSecret)
	}
	if v.Namespace != "" && v.Context == "" && !v.RBAC {
		return fmt.Errorf("namespace (%s) has no effect without context: say on which cluster it is", v.Namespace)
	}
	if v.Namespace != "" && v.Repeat > 0 && !v.OneMesh() {
		return fmt.Errorf("repeat (%d) needs a namespace for each run, and namespace (%s) gives one for all: leave out one of the two", v.Repeat, v.Namespace)
	}
	for _, o := range All() {
		said, is := v.said[o.name()]
		if v.Context != "" && o.ofCluster && is && (o.Kind != Switch || v.Keep) {
			return fmt.Errorf("%s (%s) has no effect with context (%s): that cluster exists already, and none is made; leave out one of the two", o.name(), said, v.Context)
		}
	}
	return nil
}

// name is the option's name in messages.
func (o Option) name() string { return cmp.Or(o.Flag, o.Suite) }

// Value is the option as a flag that sets v, and sets its default at once. It fits package flag and cobra.
func (o Option) Value(v *Values) *Value {
	if o.Default != "" {
		_ = o.set(v, o.Default) // a test sets them all
	}
	return &Value{text: o.Default, kind: o.Kind, set: func(s string) error {
		if v.said != nil {
			v.said[o.name()] = s
		}
		return o.set(v, s)
	}}
}

// Value is one flag's value.
type Value struct {
	text string
	said bool
	kind Kind
	set  func(string) error
}

// String is the text that was said, or the default.
func (x *Value) String() string { return x.text }

// Set takes what was said. A list that is said again grows.
func (x *Value) Set(s string) error {
	if x.kind == List && x.said {
		s = x.text + "," + s
	}
	if err := x.set(s); err != nil {
		return err
	}
	x.text, x.said = s, true
	return nil
}

// Type is the kind, for cobra's help.
func (x *Value) Type() string { return string(x.kind) }

// IsBoolFlag lets package flag take the flag without a value.
func (x *Value) IsBoolFlag() bool { return x.kind == Switch }

func profiles(to *[]string, s string) error {
	*to = list(s)
	if len(*to) == 0 {
		return errors.New("no profile is named: there is nothing to deploy; name at least one")
	}
	return nil
}

func scenarios(to *[]scenario.Name, s string) error {
	*to = nil
	for _, name := range list(s) {
		*to = append(*to, scenario.Name(name))
	}
	if len(*to) == 0 {
		return errors.New("no scenario is named; leave it out for the default set")
	}
	return scenario.Check(*to)
}

// list takes apart what has commas.
func list(s string) (all []string) {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

func number(to *int, s string, low, high int) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return fmt.Errorf("it must be a number from %d to %d", low, high)
	}
	*to = n
	return nil
}

func seed(to *int64, s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("it must be a number from 0 to %d", math.MaxInt64)
	}
	*to = n
	return nil
}

func text(to *string, s string) error {
	if *to = s; s == "" {
		return errors.New("it must not be empty; leave it out to make a cluster")
	}
	return nil
}

func push(to *string, s string) error {
	*to = s
	_, err := registry.Parse(s)
	return err
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func namespace(s string) error {
	if !dnsLabel.MatchString(s) {
		return errors.New("it must be the name of a namespace: small letters, digits and -")
	}
	return nil
}

func release(s string) error {
	pins, err := scripts.Load()
	if err != nil {
		return err
	}
	if all := pins.Releases(); !slices.Contains(all, s) {
		return fmt.Errorf("it must be one of %s", strings.Join(all, ", "))
	}
	return nil
}

var version = regexp.MustCompile(`^v?[0-9]+\.[0-9]+(\.[0-9]+)?$`)

func kubernetes(s string) error {
	if !version.MatchString(s) {
		return errors.New("it must be a version such as 1.37 or 1.37.2")
	}
	return nil
}

func yes(to *bool, s string) (err error) {
	switch s {
	case "yes":
		*to = true
	case "", "no":
		*to = false
	default:
		if *to, err = strconv.ParseBool(s); err != nil {
			return errors.New("it must be 1 or 0")
		}
	}
	return nil
}
