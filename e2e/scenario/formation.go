package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// StartBudget is how long the pods may take to get Ready. It comes before the profile's own budget: how busy the machine is
// that makes containers and boots VMs says nothing about how an application forms its mesh.
const StartBudget = 60 * time.Second

// Formation records how a workload comes up: from the creation of its objects to a full mesh that has held, and in which
// every probe has had its say, or to the end of its budget, which counts from when all pods were Ready, or one had failed. It
// ends sooner when no time can help.
func Formation(ctx context.Context, r *Recorder, budget time.Duration, apply func(context.Context) error, log func(string)) error {
	if err := apply(ctx); err != nil {
		return err
	}
	r.Did(recording.Act{Do: "apply"})
	lacks, err := r.Until(ctx, StartBudget, func(v *view.View) (bool, string) { return v.Booted() })
	if err != nil {
		return fmt.Errorf("formation, before the pods are Ready: %w; last seen: %s", err, lacks)
	}
	if lacks != "" {
		log(fmt.Sprintf("formation: not all pods were Ready in %s; last seen: %s", StartBudget, lacks))
	}
	hopeless := ""
	err = r.await(ctx, "formation", budget, log, func(v *view.View) (bool, string) {
		if hopeless = v.Hopeless(); hopeless != "" {
			return true, ""
		}
		return v.Formed()
	})
	if err == nil && hopeless != "" {
		log("formation ends before its budget: " + hopeless)
	}
	return err
}

// baseline is how long a healthy mesh is watched before it is disturbed: long enough for the links that last
// to be told from those that come and go.
const baseline = 1500 * time.Millisecond

// Recovery records what becomes of the mesh when one of its pods is deleted: choose names the victim among the
// members, remove deletes it.
func Recovery(ctx context.Context, r *Recorder, budget time.Duration, choose func([]*view.Pod) *view.Pod, remove func(ctx context.Context, pod string) error, log func(string)) error {
	ready, err := r.healthy(ctx, "recovery", budget, log)
	if err != nil || !ready {
		return err
	}
	var victim *view.Pod
	r.Ask(func(v *view.View) { victim = choose(v.Expected(v.End())) })
	r.Did(recording.Act{Do: "delete-pod", Pod: victim.UID, Detail: victim.Name})
	if err = remove(ctx, victim.Name); err != nil {
		return fmt.Errorf("recovery: deleting pod %s: %w", victim.Name, err)
	}
	log("recovery: deleted " + victim.Name)
	return r.await(ctx, "recovery", budget, log, (*view.View).Recovered)
}

// healthy waits for a mesh that is worth disturbing, and reports whether there is one.
func (r *Recorder) healthy(ctx context.Context, what string, budget time.Duration, log func(string)) (bool, error) {
	lacks, err := r.Until(ctx, budget, func(v *view.View) (bool, string) {
		ok, m := v.Held(baseline)
		if ok && !v.LinksWatched(baseline) {
			return false, "the socket tables were not all seen yet"
		}
		if ok && !v.Heard() {
			return false, "whether the nodes ask for their peers was not heard yet"
		}
		return ok, m.String()
	})
	if err != nil {
		return false, fmt.Errorf("%s, before the disturbance: %w; last seen: %s", what, err, lacks)
	}
	if lacks != "" {
		log(what + ": no healthy mesh to disturb; last seen: " + lacks)
	}
	return lacks == "", nil
}
