package crashtest

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/target"
)

// faulty is a mutant whose pods have packets dropped from their start: a run of it has faults in until it ends.
const faulty = "epmd-port-filtered"

// deadline is when nothing may be left of a run that was killed: two minutes without a sign of it, and what it takes to remove
// everything.
const deadline = 3 * time.Minute

// signals in the order in which the moments take turns.
var signals = []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGHUP}

// moments is how many there are, each a part of a run's length after the one before.
func moments() int {
	if n, err := strconv.Atoi(os.Getenv("MESHPROOF_CRASH_MOMENTS")); err == nil && n > 0 {
		return n
	}
	return 20
}

// on are the flags for somebody's cluster.
func on(c *target.Cluster) []string {
	return []string{"--context", c.Context, "--kubeconfig", c.KubeconfigPath}
}

// TestSomebodysClusterIsAsItWas compares every object before and after runs that pass, fail, are interrupted and are killed.
func TestSomebodysClusterIsAsItWas(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root)
	before := settled(t, c.Config)
	t.Logf("%d objects", len(before))
	left := func() []string { return before.differences(take(t, c.Config)) }
	for _, s := range []struct {
		name string
		args []string
		code int
	}{
		{"passes", []string{"run", "-f", "dns-a"}, 0},
		{"fails", []string{"run", "-f", broken(t, p.root)}, 1},
		{"has faults", []string{"kill-matrix", faulty}, 0},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := p.start(t, nil, append(s.args, on(c)...)...)
			r.must(t, s.code)
			if d := left(); len(d) > 0 {
				t.Errorf("after the run:\n  %s\n%s", strings.Join(d, "\n  "), r.output())
			}
		})
	}
	for _, sig := range signals {
		t.Run(sig.String(), func(t *testing.T) {
			r := p.start(t, nil, append([]string{"kill-matrix", faulty}, on(c)...)...)
			end(t, r, sig, 15*time.Second)
			if d := before.foreign(take(t, c.Config)); len(d) > 0 {
				t.Errorf("right after the end: %s", strings.Join(d, "; "))
			}
			limit := 2 * time.Second // what is interrupted removes everything before it ends
			if sig == syscall.SIGKILL {
				limit = deadline
			}
			t.Logf("as it was %.1f s after the end", waitFor(t, limit, left).Seconds())
		})
	}
}

// TestKilledOnSomebodysCluster ends runs at moments from their begin to their end. Those that are killed leave what the deadline
// removes while the next are under way.
func TestKilledOnSomebodysCluster(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root)
	before := settled(t, c.Config)
	args := append([]string{"kill-matrix", faulty}, on(c)...)
	whole := p.start(t, nil, args...)
	whole.must(t, 0)
	length := time.Since(whole.began)
	for _, sig := range signals {
		for i := range moments() {
			end(t, p.start(t, nil, args...), sig, length*time.Duration(i+1)/time.Duration(moments()+1))
		}
		if d := before.foreign(take(t, c.Config)); len(d) > 0 {
			t.Errorf("after the runs that got %s: %s", sig, strings.Join(d, "; "))
		}
		took := waitFor(t, deadline, func() []string { return withoutReaper(before.differences(take(t, c.Config))) })
		t.Logf("%s at %d moments of %.0f s: as it was %.1f s after the last, but for %q", sig, moments(), length.Seconds(), took.Seconds(), before.differences(take(t, c.Config)))
		p.start(t, nil, args...).must(t, 0) // the next run is right
		if d := before.differences(take(t, c.Config)); len(d) > 0 {
			t.Errorf("after the next run: %s", strings.Join(d, "; "))
		}
	}
}

// withoutReaper leaves out what stays of a run that was killed before it had a reaper, until the next run: its root, and its
// namespace with what the cluster makes in each. No agent is among it.
func withoutReaper(all []string) []string {
	early := regexp.MustCompile(`^new: (namespaces /|clusterroles\.\S+ /|clusterrolebindings\.\S+ /|configmaps |serviceaccounts |roles\.\S+ |rolebindings\.\S+ )meshproof-run-`)
	return slices.DeleteFunc(slices.Clone(all), early.MatchString)
}

// TestKilledOnItsOwnCluster is the same where the run makes the cluster: nothing of it is left on the engine.
func TestKilledOnItsOwnCluster(t *testing.T) {
	p := build(t)
	m := newMachine(t, p.root)
	args := []string{"kill-matrix", faulty}
	whole := p.start(t, nil, args...)
	whole.must(t, 0)
	length := time.Since(whole.began)
	waitFor(t, time.Minute, m.left)
	for i := range moments() {
		sig := signals[i%len(signals)]
		after := length * time.Duration(i+1) / time.Duration(moments()+1)
		end(t, p.start(t, nil, args...), sig, after)
		t.Logf("%s after %.1f s: nothing left %.1f s after the end", sig, after.Seconds(), waitFor(t, time.Minute, m.left).Seconds())
	}
	p.start(t, nil, args...).must(t, 0)
	waitFor(t, time.Minute, m.left)
}

// end sends the signal at that time after the start. What was interrupted says 130 and, where it says that everything is removed,
// has removed it.
func end(t *testing.T, r *running, sig syscall.Signal, after time.Duration) {
	t.Helper()
	time.Sleep(time.Until(r.began.Add(after)))
	r.signal(t, sig)
	code := r.endedWithin(t, 2*time.Minute)
	if sig != syscall.SIGKILL && code != 130 && code != 0 {
		t.Errorf("%s after %s: ended with %d:\n%s", sig, after, code, r.output())
	}
	if code == 130 && !strings.Contains(r.output(), "what was made is removed") {
		t.Errorf("%s after %s: it does not say what became of what was made:\n%s", sig, after, r.output())
	}
}

// TestTwoRunsAtOnce runs the same profile twice: with one home, with two, and on one cluster of somebody's.
func TestTwoRunsAtOnce(t *testing.T) {
	p := build(t)
	m := newMachine(t, p.root)
	for _, s := range []struct {
		name string
		env  []string
	}{
		{"one home", nil},
		{"two homes", m.otherHome(t)},
	} {
		first := p.start(t, nil, "run", "-f", "dns-a")
		time.Sleep(time.Second)
		second := p.start(t, s.env, "run", "-f", "dns-a")
		first.must(t, 0)
		second.must(t, 0)
		t.Logf("%s: nothing left %.1f s after the end", s.name, waitFor(t, time.Minute, m.left).Seconds())
	}
	c := somebody(t, p.root)
	before := settled(t, c.Config)
	args := append([]string{"run", "-f", "dns-a"}, on(c)...)
	first := p.start(t, nil, args...)
	second := p.start(t, nil, args...)
	first.must(t, 0)
	second.must(t, 0)
	if d := before.differences(take(t, c.Config)); len(d) > 0 {
		t.Errorf("after two runs on one cluster:\n  %s", strings.Join(d, "\n  "))
	}
}
