package workload

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Label marks every namespace of ours, with the run's name as its value.
const Label = "meshproof.dev/run"

// CreateNamespace makes a namespace that carries the run's label. privileged lets it hold the agent where Pod
// Security admission is on.
func CreateNamespace(ctx context.Context, client kubernetes.Interface, name, run string, privileged bool) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{Label: run}}}
	if privileged {
		ns.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

// DeleteNamespace deletes a namespace of ours and waits until it is gone, at most for the budget; a budget of 0 leaves the
// rest to the cluster. In the error is what was still there.
func DeleteNamespace(ctx context.Context, client kubernetes.Interface, name string, budget time.Duration) error {
	// A namespace waits for its slowest pod.
	if err := Stop(ctx, client, name); err != nil {
		return err
	}
	err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if budget == 0 {
		return nil
	}
	return await(ctx, budget, func(ctx context.Context) (bool, string) {
		ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, ""
		}
		if err != nil {
			return false, err.Error()
		}
		seen := "phase " + string(ns.Status.Phase)
		for _, c := range ns.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				seen += ", " + c.Message
			}
		}
		return false, seen
	}, "namespace "+name+" is not gone")
}

// Stop ends all pods of a namespace of ours, without grace: nothing of ours needs an orderly end. Those that keep pods alive go
// first, or they would make new ones at once.
func Stop(ctx context.Context, client kubernetes.Interface, namespace string) error {
	now, background := int64(0), metav1.DeletePropagationBackground
	apps, core := client.AppsV1(), client.CoreV1()
	keepers := metav1.DeleteOptions{PropagationPolicy: &background}
	for _, kind := range []func(context.Context, metav1.DeleteOptions, metav1.ListOptions) error{
		apps.Deployments(namespace).DeleteCollection, apps.StatefulSets(namespace).DeleteCollection, apps.DaemonSets(namespace).DeleteCollection,
		client.BatchV1().Jobs(namespace).DeleteCollection, apps.ReplicaSets(namespace).DeleteCollection,
	} {
		if err := kind(ctx, keepers, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("workloads of namespace %s: %w", namespace, err)
		}
	}
	if err := core.Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("pods of namespace %s: %w", namespace, err)
	}
	return nil
}

// Apply creates the objects of the rendered manifests, Secrets and Services first, strictly: a field that the API server
// does not know is an error, not a warning.
func Apply(ctx context.Context, cfg *rest.Config, manifests []byte) error {
	r, err := resources.New(cfg)
	if err != nil {
		return err
	}
	objects, err := decoder.DecodeAll(ctx, bytes.NewReader(manifests))
	if err != nil {
		return exitcode.With(exitcode.Usage, fmt.Errorf("the rendered manifests: %w", err))
	}
	strict := func(o *metav1.CreateOptions) { o.FieldValidation = metav1.FieldValidationStrict }
	for _, o := range objects {
		if err := r.Create(ctx, o, strict); err != nil {
			return exitcode.With(exitcode.Fail, fmt.Errorf("%s: %w", describe(o), err))
		}
	}
	return nil
}

// Delete deletes one object of the rendered manifests.
func Delete(ctx context.Context, cfg *rest.Config, manifests []byte, kind, name string) error {
	r, err := resources.New(cfg)
	if err != nil {
		return err
	}
	objects, err := decoder.DecodeAll(ctx, bytes.NewReader(manifests))
	if err != nil {
		return fmt.Errorf("the rendered manifests: %w", err)
	}
	for _, o := range objects {
		if o.GetObjectKind().GroupVersionKind().Kind == kind && o.GetName() == name {
			if err := r.Delete(ctx, o); err != nil {
				return fmt.Errorf("deleting %s: %w", describe(o), err)
			}
			return nil
		}
	}
	return fmt.Errorf("there is no %s %s among the manifests to delete", kind, name)
}

func describe(o k8s.Object) string {
	return fmt.Sprintf("%s %s", strings.ToLower(o.GetObjectKind().GroupVersionKind().Kind), o.GetName())
}

// Secret reads one key of a Secret. The value is the caller's to guard; no error holds it.
func Secret(ctx context.Context, client kubernetes.Interface, namespace, name, key string) ([]byte, error) {
	s, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("the cookie's secret: %w", err)
	}
	v, ok := s.Data[key]
	if !ok || len(v) == 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("secret %s has no key %q, which the profile names as the cookie", name, key))
	}
	return v, nil
}

// DeletePod deletes one pod with the grace period it asks for, as a rollout or a drain would.
func DeletePod(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	return client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// await waits for a condition of ours that tells what it saw, so that the error can.
func await(ctx context.Context, budget time.Duration, look func(context.Context) (bool, string), what string) error {
	seen := "nothing yet"
	err := wait.For(func(ctx context.Context) (bool, error) {
		done, now := look(ctx)
		if !done {
			seen = now
		}
		return done, nil
	}, wait.WithContext(ctx), wait.WithImmediate(), wait.WithInterval(200*time.Millisecond), wait.WithTimeout(budget))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w; last seen: %s", what, ctx.Err(), seen)
	}
	return fmt.Errorf("%s after %s; last seen: %s", what, budget, seen)
}
