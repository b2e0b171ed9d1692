package run

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/workload"
)

// settle makes the workload's namespace: the one that its profile or manifests fix, or one of its own.
func (s *story) settle(ctx context.Context) error {
	run, made := filepath.Base(s.dir), true
	var err error
	if s.ns = s.w.Resolved.Namespace; s.ns == "" {
		s.ns = namespaceOf(s.w)
		err = workload.CreateNamespace(ctx, s.client, s.ns, run, ownAgent(s.w))
	} else {
		made, err = workload.FixedNamespace(ctx, s.client, s.ns, run, ownAgent(s.w), s.g.cluster.Owned)
	}
	if err != nil {
		return err
	}
	s.passing = made
	s.applier, err = workload.NewApplier(s.g.cluster.Config, s.ns, run, made)
	return err
}

// apply creates the objects and gives the cookie to those who need it.
func (s *story) apply(ctx context.Context) error {
	y, err := s.w.Render(s.ns, s.g.refs(s.w))
	if err != nil {
		return err
	}
	if y, err = s.issue(y); err != nil {
		return err
	}
	if err = s.manifests(y); err != nil {
		return err
	}
	s.note(s.w.Notes()...)
	if err = s.require(ctx); err != nil {
		return fmt.Errorf("what the profile requires: %w", err)
	}
	if err = s.applier.Apply(ctx, y, s.w.Resolved.Budgets.Requires.D()); err != nil {
		return err
	}
	s.note(s.applier.Skipped...)
	ref := s.w.Profile.Spec.Cookie.SecretKeyRef
	cookie, err := workload.Secret(ctx, s.client, s.ns, ref.Name, ref.Key)
	if err != nil {
		return fmt.Errorf("the cookie: %w", err)
	}
	s.known.Guard(cookie)
	if err = s.identity(ctx); err != nil {
		return err
	}
	s.obs.SetCookie(cookie)
	s.say("deployed to namespace " + s.ns)
	return nil
}

// issue fills the Secrets that ask for a certificate.
func (s *story) issue(objects *manifest.Set) (*manifest.Set, error) {
	issued, made, err := s.w.Issue(objects, s.ns, time.Now())
	for _, i := range made {
		s.known.GuardKey(i.Key, i.Certificate)
	}
	return issued, err
}

// identity gives the agents the certificate with which nodes are spoken to over TLS, where they are.
func (s *story) identity(ctx context.Context) error {
	if s.w.Resolved.TLS == "" {
		return nil
	}
	i, err := workload.Identity(ctx, s.client, s.ns, s.w.Resolved.TLS, s.w.Resolved.Budgets.Requires.D())
	if err != nil {
		return err
	}
	s.known.GuardKey(i.Key, i.Certificate)
	s.obs.SetIdentity(i)
	return nil
}

// require creates what the application needs beside itself, and waits until it is at work.
func (s *story) require(ctx context.Context) error {
	y, err := s.w.RenderRequires(s.g.refs(s.w))
	if err != nil || len(y.Documents) == 0 {
		return err
	}
	if y, err = s.issue(y); err != nil {
		return err
	}
	began := time.Now()
	budget := s.w.Resolved.Budgets.Requires.D()
	if err = s.applier.Apply(ctx, y, budget); err != nil {
		return err
	}
	if err = s.applier.Await(ctx, budget); err != nil {
		return err
	}
	s.say(fmt.Sprintf("what it requires is at work after %.1f s", time.Since(began).Seconds()))
	return nil
}

// note says what a reader of the report has to know beside the verdicts.
func (s *story) note(lines ...string) {
	for _, l := range lines {
		s.notes = append(s.notes, s.known.Text(l))
		s.say(l)
	}
}

// manifests records the objects that are to be created, without what is secret in them.
func (s *story) manifests(y *manifest.Set) error {
	objects, err := workload.Objects(y, s.known)
	if err != nil {
		return err
	}
	for _, o := range objects {
		s.rec.Sink(recording.Event{T: s.rec.Now(), By: "run", Object: &o})
	}
	return nil
}

// tearDown removes the workload's namespace, and before it what was made outside of it: a later workload may bring the same.
func (s *story) tearDown() {
	budget := removeBudget
	if s.g.cluster.Owned && !s.o.Keep {
		budget = 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeBudget+10*time.Second)
	defer cancel()
	if s.applier != nil {
		if err := s.applier.Remove(ctx, budget); err != nil {
			s.say("clean-up: " + err.Error())
		}
	}
	if !s.passing {
		return
	}
	if err := s.g.removeNamespace(s.o, s.client, s.ns); err != nil {
		s.say("clean-up: " + err.Error())
	}
}
