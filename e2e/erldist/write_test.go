package erldist

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a Conn whose other end belongs to the test. Nothing is buffered between them.
func piped(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	c, err := newConn(&exchange{c: here, addr: "10.0.0.7:4370"}, Peer{Self: "3K@127.0.0.1"}, Options{Tick: -1, Drain: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c, there
}

// A call whose context ends while it is being sent must neither leave half a frame nor end the connection of other calls.
func TestCallThatTimesOutKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := piped(t)
		go func() {
			time.Sleep(50 * time.Millisecond) // the peer is slow to read
			_, _ = io.Copy(io.Discard, there)
		}()
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.Nodes(ctx); OutcomeOf(err) != Silent || !strings.Contains(err.Error(), "no reply within") {
			t.Errorf("a call of 1 ms: %v", err)
		}
		if err := c.Err(); err != nil {
			t.Errorf("the connection has ended: %v", err)
		}
		_ = c.Close()
		_ = there.Close()
	})
}

func TestPeerThatReadsNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := piped(t)
		began := time.Now()
		_, err := c.Nodes(context.Background())
		if OutcomeOf(err) != Silent || !strings.Contains(err.Error(), "has read no bytes for 2s") {
			t.Errorf("a call: %v", err)
		}
		if took := time.Since(began); took != writeTimeout {
			t.Errorf("it took %s", took)
		}
		if OutcomeOf(c.Err()) != Silent {
			t.Errorf("the connection: %v", c.Err())
		}
		_ = c.Close()
		_ = there.Close()
	})
}
