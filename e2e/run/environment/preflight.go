package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/rights"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// Rights are what the user must be allowed to do for a run of the workloads.
func (o *Options) Rights(ws []*workload.Workload) rights.Plan {
	p := rights.Plan{Namespace: o.Namespace, Objects: &manifest.Set{}, Required: &manifest.Set{}}
	for _, w := range ws {
		p.Objects.Documents = append(p.Objects.Documents, w.Now().Documents...)
		p.Required.Documents = append(p.Required.Documents, w.Required().Documents...)
		p.Rolled = append(p.Rolled, w.Resolved.Rollout...)
		p.Secrets = append(p.Secrets, w.Profile.Spec.Cookie.SecretKeyRef.Name)
		if w.Resolved.TLS != "" {
			p.Secrets = append(p.Secrets, w.Resolved.TLS)
		}
		p.PullSecret = o.PullSecret != ""
		p.Commands = p.Commands || len(w.Resolved.Console) > 0 || w.Resolved.Expect.RunsCommands()
	}
	return p
}

// preflight finds what would stop the run before anything is made: a context that does not exist, a right that the user does not
// have, a namespace or an object there that is not ours. What a dead run has left is removed. What is noted is what the run will not see or
// have, and why.
func (e *Environment) preflight(ctx context.Context, p target.Provider, ws []*workload.Workload) error {
	return p.Preflight(ctx, func(ctx context.Context, client kubernetes.Interface) error {
		if err := e.allowed(ctx, client, ws); err != nil {
			return err
		}
		if err := e.prepareImages(ctx, p, client, ws); err != nil {
			return err
		}
		if e.options.Namespace != "" {
			return e.within(ctx, client, ws)
		}
		for _, w := range ws {
			if ns := w.Resolved.Namespace; ns != "" {
				if err := workload.Taken(ctx, client, ns); err != nil {
					return err
				}
			}
			if err := w.Free(ctx, client); err != nil {
				return err
			}
		}
		return nil
	})
}

// allowed returns an error (code 69) that names the rights without which there is no run, if the user does not have them. What the run
// goes on without is noted.
func (e *Environment) allowed(ctx context.Context, client kubernetes.Interface, ws []*workload.Workload) error {
	o := e.options
	all := rights.Needed(o.Rights(ws))
	if o.Namespace != "" {
		all = append(all, rights.Beyond()...)
	}
	missing, err := rights.Missing(ctx, client, o.Namespace, all)
	if err != nil {
		return nil // where that cannot be asked, it is seen when it is done
	}
	necessary, lost := rights.Necessary(missing)
	where, flag := "on this cluster", ""
	if o.Namespace != "" {
		where, flag = "in namespace "+o.Namespace, " --namespace "+o.Namespace
	}
	if len(necessary) > 0 {
		return exitcode.With(exitcode.Unavailable, fmt.Errorf("you may not %s %s, and without this there is no run; nothing was created. The command meshproof run --print-rbac%s prints all rights that a run needs", rights.List(necessary), where, flag))
	}
	if of := lost[rights.NoReaper]; len(of) > 0 {
		e.note("this run will have no reaper, because you may not " + rights.List(of) + ". " + o.remains(o.Context))
		delete(lost, rights.NoReaper)
	}
	for _, what := range slices.Sorted(maps.Keys(lost)) {
		in := where
		if lost[what][0].Cluster {
			in = "on this cluster"
		}
		e.note("unseen: " + what + ", because you may not " + rights.List(lost[what]) + " " + in)
	}
	return nil
}

// within looks at the namespace that the run is to work in alone.
func (e *Environment) within(ctx context.Context, client kubernetes.Interface, ws []*workload.Workload) error {
	o := e.options
	if len(ws) > 1 {
		return exitcode.With(exitcode.Usage, fmt.Errorf("namespace %s has room for one profile at a time, and %d are named: run them one after the other", o.Namespace, len(ws)))
	}
	_, err := client.CoreV1().Namespaces().Get(ctx, o.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return exitcode.With(exitcode.Unavailable, fmt.Errorf("there is no namespace %s: --namespace names an existing one; without it the run makes its own", o.Namespace))
	}
	var errs []error
	for _, w := range ws {
		if ns := w.Resolved.Namespace; ns != "" && ns != o.Namespace {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%s has to be deployed to namespace %s (lint -v says where that is fixed), and --namespace is %s: use the same in both", w.Name(), ns, o.Namespace))
		}
		notes, err := w.Within(ctx, client, o.Namespace)
		for _, n := range notes {
			e.note(n)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
