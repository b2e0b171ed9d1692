package erldisttest

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Node is a fake node of OTP 25 or later.
type Node struct {
	Name      string // "a@10.0.0.7"
	Cookie    string
	Creation  uint32
	Behaviour Behaviour

	// Nodes returns the results of nodes() and nodes(hidden); nil: both are empty. The calling client is added to the
	// hidden nodes.
	Nodes func() (visible, hidden []string)
	// RunningDBNodes returns what its Mnesia says; nil: it has none.
	RunningDBNodes func() []string
	// Delay is the time before the node's status.
	Delay time.Duration
	// Tick is the interval of the node's ticks; 0 sends none.
	Tick time.Duration
	// TickTime disconnects a client that sends nothing for that time; 0 never does.
	TickTime time.Duration
	// TLS makes the node use TLS, as with -proto_dist inet_tls.
	TLS *tls.Config
}

// Challenge is the challenge of each Node. It must not appear in any error of a client.
const Challenge uint32 = 0xDEADBEEF

// flags are those of OTP 25 for a hidden node, without DFLAG_PUBLISHED.
const flags = 0xd07df7fbc

// Start listens until the test ends.
func (n Node) Start(t T) *Server {
	t.Helper()
	s, err := n.Listen()
	return started(t, s, err)
}

// Listen listens until Close.
func (n Node) Listen() (*Server, error) {
	var names atomic.Uint64
	return listen(func(s *Server, c net.Conn) {
		if n.TLS != nil {
			c = tls.Server(c, n.TLS)
		}
		// A real node reuses the names of its pool; here each name is new.
		given := fmt.Sprintf("FAKE%d@127.0.0.1", names.Add(1))
		if n.handshake(s, c, given) {
			s.update(func(seen *Seen) { seen.Connected++ })
			link := &link{n: n, s: s, c: c, given: given}
			link.serve()
		}
	})
}

// handshake reports whether the client is connected.
func (n Node) handshake(s *Server, c net.Conn, given string) bool {
	if n.Behaviour == SilentAfterAccept {
		waitForClose(c)
		return false
	}
	name, err := message(c)
	if err != nil || !n.isHiddenNode(name) || !s.sleep(n.Delay) {
		return false
	}
	return n.status(s, c, given) && n.prove(c)
}

// isHiddenNode reports whether a name message is as this fake requires it: version 6, not published, requesting a name.
func (n Node) isHiddenNode(m []byte) bool {
	const published, nameMe = 1, 1 << 33
	return len(m) > 15 && m[0] == 'N' && binary.BigEndian.Uint64(m[1:])&(published|nameMe) == nameMe
}

// status sends the node's status and reports whether the handshake continues.
func (n Node) status(s *Server, c net.Conn, given string) bool {
	words := map[Behaviour]string{Nok: "nok", NotAllowed: "not_allowed", PlainOK: "ok", OKSimultaneous: "ok_simultaneous", NoStatus: "never"}
	switch n.Behaviour {
	case ClosesBeforeStatus:
	case ResetsBeforeStatus:
		reset(c)
	case TLSAlert:
		_, _ = c.Write(alert)
	case HTTP:
		_, _ = c.Write(http)
	case LongMessage:
		_, _ = c.Write([]byte{0xff, 0xff, 's', 'o', 'k'})
		waitForClose(c)
	case ByteByByte:
		s.drip(c, append([]byte{8, 0}, bytes.Repeat([]byte("s"), 2048)...))
	case CutOff:
		_, _ = c.Write([]byte{0, 9, 's', 'n', 'a'})
	case Nok, NotAllowed, NoStatus:
		send(c, []byte("s"+words[n.Behaviour]))
		waitForClose(c)
	case Alive:
		send(c, []byte("salive"))
		answer, _ := message(c)
		s.update(func(seen *Seen) { seen.Answers = append(seen.Answers, string(answer)) })
	case PlainOK, OKSimultaneous:
		send(c, []byte("s"+words[n.Behaviour]))
		return true
	default:
		m := binary.BigEndian.AppendUint16([]byte("snamed:"), uint16(len(given)))
		m = append(m, given...)
		send(c, binary.BigEndian.AppendUint32(m, 7))
		if n.Behaviour == SilentAfterStatus {
			waitForClose(c)
		}
		return n.Behaviour != ClosesBeforeProof && n.Behaviour != SilentAfterStatus
	}
	return false
}

// prove sends the challenge, checks the reply and answers the client's challenge.
func (n Node) prove(c net.Conn) bool {
	m := binary.BigEndian.AppendUint64([]byte{'N'}, flags)
	m = binary.BigEndian.AppendUint32(m, Challenge)
	m = binary.BigEndian.AppendUint32(m, n.Creation)
	m = binary.BigEndian.AppendUint16(m, uint16(len(n.Name)))
	m = append(m, n.Name...)
	switch n.Behaviour {
	case OldChallenge:
		m[0] = 'n'
	case BadChallenge:
		m = m[:18]
	}
	send(c, m)
	if n.Behaviour == SilentAfterChallenge {
		waitForClose(c)
		return false
	}
	reply, err := message(c)
	if err != nil || len(reply) != 21 || reply[0] != 'r' || !bytes.Equal(reply[5:], Digest(n.Cookie, Challenge)) {
		return false // a real node also closes the connection if the cookie is wrong
	}
	proof := append([]byte{'a'}, Digest(n.Cookie, binary.BigEndian.Uint32(reply[1:]))...)
	switch n.Behaviour {
	case ClosesAfterReply:
		return false
	case ResetsAfterReply:
		reset(c)
		return false
	case CutOffAfterReply:
		_, _ = c.Write([]byte{0, 17, 'a'})
		return false
	case WrongDigest:
		proof[1]++
	case NoDigest:
		proof = []byte("sok")
	}
	send(c, proof)
	return true
}

// Digest is the proof of a cookie: MD5 of the cookie and the challenge in decimal.
func Digest(cookie string, challenge uint32) []byte {
	d := md5.Sum(fmt.Appendf([]byte(cookie), "%d", challenge))
	return d[:]
}

func send(c net.Conn, m []byte) {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)
	_, _ = c.Write(b[4-width(c):]) // the client may have disconnected
}

// result is the result of a call, as a term.
func (n Node) result(call, arg, given string) []byte {
	var visible, hidden []string
	if n.Nodes != nil {
		visible, hidden = n.Nodes()
	}
	hidden = append(append([]string(nil), hidden...), given)
	switch {
	case call == "erlang:node":
		return small(n.Name)
	case call == "erlang:nodes" && arg == "hidden":
		return atoms(hidden)
	case call == "erlang:nodes" && arg == "connected":
		return atoms(append(append([]string(nil), visible...), hidden...))
	case call == "erlang:nodes":
		return atoms(visible)
	case call == "erlang:system_info" && arg == "otp_release":
		return append([]byte{107, 0, 2}, "27"...) // STRING_EXT
	case call == "erlang:system_info" && arg == "creation":
		return binary.LittleEndian.AppendUint32([]byte{110, 4, 0}, n.Creation) // SMALL_BIG_EXT
	case call == "mnesia:system_info" && arg == "running_db_nodes" && n.RunningDBNodes != nil:
		return atoms(n.RunningDBNodes())
	case call == "net_kernel:get_net_ticktime":
		return []byte{97, 60}
	case strings.HasPrefix(call, "application:get_env"):
		return small("undefined")
	}
	return append([]byte{104, 2}, append(small("badrpc"), small("undef")...)...)
}
