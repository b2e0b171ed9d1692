// Package erldisttest has an epmd and nodes that answer as real ones do, or wrong in one chosen way.
//
// In: how to behave. Out: real listeners on loopback. It is for tests and for simulations of a mesh. It imports the
// standard library only and shares no code with package erldist, so that a mistake there is not made twice;
// that it speaks as real nodes do is proved by erldist's tests against a real erl.
package erldisttest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Do is one way to behave.
type Do string

// The ways. Those after OK are faults; what epmd and what a node can do of them is said there.
const (
	OK                 Do = "ok"
	SilentAfterAccept  Do = "silent after accept"
	ClosesBeforeStatus Do = "closes before status"
	ResetsBeforeStatus Do = "resets before status"
	TLSAlert           Do = "answers with a TLS alert"
	HTTP               Do = "answers as an HTTP server"
	Drips              Do = "one byte now and then, never a whole message"
	LongMessage        Do = "announces or sends more than allowed"
	CutOff             Do = "closes in the middle of its first message"

	Nok                Do = "status nok"
	Alive              Do = "status alive"
	NotAllowed         Do = "status not_allowed"
	PlainOK            Do = "status ok, as if it were not asked for a name"
	OKSimultaneous     Do = "status ok_simultaneous"
	NoStatus           Do = "a status that there is not"
	ClosesBeforeProof  Do = "status named:, then closes"
	SilentAfterStatus  Do = "status named:, then nothing more"
	OldChallenge       Do = "a challenge of handshake version 5"
	BadChallenge       Do = "a challenge that is too short"
	Stalls             Do = "challenge, then nothing more"
	ClosesAfterReply   Do = "closes after the challenge reply"
	ResetsAfterReply   Do = "resets after the challenge reply"
	CutOffAfterReply   Do = "closes in the middle of its proof"
	WrongDigest        Do = "answers with a wrong digest"
	NoDigest           Do = "answers the challenge reply with another message"
	LongFrame          Do = "answers a call with a frame that is announced as 2 GB"
	GarbageFrame       Do = "answers a call with a frame that is none"
	GarbageTerm        Do = "answers a call with a term that is none"
	DripsFrame         Do = "answers a call byte by byte"
	SilentOnCall       Do = "never answers a call"
	SlowOnCall         Do = "answers each call after 100 ms, the second before the first"
	BadRPC             Do = "answers a call with badrpc"
	Babbles            Do = "sends ticks and foreign messages before each reply"
	ClosesOnCall       Do = "hangs up when it is called"
	SilentAfterConnect Do = "says nothing once connected, and reads nothing"
)

// T is what is used of a testing.TB.
type T interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// Server is a listener that serves each connection on a goroutine of its own.
type Server struct {
	Addr string // "127.0.0.1:40123"

	l    net.Listener
	stop chan struct{} // closed by Close: whoever sleeps wakes up
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
	seen Seen
}

// Seen is what clients did.
type Seen struct {
	Connections int
	Open        int      // connections of which the end was not seen
	Connected   int      // complete handshakes
	Ticks       int      // empty frames
	Calls       []string // in the form of "erlang:nodes"
	Answers     []string // to the status alive
	Gone        int      // connections that ended after the handshake, by either side
	Orphans     int      // of those, the ones that ended before all calls were answered
	TimedOut    int      // clients that were dropped because they did not tick
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

// Seen tells what clients did so far.
func (s *Server) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	seen.Open = len(s.open)
	seen.Calls = append([]string(nil), seen.Calls...)
	seen.Answers = append([]string(nil), seen.Answers...)
	return seen
}

func (s *Server) note(f func(*Seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.seen)
}

// sleep ends early, and gives false, when the server is closed.
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

// wait keeps a connection open until the other side hangs up.
func wait(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// reset closes a connection with a reset instead of in good order.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// drip sends b byte by byte, too slowly for anybody's patience, until the other side hangs up.
func (s *Server) drip(c net.Conn, b []byte) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil || !s.sleep(20*time.Millisecond) {
			return
		}
	}
	wait(c)
}

// started gives what a fake's Start gives: a server that ends with the test.
func started(t T, s *Server, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatal(errors.Join(errors.New("erldisttest: a fake cannot listen"), err))
	}
	t.Cleanup(s.Close)
	return s
}

// Bytes of protocols that are not the one that is spoken here.
var (
	alert = []byte{21, 3, 3, 0, 2, 2, 80} // TLS 1.2: an alert of 2 bytes, fatal, internal_error
	http  = []byte("HTTP/1.1 400 Bad Request\r\n\r\n")
)
