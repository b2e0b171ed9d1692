package scenario

import (
	"context"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Rollout records what becomes of the mesh while its pods are replaced by those of the next version: roll gives the
// controllers their new templates. The budget is that of all replacements together.
func Rollout(ctx context.Context, r *Recorder, budget time.Duration, roll func(context.Context) error, log func(string)) error {
	ready, err := r.healthy(ctx, "rollout", budget, log)
	if err != nil || !ready {
		return err
	}
	r.Did(recording.Act{Do: "rollout"})
	if err = roll(ctx); err != nil {
		return err
	}
	log("rollout: the next version is being brought up")
	return r.await(ctx, "rollout", budget, log, (*view.View).RolledOut)
}
