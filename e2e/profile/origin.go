package profile

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Origin tells where a value of a resolved profile comes from. Of several the first in this order wins.
type Origin string

// The origins: the profile says it, the manifests tell it, or nobody does and the default stands.
const (
	Said     Origin = "profile"
	Inferred Origin = "inferred"
	Default  Origin = "default"
)

// Setting is one value of a resolved profile as people read it.
type Setting struct {
	Name   string // as the JSON form of [Resolved] has it, "budgets.recovery"
	Value  string
	Origin Origin
}

// Settings are all values of the resolved profile with their origins. r has to be what [Resolve] made of p.
func Settings(p *Profile, r *Resolved) []Setting {
	s := []Setting{{"name", r.Name, Said}}
	if r.Mutant != "" {
		s = append(s, Setting{"mutant", r.Mutant, Said})
	}
	for i, w := range r.Workloads {
		s = append(s, Setting{fmt.Sprintf("workloads[%d]", i), fmt.Sprintf("%s %s, %d replicas of %s, labels %s", w.Kind, w.Name, w.Replicas, strings.Join(w.Images, ", "), pairs(w.Labels)), Inferred})
	}
	s = append(s, Setting{"services", list(r.Services), Inferred}, Setting{"service", filled(r.Service, "(none)"), Inferred},
		Setting{"epmdPort", fmt.Sprint(r.EPMDPort), Default})
	if r.DistPort == 0 {
		s = append(s, Setting{"distPort", "(not declared)", Default})
	} else {
		s = append(s, Setting{"distPort", fmt.Sprint(r.DistPort), Inferred})
	}
	hold := Inferred
	if r.Hold.D() == minHold {
		hold = Default
	}
	s = append(s, said("interval", p.Spec.Discovery.Interval, r.Interval, DefaultInterval), Setting{"hold", r.Hold.String(), hold},
		said("budgets.formation", p.Spec.Budgets.Formation, r.Budgets.Formation, DefaultFormation),
		said("budgets.recovery", p.Spec.Budgets.Recovery, r.Budgets.Recovery, DefaultRecovery),
		said("budgets.staleName", p.Spec.Budgets.StaleName, r.Budgets.StaleName, DefaultStaleName))
	var console []string
	for _, c := range r.Console {
		console = append(console, c.Name)
	}
	for _, x := range []Setting{{"console", list(console), Said}, {"skip", pairs(r.Skip), Said}, {"waive", pairs(r.Waive), Said}} {
		if x.Value == none {
			x.Origin = Default
		}
		s = append(s, x)
	}
	return s
}

const none = "(none)"

// said is a duration that the profile may say. A mutant's own budget, which is neither of both, is said, too.
func said(name string, inProfile, resolved Duration, def time.Duration) Setting {
	s := Setting{name, resolved.String(), Default}
	if inProfile != 0 || resolved.D() != def {
		s.Origin = Said
	}
	return s
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
