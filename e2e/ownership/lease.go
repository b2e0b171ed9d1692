package ownership

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

// renewal is the time between two renewals of the Lease: eight are missed before the run is taken for dead.
const renewal = 15 * time.Second

// CreateLease creates the Lease in the run's namespace. By it the reaper and other runs know that the run lives.
func (r *Run) CreateLease(ctx context.Context, cfg *rest.Config, client kubernetes.Interface) error {
	seconds, now := int32(reaper.Silence/time.Second), metav1.NewMicroTime(serverTime(ctx, cfg))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: r.Name, Namespace: r.Name},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &r.Name, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now},
	}
	if _, err := client.CoordinationV1().Leases(r.Name).Create(ctx, lease, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("lease %s: %w", r.Name, err)
	}
	return nil
}

// Renew renews the Lease until stop is called. What prevents it is said once.
func (r *Run) Renew(cfg *rest.Config, client kubernetes.Interface, log func(string)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	guard.Go(&wg, func(bug error) { log(bug.Error()) }, func() {
		said := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(renewal):
			}
			text := ""
			if err := r.renew(ctx, cfg, client); apierrors.IsNotFound(err) {
				text = "the Lease of this run is gone: what the run made is being removed"
			} else if err != nil {
				text = fmt.Sprintf("the Lease of this run cannot be renewed; after %s what the run made is removed: %v", reaper.Silence, err)
			}
			if text != "" && text != said && ctx.Err() == nil {
				log(text)
			}
			said = text
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// renew writes the API server's time, not ours: who reads it compares it with the API server's.
func (r *Run) renew(ctx context.Context, cfg *rest.Config, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, renewal)
	defer cancel()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"renewTime": metav1.NewMicroTime(serverTime(ctx, cfg))}})
	if err == nil {
		_, err = client.CoordinationV1().Leases(r.Name).Patch(ctx, r.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	return err
}

// serverTime is the API server's clock, to a second, and this machine's where the API server does not say.
func serverTime(ctx context.Context, cfg *rest.Config) time.Time {
	now, err := askTime(ctx, cfg)
	if err != nil {
		return time.Now()
	}
	return now
}

func askTime(ctx context.Context, cfg *rest.Config) (time.Time, error) {
	at, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return time.Time{}, err
	}
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath("version").String(), http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	defer answer.Body.Close()
	return http.ParseTime(answer.Header.Get("Date"))
}
