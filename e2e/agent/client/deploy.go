package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// admission is how long the DaemonSet's pods may take to be admitted, where it was not known before.
const admission = 10 * time.Second

// Deploy creates the agents, unless the cluster refuses them: then refused is the API server's own sentence, and nothing of them is
// left. It is asked with a dry run of one of their pods before anything is created, because Pod Security admission only warns about
// a DaemonSet whose pods it will refuse. Where that cannot be asked, the DaemonSet's events tell.
func Deploy(ctx context.Context, client kubernetes.Interface, d *appsv1.DaemonSet) (refused string, err error) {
	known, err := admitted(ctx, client, d)
	if err == nil {
		_, err = client.AppsV1().DaemonSets(d.Namespace).Create(ctx, d, metav1.CreateOptions{})
	}
	if err == nil && !known {
		if refused, err = awaitPods(ctx, client, d); refused != "" {
			err = errors.Join(err, client.AppsV1().DaemonSets(d.Namespace).Delete(ctx, d.Name, metav1.DeleteOptions{}))
		}
		return refused, err
	}
	if err != nil && refuses(err) {
		return sentence(err.Error()), nil
	}
	return "", err
}

// refuses reports whether the error says that the cluster will not have these pods, or not from this user. A webhook denies with
// any code and reason.
func refuses(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || strings.Contains(err.Error(), "denied the request")
}

// admitted asks whether a pod of the DaemonSet would be admitted. An error is the refusal. known is false where the answer says
// nothing about the pod: the user may make DaemonSets but no pods, or a webhook does not take part in dry runs.
func admitted(ctx context.Context, client kubernetes.Interface, d *appsv1.DaemonSet) (known bool, err error) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: d.Name + "-", Namespace: d.Namespace, Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
	for until := time.Now().Add(admission); ; {
		_, err = client.CoreV1().Pods(d.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		// A namespace gets its service account a moment after it was made.
		if err == nil || !strings.Contains(err.Error(), "error looking up service account") || time.Now().After(until) {
			break
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot create resource"), apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "dry run"):
		return false, nil
	}
	return true, err
}

// awaitPods waits until the DaemonSet has its pods, or an event says why not.
func awaitPods(ctx context.Context, client kubernetes.Interface, d *appsv1.DaemonSet) (refused string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, admission, fmt.Errorf("its pods were not created within %s", admission))
	defer cancel()
	for {
		now, err := client.AppsV1().DaemonSets(d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if s := now.Status; s.ObservedGeneration >= now.Generation && s.DesiredNumberScheduled == s.CurrentNumberScheduled && s.ObservedGeneration > 0 {
			return "", nil
		}
		events, err := client.CoreV1().Events(d.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate,involvedObject.name=" + d.Name})
		if err != nil {
			return "", err
		}
		for _, e := range events.Items {
			if e.Reason == "FailedCreate" && e.InvolvedObject.Name == d.Name {
				return sentence(strings.TrimPrefix(e.Message, "Error creating: ")), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// generated is the name that the API server makes up for a pod.
var generated = regexp.MustCompile(Name + `-[a-z0-9]{5}\b`)

// sentence is a message of the API server in one line, without the name that a pod would have had.
func sentence(message string) string {
	return strings.Join(strings.Fields(generated.ReplaceAllString(message, Name)), " ")
}
