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
	Name     string // "a@10.0.0.7"
	Cookie   string
	Creation uint32
	Do       Do

	// Nodes tells what nodes() and nodes(hidden) say; nil stands for a node that is alone. Whoever asks is added to
	// the hidden ones.
	Nodes func() (visible, hidden []string)
	// Delay is how long the node takes for its status.
	Delay time.Duration
	// Tick is the interval of the node's ticks; 0 sends none.
	Tick time.Duration
	// TickTime drops a client from which nothing came for so long; 0 never does.
	TickTime time.Duration
	// TLS lets the node speak TLS, as with -proto_dist inet_tls.
	TLS *tls.Config
}

// Challenge is what each Node asks; it must not be seen in any error of a client.
const Challenge uint32 = 0xDEADBEEF

// flags are those of OTP 25 towards a hidden node, DFLAG_PUBLISHED taken off.
const flags = 0xd07df7fbc

// Start begins to listen; the test ends it.
func (n Node) Start(t T) *Server {
	t.Helper()
	s, err := n.Listen()
	return started(t, s, err)
}

// Listen begins to listen.
func (n Node) Listen() (*Server, error) {
	var names atomic.Uint64
	return listen(func(s *Server, c net.Conn) {
		if n.TLS != nil {
			c = tls.Server(c, n.TLS)
		}
		// The pool of names is the node's own. A real one uses a name again; here each is new.
		given := fmt.Sprintf("FAKE%d@127.0.0.1", names.Add(1))
		if n.handshake(s, c, given) {
			s.note(func(seen *Seen) { seen.Connected++ })
			link := &link{n: n, s: s, c: c, given: given}
			link.serve()
		}
	})
}

// handshake is true when the client is connected.
func (n Node) handshake(s *Server, c net.Conn, given string) bool {
	if n.Do == SilentAfterAccept {
		wait(c)
		return false
	}
	name, err := message(c)
	if err != nil || !n.hidden(name) || !s.sleep(n.Delay) {
		return false
	}
	return n.status(s, c, given) && n.prove(c)
}

// hidden holds what this fake demands of a name message: version 6, not published, asking for a name.
func (n Node) hidden(m []byte) bool {
	const published, nameMe = 1, 1 << 33
	return len(m) > 15 && m[0] == 'N' && binary.BigEndian.Uint64(m[1:])&(published|nameMe) == nameMe
}

// status says what a node says before the challenge; true when the handshake goes on.
func (n Node) status(s *Server, c net.Conn, given string) bool {
	words := map[Do]string{Nok: "nok", NotAllowed: "not_allowed", PlainOK: "ok", OKSimultaneous: "ok_simultaneous", NoStatus: "never"}
	switch n.Do {
	case ClosesBeforeStatus:
	case ResetsBeforeStatus:
		reset(c)
	case TLSAlert:
		_, _ = c.Write(alert)
	case HTTP:
		_, _ = c.Write(http)
	case LongMessage:
		_, _ = c.Write([]byte{0xff, 0xff, 's', 'o', 'k'})
		wait(c)
	case Drips:
		s.drip(c, append([]byte{8, 0}, bytes.Repeat([]byte("s"), 2048)...))
	case CutOff:
		_, _ = c.Write([]byte{0, 9, 's', 'n', 'a'})
	case Nok, NotAllowed, NoStatus:
		say(c, []byte("s"+words[n.Do]))
		wait(c)
	case Alive:
		say(c, []byte("salive"))
		answer, _ := message(c)
		s.note(func(seen *Seen) { seen.Answers = append(seen.Answers, string(answer)) })
	case PlainOK, OKSimultaneous:
		say(c, []byte("s"+words[n.Do]))
		return true
	default:
		m := binary.BigEndian.AppendUint16([]byte("snamed:"), uint16(len(given)))
		m = append(m, given...)
		say(c, binary.BigEndian.AppendUint32(m, 7))
		if n.Do == SilentAfterStatus {
			wait(c)
		}
		return n.Do != ClosesBeforeProof && n.Do != SilentAfterStatus
	}
	return false
}

// prove asks the challenge, checks the reply and answers the client's own.
func (n Node) prove(c net.Conn) bool {
	m := binary.BigEndian.AppendUint64([]byte{'N'}, flags)
	m = binary.BigEndian.AppendUint32(m, Challenge)
	m = binary.BigEndian.AppendUint32(m, n.Creation)
	m = binary.BigEndian.AppendUint16(m, uint16(len(n.Name)))
	m = append(m, n.Name...)
	switch n.Do {
	case OldChallenge:
		m[0] = 'n'
	case BadChallenge:
		m = m[:18]
	}
	say(c, m)
	if n.Do == Stalls {
		wait(c)
		return false
	}
	reply, err := message(c)
	if err != nil || len(reply) != 21 || reply[0] != 'r' || !bytes.Equal(reply[5:], Digest(n.Cookie, Challenge)) {
		return false // this is how a real node says that the cookie is wrong
	}
	proof := append([]byte{'a'}, Digest(n.Cookie, binary.BigEndian.Uint32(reply[1:]))...)
	switch n.Do {
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
	say(c, proof)
	return true
}

// Digest is what proves a cookie: MD5 over it and the challenge in decimal.
func Digest(cookie string, challenge uint32) []byte {
	d := md5.Sum(fmt.Appendf([]byte(cookie), "%d", challenge))
	return d[:]
}

func say(c net.Conn, m []byte) {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)
	_, _ = c.Write(b[4-width(c):]) // the client may have gone
}

// result is what a call gives, as a term.
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
	case call == "net_kernel:get_net_ticktime":
		return []byte{97, 60}
	case strings.HasPrefix(call, "application:get_env"):
		return small("undefined")
	}
	return append([]byte{104, 2}, append(small("badrpc"), small("undef")...)...)
}
