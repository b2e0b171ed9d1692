package ownership

import (
	"cmp"
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

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

// renewal is the time between two renewals of the Lease: eight are missed before the run is taken for dead.
const renewal = 15 * time.Second

// CreateLease creates the Lease in the run's namespace. By it the reaper and other runs know that the run lives. Within a namespace
// it is the root as well, and the error says so if another run has it (see [Busy]). named is the name of the run's results.
func (r *Run) CreateLease(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, named string) error {
	seconds, now := int32(reaper.Silence/time.Second), metav1.NewMicroTime(serverTime(ctx, cfg))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: r.lease(), Namespace: r.Namespace()},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &r.Name, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now},
	}
	if r.Within != "" {
		lease.Annotations = map[string]string{results: named}
		r.Mark(lease)
	}
	made, err := client.CoordinationV1().Leases(lease.Namespace).Create(ctx, lease, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err) && r.Within != "":
		return cmp.Or(Busy(ctx, cfg, client, r.Within), fmt.Errorf("lease %s: %w", lease.Name, err))
	case err != nil:
		return fmt.Errorf("lease %s: %w", lease.Name, err)
	case r.Within != "":
		r.Root = made.UID
	}
	return nil
}

// Busy returns an error (code 69) if another run works within the namespace. It names that run, and since when it does.
func Busy(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, namespace string) error {
	lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, withinLease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || Refused(err) { // who may not read it may not create it either: they are told so
		return nil
	}
	if err != nil {
		return fmt.Errorf("whether another run works in namespace %s: lease %s: %w", namespace, withinLease, err)
	}
	age, alive := renewed(lease, serverTime(ctx, cfg))
	if !alive {
		return nil
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("run %s of meshproof works in namespace %s since %s (its Lease was renewed %s ago), and one namespace has room for one run at a time. Wait until it has ended, or use another namespace",
		holder(lease), namespace, lease.Spec.AcquireTime.UTC().Format("2006-01-02 15:04:05 UTC"), age))
}

// renewed is how long ago the Lease was renewed, and whether its run is alive.
func renewed(lease *coordinationv1.Lease, now time.Time) (age time.Duration, alive bool) {
	if lease.Spec.RenewTime == nil {
		return 0, false
	}
	age = now.Sub(lease.Spec.RenewTime.Time)
	return max(0, age).Round(time.Second), age < reaper.Silence
}

// holder is the name of the run that has the Lease.
func holder(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
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
			if err := r.renew(ctx, cfg, client); apierrors.IsNotFound(err) || r.Within != "" && apierrors.IsConflict(err) {
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

// renew writes the API server's time, not ours: who reads it compares it with the API server's. The API server refuses it if the
// Lease of that name is another run's by now, which has another UID.
func (r *Run) renew(ctx context.Context, cfg *rest.Config, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, renewal)
	defer cancel()
	change := map[string]any{"spec": map[string]any{"renewTime": metav1.NewMicroTime(serverTime(ctx, cfg))}}
	if r.Within != "" {
		change["metadata"] = map[string]any{"uid": r.Root}
	}
	patch, err := json.Marshal(change)
	if err == nil {
		_, err = client.CoordinationV1().Leases(r.Namespace()).Patch(ctx, r.lease(), types.MergePatchType, patch, metav1.PatchOptions{})
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
