package judge_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
)

// patience is how long one small recording may take, on a machine that does other work, too.
const patience = 20 * time.Second

// judgeHostile judges a file that anybody may have written: whatever can be read is judged without a bug of ours, in a short time,
// and ends with a code that is documented. It reports whether the file could be read.
func judgeHostile(t *testing.T, text []byte) bool {
	t.Helper()
	began := time.Now()
	v, err := read(text)
	if err != nil {
		return false
	}
	for _, ask := range []func() (bool, string){v.Starting, v.Booted, v.Formed, v.Recovered, v.Restarted, v.RolledOut, v.Watched} {
		ask()
	}
	v.Hopeless()
	p := reports.Profile{Profile: judge.Judge("x", []judge.Scenario{{Name: v.Header.Scenario, View: v}}, rules.All())}
	for _, bug := range p.Bugs {
		t.Error(bug)
	}
	if code := p.ExitCode(); !slices.Contains([]int{exitcode.OK, exitcode.Fail, exitcode.Unknown}, code) {
		t.Errorf("exit code %d", code)
	}
	run := reports.Run{Profiles: []reports.Profile{p}}
	reports.Console{W: io.Discard, Verbose: true}.Profile(p)
	if err = reports.JUnit(io.Discard, &run); err != nil {
		t.Error(err)
	}
	if err = reports.JSON(io.Discard, &run); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("judging took %s", took)
	}
	return true
}

// read is the view of a recording's text.
func read(text []byte) (*view.View, error) {
	var events []recording.Event
	h, err := recording.Read(bytes.NewReader(text), func(e recording.Event) { events = append(events, e) })
	if err != nil {
		return nil, err
	}
	v, err := view.New(h)
	for _, e := range events {
		if v != nil {
			v.Apply(e)
		}
	}
	return v, err
}

// written are small recordings of each kind, and the real ones, by lines; the first is the header.
func written(t testing.TB) [][]string {
	t.Helper()
	small := rt.FormationUntil(2, 5*time.Second)
	// Whole worlds would make each try slow: of what is seen again and again, every fourth is enough.
	var all [][]string
	for _, s := range []*rt.Recording{small, rt.RecoveryUntil(3, rt.Recovered), rt.ContainerKill(3), rt.Rollout(2), rt.Console(2)} {
		var b bytes.Buffer
		w := recording.NewWriter(&b, s.Header())
		for i, e := range s.Events {
			if e.Nodes == nil && e.Sockets == nil && e.Beat == nil && e.Dist == nil && e.EPMD == nil && e.DNS == nil || i%4 == 0 {
				w.Write(e)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.SplitAfter(b.String(), "\n"))
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "fixtures", "recordings", "*", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no real recordings: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.SplitAfter(string(b), "\n"))
	}
	return all
}

// mutilate changes some lines: it drops, doubles and moves them, and changes values in them.
func mutilate(lines []string, r *rand.Rand) []byte {
	lines = slices.Clone(lines[:len(lines)-1])
	for range 1 + r.IntN(12) {
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		if r.IntN(8) == 0 {
			i = 0
		}
		switch r.IntN(8) {
		case 0:
			if n := min(len(lines)-1, i+r.IntN(40)); i > 0 && n > i {
				lines = slices.Delete(lines, i, n)
			}
		case 1:
			if i > 0 && j > 0 {
				lines[i], lines[j] = lines[j], lines[i]
			}
		case 2:
			if i > 0 {
				lines = slices.Insert(lines, max(1, j), lines[i])
			}
		case 3: // one name for another in the whole file: a pod, an address, a scenario
			was, now := word(lines[i], r), word(lines[j], r)
			if len(was) > 2 {
				for k := range lines {
					lines[k] = strings.ReplaceAll(lines[k], was, now)
				}
			}
		default:
			var value any
			if json.Unmarshal([]byte(lines[i]), &value) == nil {
				b, err := json.Marshal(spoil(value, r))
				if err == nil {
					lines[i] = string(b) + "\n"
				}
			}
		}
	}
	return []byte(strings.Join(lines, ""))
}

// word is some string of the line.
func word(line string, r *rand.Rand) string {
	parts := strings.Split(line, `"`)
	if len(parts) < 2 {
		return ""
	}
	return parts[1+2*r.IntN(len(parts)/2)]
}

// spoil changes something somewhere in the value.
func spoil(value any, r *rand.Rand) any {
	odd := []any{nil, "", "x@y", "\u0000", "10.244.0.2:0", "[::1]:99999", -1, 0, 65536, 4294967295, int64(-1 << 63), int64(1<<63 - 1), true, false, []any{}, map[string]any{}, "null", "9999999h", "-5s", "*"}
	switch x := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if len(keys) == 0 {
			return x
		}
		k := keys[r.IntN(len(keys))]
		switch r.IntN(10) {
		case 0:
			delete(x, k)
		case 1:
			x[k] = x[keys[r.IntN(len(keys))]]
		default:
			x[k] = spoil(x[k], r)
		}
		return x
	case []any:
		if len(x) == 0 || r.IntN(6) == 0 {
			return []any{}
		}
		if i := r.IntN(len(x)); r.IntN(4) == 0 {
			x = append(x, x[i])
		} else {
			x[i] = spoil(x[i], r)
		}
		return x
	case float64:
		if r.IntN(2) == 0 {
			return int64(x) + int64(r.IntN(2_000_000_000)) - 1_000_000_000
		}
	}
	return odd[r.IntN(len(odd))]
}

// Recordings that a run never writes, the same ones each time.
func TestHostileRecordings(t *testing.T) {
	const each = 25
	r := rand.New(rand.NewPCG(13, 14))
	readable := 0
	for n, lines := range written(t) {
		for i := range each {
			text := mutilate(lines, r)
			if judgeHostile(t, text) {
				readable++
			}
			if t.Failed() {
				t.Fatalf("recording %d, change %d:\n%.4000s", n, i, text)
			}
		}
	}
	if readable < 2*each {
		t.Errorf("only %d of them could be read", readable)
	}
}

// FuzzJudgeEvents changes lines and values, so that most files can still be read.
func FuzzJudgeEvents(f *testing.F) {
	all := written(f)
	for i := range all {
		f.Add(uint64(i), uint64(1))
	}
	f.Fuzz(func(t *testing.T, which, seed uint64) {
		judgeHostile(t, mutilate(all[which%uint64(len(all))], rand.New(rand.NewPCG(which, seed))))
	})
}

// FuzzJudgeBytes changes bytes.
func FuzzJudgeBytes(f *testing.F) {
	for _, lines := range written(f)[:5] {
		f.Add([]byte(strings.Join(lines, "")))
	}
	f.Fuzz(func(t *testing.T, text []byte) { judgeHostile(t, text) })
}
