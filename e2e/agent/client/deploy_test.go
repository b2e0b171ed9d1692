package client

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

// answers are how an API server answers the requests of Deploy.
type answers struct {
	pods, sets []error // to each creation in turn; after the last nil
	event      string  // of the DaemonSet's controller, "" when it creates its pods
}

func (a *answers) server(t *testing.T) *fake.Clientset {
	t.Helper()
	c := fake.NewClientset()
	next := func(list *[]error) error {
		if len(*list) == 0 {
			return nil
		}
		err := (*list)[0]
		*list = (*list)[1:]
		return err
	}
	c.PrependReactor("create", "pods", func(x k8stesting.Action) (bool, runtime.Object, error) {
		if create, is := x.(k8stesting.CreateActionImpl); !is || len(create.CreateOptions.DryRun) == 0 {
			t.Error("a pod was created, and not only tried")
		}
		return true, nil, next(&a.pods)
	})
	c.PrependReactor("create", "daemonsets", func(x k8stesting.Action) (bool, runtime.Object, error) {
		if err := next(&a.sets); err != nil {
			return true, nil, err
		}
		create, _ := x.(k8stesting.CreateActionImpl)
		d, is := create.Object.(*appsv1.DaemonSet)
		if !is {
			t.Errorf("created a %T", create.Object)
			return false, nil, nil
		}
		d = d.DeepCopy()
		d.Status = appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: 1, CurrentNumberScheduled: 1}
		if a.event != "" {
			d.Status.CurrentNumberScheduled = 0
			e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: "e"}, Reason: "FailedCreate", Message: a.event,
				InvolvedObject: corev1.ObjectReference{Kind: "DaemonSet", Name: d.Name}}
			if err := c.Tracker().Add(e); err != nil {
				t.Error(err)
			}
		}
		return true, d, c.Tracker().Add(d)
	})
	return c
}

func TestDeploy(t *testing.T) {
	pods, sets := schema.GroupResource{Resource: "pods"}, schema.GroupResource{Group: "apps", Resource: "daemonsets"}
	security := apierrors.NewForbidden(pods, "meshproof-agent-x7k2p", errors.New(`violates PodSecurity "restricted:latest": host namespaces (hostPID=true)`))
	webhook := &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: 400, Reason: "[denied by autogke-disallow-hostnamespaces]",
		Message: `admission webhook "warden-validating.common-webhooks.networking.gke.io" denied the request: enabling hostPID is not allowed in Autopilot.`}}
	noPods := apierrors.NewForbidden(pods, "", errors.New(`User "ci" cannot create resource "pods" in API group "" in the namespace "ns"`))
	noSets := apierrors.NewForbidden(sets, "", errors.New(`User "ci" cannot create resource "daemonsets" in API group "apps" in the namespace "ns"`))
	noDryRun := apierrors.NewBadRequest(`admission webhook "x" does not support dry run`)
	young := apierrors.NewForbidden(pods, "meshproof-agent-x7k2p", errors.New(`error looking up service account ns/default: serviceaccount "default" not found`))
	for name, c := range map[string]struct {
		answers
		refused, fails string
		left           bool // the DaemonSet
	}{
		"admitted":                             {answers{}, "", "", true},
		"Pod Security":                         {answers{pods: []error{security}}, `pods "meshproof-agent" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostPID=true)`, "", false},
		"a webhook":                            {answers{pods: []error{webhook}}, "enabling hostPID is not allowed in Autopilot.", "", false},
		"a webhook that judges DaemonSets":     {answers{sets: []error{webhook}}, "enabling hostPID is not allowed in Autopilot.", "", false},
		"no right to create pods":              {answers{pods: []error{noPods}}, "", "", true},
		"no right to create DaemonSets":        {answers{pods: []error{noPods}, sets: []error{noSets}}, `User "ci" cannot create resource "daemonsets"`, "", false},
		"no dry run, and refused pod by pod":   {answers{pods: []error{noDryRun}, event: `Error creating: pods "meshproof-agent-q4z8w" is forbidden: no`}, `pods "meshproof-agent" is forbidden: no`, "", false},
		"no dry run, and admitted":             {answers{pods: []error{noDryRun}}, "", "", true},
		"a namespace that has just been made":  {answers{pods: []error{young, young}}, "", "", true},
		"an API server that has other trouble": {answers{pods: []error{errors.New("connection reset")}}, "", "connection reset", false},
	} {
		t.Run(name, func(t *testing.T) {
			client := c.server(t)
			refused, err := Deploy(t.Context(), client, DaemonSet("ns", Options{}))
			if (c.refused == "") != (refused == "") || !strings.Contains(refused, c.refused) || (c.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("refused %q, %v; want %q, %q", refused, err, c.refused, c.fails)
			}
			if _, gone := client.AppsV1().DaemonSets("ns").Get(context.Background(), Name, metav1.GetOptions{}); (gone == nil) != c.left {
				t.Errorf("the DaemonSet: %v", gone)
			}
		})
	}
}
