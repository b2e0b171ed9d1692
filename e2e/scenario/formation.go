package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// startBudget is how long the pods may take to get Ready. It does not count towards the profile's own budget: the time to create
// containers and boot VMs says nothing about how an application forms its mesh.
const startBudget = 60 * time.Second

// cacheBudget is how long a formed mesh is observed at most until its nodes have asked DNS again: the longest time for which the
// DNS of a cluster lets its answers be cached in practice, and an interval of discovery.
const cacheBudget = 75 * time.Second

// formation records how a workload starts: from the creation of its objects until a full mesh has stayed complete and every probe
// has reported about every member. It ends with its budget, which begins when all pods are Ready or one has failed. It ends
// earlier if waiting cannot help.
func formation() Scenario {
	return Scenario{
		Name:     recording.Formation,
		Once:     true,
		Estimate: 25 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return startBudget + p.Budgets.Formation.D() + cacheBudget },
		Run:      form,
	}
}

func form(ctx context.Context, env *Env) error {
	if err := env.Workload.Apply(ctx); err != nil {
		return err
	}
	env.Did(recording.Act{Do: recording.Apply})
	missing, err := env.Until(ctx, startBudget, "all pods of "+env.name()+" to be Ready", (*view.View).Booted)
	if err != nil {
		return fmt.Errorf("before the pods are Ready: %w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Log(fmt.Sprintf("not all pods were Ready within %s; last seen: %s", startBudget, missing))
	}
	hopeless := ""
	err = env.await(ctx, env.Profile.Budgets.Formation.D(), env.name()+" to form its mesh", func(v *view.View) (bool, string) {
		if hopeless = v.Hopeless(); hopeless != "" {
			return true, ""
		}
		return v.Formed()
	})
	if err == nil && hopeless != "" {
		env.Log("ends before its budget expires: " + hopeless)
	}
	if err != nil {
		return err
	}
	// Whether discovery goes on is not seen as long as a resolver has the answer in its cache.
	_, err = env.Until(ctx, cacheBudget, env.name()+" to ask DNS again, where its answer may be cached", (*view.View).CachesExpired)
	return err
}
