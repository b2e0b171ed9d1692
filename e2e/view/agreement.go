package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Agreement is what the members last answered to a question that they have to answer alike, in a mesh that is full.
type Agreement struct {
	Question profile.Agreement
	Answers  []Answer // of each member, by name
	Differ   bool     // two members answered differently
	// Since is from when on they differ: since the mesh was full, or since a later moment at which they did not.
	Since time.Duration
}

// OfMnesia reports whether the question is which nodes Mnesia takes for running ones.
func (a Agreement) OfMnesia() bool { return a.Question.Read == profile.RunningDBNodes }

// Answer is what a member answered.
type Answer struct {
	Pod  *Pod
	At   time.Duration
	Text string // if Why is empty
	Why  string // why there is none
}

// Agreements are those of the profile's questions at the end. None where the mesh is not full: what nodes answer then says nothing.
func (v *View) Agreements() []Agreement {
	m := v.Mesh(v.end)
	if !m.Full {
		return nil
	}
	members := slices.SortedFunc(slices.Values(v.Expected(v.end)), func(a, b *Pod) int { return strings.Compare(a.Name, b.Name) })
	var all []Agreement
	for _, q := range v.Profile.Expect.Agree {
		a := v.agreementAt(q, members, m.Since, v.end)
		a.Since = m.Since
		// From the youngest answer back to the last one after which they did not differ.
		for _, e := range slices.Backward(Between(v.answers, m.Since, v.end)) {
			if !a.Differ {
				break
			}
			if e.Answer.Name == q.Name && !v.agreementAt(q, members, m.Since, e.T).Differ {
				a.Since = e.T
				break
			}
		}
		all = append(all, a)
	}
	return all
}

// agreementAt is what they had answered at t, since the mesh was full.
func (v *View) agreementAt(q profile.Agreement, members []*Pod, since, t time.Duration) Agreement {
	a := Agreement{Question: q}
	given := Between(v.answers, since, t)
	first := ""
	for _, p := range members {
		x := Answer{Pod: p, Why: "it was not asked since the mesh was full"}
		for _, e := range slices.Backward(given) {
			if e.Answer.Pod != p.UID || e.Answer.Name != q.Name {
				continue
			}
			x.At, x.Text, x.Why = e.T, e.Answer.Answer, ""
			if e.Answer.Outcome != recording.OK {
				x.Why = fmt.Sprintf("%s (%s)", e.Answer.Outcome, e.Answer.Detail)
			}
			break
		}
		if x.Why == "" && first == "" {
			first = x.Pod.UID
		}
		a.Differ = a.Differ || x.Why == "" && first != x.Pod.UID && x.Text != a.textOf(first)
		a.Answers = append(a.Answers, x)
	}
	// That all of them have nothing in common proves nothing: their Mnesia may not even run.
	if !slices.ContainsFunc(a.Answers, func(x Answer) bool { return x.Text != "" || x.Why != "" }) {
		for i := range a.Answers {
			a.Answers[i].Why = "its answer is empty"
		}
	}
	return a
}

// textOf is the answer of the pod with that UID.
func (a Agreement) textOf(uid string) string {
	for _, x := range a.Answers {
		if x.Pod.UID == uid {
			return x.Text
		}
	}
	return ""
}

// Agreed reports whether all members have answered all of the profile's questions alike since the mesh was full. If not, it says
// what is missing.
func (v *View) Agreed() (bool, string) {
	if m := v.Mesh(v.end); !m.Full {
		return false, m.String()
	}
	for _, a := range v.Agreements() {
		for _, x := range a.Answers {
			if x.Why != "" {
				return false, fmt.Sprintf("%s: no answer of %s: %s", a.Question.Name, x.Pod.Name, x.Why)
			}
		}
		if a.Differ {
			return false, a.Question.Name + ": the nodes do not agree"
		}
	}
	return true, ""
}
