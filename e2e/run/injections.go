package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// wanted are the scenarios of a workload that are recorded: those that the selected checks are judged on, without those
// that add nothing to it.
func wanted(o *Options, w *workload.Workload) map[string]bool {
	all := o.scenarios()
	for e := range all {
		nothing := e == "console" && len(w.Resolved.Console) == 0 || e == "rollout" && len(w.Resolved.Rollout) == 0
		if nothing || len(w.Scenarios) > 0 && !slices.Contains(w.Scenarios, e) {
			delete(all, e)
		}
	}
	return all
}

// spec is what is wrong with the workload; nothing, where nothing is.
func (s *story) spec() profile.MutantSpec {
	if s.w.Mutant == nil {
		return profile.MutantSpec{}
	}
	return s.w.Mutant.Spec
}

// meddled reports whether packets of the workload are to be lost.
func meddled(w *workload.Workload) bool {
	return w.Mutant != nil && slices.ContainsFunc(w.Mutant.Spec.Injections, profile.Injection.Packets)
}

// often is how soon an injection's moment is noticed. A node needs a second from its address to its first connection.
const often = 100 * time.Millisecond

// settled is how long a mesh has been full when something is done "while it is watched".
const settled = 2 * time.Second

// meddle does what is to be done to the workload while it forms, until there is nothing left or formation has ended.
// What has begun is brought to its end. The error tells what could not be done: then the story is none.
func (s *story) meddle(ctx context.Context, ended <-chan struct{}) error {
	spec := s.spec()
	var start, full []profile.Injection
	for _, d := range spec.Injections {
		switch d.At {
		case profile.AtStart:
			start = append(start, d)
		case profile.AtFull:
			full = append(full, d)
		}
	}
	tick := time.NewTicker(often)
	defer tick.Stop()
	done := map[string]bool{} // pods by injection
	over := len(full) == 0 && !watched(spec.Harness)
	for len(start) > 0 || !over {
		select {
		case <-ended:
			if !over {
				return errors.New("the mesh was not full for long enough to do what had to be done to it")
			}
			return nil
		case <-tick.C:
		}
		for i, d := range start {
			if now := s.targets(d, strconv.Itoa(i), done); len(now) > 0 {
				s.do(ctx, d, now...)
			}
		}
		if over {
			continue
		}
		s.rec.Ask(func(v *view.View) { over, _ = v.Held(settled) })
		if !over {
			continue
		}
		for _, d := range full {
			s.do(ctx, d, s.one()...)
		}
		if watched(spec.Harness) {
			if err := s.sabotage(ctx, spec.Harness); err != nil {
				return fmt.Errorf("%s: %w", spec.Harness, err)
			}
		}
	}
	return nil
}

// targets are the pods that the injection is still to be done to, and marks them: each as soon as it has an address, or one
// of them all.
func (s *story) targets(d profile.Injection, injection string, done map[string]bool) (now []*view.Pod) {
	for _, p := range s.placed() {
		key := injection + " " + p.UID
		if d.Pods == "one" {
			key = injection
		}
		if d.Do == profile.Cut && len(s.placed()) < 2 || done[key] {
			continue
		}
		done[key] = true
		now = append(now, p)
	}
	return now
}

// placed are the workload's living pods that have an address.
func (s *story) placed() (all []*view.Pod) {
	s.rec.Ask(func(v *view.View) {
		for _, p := range v.Pods() {
			if p.IP() != "" && p.Last().Node != "" && !p.Leaving(v.End()) {
				all = append(all, p)
			}
		}
	})
	return all
}

// one is the pod that is chosen where one will do.
func (s *story) one() []*view.Pod {
	all := s.placed()
	return all[:min(1, len(all))]
}

// aftermath does what is to be done to a mesh that has formed, and watches what comes of it.
func (s *story) aftermath(ctx context.Context) error {
	formed := false
	s.rec.Ask(func(v *view.View) { formed, _ = v.Formed() })
	for _, d := range s.spec().Injections {
		if d.At != profile.AtFormed {
			continue
		}
		if !formed {
			return errors.New("the mesh did not form, so that " + d.Do + " was not done to it")
		}
		s.do(ctx, d, s.one()...)
		if err := watch(ctx, d.Watch.D()); err != nil {
			return err
		}
	}
	if !formed {
		return nil
	}
	if err := watch(ctx, s.spec().Watch.D()); err != nil {
		return err
	}
	// A second in which nobody was heard, on a busy machine, must not lie in the time for which the mesh is judged.
	hold := s.w.Resolved.Hold.D()
	_, err := s.rec.Until(ctx, 2*hold, func(v *view.View) (bool, string) {
		held, m := v.Held(hold)
		return held || !m.Full, m.String()
	})
	return err
}

