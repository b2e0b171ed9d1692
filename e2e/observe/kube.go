package observe

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/recording"
)

// watchKube starts the watches. An error means that something could not even be listed.
func (o *Observer) watchKube(ctx context.Context) error {
	core, discovery := o.Client.CoreV1().RESTClient(), o.Client.DiscoveryV1().RESTClient()
	kinds := []*kind{
		newKind("pods", recording.KindPod, core, o.Namespace, "", func(x runtime.Object, gone bool) {
			if p, ok := x.(*corev1.Pod); ok {
				o.pod(ctx, p, gone)
			}
		}),
		newKind("services", recording.KindService, core, o.Namespace, "", func(x runtime.Object, gone bool) {
			if s, ok := x.(*corev1.Service); ok {
				o.kube(recording.Event{Service: serviceOf(s, gone)})
			}
		}),
		newKind("endpointslices", recording.KindSlice, discovery, o.Namespace, "", func(x runtime.Object, gone bool) {
			if s, ok := x.(*discoveryv1.EndpointSlice); ok {
				o.kube(recording.Event{Slice: sliceOf(s, gone)})
			}
		}),
		newKind("events", recording.KindNotice, core, o.Namespace, "", func(x runtime.Object, gone bool) {
			if e, ok := x.(*corev1.Event); ok && !gone {
				o.kube(recording.Event{Notice: &recording.Notice{Object: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name, Type: e.Type, Reason: e.Reason, Message: o.Redactor.Text(e.Message)}})
			}
		}),
	}
	if o.AgentNamespace != "" {
		kinds = append(kinds, newKind("pods", "", core, o.AgentNamespace, agentclient.Label, func(x runtime.Object, gone bool) {
			if p, ok := x.(*corev1.Pod); ok {
				o.agent(ctx, p, gone)
			}
		}))
	}
	o.kube(recording.Event{Start: &recording.Start{}})
	for _, k := range kinds {
		if err := k.relist(ctx); err != nil {
			return err
		}
	}
	for _, k := range kinds {
		o.spawn(func() { o.watchKind(ctx, k) })
	}
	o.spawn(func() { o.beat(ctx, kinds[0].lw) })
	return nil
}

// pod adds a pod's state to the plan and the recording.
func (o *Observer) pod(ctx context.Context, p *corev1.Pod, gone bool) {
	r := podOf(p, gone)
	r.NotReady = o.Redactor.Text(r.NotReady)
	for i := range r.Containers {
		r.Containers[i].Message = o.Redactor.Text(r.Containers[i].Message)
	}
	owned := o.Owns(r.Labels, r.Owner)
	if owned {
		o.plans.pod(r)
	}
	o.recordPod(r)
	if owned && !gone {
		o.readLogs(ctx, r)
		o.followEnds(ctx, r)
	}
}

// beat records at each interval that the API server answers, on the connection that the watches use, too. If it does not, that is
// recorded once, and afterwards how long it lasted.
func (o *Observer) beat(ctx context.Context, pods *cache.ListWatch) {
	every := o.pace.beat
	good, why, meter := o.Now(), "", agent.NewMeter()
	blind := func(to time.Duration) {
		o.kube(recording.Event{Gap: &recording.Gap{From: good, To: to, Why: "the API server did not answer: " + why}})
	}
	end := func() {
		if why != "" {
			blind(o.Now())
		}
	}
	defer end()
	for due := o.Now() + every; ; due = max(due+every, o.Now()) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(due - o.Now()):
		}
		late := max(0, o.Now()-due)
		err := answers(ctx, pods, every)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if why == "" { // what comes later, such as a refusal while it starts again, is not what happened
				why = err.Error()
				blind(0)
			}
			continue
		}
		end()
		good, why = o.Now(), ""
		o.kube(recording.Event{Beat: meter.Beat(late)})
	}
}

// answers requests something small from the API server.
func answers(ctx context.Context, lw *cache.ListWatch, within time.Duration) error {
	short, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %s", within))
	defer cancel()
	_, err := lw.ListWithContext(short, metav1.ListOptions{Limit: 1, ResourceVersion: "0"})
	if err != nil && short.Err() != nil {
		return context.Cause(short)
	}
	return err
}
