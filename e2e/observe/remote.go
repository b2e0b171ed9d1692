package observe

import (
	"context"
	"time"

	"meshproof.dev/meshproof/e2e/observe/remote"
	"meshproof.dev/meshproof/e2e/recording"
)

// remote observes the pods of the plan without an agent.
func (o *Observer) remote(ctx context.Context) {
	r := remote.New(remote.Options{Rest: o.Rest, Client: o.Client, Namespace: o.Namespace, NoAgent: o.NoAgents, Caught: o.Caught, Emit: func(e recording.Event) {
		e.T, e.By = o.Now(), recording.ByAPI
		o.Sink(e)
	}})
	o.spawn(func() { r.Run(ctx) })
	news, end := o.plans.subscribe()
	defer end()
	tick := time.NewTicker(o.pace.plan)
	defer tick.Stop()
	for {
		r.SetPlan(o.plans.current(), o.plans.remote())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-news:
		}
	}
}
