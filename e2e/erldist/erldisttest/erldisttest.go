// Package erldisttest has a fake epmd and fake nodes that answer as real ones do, or with one chosen fault.
//
// In: a behaviour. Out: real listeners on loopback. It is for tests and for simulations of a mesh. It imports the standard
// library only and shares no code with package erldist, so that the same mistake is not made in both. erldist's tests
// against a real erl show that real nodes behave the same.
package erldisttest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Behaviour is how a fake epmd or node behaves.
type Behaviour string

// The behaviours. All but OK and SendsOtherMessages are faults. The first group is also for an [EPMD].
const (
	OK                 Behaviour = "ok"
	SilentAfterAccept  Behaviour = "silent after accept"
	ClosesBeforeStatus Behaviour = "closes before status"
	ResetsBeforeStatus Behaviour = "resets before status"
	TLSAlert           Behaviour = "answers with a TLS alert"
	HTTP               Behaviour = "answers as an HTTP server"
	ByteByByte         Behaviour = "one byte from time to time, never a complete message"
	LongMessage        Behaviour = "announces or sends more than allowed"
	CutOff             Behaviour = "closes in the middle of its first message"

	Nok                  Behaviour = "status nok"
	Alive                Behaviour = "status alive"
	NotAllowed           Behaviour = "status not_allowed"
	PlainOK              Behaviour = "status ok, as if it were not asked for a name"
	OKSimultaneous       Behaviour = "status ok_simultaneous"
	NoStatus             Behaviour = "an unknown status"
	ClosesBeforeProof    Behaviour = "status named:, then closes"
	SilentAfterStatus    Behaviour = "status named:, then silence"
	OldChallenge         Behaviour = "a challenge of handshake version 5"
	BadChallenge         Behaviour = "a challenge that is too short"
	SilentAfterChallenge Behaviour = "challenge, then silence"
	ClosesAfterReply     Behaviour = "closes after the challenge reply"
	ResetsAfterReply     Behaviour = "resets after the challenge reply"
	CutOffAfterReply     Behaviour = "closes in the middle of its proof"
	WrongDigest          Behaviour = "answers with a wrong digest"
	NoDigest             Behaviour = "answers the challenge reply with another message"
	LongFrame            Behaviour = "answers a call with a frame of an announced 2 GB"
	GarbageFrame         Behaviour = "answers a call with an invalid frame"
	GarbageTerm          Behaviour = "answers a call with an invalid term"
	ReplyByteByByte      Behaviour = "answers a call byte by byte"
	SilentOnCall         Behaviour = "never answers a call"
	SlowOnCall           Behaviour = "answers each call after 100 ms, the second before the first"
	BadRPC               Behaviour = "answers a call with badrpc"
	SendsOtherMessages   Behaviour = "sends ticks and unrelated messages before each reply"
	ClosesOnCall         Behaviour = "closes the connection on a call"
	SilentAfterConnect   Behaviour = "sends and reads nothing after the handshake"
)

// T is the part of testing.TB that this package needs.
type T interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// Server is a listener that serves each connection on a separate goroutine.
type Server struct {
	Addr string // "127.0.0.1:40123"

	l    net.Listener
	stop chan struct{} // closed by Close, which ends all sleeps
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
	seen Seen
}

// Seen counts what clients did.
type Seen struct {
	Connections int
	Open        int      // connections that have not ended
	Connected   int      // complete handshakes
	Ticks       int      // empty frames
	Calls       []string // in the form of "erlang:nodes"
	Answers     []string // answers to the status alive
	Ended       int      // connections that ended after the handshake, by either side
	Unanswered  int      // of those, the ones with a call that was not answered
	TimedOut    int      // clients that were disconnected because they sent no ticks
}

func listen(serve func(*Server, net.Conn)) (*Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: l.Addr().String(), l: l, stop: make(chan struct{}), open: map[net.Conn]bool{}}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !s.track(c) {
				continue
			}
			s.wg.Go(func() {
				serve(s, c)
				_ = c.Close()
				s.mu.Lock()
				delete(s.open, c)
				s.mu.Unlock()
			})
		}
	})
	return s, nil
}

func (s *Server) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stop:
		_ = c.Close()
		return false
	default:
	}
	s.open[c] = true
	s.seen.Connections++
	return true
}

// Close ends the listener and all connections, and waits for their goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	_ = s.l.Close()
	s.wg.Wait()
}

// Seen returns the current counts.
func (s *Server) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	seen.Open = len(s.open)
	seen.Calls = append([]string(nil), seen.Calls...)
	seen.Answers = append([]string(nil), seen.Answers...)
	return seen
}

func (s *Server) update(f func(*Seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.seen)
}

// sleep returns false, before d is over, if the server is closed.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// waitForClose keeps a connection open until the client closes it.
func waitForClose(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// reset closes a connection with a reset.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// drip sends b byte by byte, slower than any client's timeout, until the client closes the connection.
func (s *Server) drip(c net.Conn, b []byte) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil || !s.sleep(20*time.Millisecond) {
			return
		}
	}
	waitForClose(c)
}

// started closes the server at the end of the test.
func started(t T, s *Server, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatal(errors.Join(errors.New("erldisttest: the fake cannot listen"), err))
	}
	t.Cleanup(s.Close)
	return s
}

// Answers in other protocols.
var (
	alert = []byte{21, 3, 3, 0, 2, 2, 80} // TLS 1.2: an alert of 2 bytes, fatal, internal_error
	http  = []byte("HTTP/1.1 400 Bad Request\r\n\r\n")
)
