package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// answering is a workload whose pods answer commands.
type answering struct {
	stage
	mu    sync.Mutex
	asked int
	say   func(asked int, pod string) recording.Exec
}

func (a *answering) Exec(_ context.Context, p *view.Pod, c profile.Command) recording.Exec {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	e := a.say(a.asked, p.UID)
	e.Pod, e.Name, e.Command, e.Outcome = p.UID, c.Name, c.Run, recording.OK
	return e
}

// answered are the answers in the recording, by pod.
func answered(env *Env) (all []string) {
	env.Ask(func(v *view.View) {
		for _, a := range v.Agreements() {
			for _, x := range a.Answers {
				all = append(all, x.Pod.UID+": "+strings.ReplaceAll(x.Text, "\n", " ")+x.Why)
			}
		}
	})
	return all
}

func TestAgree(t *testing.T) {
	command := profile.Agreement{Name: "members", Run: []string{"shop", "members"}}
	read := profile.Agreement{Name: "database", Read: profile.RunningDBNodes}
	out := func(text string) recording.Exec { return recording.Exec{Output: text} }
	for name, c := range map[string]struct {
		questions []profile.Agreement
		budget    time.Duration
		say       func(asked int, pod string) recording.Exec
		asked     int
		want      []string // of the answers
	}{
		"no question": {nil, time.Minute, nil, 0, nil},
		"they agree": {[]profile.Agreement{command}, time.Minute, func(_ int, _ string) recording.Exec { return out(" a@h\nb@h\n") }, 3,
			[]string{"a@h b@h", "a@h b@h", "a@h b@h"}},
		"names in another order": {[]profile.Agreement{command}, time.Minute, func(n int, _ string) recording.Exec {
			return out([]string{"a@h\nb@h", "b@h\r\na@h\n"}[n%2])
		}, 3, []string{"a@h b@h", "a@h b@h", "a@h b@h"}},
		"they do not": {[]profile.Agreement{command}, 300 * time.Millisecond, func(_ int, pod string) recording.Exec { return out(pod[:1]) }, 3, nil},
		"one fails": {[]profile.Agreement{command}, 300 * time.Millisecond, func(_ int, pod string) recording.Exec {
			if pod == rt.UID(1) {
				return recording.Exec{Code: 69, Output: "the node is not running\n"}
			}
			return out("x")
		}, 3, []string{"x", "error (exit code 69: the node is not running)", "x"}},
		"one says nothing": {[]profile.Agreement{command}, 300 * time.Millisecond, func(_ int, pod string) recording.Exec {
			if pod == rt.UID(1) {
				return recording.Exec{}
			}
			return out("x")
		}, 3, []string{"x", "error (no output)", "x"}},
		"an agent reads": {[]profile.Agreement{read}, 300 * time.Millisecond, nil, 0,
			[]string{"it was not asked since the mesh was full", "it was not asked since the mesh was full", "it was not asked since the mesh was full"}},
	} {
		recorded := rt.Formation(3)
		var resolved profile.Resolved
		recorded.Edit(&resolved, func() { resolved.Expect.Agree, resolved.Budgets.Agreement = c.questions, profile.Duration(c.budget) })
		s, _ := staged(t, recorded, rt.Formed, func(recording.Event) bool { return true })
		w := &answering{say: c.say}
		s.env.Workload = w
		began := time.Now()
		if err := s.env.Agree(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
		got := answered(s.env)
		for i := range got {
			_, got[i], _ = strings.Cut(got[i], ": ")
		}
		if w.asked != c.asked || c.want != nil && !slices.Equal(got, c.want) {
			t.Errorf("%s: asked %d times, want %d; answers %q, want %q", name, w.asked, c.asked, got, c.want)
		}
	}
}

// Where the mesh is not full nobody is asked.
func TestAgreeAsksAFullMesh(t *testing.T) {
	s, _ := staged(t, rt.Formation(3), rt.Ready, func(e recording.Event) bool { return e.T < rt.Ready })
	w := &answering{say: func(int, string) recording.Exec { panic("asked") }}
	s.env.Workload = w
	s.env.Profile.Expect.Agree = []profile.Agreement{{Name: "members", Run: []string{"shop", "members"}}}
	s.env.Profile.Budgets.Agreement = profile.Duration(time.Minute)
	if err := s.env.Agree(t.Context()); err != nil || w.asked != 0 {
		t.Error(fmt.Errorf("asked %d times: %w", w.asked, err))
	}
}
