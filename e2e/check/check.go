// Package check holds the requirements, one small file each: a title that reads as a sentence, why it matters with a
// source, and a pure function from a view to findings, one per subject.
//
// In: a view. Out: findings. No check knows another's verdict, reads a clock or touches a cluster; what was not seen is
// said to be Unseen, never guessed.
package check

import (
	"time"

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
	Service   Rung = "service"
	DNS       Rung = "dns"
	EPMD      Rung = "epmd"
	Dist      Rung = "dist"
	Handshake Rung = "handshake"
	Mesh      Rung = "mesh"
	Discovery Rung = "discovery"
	Recovery  Rung = "recovery"
	Console   Rung = "console"

	// Probe is no rung of theirs: it holds what the harness asks of itself. Nothing there is the application's fault, so
	// that its checks end with Pass or Unseen.
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
	Title    string // a sentence without its subject: "lists exactly its ready pods in DNS"
	Why      string // what goes wrong without it
	Source   string // where the rule comes from
	Rung     Rung
	Level    Level
	Scenario recording.Scenario // the scenario whose recording it is judged on
	// Static says that the manifests alone decide it: it is judged by lint, too, where nothing was deployed. So are all
	// checks of the rung [Manifest].
	Static bool
	// Causes lists, for each diagnosis code of this check, the checks whose failing or unobserved subjects it is
	// able to explain.
	Causes map[string][]string
	Judge  func(v *view.View) []Finding
}

// Outcome is what was found about one subject.
type Outcome string

// What a finding can say. Unseen means that nothing was learnt: our probe failed, a control did not hold, or nobody
// looked. NotApplicable needs a reason in Message.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Unseen        Outcome = "unseen"
	NotApplicable Outcome = "n/a"
)

// Finding is the outcome for one subject.
type Finding struct {
	Subject Subject       `json:"subject"`
	Of      []Subject     `json:"of,omitempty"` // what else the subject depends on, beside its own parts
	Outcome Outcome       `json:"outcome"`
	Code    string        `json:"code,omitempty"`    // of a failure: the diagnosis, a word of the check's Causes or its own
	Message string        `json:"message,omitempty"` // one sentence with real names, addresses and numbers
	Seen    []string      `json:"seen,omitempty"`    // evidence, a line each
	Remedy  string        `json:"remedy,omitempty"`
	Try     string        `json:"try,omitempty"`  // a command with which the reader can see it for themselves
	Took    time.Duration `json:"took,omitempty"` // how long it took to come true
	At      time.Duration `json:"at,omitempty"`   // when the deciding evidence was seen
}

// Subject is what a check judges one by one.
type Subject struct {
	Kind string `json:"kind"` // "pod", "pair", "service", "image", "workload"
	Name string `json:"name"`
	Peer string `json:"peer,omitempty"` // of a pair: Name is the one that looks, Peer the one looked at
}

// String names the subject for people.
func (s Subject) String() string {
	if s.Kind == "pair" {
		return s.Name + " -> " + s.Peer
	}
	return s.Kind + " " + s.Name
}

// Parts are the subjects that this one consists of.
func (s Subject) Parts() []Subject {
	if s.Kind == "pair" {
		return []Subject{{Kind: "pod", Name: s.Name}, {Kind: "pod", Name: s.Peer}}
	}
	return nil
}

func onPod(p *view.Pod) Subject     { return Subject{Kind: "pod", Name: p.Name} }
func onPair(p, q *view.Pod) Subject { return Subject{Kind: "pair", Name: p.Name, Peer: q.Name} }
func onService(v *view.View) Subject {
	if v.Profile.Service == "" {
		return Subject{Kind: "service", Name: "(none)"}
	}
	return Subject{Kind: "service", Name: v.Profile.Service}
}
func onWorkload(v *view.View) Subject { return Subject{Kind: "workload", Name: v.Profile.Name} }

// members are the pods that the formation checks judge: those that were there at the end. Where as many as there have
// to be are Ready, one more that is not is a surge of some rollout, which may be in the mesh or not.
func members(v *view.View) []*view.Pod {
	if must := v.Expected(v.End()); len(must) > 0 && len(must) >= v.Profile.Replicas() {
		return must
	}
	var all []*view.Pod
	for _, p := range v.Pods() {
		if !p.Leaving(v.End()) {
			all = append(all, p)
		}
	}
	return all
}

// none is the finding where there was nothing to look at.
func none(v *view.View, what string) []Finding {
	return []Finding{{Subject: onWorkload(v), Of: images(v), Outcome: Unseen, Message: what}}
}

// images are what every pod of the workload consists of.
func images(v *view.View) []Subject {
	var all []Subject
	for _, im := range v.Images() {
		all = append(all, Subject{Kind: "image", Name: im.Name})
	}
	return all
}

// lately is how far before the end the youngest look of an observer may lie: agents look every 250 ms, and are heard with
// some delay.
const lately = 2 * view.MaxGap

// recent is how far back the youngest attempt of a probe may lie. A round of dials that are all dropped takes 4 s.
const recent = 10 * time.Second

// settled is the window in which a formed cluster is judged: the time that the mesh has held at the end, and at least
// what is recent.
func settled(v *view.View) (from, to time.Duration) {
	to = v.End()
	from = max(0, to-recent)
	if m := v.Mesh(to); m.Full {
		from = min(from, m.Since)
	}
	return from, to
}

// toward are the dials to p from all others. Our own look into p's node takes the same epmd and the same port.
func toward(v *view.View, p *view.Pod) []Subject {
	var all []Subject
	for _, q := range members(v) {
		if q != p {
			all = append(all, onPair(q, p))
		}
	}
	return all
}
