package reports

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Soak is what many runs of the same profiles come to: how often each was green, what the others were not, and whether our own
// processes grew meanwhile.
type Soak struct {
	Profiles  []SoakProfile `json:"profiles"`
	Processes []SoakProcess `json:"processes,omitempty"` // none where no process told
}

// SoakProfile counts the runs of one profile. A run that is red and has unknown checks beside is red; one that ended early, or in which
// a check panicked, is neither and says nothing about the application.
type SoakProfile struct {
	Name    string      `json:"name"`
	Asked   int         `json:"asked"` // for
	Green   int         `json:"green"`
	Red     int         `json:"red"`
	Unknown int         `json:"unknown"`
	Broken  int         `json:"broken"`           // not recorded, ended early, or wrong by our own fault
	Share   float64     `json:"share"`            // green of green, red and unknown; 0 where there are none
	Low     float64     `json:"low"`              // of the share's 95 % interval (Wilson)
	High    float64     `json:"high"`             // of that interval
	Flakes  []SoakCheck `json:"flakes,omitempty"` // in the order of the ladder
	Phases  []SoakPhase `json:"phases,omitempty"` // in the order in which they begin
	Trouble []string    `json:"trouble,omitempty"`
}

// SoakCheck is a check that was red, or unknown, in some of the runs.
type SoakCheck struct {
	Check    string             `json:"check"`
	Scenario recording.Scenario `json:"scenario"`
	Verdict  judge.Verdict      `json:"verdict"` // [judge.Fail] or [judge.Unknown]
	Runs     int                `json:"runs"`
	First    string             `json:"first"`   // of them
	Message  string             `json:"message"` // of that one
}

// SoakProcess is what one of our processes held: the harness, or the agent of a node.
type SoakProcess struct {
	Process     string      `json:"process"`
	Memory      view.Growth `json:"memory"` // bytes
	Descriptors view.Growth `json:"descriptors"`
	Threads     view.Growth `json:"threads"`
}

// What a process may grow by at least, beside a quarter of what it held in the first half (view.Grow).
const (
	mayGrowMemory = 32 << 20
	mayGrowCount  = 16
)

// Repeats reports whether the profile is one of the runs of a soak that passed: nobody looks at a hundred of them one by one.
func (p Profile) Repeats() bool { return p.Nth > 0 && p.ExitCode() == exitcode.OK && p.Trouble == "" }

// Shorten leaves out what each subject of what passed was seen to be. It is in the recordings, and meshproof judge says it again.
func (p *Profile) Shorten() {
	for i := range p.Results {
		if r := &p.Results[i]; r.Verdict == judge.Pass || r.Verdict == judge.Skip {
			r.Subjects = nil
		}
	}
}

// NewSoak counts the runs, and judges what the processes said that they held.
func NewSoak(runs []Profile, said []view.Held) *Soak {
	s := &Soak{}
	of := map[string][]Profile{}
	for _, p := range runs {
		of[repeated(p)] = append(of[repeated(p)], p)
		i := slices.IndexFunc(s.Profiles, func(x SoakProfile) bool { return x.Name == repeated(p) })
		if i < 0 {
			i = len(s.Profiles)
			s.Profiles = append(s.Profiles, SoakProfile{Name: repeated(p)})
		}
		s.Profiles[i].count(p)
	}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		p.Phases = phasesOf(of[p.Name])
		judged := p.Green + p.Red + p.Unknown
		p.Low, p.High = wilson(p.Green, judged)
		if judged > 0 {
			p.Share = float64(p.Green) / float64(judged)
		}
	}
	said = slices.Clone(said)
	slices.SortStableFunc(said, func(a, b view.Held) int { return a.At.Compare(b.At) })
	var names []string
	by := map[string][]view.Held{}
	for _, h := range said {
		by[h.By] = append(by[h.By], h)
		if !slices.Contains(names, h.By) {
			names = append(names, h.By)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.Processes = append(s.Processes, process(name, by[name]))
	}
	return s
}

func (s *SoakProfile) count(p Profile) {
	s.Asked++
	switch code := p.ExitCode(); {
	case p.Trouble != "":
		s.Broken++
		s.Trouble = append(s.Trouble, title(p)+": "+p.Trouble)
		return // what is unknown in it was not tried
	case len(p.Bugs) > 0:
		s.Broken++
		s.Trouble = append(s.Trouble, title(p)+": "+p.Bugs[0])
	case code == exitcode.OK:
		s.Green++
	case code == exitcode.Fail:
		s.Red++
	default:
		s.Unknown++
	}
	for _, r := range p.Results {
		if r.Verdict == judge.Fail || r.Verdict == judge.Unknown {
			s.flake(title(p), r)
		}
	}
}

func (s *SoakProfile) flake(run string, r judge.Result) {
	i := slices.IndexFunc(s.Flakes, func(c SoakCheck) bool { return c.Check == r.ID && c.Scenario == r.Scenario && c.Verdict == r.Verdict })
	if i < 0 {
		i = len(s.Flakes)
		s.Flakes = append(s.Flakes, SoakCheck{Check: r.ID, Scenario: r.Scenario, Verdict: r.Verdict, First: run, Message: r.Message})
	}
	s.Flakes[i].Runs++
}

// wilson is the 95 % interval of a share of which k of n were seen (Wilson 1927). It is honest where all or none were, too. Of nothing
// it says nothing: 0 to 1.
func wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964 // of the normal distribution, 95 %
	p, of := float64(k)/float64(n), float64(n)
	middle := p + z*z/(2*of)
	half := z * math.Sqrt(p*(1-p)/of+z*z/(4*of*of))
	scale := 1 + z*z/of
	return max(0, (middle-half)/scale), min(1, (middle+half)/scale)
}

func process(by string, said []view.Held) SoakProcess {
	of := func(value func(view.Held) float64) []view.Sample {
		var all []view.Sample
		for _, h := range said {
			if x := value(h); x > 0 { // 0: the system does not tell
				all = append(all, view.Sample{At: h.At, Value: x})
			}
		}
		return all
	}
	p := SoakProcess{
		Process:     by,
		Memory:      view.Grow(of(func(h view.Held) float64 { return float64(h.Memory) }), mayGrowMemory),
		Descriptors: view.Grow(of(func(h view.Held) float64 { return float64(h.Descriptors) }), mayGrowCount),
		Threads:     view.Grow(of(func(h view.Held) float64 { return float64(h.Threads) }), mayGrowCount),
	}
	if by == "kube" { // who watches the API server is the harness itself
		p.Process = "harness"
	}
	return p
}

// holding is one of the things that a process holds, in a unit for people.
type holding struct {
	what string
	unit float64
	view.Growth
}

func (p SoakProcess) held() []holding {
	return []holding{{"memory, MiB", 1 << 20, p.Memory}, {"descriptors", 1, p.Descriptors}, {"threads", 1, p.Threads}}
}

// Leaks is our own fault, where a process grew: the error has the numbers.
func (s *Soak) Leaks() error {
	var all []string
	for _, p := range s.Processes {
		for _, h := range p.held() {
			if h.Grew {
				all = append(all, fmt.Sprintf("%s: %s: the median of the first half is %.0f and of the second %.0f, and within the second it rises by %.0f; more than %.0f is a leak",
					p.Process, h.what, h.First/h.unit, h.Second/h.unit, h.Rise/h.unit, h.Bound/h.unit))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return exitcode.With(exitcode.Internal, errors.New("a process of ours grew during the soak: "+strings.Join(all, "; ")))
}
