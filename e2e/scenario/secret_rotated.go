package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// secretRotated records what happens when the Secret with the cookie is given another value while pods run, and then one of them is
// replaced. Pods that read the cookie when they start keep the old one; the replacement has the new one.
func secretRotated() Scenario {
	budget := func(p *profile.Resolved) time.Duration { return p.Budgets.Recovery.D() }
	return Scenario{
		Name:      "secret-rotated",
		OnRequest: true,
		Cookie:    true,
		Estimate:  40 * time.Second,
		Limit:     func(p *profile.Resolved) time.Duration { return 2 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			victim, err := env.victim()
			if err != nil {
				return err
			}
			secret, err := env.Workload.RotateCookie(ctx)
			if err != nil {
				return fmt.Errorf("changing the cookie: %w", err)
			}
			env.Did(recording.Act{Do: recording.RotateSecret, Detail: "Secret " + secret})
			if err = env.deletePod(ctx, victim); err != nil {
				return err
			}
			env.Log("gave Secret " + secret + " another cookie, and deleted pod " + victim.Name)
			return env.await(ctx, budget(env.Profile), env.name()+" to take in or to refuse what replaces "+victim.Name, (*view.View).Rotated)
		},
		Undo: func(ctx context.Context, env *Env) error { return env.Workload.RestoreCookie(ctx) },
	}
}
