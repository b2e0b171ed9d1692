package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// startBudget is how long the pods may take to get Ready. It comes before the profile's own budget: how busy the machine is
// that makes containers and boots VMs says nothing about how an application forms its mesh.
const startBudget = 60 * time.Second

// formation records how a workload comes up: from the creation of its objects to a full mesh that has held, and in which
// every probe has looked at every member. It ends with its budget, which counts from when all pods were Ready, or one had
// failed. It ends sooner when waiting cannot help.
func formation() Scenario {
	return Scenario{
		Name:     recording.Formation,
		Estimate: 25 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return startBudget + p.Budgets.Formation.D() },
		Run:      form,
	}
}

func form(ctx context.Context, env *Env) error {
	if err := env.Workload.Apply(ctx); err != nil {
		return err
	}
	env.Did(recording.Act{Do: "apply"})
	missing, err := env.Until(ctx, startBudget, (*view.View).Booted)
	if err != nil {
		return fmt.Errorf("before the pods are Ready: %w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Log(fmt.Sprintf("not all pods were Ready in %s; last seen: %s", startBudget, missing))
	}
	hopeless := ""
	err = env.await(ctx, env.Profile.Budgets.Formation.D(), func(v *view.View) (bool, string) {
		if hopeless = v.Hopeless(); hopeless != "" {
			return true, ""
		}
		return v.Formed()
	})
	if err == nil && hopeless != "" {
		env.Log("it ends before its budget: " + hopeless)
	}
	return err
}
