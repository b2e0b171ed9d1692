// Package suites is the Ginkgo door: each check of the registry is a spec, each scenario a container whose recording
// the specs judge. Ginkgo and Gomega live here and nowhere else.
//
// It runs only when asked (MESHPROOF_E2E=1, which `make e2e` sets); a plain go test says so and skips.
package suites

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// asked are the flags of this door; they say the same as those of the meshproof binary.
type asked struct {
	profiles string
	options  run.Options
}

func flags() *asked {
	a := &asked{}
	o := &a.options
	flag.StringVar(&a.profiles, "profile", "dns-a", "profiles: names among the fixtures, folders, or files")
	flag.StringVar(&o.OTP, "otp", "", "Erlang/OTP release of the application's image")
	flag.StringVar(&o.K8S, "k8s", "", "Kubernetes version of the cluster that is made")
	flag.IntVar(&o.Nodes, "nodes", 1, "nodes of the cluster that is made")
	flag.BoolFunc("keep", "leave the cluster to the next run", func(s string) error {
		o.Keep = s != "0" && s != "false"
		return nil
	})
	flag.StringVar(&o.Context, "context", "", "use the cluster of this kubeconfig context and make none")
	flag.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file of -context")
	flag.Int64Var(&o.Seed, "seed", 0, "decides which pod is deleted")
	return a
}

// door is what the specs share with TestMain: the run that is under way, and how Ginkgo is to show it.
type door struct {
	session  *run.Session
	suite    types.SuiteConfig
	reporter types.ReporterConfig
}

var entered *door //nolint:gochecknoglobals // testing gives TestMain and the tests nothing else in common

func TestMain(m *testing.M) {
	keeper.IfAsked()
	os.Exit(enter(m))
}

func enter(m *testing.M) int {
	a := flags()
	flag.Parse()
	if os.Getenv("MESHPROOF_E2E") != "1" {
		return m.Run()
	}
	// Our own context beside Ginkgo's: Ctrl-C ends the run itself, wherever the specs are.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	a.options.NoInstall, a.options.Engine = run.NoInstallFromEnv(), os.Getenv("ENGINE")
	a.options.Log = func(line string) { fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), line) }
	d, err := open(ctx, a)
	if err != nil {
		r, dir := run.Refused(a.options, err)
		reports.Closing(os.Stdout, r, dir)
		return r.Exit.Code
	}
	entered = d
	// The report says what testing's verdict would.
	_ = m.Run()
	r := d.session.Finish()
	reports.Profiles(os.Stdout, r.Profiles)
	reports.Closing(os.Stdout, r, d.session.Dir)
	return r.Exit.Code
}

// TestE2E lets Ginkgo judge, spec by spec, what the run records.
func TestE2E(t *testing.T) {
	if entered == nil {
		t.Skip("the end-to-end suite makes a cluster: it runs with MESHPROOF_E2E=1, which make e2e sets")
	}
	if !entered.session.Judged() {
		t.FailNow() // the report says why
	}
	quiet(&entered.reporter)
	ginkgo.RunSpecs(t, "meshproof", entered.suite, entered.reporter)
}

// open loads the profile, defines the specs and starts the run for those that Ginkgo's own filters leave.
func open(ctx context.Context, a *asked) (*door, error) {
	d := &door{}
	d.suite, d.reporter = ginkgo.GinkgoConfiguration()
	if d.suite.ParallelTotal > 1 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("%d Ginkgo processes: one run does its own concurrency, do not use -p", d.suite.ParallelTotal))
	}
	if flag.NArg() > 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("unexpected argument %q: every option is a flag", flag.Arg(0)))
	}
	fixtures, err := run.Fixtures()
	if err != nil {
		return nil, err
	}
	ws, err := workload.Loader{Fixtures: fixtures, Checks: rules.IDs()}.LoadAll(ctx, strings.FieldsFunc(a.profiles, func(r rune) bool { return r == ',' || r == ' ' }))
	if err != nil {
		return nil, err
	}
	if len(ws) == 0 {
		return nil, exitcode.With(exitcode.Usage, errors.New("-profile is empty: there is nothing to deploy"))
	}
	if limit := timeout(); limit > 0 && limit < estimate(ws) {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("-timeout leaves %s, the profiles may take %s", limit, estimate(ws)))
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	for _, w := range ws {
		define(w.Name(), rules.All(), func() waiter { return d.session })
	}
	if a.options.Checks, err = selected(rules.All(), d.suite, d.reporter); err != nil {
		return nil, err
	}
	d.session, err = run.Start(ctx, a.options, ws)
	return d, err
}

// timeout is the limit that testing was given, 0 for none.
func timeout() time.Duration {
	if d, ok := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); ok {
		return d
	}
	return 0
}

// quiet keeps Ginkgo from the console unless it is asked to speak (-ginkgo.v): our own lines say the same, and its dots would
// stand in the middle of them.
func quiet(reporter *types.ReporterConfig) {
	reporter.Succinct = true
	if stdout, err := os.Stdout.Stat(); err != nil || stdout.Mode()&os.ModeCharDevice == 0 {
		reporter.NoColor = true
	}
	if reporter.Verbosity() < types.VerbosityLevelVerbose {
		formatter.ColorableStdOut = io.Discard
	}
}

// estimate is the longest that a run of the profiles can take once their images are there, if all wait for each other.
func estimate(ws []*workload.Workload) time.Duration {
	d := 5 * time.Minute
	for _, w := range ws {
		for _, s := range (scenario.Plan{Profile: w.Resolved, Judged: scenario.Names()}).Scenarios() {
			d += s.Limit(w.Resolved)
		}
	}
	return d
}
