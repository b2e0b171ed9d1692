package workload

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/progress"
)

// stillThere makes an [ownership.StillThere] of the error of a deletion that was waited for; nil stays nil.
func stillThere(kind, namespace, name string, err error) error {
	if err == nil {
		return nil
	}
	return &ownership.StillThere{Kind: kind, Namespace: namespace, Name: name, Why: err.Error()}
}

// Leaving waits for namespaces that are being deleted, at most for the patience. going are those that Kubernetes is still deleting
// then; one that something holds is an error that says what.
func Leaving(ctx context.Context, client kubernetes.Interface, names []string, patience time.Duration) (going []string, err error) {
	deadline := time.Now().Add(patience)
	shown := progress.Wait(ctx, "the namespaces of the run to be gone")
	defer shown.Done()
	for {
		going, err = nil, nil
		for _, name := range names {
			ns, gerr := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(gerr) {
				continue
			}
			if gerr != nil {
				err = errors.Join(err, stillThere("namespace", "", name, gerr))
				continue
			}
			if held := holds(ns); held != "" {
				err = errors.Join(err, &ownership.StillThere{Kind: "namespace", Name: name, Why: "it is being deleted, but " + held})
			} else {
				going = append(going, name)
			}
		}
		if len(going) == 0 && err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return going, err
		}
		shown.Seen(strings.Join(going, ", ") + " still there")
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// holds says what keeps a namespace that is being deleted from going; "" where nothing is known to. That there is content left is no
// reason: pods take a moment, and Kubernetes looks at the rest only when they are gone.
func holds(ns *corev1.Namespace) (why string) {
	conditions := slices.Clone(ns.Status.Conditions)
	slices.SortFunc(conditions, func(a, b corev1.NamespaceCondition) int { return cmp.Compare(a.Type, b.Type) })
	for _, c := range conditions {
		if c.Status == corev1.ConditionTrue && c.Type != corev1.NamespaceContentRemaining {
			if why != "" {
				why += "; "
			}
			why += cmp.Or(c.Message, string(c.Type))
		}
	}
	return why
}
