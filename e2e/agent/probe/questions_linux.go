package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/sniff"
	"meshproof.dev/meshproof/e2e/recording"
)

// questionsEvery is the interval for which the pod's own DNS questions are counted. maxPacket is the size of the read
// buffer: no question is longer, and the beginning of an answer is enough.
const (
	questionsEvery = time.Second
	maxPacket      = 16 << 10
)

// countQuestions records for each interval the DNS questions and the dials of the pod, without the agent's own.
func (w *watch) countQuestions() {
	if w.ns.Node() {
		return // a pod with hostNetwork: its questions cannot be told from those of the node
	}
	s, err := sniff.Open(w.ns)
	if err == nil {
		err = w.readPackets(s)
	}
	if errors.Is(err, unix.EPERM) {
		return // the run needs no questions, and the agent has not got the right to capture them; its start says so
	}
	if err != nil && w.ctx.Err() == nil {
		w.emit(recording.Event{ObserverError: &recording.ObserverError{Pod: w.pod.UID, What: "cannot capture its DNS questions: " + err.Error()}})
	}
}

// readPackets reads from the socket until the watch ends.
func (w *watch) readPackets(s *sniff.Socket) error {
	defer s.Close()
	defer context.AfterFunc(w.ctx, func() { _ = s.SetReadDeadline(time.Unix(1, 0)) })()
	tally := sniff.NewTally(w.o.conns.contains)
	buf := make([]byte, maxPacket)
	began, starts := time.Now(), w.vmStarts()
	// count ends the interval and begins the next one.
	count := func(now time.Time) error {
		drops, err := s.Drops()
		if err != nil {
			return fmt.Errorf("read the kernel's count of dropped packets: %w", err)
		}
		e := recording.Asked{Pod: w.pod.UID, Over: now.Sub(began)}
		e.Questions, e.Lost = tally.Take()
		e.Dialled = tally.Dials(now)
		e.Lost += drops
		w.emit(recording.Event{Asked: &e})
		began, starts = now, w.vmStarts()
		return nil
	}
	for {
		if err := s.SetReadDeadline(began.Add(questionsEvery)); err != nil {
			return err
		}
		if w.ctx.Err() != nil {
			return nil // the line above may have overwritten the deadline that the end of the watch has set
		}
		n, leaves, err := s.Read(buf)
		now := time.Now()
		// What was asked before the VM started, by a start script or an init container, is not mixed with what it asks.
		if err == nil && w.vmStarts() != starts {
			if failed := count(now); failed != nil {
				return failed
			}
		}
		switch {
		case err == nil:
			tally.Packet(buf[:n], leaves, now)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if now.Sub(began) >= questionsEvery {
			if failed := count(now); failed != nil {
				return failed
			}
		}
	}
}