func watch(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// do does an injection to pods. What cannot be done makes the scenario void.
func (s *story) do(ctx context.Context, d profile.Injection, pods ...*view.Pod) {
	switch {
	case len(pods) == 0:
		s.void("", "no pod was there to do "+d.Do+" to")
	case d.Packets():
		s.inject(ctx, d, pods)
	case d.Do == profile.Exec:
		s.command(ctx, d, pods[0])
	case d.Do == profile.RotateSecret:
		s.rotate(ctx)
	case d.Do == profile.Delete:
		s.remove(ctx, d)
	}
}

// inject puts a fault of the network into the pods, those of a node at once: to see that it bites takes a second.
func (s *story) inject(ctx context.Context, d profile.Injection, pods []*view.Pod) {
	rules := map[string][]agent.Rule{}
	for _, p := range pods {
		rule, err := s.rule(d, p)
		if err != nil {
			s.void(p.UID, err.Error())
			return
		}
		rules[p.Last().Node] = append(rules[p.Last().Node], rule)
	}
	for node, list := range rules {
		if err := s.faults.Inject(ctx, node, list...); err != nil {
			s.say(err.Error())
		}
	}
}

// rule makes the agent's rule of an injection. One that must be toothless is put into this pod and is about another one's address.
func (s *story) rule(d profile.Injection, p *view.Pod) (agent.Rule, error) {
	r := agent.Rule{Pod: p.UID, IP: p.IP(), Do: d.Do, Port: d.Port}
	toothless := s.spec().Harness == profile.Toothless
	if d.Do != profile.Cut && !toothless {
		return r, nil
	}
	other := ""
	for _, q := range s.placed() {
		if q != p {
			other = q.IP()
		}
	}
	if other == "" {
		return r, fmt.Errorf("there is no second pod beside %s", p.Name)
	}
	if r.Peer = other; toothless {
		r.IP, r.Peer = other, ""
	}
	return r, nil
}

func (s *story) command(ctx context.Context, d profile.Injection, p *view.Pod) {
	c := profile.Command{Name: d.Do, Run: d.Run, TTY: d.TTY, Input: d.Input, Expect: d.Expect}
	e := workload.Exec(ctx, s.g.cluster.Config, s.client, s.ns, p.Name, p.UID, c, s.known.Text)
	s.commanded(d, p, e)
}

func (s *story) commanded(d profile.Injection, p *view.Pod, e recording.Exec) {
	what := fmt.Sprintf("%s in %s ends with %d", strings.Join(d.Run, " "), p.Name, e.Code)
	switch {
	case e.Outcome == recording.ProbeError || e.Code != 0:
		s.void(p.UID, s.known.Text(strings.TrimSpace(what+": "+e.Detail+" "+e.Output)))
	case !strings.Contains(e.Output, d.Expect):
		s.void(p.UID, s.known.Text(fmt.Sprintf("%s and its output lacks %q: %s", what, d.Expect, e.Output)))
	default:
		s.rec.Did(recording.Act{Do: d.Do, Pod: p.UID, Detail: what})
	}
}

// rotate gives the cookie's Secret another value, as a rotation does: pods that run keep theirs, new ones get the new.
func (s *story) rotate(ctx context.Context) {
	ref := s.w.Profile.Spec.Cookie.SecretKeyRef
	cookie := []byte(fmt.Sprintf("rotated-%016x%016x", rand.Uint64(), rand.Uint64()))
	s.known.Guard(cookie)
	if err := workload.SetSecret(ctx, s.client, s.ns, ref.Name, ref.Key, cookie); err != nil {
		s.void("", err.Error())
		return
	}
	s.rec.Did(recording.Act{Do: profile.RotateSecret, Detail: "Secret " + ref.Name})
}

// remove deletes an object of the manifests, as somebody who tidies up does.
func (s *story) remove(ctx context.Context, d profile.Injection) {
	kind, name, _ := strings.Cut(d.Object, "/")
	if err := s.applier.Delete(ctx, kind, name); err != nil {
		s.void("", err.Error())
		return
	}
	s.rec.Did(recording.Act{Do: profile.Delete, Detail: kind + " " + name})
}

// void records that the scenario is not the story that it should have been.
func (s *story) void(pod, why string) {
	s.rec.Sink(recording.Event{T: s.rec.Now(), By: "run", ObserverError: &recording.ObserverError{Pod: pod, What: why}})
	s.rec.Did(recording.Act{Do: fault.Void, Pod: pod, Detail: why})
	s.say(why)
}
