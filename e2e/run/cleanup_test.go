package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/reports"
)

func held() error {
	return fmt.Errorf("removing: %w", errors.Join(
		&ownership.StillThere{Kind: "namespace", Name: "shop-1", Why: "it is not gone after 1m0s"},
		&ownership.StillThere{Kind: "configmap", Namespace: "default", Name: "keep", Why: "it has the finalizer example.com/hold"},
		errors.New("the API server does not answer"),
	))
}

// Everything that a step could not remove has its name, why it stays, and the command that removes it.
func TestLeftoversHaveNames(t *testing.T) {
	var c cleanUp
	on := &target.Cluster{Context: "prod", KubeconfigPath: "/k/config"}
	c.failed("what was deployed to namespace shop-1", on, held())
	c.failed("namespace shop-1", on, held()) // named already
	c.failed("nothing", on, nil)
	want := []reports.Leftover{
		{What: "namespace shop-1", Why: "it is not gone after 1m0s", Remove: "kubectl --kubeconfig /k/config --context prod delete namespace shop-1"},
		{What: "configmap default/keep", Why: "it has the finalizer example.com/hold", Remove: `kubectl --kubeconfig /k/config --context prod --namespace default patch configmap keep --type merge --patch '{"metadata":{"finalizers":null}}'`},
		{What: "what was deployed to namespace shop-1", Why: "the API server does not answer"},
	}
	if got := c.redacted(func(s string) string { return s }); !slices.Equal(got, want) {
		t.Errorf("left behind are %+v", got)
	}
}

// A cluster that is still there is a leftover. What else went wrong stays trouble.
func TestAClusterThatRemains(t *testing.T) {
	var c cleanUp
	bug := errors.New("the keeper (process 7) ended: a bug of ours")
	stands := &target.Remains{Cluster: "meshproof", Err: errors.New("the keeper (process 7) has not finished")}
	if err := c.clusters(errors.Join(nil, errors.Join(bug, stands))); err == nil || err.Error() != bug.Error() {
		t.Errorf("trouble is %v", err)
	}
	inside := exitcode.With(exitcode.Internal, errors.Join(errors.New("not ready"), stands))
	if err := c.clusters(inside); err == nil || !strings.Contains(err.Error(), "not ready") || exitcode.Of(err) != exitcode.Internal {
		t.Errorf("trouble is %v", err)
	}
	if len(c.left) != 1 || c.left[0] != (reports.Leftover{What: "kind cluster meshproof", Why: "the keeper (process 7) has not finished", Remove: "meshproof cluster clean"}) {
		t.Errorf("left behind are %+v", c.left)
	}
}

// After a signal only what is true is said, and no error is lost but those that are the interruption itself.
func TestAnInterruptedRunSaysWhatIsTrue(t *testing.T) {
	canceled := fmt.Errorf("formation: %w", context.Canceled)
	for name, c := range map[string]struct {
		of      *cleanUp
		trouble error
		says    string
	}{
		"all removed":     {&cleanUp{}, errors.Join(canceled, nil, errors.Join(canceled)), "by a signal; what was made is removed"},
		"no trouble":      {&cleanUp{}, nil, "by a signal; what was made is removed"},
		"a kept cluster":  {&cleanUp{kept: "meshproof"}, canceled, "by a signal; what was deployed is removed, the cluster meshproof is kept"},
		"not waited for":  {&cleanUp{kept: "meshproof", going: []string{"a", "b"}}, canceled, "by a signal; Kubernetes is still deleting, in the kept cluster meshproof: namespace a, b"},
		"not removed":     {&cleanUp{left: []reports.Leftover{{What: "namespace a"}, {What: "kind cluster b"}}, going: []string{"c"}}, canceled, "by a signal; not removed is: namespace a, kind cluster b"},
		"another error":   {&cleanUp{}, errors.Join(canceled, errors.New("no quota")), "by a signal; what was made is removed\nno quota"},
		"a wrapped error": {&cleanUp{}, fmt.Errorf("x: %w", errors.Join(canceled, errors.New("no quota"))), "by a signal; what was made is removed\nx: formation: context canceled\nno quota"},
	} {
		err := c.of.interrupted(c.trouble)
		if err.Error() != c.says || exitcode.Of(err) != exitcode.Interrupted {
			t.Errorf("%s: %d\n%v\nand is to be\n%s", name, exitcode.Of(err), err, c.says)
		}
	}
}

// A run that left something behind ends with 70, and after a signal with 130 and without the sentence that all is removed.
func TestARunThatLeavesSomethingBehind(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		s := begun(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.start(ctx, func(_ context.Context, r *reports.Run) error {
			_, passed := finished(t)
			r.Profiles = passed.Profiles
			s.cleanUp.failed("", &target.Cluster{}, &ownership.StillThere{Kind: "namespace", Name: "shop-1", Why: "held; the log said " + theCookie})
			if interrupted {
				cancel()
			}
			return ctx.Err()
		})
		r := ended(t, s)
		want, trouble := exitcode.Internal, ""
		if interrupted {
			want, trouble = exitcode.Interrupted, "by a signal; not removed is: namespace shop-1"
		}
		if r.Exit.Code != want || r.Trouble != trouble || len(r.Leftovers) != 1 || r.Leftovers[0].Why != "held; the log said (cookie)" {
			t.Errorf("exit %+v, trouble %q, left behind %+v", r.Exit, r.Trouble, r.Leftovers)
		}
	}
}
