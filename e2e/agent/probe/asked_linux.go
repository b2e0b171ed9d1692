package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"meshproof.dev/meshproof/e2e/agent/sniff"
	"meshproof.dev/meshproof/e2e/recording"
)

// askedEvery is the interval in which the pod's own DNS questions are counted, and maxPacket the longest packet that is
// read: longer than any that a question makes, and of an answer the beginning tells.
const (
	askedEvery = time.Second
	maxPacket  = 16 << 10
)

// asked tells at each interval what the pod has asked the DNS, our own questions left out.
func (w *watch) asked() {
	if host, err := w.ns.Is(w.o.fs.NetNS(1)); err == nil && host {
		return // a pod in the node's own network: whose questions are heard there cannot be told
	}
	s, err := sniff.Open(w.ns)
	if err == nil {
		err = w.hear(s)
	}
	if err != nil && w.ctx.Err() == nil {
		w.emit(recording.Event{ObserverError: &recording.ObserverError{Pod: w.pod.UID, What: "listening to its DNS questions: " + err.Error()}})
	}
}

// hear listens until the watch ends.
func (w *watch) hear(s *sniff.Socket) error {
	defer s.Close()
	defer context.AfterFunc(w.ctx, func() { _ = s.SetReadDeadline(time.Unix(1, 0)) })()
	tally := sniff.NewTally(w.o.ours.has)
	buf := make([]byte, maxPacket)
	began := time.Now()
	for {
		if err := s.SetReadDeadline(began.Add(askedEvery)); err != nil {
			return err
		}
		if w.ctx.Err() != nil {
			return nil // the deadline that its end has set may be overwritten
		}
		n, leaves, err := s.Read(buf)
		now := time.Now()
		switch {
		case err == nil:
			tally.Packet(buf[:n], leaves, now)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if over := now.Sub(began); over >= askedEvery {
			drops, err := s.Drops()
			if err != nil {
				return fmt.Errorf("the kernel's count of what it dropped: %w", err)
			}
			e := recording.Asked{Pod: w.pod.UID, Over: over}
			e.Questions, e.Lost = tally.Take()
			e.Lost += drops
			w.emit(recording.Event{Asked: &e})
			began = now
		}
	}
}
