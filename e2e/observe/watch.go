package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"meshproof.dev/meshproof/e2e/recording"
)

// kind is one kind of object that is watched in one namespace.
type kind struct {
	name    string
	of      recording.Kind // what its objects are recorded as; "" for what is not recorded
	lw      *cache.ListWatch
	record  func(o runtime.Object, gone bool)
	known   map[types.UID]runtime.Object // what was recorded and was not deleted
	version string                       // from which a watch resumes; "" if a new list is needed
	missed  bool                         // it was listed again since the last watch: what was created and deleted in between is not known
}

func newKind(resource string, of recording.Kind, c cache.Getter, namespace, labels string, record func(runtime.Object, bool)) *kind {
	lw := cache.NewFilteredListWatchFromClient(c, resource, namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = labels
	})
	name := resource + " in namespace " + namespace
	return &kind{name: name, of: of, lw: lw, record: record, known: map[types.UID]runtime.Object{}}
}

// relist records what exists now and what no longer exists. A watch resumes from here.
func (k *kind) relist(ctx context.Context) error {
	l, err := k.lw.ListWithContext(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing %s: %w", k.name, err)
	}
	list, err := meta.ListAccessor(l)
	if err != nil {
		return fmt.Errorf("listing %s: %w", k.name, err)
	}
	items, err := meta.ExtractList(l)
	if err != nil {
		return fmt.Errorf("listing %s: %w", k.name, err)
	}
	before := k.known
	k.known = map[types.UID]runtime.Object{}
	for _, x := range items {
		if m, err := meta.Accessor(x); err == nil {
			delete(before, m.GetUID())
			k.keep(x, m, false)
		}
	}
	for _, x := range before {
		k.record(x, true)
	}
	k.version = list.GetResourceVersion()
	return nil
}

func (k *kind) keep(x runtime.Object, m metav1.Object, gone bool) {
	if k.known[m.GetUID()] = x; gone {
		delete(k.known, m.GetUID())
	}
	k.record(x, gone)
}

// tolerable is how long a watch may be interrupted before that is recorded, if nothing was missed.
const tolerable = time.Second

// watchKind follows one kind until the context ends. A watch that ends is resumed where it stopped: nothing is lost, but events in
// between get late times. If that is not possible everything is listed again. Both are recorded as a gap, unless it was short and
// nothing can have been missed. A long gap is recorded while it lasts.
func (o *Observer) watchKind(ctx context.Context, k *kind) {
	var gap *recording.Gap // since the watch ended
	open := false          // it was recorded as not over
	end := func() {
		if gap != nil && (k.missed || open || o.Now()-gap.From > tolerable) {
			o.gap(k, recording.Gap{From: gap.From, To: o.Now(), Why: gap.Why})
		}
		gap, open, k.missed = nil, false, false
	}
	for {
		cut, until := o.outage.state()
		var w watch.Interface
		broke, err := o.Now(), errCut
		if broke < until {
			k.version = ""
		} else {
			w, err = k.begin(ctx)
		}
		if err == nil {
			end()
			err = k.follow(ctx, w, cut)
			broke = o.Now()
		}
		if ctx.Err() != nil {
			end()
			return
		}
		if gap == nil {
			gap = &recording.Gap{From: broke}
		}
		gap.Why = fmt.Sprintf("the watch of %s was interrupted: %v", k.name, err)
		if !open && o.Now()-gap.From > tolerable {
			open = true
			o.gap(k, *gap)
		}
		pause(ctx, o.pace.again)
	}
}

// gap records that one kind was not seen. Gaps of the watch of the agents' pods are not recorded: the agents' own lines show what
// they saw.
func (o *Observer) gap(k *kind, g recording.Gap) {
	if g.Of = k.of; k.of != "" {
		o.kube(recording.Event{Gap: &g})
	}
}

// begin opens the watch, after a list if the last one cannot be resumed.
func (k *kind) begin(ctx context.Context) (watch.Interface, error) {
	if k.version == "" {
		if err := k.relist(ctx); err != nil {
			return nil, err
		}
		k.missed = true
	}
	w, err := k.lw.WatchWithContext(ctx, metav1.ListOptions{ResourceVersion: k.version, AllowWatchBookmarks: true})
	if expired(err) {
		k.version = ""
	}
	return w, err
}

func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// follow records the events of the watch until it ends.
func (k *kind) follow(ctx context.Context, w watch.Interface, cut <-chan struct{}) error {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-cut:
			k.version = ""
			return errCut
		case e, open := <-w.ResultChan():
			if !open {
				return errors.New("the stream ended")
			}
			if isClosed(cut) {
				k.version = ""
				return errCut
			}
			if e.Type == watch.Error {
				k.version = ""
				return apierrors.FromObject(e.Object)
			}
			m, err := meta.Accessor(e.Object)
			if err != nil {
				return err
			}
			if k.version = m.GetResourceVersion(); e.Type != watch.Bookmark {
				k.keep(e.Object, m, e.Type == watch.Deleted)
			}
		}
	}
}
