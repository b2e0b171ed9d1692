// Package suites runs meshproof as a Ginkgo suite: each check of the registry is a spec, each scenario a container whose recording
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
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/run/options"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// flags declares the options of a run beside testing's and Ginkgo's own flags, and reads them all.
func flags(args []string) (*options.Values, error) {
	v := options.FromEnvironment()
	for _, o := range options.All() {
		if o.Suite != "" {
			flag.Var(o.Value(&v), o.Suite, o.Help)
		}
	}
	// What is wrong with a flag is an error of usage, code 64, and one sentence. Package flag by itself would exit with 2 after
	// two hundred lines about all flags; those are for -h.
	all := flag.CommandLine
	all.Init(all.Name(), flag.ContinueOnError)
	all.SetOutput(io.Discard)
	err := all.Parse(args)
	all.SetOutput(nil)
	if errors.Is(err, flag.ErrHelp) {
		all.Usage()
	}
	return &v, exitcode.With(exitcode.Usage, err)
}

// suiteState is what the specs share with TestMain: the run that is under way, and how Ginkgo is to show it.
type suiteState struct {
	session  *run.Session
	suite    types.SuiteConfig
	reporter types.ReporterConfig
}

var current *suiteState //nolint:gochecknoglobals // testing gives TestMain and the tests nothing else in common

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	os.Exit(start(m))
}

func start(m *testing.M) int {
	v, err := flags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return exitcode.OK
	}
	if os.Getenv("MESHPROOF_E2E") != "1" {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitcode.Of(err)
		}
		return m.Run()
	}
	// Our own context beside Ginkgo's: Ctrl-C ends the run itself, wherever the specs are.
	ctx, stop := run.Interruptible(context.Background())
	defer stop()
	github := run.BeginGitHub(os.Stdout)
	out := reports.Console{W: os.Stdout, Verbose: v.Verbose, Colour: progress.Colors(os.Stdout)}
	board := progress.New(os.Stderr, time.Now())
	defer board.Close()
	v.Log, v.Progress = board.Line, board
	var s *suiteState
	if err == nil {
		err = exitcode.With(exitcode.Usage, v.Check())
	}
	if err == nil {
		err = guard.Try(func() (err error) { s, err = begin(ctx, v); return err })
	}
	if err != nil {
		board.Close()
		r, dir := run.Refused(v.Options, err)
		out.Closing(r, dir)
		github.Publish(reports.OfRun(r, dir))
		return r.Exit.Code
	}
	current = s
	// The report says more than testing's verdict. A panic of ours here stops no run, and is no reason to leave before its end.
	bug := guard.Try(func() error { m.Run(); return nil })
	r := s.session.Finish()
	board.Close()
	code := r.Exit.Code
	bug = errors.Join(bug, guard.Try(func() error {
		out.Profiles(r.Profiles)
		out.Closing(r, s.session.Dir)
		github.Publish(reports.OfRun(r, s.session.Dir))
		return nil
	}))
	if bug != nil {
		fmt.Fprintln(os.Stderr, bug)
		code = exitcode.First(code, exitcode.Internal)
	}
	return code
}

// TestE2E lets Ginkgo judge, spec by spec, what the run records.
func TestE2E(t *testing.T) {
	if current == nil {
		t.Skip("the end-to-end suite makes a cluster: it runs with MESHPROOF_E2E=1, which make e2e sets")
	}
	if !current.session.Judged() {
		t.FailNow() // the report says why
	}
	quiet(&current.reporter)
	// testing would end the process for a panic.
	if err := guard.Try(func() error { ginkgo.RunSpecs(t, "meshproof", current.suite, current.reporter); return nil }); err != nil {
		t.Error(err)
	}
}

// begin loads the profiles, defines the specs and starts the run for those that Ginkgo's own filters leave.
func begin(ctx context.Context, v *options.Values) (*suiteState, error) {
	s := &suiteState{}
	s.suite, s.reporter = ginkgo.GinkgoConfiguration()
	if s.suite.ParallelTotal > 1 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("%d Ginkgo processes: a run does its own concurrency, do not use -p", s.suite.ParallelTotal))
	}
	if err := filters(s.suite); err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	if flag.NArg() > 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("unexpected argument %q: every option is a flag", flag.Arg(0)))
	}
	fixtures, err := run.Fixtures()
	if err != nil {
		return nil, err
	}
	ws, err := workload.Loader{Fixtures: fixtures, Checks: rules.IDs(), Announce: v.Log}.LoadAll(ctx, names(v.Profiles))
	if err != nil {
		return nil, err
	}
	if limit := timeout(); limit > 0 && limit < estimate(ws, v.Scenarios) {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("-timeout leaves %s, the profiles may take %s", limit, estimate(ws, v.Scenarios)))
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	for _, w := range ws {
		define(w.Name(), rules.All(), func() waiter { return s.session })
	}
	if v.Checks, err = selected(rules.All(), s.suite, s.reporter); err != nil {
		return nil, err
	}
	s.session, err = run.Start(ctx, v.Options, ws)
	return s, err
}

// filters refuses filters of Ginkgo that are no filters: it would end the process with 1 itself.
func filters(suite types.SuiteConfig) error {
	for _, f := range slices.Concat(suite.FocusStrings, suite.SkipStrings) {
		if _, err := regexp.Compile(f); err != nil {
			return fmt.Errorf("invalid value %q for -ginkgo.focus or -ginkgo.skip: %w", f, err)
		}
	}
	if _, err := types.ParseLabelFilter(suite.LabelFilter); err != nil {
		return fmt.Errorf("invalid value %q for -ginkgo.label-filter: it must be a label filter of Ginkgo, such as \"dns && !latent\"", suite.LabelFilter)
	}
	return nil
}

// names takes the profiles of make's parameter apart, where spaces stand between them, too.
func names(profiles []string) []string { return strings.Fields(strings.Join(profiles, " ")) }

// timeout is the limit that testing was given, 0 for none.
func timeout() time.Duration {
	if d, ok := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); ok {
		return d
	}
	return 0
}

// quiet keeps Ginkgo's output off the console unless -ginkgo.v is given: our own lines say the same, and its dots would come
// between them.
func quiet(reporter *types.ReporterConfig) {
	reporter.Succinct = true
	if stdout, err := os.Stdout.Stat(); err != nil || stdout.Mode()&os.ModeCharDevice == 0 {
		reporter.NoColor = true
	}
	if reporter.Verbosity() < types.VerbosityLevelVerbose {
		formatter.ColorableStdOut = io.Discard
	}
}

// estimate is the longest time that the profiles can take after their images are made, one after the other.
func estimate(ws []*workload.Workload, named []scenario.Name) time.Duration {
	d := 5 * time.Minute
	for _, w := range ws {
		for _, s := range (scenario.Plan{Profile: w.Resolved, Judged: scenario.Names(), Named: named}).Scenarios() {
			d += s.Limit(w.Resolved) + w.Resolved.Budgets.Agreement.D()
		}
	}
	return d
}
