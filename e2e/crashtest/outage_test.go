package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
)

// outage is how long the API server is away. Its container starts again some seconds later.
const outage = 20 * time.Second

// runLimit is how long a run may take that nobody helps to end: all that its scenarios may take, and the clean-up.
const runLimit = 9 * time.Minute

// stopAPI ends the API server's container as if its machine's runtime had: the kubelet does not start it again before the manifest is
// back. It is killed, so that no connection is ended in order.
const stopAPI = `cd /etc/kubernetes/manifests && mv kube-apiserver.yaml /root/ && pid=$(pgrep -x kube-apiserver) && kill -9 $pid
sleep "$1"
mv /root/kube-apiserver.yaml .`

// freezeAPI pauses it: connections stay open, and nothing is answered.
const freezeAPI = `pid=$(pgrep -x kube-apiserver); kill -STOP $pid; sleep "$1"; kill -CONT $pid`

// pressure keeps all cores of the node busy until the file is gone, with that many loops for each core at that niceness. It prints how
// long they took of the CPU.
const pressure = `touch /run/meshproof-pressure
for i in $(seq $(($(nproc) * $1))); do
  nice -n "$2" bash -c 'while [ -e /run/meshproof-pressure ]; do j=0; while [ $j -lt 20000 ]; do j=$((j + 1)); done; done' &
done
wait
times >/run/meshproof-times # in a pipe it would be the times of a subshell
tail -n 1 /run/meshproof-times`

// TestWhatIsNotSeenIsUnknown takes the API server away in the middle of a scenario, and then makes the node slow. Each run ends by
// itself, and says of what it did not see that it is unknown: nothing is red, and nothing remains.
func TestWhatIsNotSeenIsUnknown(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root)
	node := node{newMachine(t, p.root).engine, c.Name + "-control-plane"}
	before := settled(t, c.Config)
	args := append([]string{"run", "-f", "dns-a"}, on(c)...)
	for _, s := range []struct {
		name, script string
		scenario     recording.Scenario
		when         string // the run says so just before
	}{
		{"stopped in formation", stopAPI, recording.Formation, "dns-a: deployed to namespace"},
		{"stopped in recovery", stopAPI, "recovery", "recovery: deleted pod"},
		{"frozen in recovery", freezeAPI, "recovery", "recovery: deleted pod"},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := p.start(t, nil, args...)
			waitFor(t, 3*time.Minute, func() []string { return missing(r, s.when) })
			t.Logf("the API server is taken away after %.1f s", time.Since(r.began).Seconds())
			node.run(t, s.script, strconv.Itoa(int(outage.Seconds())))
			results := endedWithoutRed(t, p, r)
			v := results.recorded(t, s.scenario)
			gap := longestGap(v, recording.ByKube)
			t.Logf("%v", gap)
			if gap.To-gap.From < outage-3*time.Second {
				t.Errorf("in the recording of %s that is the longest gap", s.scenario)
			}
			if says := string(s.scenario) + ": " + gap.String(); !slices.Contains(results.Profiles[0].Notes, says) {
				t.Errorf("the report does not note %q: %q", says, results.Profiles[0].Notes)
			}
			// The agent's stream goes through the API server. What it saw meanwhile it had stored, and it is in the recording.
			for _, n := range c.Nodes {
				if b := v.Blind(recording.ByAgent(n), gap.From, gap.To); len(b) > 0 {
					t.Errorf("the agent was blind: %v", b)
				}
			}
			waitFor(t, 2*time.Minute, func() []string { return before.ofRuns(take(t, c.Config)) })
		})
	}
	for _, s := range []struct{ name, loops, nice string }{{"the node is slow", "2", "0"}, {"the node is very slow", "20", "-15"}} {
		t.Run(s.name, func(t *testing.T) {
			ended := node.start(t, pressure, s.loops, s.nice)
			r := p.start(t, nil, args...)
			results := endedWithoutRed(t, p, r)
			took := time.Since(r.began)
			node.run(t, "rm /run/meshproof-pressure")
			used := <-ended
			v := results.recorded(t, recording.Formation)
			t.Logf("the loops took %s of the CPU in %.0f s, timers were %.1f s late at most; %q", used, took.Seconds(), v.Pressure(0, v.End()).Seconds(), results.Profiles[0].Notes)
			var minutes, seconds float64
			if _, err := fmt.Sscanf(used, "%fm%fs", &minutes, &seconds); err != nil || 60*minutes+seconds < took.Seconds()/5 {
				t.Errorf("the loops took %q of the CPU (%v): that slows nothing down", used, err)
			}
			waitFor(t, 2*time.Minute, func() []string { return before.ofRuns(take(t, c.Config)) })
		})
	}
}

// longestGap is when the observer saw nothing at all for longest.
func longestGap(v *view.View, observer string) (longest view.Blindness) {
	for _, b := range v.Blind(observer, 0, v.End()) {
		if b.Of == "" && b.To-b.From > longest.To-longest.From {
			longest = b
		}
	}
	return longest
}

// results are those of a run, and where they are.
type results struct {
	reports.Run
	dir string
}

// endedWithoutRed waits for the end of a run that may have seen too little: it has passed, or says so.
func endedWithoutRed(t *testing.T, p program, r *running) results {
	t.Helper()
	code := r.endedWithin(t, runLimit)
	dir, err := filepath.EvalSymlinks(filepath.Join(p.root, "reports", "out", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := results{dir: dir}
	if err := json.Unmarshal(data, &all.Run); err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, x := range all.Profiles[0].Results {
		switch x.Verdict {
		case judge.Fail:
			t.Errorf("red: %s: %s", x.ID, x.Message)
		case judge.Unknown:
			unknown++
			t.Logf("unknown: %s: %s", x.ID, x.Message)
		}
	}
	t.Logf("ended with %d after %.1f s: %s", code, time.Since(r.began).Seconds(), all.Counts)
	if code != 0 && code != 2 || (code == 0) != (unknown == 0) || len(all.Leftovers) > 0 {
		t.Errorf("exit code %d, %d unknown, left behind %v:\n%s", code, unknown, all.Leftovers, r.output())
	}
	return all
}

// recorded is the view of the scenario's recording.
func (r results) recorded(t *testing.T, scenario recording.Scenario) *view.View {
	t.Helper()
	for _, name := range r.Profiles[0].Recordings {
		if strings.HasSuffix(name, "."+string(scenario)+".jsonl") {
			v, err := view.Load(filepath.Join(r.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("%s is not recorded", scenario)
	return nil
}

// ofRuns is what is new and made by a run. An API server that starts again changes much that is its own.
func (before snapshot) ofRuns(after snapshot) (all []string) {
	for name, o := range after {
		if _, was := before[name]; !was && (o.run != "" || strings.Contains(name, "meshproof")) {
			all = append(all, name)
		}
	}
	return all
}

// node is a node's container.
type node struct {
	engine *engine.Engine
	name   string
}

// start runs a shell script in the node. When it has ended the channel has what it printed.
func (n node) start(t *testing.T, script string, args ...string) (ended chan string) {
	t.Helper()
	ended = make(chan string, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), runLimit+time.Minute)
		defer cancel()
		out, err := n.engine.Output(ctx, append([]string{"exec", n.name, "bash", "-euc", script, "bash"}, args...)...)
		if err != nil {
			t.Errorf("in the node: %v", err)
		}
		ended <- strings.TrimSpace(string(out))
	}()
	return ended
}

func (n node) run(t *testing.T, script string, args ...string) {
	t.Helper()
	<-n.start(t, script, args...)
}
