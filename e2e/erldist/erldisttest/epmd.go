package erldisttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Registered is a node registered with an [EPMD].
type Registered struct {
	Name   string // before the @
	Port   int
	Hidden bool
	Extra  []byte
}

// EPMD is a fake epmd. It supports the faults that do not concern a handshake.
type EPMD struct {
	Nodes     []Registered
	Delay     time.Duration // before each answer
	Behaviour Behaviour
}

// Start listens until the test ends.
func (e EPMD) Start(t T) *Server {
	t.Helper()
	s, err := e.Listen()
	return started(t, s, err)
}

// Listen listens until Close.
func (e EPMD) Listen() (*Server, error) { return listen(e.serve) }

// serve answers one request and closes the connection, as epmd does.
func (e EPMD) serve(s *Server, c net.Conn) {
	request, err := message(c)
	if err != nil || !s.sleep(e.Delay) {
		return
	}
	var answer []byte
	switch {
	case len(request) == 1 && request[0] == 'n':
		answer = e.names(s)
	case len(request) > 1 && request[0] == 'z':
		answer = e.port2(string(request[1:]))
	default:
		return // epmd closes the connection on an unknown request
	}
	switch e.Behaviour {
	case SilentAfterAccept:
		waitForClose(c)
	case ClosesBeforeStatus:
	case ResetsBeforeStatus:
		reset(c)
	case TLSAlert:
		_, _ = c.Write(alert)
	case HTTP:
		_, _ = c.Write(http)
	case ByteByByte:
		s.drip(c, bytes.Repeat(answer, 100))
	case LongMessage:
		for _, err := c.Write(answer[:min(4, len(answer))]); err == nil; {
			_, err = c.Write(bytes.Repeat([]byte("name x at port 1\n"), 1000))
		}
	case CutOff:
		_, _ = c.Write(answer[:len(answer)-3])
	default:
		_, _ = c.Write(answer)
	}
}

// names is epmd's own port and a line for each node, the newest first.
func (e EPMD) names(s *Server) []byte {
	port := 0
	if a, ok := s.l.Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(port))
	for i := len(e.Nodes) - 1; i >= 0; i-- {
		b = fmt.Appendf(b, "name %s at port %d\n", e.Nodes[i].Name, e.Nodes[i].Port)
	}
	return b
}

func (e EPMD) port2(name string) []byte {
	for _, n := range e.Nodes {
		if n.Name != name {
			continue
		}
		kind := byte('M')
		if n.Hidden {
			kind = 'H'
		}
		b := binary.BigEndian.AppendUint16([]byte{119, 0}, uint16(n.Port))
		b = append(b, kind, 0, 0, 6, 0, 6)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(n.Name))), n.Name...)
		return append(binary.BigEndian.AppendUint16(b, uint16(len(n.Extra))), n.Extra...)
	}
	return []byte{119, 1}
}

// message reads a request to epmd or a message of the handshake, after a length of two bytes, over TLS of four.
func message(r io.Reader) ([]byte, error) {
	var l [4]byte
	if _, err := io.ReadFull(r, l[4-width(r):]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint32(l[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}
