package erldisttest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// link is a connected client.
type link struct {
	n     Node
	s     *Server
	c     net.Conn
	given string

	mu      sync.Mutex // held while a frame is written; guards the counts below
	calls   int
	pending int // calls without a reply
}

// serve reads frames until the client or the behaviour ends the connection.
func (l *link) serve() {
	defer l.s.update(func(seen *Seen) {
		seen.Ended++
		if l.pendingCalls() > 0 {
			seen.Unanswered++
		}
	})
	if l.n.Behaviour == SilentAfterConnect {
		<-l.s.stop
		return
	}
	var helpers sync.WaitGroup
	ended := make(chan struct{})
	defer helpers.Wait()
	defer close(ended)
	if l.n.Tick > 0 {
		helpers.Go(func() { l.tick(ended) })
	}
	for {
		frame, err := l.read()
		if err != nil {
			return
		}
		if len(frame) == 0 {
			l.s.update(func(seen *Seen) { seen.Ticks++ })
			continue
		}
		l.mu.Lock()
		l.calls++
		l.pending++
		number := l.calls
		l.mu.Unlock()
		if l.n.Behaviour == SlowOnCall {
			helpers.Go(func() {
				// The first call is answered after 150 ms, the others after 100 ms.
				wait := 100 * time.Millisecond
				if number == 1 {
					wait += wait / 2
				}
				if l.s.sleep(wait) {
					l.answer(frame)
				}
			})
		} else if !l.answer(frame) {
			return
		}
	}
}

func (l *link) pendingCalls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending
}

func (l *link) tick(ended <-chan struct{}) {
	t := time.NewTicker(l.n.Tick)
	defer t.Stop()
	for {
		select {
		case <-ended:
			return
		case <-t.C:
			l.write([]byte{0, 0, 0, 0})
		}
	}
}

func (l *link) read() ([]byte, error) {
	if l.n.TickTime > 0 {
		_ = l.c.SetReadDeadline(time.Now().Add(l.n.TickTime))
	}
	var length [4]byte
	if _, err := io.ReadFull(l.c, length[:]); err != nil {
		if t, ok := err.(net.Error); ok && t.Timeout() {
			l.s.update(func(seen *Seen) { seen.TimedOut++ })
		}
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(l.c, frame)
	return frame, err
}

func (l *link) write(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.c.Write(b) // the client may have disconnected
}

// answer replies to a call; false ends the connection.
func (l *link) answer(frame []byte) bool {
	from, call, arg, ok := parseCall(frame)
	if !ok {
		return false // a real node also ends a connection on an invalid frame
	}
	l.s.update(func(seen *Seen) { seen.Calls = append(seen.Calls, call) })
	result := l.n.result(call, arg, l.given)
	switch l.n.Behaviour {
	case SilentOnCall:
		return true
	case ClosesOnCall:
		return false
	case LongFrame:
		l.write([]byte{0x7f, 0xff, 0xff, 0xff, 112, 131})
		return true
	case GarbageFrame:
		l.write([]byte{0, 0, 0, 3, 131, 68, 0}) // a distribution header, which was not negotiated
		return true
	case GarbageTerm:
		result = []byte{82, 0} // an atom cache reference, which was not negotiated either
	case BadRPC:
		result = append([]byte{104, 2}, append(small("badrpc"), small("nodedown")...)...)
	case SendsOtherMessages:
		l.sendOtherMessages(from)
	}
	l.mu.Lock()
	l.pending--
	l.mu.Unlock()
	reply := framed(from, append([]byte{104, 2}, append(small("rex"), result...)...))
	if l.n.Behaviour == ReplyByteByByte {
		l.s.drip(l.c, reply)
		return true
	}
	l.write(reply)
	return true
}

// sendOtherMessages sends messages that a client must ignore.
func (l *link) sendOtherMessages(from []byte) {
	stranger, elsewhere := bytes.Clone(from), bytes.Clone(from)
	stranger[len(stranger)-9] ^= 0xff // another process
	elsewhere[3] ^= 1                 // a process of another node
	for _, b := range [][]byte{
		{0, 0, 0, 0}, // a tick
		framed(from, append([]byte{104, 2}, append(small("else"), small("x")...)...)),    // {else, x}
		framed(stranger, append([]byte{104, 2}, append(small("rex"), small("x")...)...)), // to another
		framed(elsewhere, append([]byte{104, 2}, append(small("rex"), small("x")...)...)),
		frame([]byte{131, 104, 3, 97, 1}, from, from),                                       // LINK
		frame([]byte{131, 104, 4, 97, 6}, from, small(""), small("user"), []byte{131, 106}), // a REG_SEND with []
		{0, 0, 0, 0},
	} {
		l.write(b)
	}
}

// parseCall parses a REG_SEND to rex and its message, {From, {call, M, F, Args, user}}, in the forms of this client only. It
// returns the bytes of From, "M:F", and the last argument if that is an atom.
func parseCall(b []byte) (from []byte, call, arg string, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte{112, 131, 104, 4, 97, 6, 88, 119})
	if !ok || len(b) < 1 || len(b) < 1+int(b[0])+12 {
		return nil, "", "", false
	}
	n := 1 + int(b[0]) + 12
	from = append([]byte{88, 119}, b[:n]...)
	head := append(append(append(small(""), small("rex")...), 131, 104, 2), from...)
	head = append(append(head, 104, 5), small("call")...)
	b, ok = bytes.CutPrefix(b[n:], head)
	if !ok {
		return nil, "", "", false
	}
	module, b := readAtom(b)
	function, b := readAtom(b)
	if b, ok = bytes.CutSuffix(b, small("user")); !ok || module == "" || function == "" {
		return nil, "", "", false
	}
	if len(b) > 5 && b[0] == 108 {
		for b = b[5:]; len(b) > 1; {
			arg, b = readAtom(b)
			if arg == "" {
				return nil, "", "", false
			}
		}
	}
	return from, module + ":" + function, arg, true
}

func readAtom(b []byte) (string, []byte) {
	if len(b) < 2 || b[0] != 119 || len(b) < 2+int(b[1]) {
		return "", nil
	}
	n := 2 + int(b[1])
	return string(b[2:n]), b[n:]
}

// framed is a SEND of a message to a process of the client.
func framed(to, message []byte) []byte {
	return frame([]byte{131, 104, 3, 97, 2}, small(""), to, []byte{131}, message)
}

// frame is a pass-through frame.
func frame(parts ...[]byte) []byte {
	m := append([]byte{112}, bytes.Join(parts, nil)...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)
}

func atoms(names []string) []byte {
	if len(names) == 0 {
		return []byte{106}
	}
	b := binary.BigEndian.AppendUint32([]byte{108}, uint32(len(names)))
	for _, n := range names {
		b = append(b, small(n)...)
	}
	return append(b, 106)
}

func small(atom string) []byte { return append([]byte{119, byte(len(atom))}, atom...) }
