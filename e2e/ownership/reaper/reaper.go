// Package reaper removes what a dead run has left on a cluster that is not ours. It is the program of a pod in the run's own
// namespace.
//
// In: the run's Lease, which the harness renews while it lives. Out: where that is no longer renewed, one object is deleted: the
// run's root, which owns all else that the run made, so that Kubernetes removes that, too. The reaper needs two requests and
// therefore no client-go.
package reaper

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// LeaseEnv has the path of the run's Lease below the API server's address.
	LeaseEnv = "MESHPROOF_LEASE"
	// RootEnv has the path of the run's root. Within a namespace it is that of the Lease.
	RootEnv = "MESHPROOF_ROOT"
	// RootUIDEnv has the root's UID.
	RootUIDEnv = "MESHPROOF_ROOT_UID"

	// Silence is how long the Lease of a living run may stay unrenewed.
	Silence = 2 * time.Minute
	// Interval is the time between two looks at the Lease.
	Interval = 5 * time.Second
)

// errGone is the error of a request for an object that does not exist, or has another UID.
var errGone = errors.New("it does not exist") //nolint:gochecknoglobals // an error to compare with

// Cluster is what the reaper can see and do.
type Cluster interface {
	// Renewed is the time in the Lease, as text; errGone if there is no Lease.
	Renewed(ctx context.Context) (string, error)
	// DeleteRoot deletes the root if it has its UID; errGone if there is no such object.
	DeleteRoot(ctx context.Context) error
}

// Run looks at the Lease at each tick, until ctx ends, and deletes the root when the Lease is gone or was seen unrenewed for
// [Silence]. It compares the text in the Lease with what it saw before: its own clock and the harness's need not agree. It counts
// looks, not time: while the API server does not answer, the harness cannot renew the Lease, and that is no reason to delete.
func Run(ctx context.Context, c Cluster, tick <-chan time.Time, log func(string)) {
	var seen, said string
	unrenewed, dead := 0, false
	for {
		if !dead {
			now, err := c.Renewed(ctx)
			switch {
			case errors.Is(err, errGone):
				dead = true
			case err != nil:
				if text := "the Lease cannot be read: " + err.Error(); text != said && ctx.Err() == nil {
					said = text
					log(text)
				}
			case now != seen:
				seen, said, unrenewed = now, "", 0
			default:
				unrenewed++
				dead = unrenewed >= int(Silence/Interval)
			}
			if dead {
				log("the run has ended or does not renew its Lease (last: " + seen + "); what it made is removed")
			}
		}
		if dead {
			// The answer to a deletion is the last that the reaper hears: its rights go with the root.
			err := c.DeleteRoot(ctx)
			if err == nil || errors.Is(err, errGone) {
				log("the root is deleted; Kubernetes removes what it owned, and with it this pod")
				<-ctx.Done()
				return
			}
			log(fmt.Sprintf("the root cannot be deleted, and this is tried again: %v", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}
