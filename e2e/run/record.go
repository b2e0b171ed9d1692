package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// recordAll records the scenarios that the plan has, which act on the deployed workload. What a mutant injects belongs to the
// first of them, and inject does it around that; all others need the mesh that it has formed, and may be repeated with it.
func (r *workloadRun) recordAll(ctx context.Context, deployed scenario.Workload, inject func(ctx context.Context, form func() error) error) error {
	all := scenario.All()
	formed, err := r.recordPlanned(ctx, all[0], func(env *scenario.Env) error {
		return inject(ctx, func() error { return all[0].Run(ctx, env) })
	}, deployed)
	if err != nil {
		return err
	}
	if formed != nil {
		if full, m := formed.Held(time.Second); !full {
			r.skipOthers("the mesh did not form: " + m.String())
			return nil
		}
	}
	if !r.options.OneMesh() {
		return r.recordOthers(ctx, deployed)
	}
	first := slices.Clone(r.done)
	for r.repetition = 1; ; r.repetition++ {
		if err = r.recordOthers(ctx, deployed); err != nil {
			return fmt.Errorf("repetition %d of %d: %w", r.repetition, r.options.Repeat, err)
		}
		if r.repetition == r.options.Repeat {
			return nil
		}
		p, err := r.result(nil)
		if err != nil {
			return err
		}
		r.earlier, r.done, r.began = append(r.earlier, p), slices.Clone(first), time.Now()
	}
}

// recordOthers records the scenarios after the first.
func (r *workloadRun) recordOthers(ctx context.Context, deployed scenario.Workload) error {
	for _, s := range scenario.All()[1:] {
		if _, err := r.recordPlanned(ctx, s, func(env *scenario.Env) error { return s.Run(ctx, env) }, deployed); err != nil {
			return err
		}
	}
	return nil
}

// recordPlanned records a scenario, if the plan has it and it can be recorded here; else its view is nil.
func (r *workloadRun) recordPlanned(ctx context.Context, s scenario.Scenario, run func(*scenario.Env) error, deployed scenario.Workload) (*view.View, error) {
	if r.options.plan(r.workload).Omits(s) != "" {
		r.publish(s.Name, r.judge())
		return nil, nil
	}
	if why := needsAgent(s); why != "" && r.environment.NoAgents != "" {
		r.finish(judge.Scenario{Name: s.Name, Why: why + ", and none may run here", NoAgent: r.environment.NoAgents})
		return nil, nil
	}
	v, err := r.recordOne(ctx, s.Name, func() error {
		env := r.env(s.Name, deployed)
		err := run(env)
		if env.Faster != nil {
			env.Faster(0)
		}
		if err != nil || s.Changeless {
			return err
		}
		return env.Agree(ctx)
	})
	return v, errors.Join(err, r.undo(ctx, s, deployed))
}

// undoLimit is how long it may take to put back what a scenario has changed.
const undoLimit = 3 * time.Minute

// undo puts back what a scenario has changed for longer than its recording, also where the run was interrupted meanwhile, unless all of
// the cluster goes then. What could not be put back makes the scenarios that follow void.
func (r *workloadRun) undo(ctx context.Context, s scenario.Scenario, deployed scenario.Workload) error {
	if s.Undo == nil || ctx.Err() != nil && r.environment.Cluster.Temporary() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	if err := s.Undo(ctx, r.env(s.Name, deployed)); err != nil {
		err = fmt.Errorf("what %s changed could not be put back: %w", s.Name, err)
		r.recorder.Did(recording.Act{Do: recording.Void, Detail: r.redactor.Text(err.Error())})
		return err
	}
	return nil
}

// needsAgent says what of a scenario only an agent can do, "" for nothing.
func needsAgent(s scenario.Scenario) string {
	switch {
	case s.Kills:
		return "an agent has to kill the VM or epmd"
	case s.Faults:
		return "an agent has to drop packets of the pods"
	}
	return ""
}

// recordOne makes one recording, and judges all that was recorded so far.
func (r *workloadRun) recordOne(ctx context.Context, name scenario.Name, run func() error) (*view.View, error) {
	header, err := r.workload.Header(name, r.namespace())
	if err != nil {
		return nil, err
	}
	if err = r.recorder.Begin(filepath.Join(r.dir, r.file(name)), header); err != nil {
		return nil, err
	}
	r.bugs.again()
	if err = run(); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	} else if r.deployment != nil {
		alone := false
		r.recorder.Ask(func(v *view.View) { _, formed := v.FirstFull(0); alone = !formed && !v.MeansNoMesh() })
		r.deployment.observer.Epilogue(ctx, alone)
	}
	v, end := r.recorder.End()
	r.otp = union(r.otp, v.OTP())
	r.inUse.add(v.Processes())
	r.noteGaps(name, v)
	r.finish(judge.Scenario{Name: name, View: v})
	return v, errors.Join(err, end)
}

// longGap is how long an observer must have been blind for a reader to be told so beside the verdicts: what it did not see is
// unknown, or just was not needed.
const longGap = 3 * time.Second

func (r *workloadRun) noteGaps(name scenario.Name, v *view.View) {
	if r.deployment == nil {
		return
	}
	for _, b := range v.LongBlind(longGap) {
		// The recordings of later scenarios have it, too.
		if said := b.String(); !slices.ContainsFunc(r.deployment.notes, func(n string) bool { return strings.HasSuffix(n, ": "+said) }) {
			r.deployment.note(fmt.Sprintf("%s: %s", name, said))
		}
	}
}
