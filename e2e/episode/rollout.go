package episode

import (
	"context"
	"fmt"
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
	lacks, err := r.Until(ctx, budget, func(v *view.View) (bool, string) { return v.RolledOut() })
	if err != nil {
		return fmt.Errorf("rollout: %w; last seen: %s", err, lacks)
	}
	if lacks != "" {
		log(fmt.Sprintf("rollout: the budget of %s is spent; last seen: %s", budget, lacks))
	}
	return nil
}

// healthy waits for a mesh that is worth disturbing, and tells whether there is one.
func (r *Recorder) healthy(ctx context.Context, what string, budget time.Duration, log func(string)) (bool, error) {
	lacks, err := r.Until(ctx, budget, func(v *view.View) (bool, string) {
		ok, m := v.Held(baseline)
		if ok && !v.LinksWatched(baseline) {
			return false, "the socket tables were not all seen yet"
		}
		return ok, m.String()
	})
	if err != nil {
		return false, fmt.Errorf("%s, before the deed: %w; last seen: %s", what, err, lacks)
	}
	if lacks != "" {
		log(what + ": no healthy mesh to disturb; last seen: " + lacks)
	}
	return lacks == "", nil
}
