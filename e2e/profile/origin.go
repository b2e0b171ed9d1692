package profile

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// Origin says where a value of a resolved profile comes from. If there are several, the first in this order counts.
type Origin string

// The origins: it is set in the profile, inferred from the manifests, or neither, and the default is used.
const (
	InProfile Origin = "profile"
	Inferred  Origin = "inferred"
	Default   Origin = "default"
)

// Setting is one value of a resolved profile as people read it.
type Setting struct {
	Name   string // its key in the JSON form of [Resolved], or else in the profile: "budgets.recovery"
	Value  string
	Origin Origin
}

// Settings are all values of the resolved profile with their origins. r must be the result of [Resolve] for p.
func Settings(p *Profile, r *Resolved) []Setting {
	s := []Setting{{"name", r.Name, InProfile}}
	if r.Mutant != "" {
		s = append(s, Setting{"mutant", r.Mutant, InProfile})
	}
	s = append(s, given(p, r)...)
	for i, w := range r.Workloads {
		s = append(s, Setting{fmt.Sprintf("workloads[%d]", i), fmt.Sprintf("%s %s, %d replicas of %s, labels %s", w.Kind, w.Name, w.Replicas, strings.Join(w.Images, ", "), pairs(w.Labels)), Inferred})
	}
	s = append(s, Setting{"services", list(r.Services), Inferred}, Setting{"service", filled(r.Service, "(none)"), Inferred},
		Setting{"epmdPort", "4369", Default})
	if r.EPMDPort == 0 {
		s[len(s)-1] = Setting{"epmdPort", "(no epmd: ERL_DIST_PORT)", Inferred}
	}
	if r.DistPort == 0 {
		s = append(s, Setting{"distPort", "(not declared)", Default})
	} else {
		s = append(s, Setting{"distPort", fmt.Sprint(r.DistPort), Inferred})
	}
	hold := Inferred
	if r.Hold.D() == minHold {
		hold = Default
	}
	s = append(s, lasting("interval", p.Spec.Discovery.Interval, r.Interval, DefaultInterval), Setting{"hold", r.Hold.String(), hold},
		lasting("budgets.formation", p.Spec.Budgets.Formation, r.Budgets.Formation, DefaultFormation),
		lasting("budgets.recovery", p.Spec.Budgets.Recovery, r.Budgets.Recovery, DefaultRecovery),
		lasting("budgets.staleName", p.Spec.Budgets.StaleName, r.Budgets.StaleName, DefaultStaleName),
		lasting("budgets.requires", p.Spec.Budgets.Requires, r.Budgets.Requires, DefaultRequires),
		lasting("budgets.agreement", p.Spec.Budgets.Agreement, r.Budgets.Agreement, DefaultAgreement))
	var console []string
	for _, c := range r.Console {
		console = append(console, c.Name)
	}
	return append(s, said("rollout", list(r.Rollout), len(r.Rollout) > 0), said("console", list(console), len(console) > 0), said("skip", pairs(r.Skip), len(r.Skip) > 0), said("waive", pairs(r.Waive), len(r.Waive) > 0))
}

// given are the settings about what is deployed, where, and what is expected of it.
func given(p *Profile, r *Resolved) []Setting {
	objects := Setting{"manifests", list(p.Spec.Manifests), InProfile}
	if len(p.Spec.Command) > 0 {
		objects = Setting{"command", fmt.Sprintf("%q", p.Spec.Command), InProfile}
	}
	namespace := Setting{"namespace", r.Namespace, Inferred}
	switch {
	case p.Spec.Namespace != "":
		namespace.Origin = InProfile
	case r.Namespace == "":
		namespace = Setting{"namespace", "(a fresh one)", Default}
	}
	s := []Setting{objects, said("requires", list(p.Spec.Requires), len(p.Spec.Requires) > 0), namespace,
		said("nodes", fmt.Sprint(r.Nodes), p.Spec.Nodes > 0), said("expect.topology", string(r.Expect.Topology), p.Spec.Expect.Topology != ""), said("expect.discovery", string(r.Expect.Discovery), p.Spec.Expect.Discovery != "")}
	var agree []string
	for _, q := range r.Expect.Agree {
		agree = append(agree, q.Name)
	}
	s = append(s, said("expect.agree", list(agree), len(agree) > 0))
	// The value of a variable may be a secret: only its name is listed.
	s = append(s, said("env", list(slices.Sorted(maps.Keys(p.Spec.Env))), len(p.Spec.Env) > 0))
	for i, im := range p.Spec.Images {
		for _, x := range [][2]string{{"build", im.Build}, {"archive", im.Archive}, {"local", im.Local}, {"pull", im.Pull}} {
			if x[1] != "" {
				s = append(s, Setting{fmt.Sprintf("images[%d]", i), fmt.Sprintf("%s: %s %s", im.Name, x[0], x[1]), InProfile})
			}
		}
	}
	others := len(p.Spec.Images)
	for _, ref := range r.Images() {
		if !slices.ContainsFunc(p.Spec.Images, func(im Image) bool { return called(ref, im.Name) }) {
			s = append(s, Setting{fmt.Sprintf("images[%d]", others), ref + ": present on the nodes, or pulled by them", Inferred})
			others++
		}
	}
	ref := p.Spec.Cookie.SecretKeyRef
	return append(s, Setting{"cookie", fmt.Sprintf("key %s of Secret %s", ref.Key, ref.Name), InProfile}, said("tls", filled(r.TLS, none), r.TLS != ""))
}

const none = "(none)"

// lasting is a duration that the profile may set. A mutant's own budget, which is neither of both, counts as set, too.
func lasting(name string, inProfile, resolved Duration, def time.Duration) Setting {
	s := Setting{name, resolved.String(), Default}
	if inProfile != 0 || resolved.D() != def {
		s.Origin = InProfile
	}
	return s
}

// said is a value that the profile may set; is reports whether it does.
func said(name, value string, is bool) Setting {
	if is {
		return Setting{name, value, InProfile}
	}
	return Setting{name, value, Default}
}

func filled(s, empty string) string {
	if s == "" {
		return empty
	}
	return s
}

func list(all []string) string { return filled(strings.Join(all, ", "), none) }

func pairs(m map[string]string) string {
	var all []string
	for k, v := range m {
		all = append(all, k+"="+v)
	}
	sort.Strings(all)
	return list(all)
}
