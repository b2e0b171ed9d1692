package erldist

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"
)

// host is what the peer puts behind the @ of the name it gives us. With any other, a peer that wants to answer after
// we have hung up would resolve it inside net_kernel and hold up its own handshakes for seconds.
const host = "127.0.0.1"

// Peer is what a node says of itself before any cookie is proved.
type Peer struct {
	Name     string // "derl@10.0.0.7"
	Flags    uint64 // what it can do, as [Flags] reads it. Whether it is a hidden node is not in it: epmd tells that
	Creation uint32 // changes with each start of the VM
	Status   string // "named:" and the name that the peer gave us; "ok", "nok", "not_allowed" …
	Self     string // the name that the peer gave us, "" where it gave none
	creation uint32 // and our creation

	// Waited is the time between our name and the status. A node answers in a millisecond; one whose net_kernel is stuck
	// in resolving a name, in seconds.
	Waited time.Duration
}

// Challenge goes as far as the peer's challenge and hangs up: the peer is reachable, speaks the protocol, and has said
// who it is. Nothing is left behind at the peer, neither an atom nor a line in its log. Errors are [*Error]; with
// one, Peer holds what the peer said until then. A context without a deadline gets one of 10 s.
func Challenge(ctx context.Context, dial Dialer, addr string) (Peer, error) {
	h, err := Begin(ctx, dial, addr)
	h.Close()
	return h.Peer, err
}

// Connect does the whole handshake with the node whose distribution listener is at addr, with the default [Options]. A cookie
// that the peer does not share is outcome [ClosedAfterReply], and the peer logs it. With an error, the Conn is not
// nil and good for nothing but its Peer: what the peer said until then.
func Connect(ctx context.Context, dial Dialer, addr string, cookie Cookie) (*Conn, error) {
	ctx, cancel := budget(ctx)
	defer cancel()
	h, err := Begin(ctx, dial, addr)
	if err != nil {
		return failedConn(h.Peer, addr, err), err
	}
	return h.Prove(ctx, cookie, Options{})
}

// Handshake is a handshake at its half: the peer has said who it is and waits for a proof of the cookie, 7 s at most. It
// ends with Prove or Close.
type Handshake struct {
	Peer      Peer
	x         *exchange
	challenge uint32
}

// Format prints the peer's name: the challenge must not show.
func (h *Handshake) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "handshake with "+h.Peer.Name)
}

// Begin dials, sends our name and reads the peer's status and challenge. The Handshake is never nil; with an error
// it is closed, and its Peer holds what the peer said until then.
func Begin(ctx context.Context, dial Dialer, addr string) (*Handshake, error) {
	ctx, cancel := budget(ctx)
	defer cancel()
	h := &Handshake{}
	x, err := open(ctx, dial, addr)
	if err != nil {
		return h, err
	}
	h.x = x
	if err := x.under(ctx, h.begin); err != nil {
		h.Close()
		return h, err
	}
	return h, nil
}

func (h *Handshake) begin(at *Stage) error {
	*at = StageName
	if err := h.x.say(nameMessage()); err != nil {
		return err
	}
	*at = StageStatus
	sent := time.Now()
	m, err := h.x.message()
	if err != nil {
		return err
	}
	if h.Peer, err = parseStatus(m); err != nil {
		return err
	}
	h.Peer.Waited = time.Since(sent)
	switch h.Peer.Status {
	case "nok":
		return &protocolError{Nok, "status nok: the peer is connecting to a node of our name"}
	case "not_allowed":
		return &protocolError{NotAllowed, "status not_allowed"}
	case "alive":
		// It asks whether the connection that it thinks it has with a node of our name may go. It never may.
		_ = h.x.say([]byte("sfalse"))
		return &protocolError{Alive, "status alive: the peer thinks that it is connected to a node of our name"}
	}
	*at = StageChallenge
	if m, err = h.x.message(); err != nil {
		return err
	}
	h.challenge, err = parseChallenge(m, &h.Peer)
	return err
}

// Close hangs up where nothing was proved. It may be called at any time, and more than once.
func (h *Handshake) Close() {
	if h.x != nil {
		h.x.close()
		h.x = nil
	}
}

// Prove ends the handshake: it shows the peer that we have the cookie, and demands the same of it. Errors and the Conn are
// as [Connect] has them.
func (h *Handshake) Prove(ctx context.Context, cookie Cookie, o Options) (*Conn, error) {
	x := h.x
	if x == nil {
		err := &Error{StageReply, Failed, "", "the handshake has ended before", nil}
		return failedConn(h.Peer, "", err), err
	}
	var err error
	if h.Peer.Self == "" {
		err = &Error{StageReply, Malformed, x.addr, "the peer was asked to name us and said " + h.Peer.Status + ": OTP 23 or later is needed", nil}
	} else {
		err = x.under(ctx, func(at *Stage) error { return h.prove(at, cookie) })
	}
	if err != nil {
		h.Close()
		return failedConn(h.Peer, x.addr, err), err
	}
	h.x = nil
	return newConn(x, h.Peer, o)
}

func (h *Handshake) prove(at *Stage, cookie Cookie) error {
	*at = StageReply
	var ours [4]byte
	_, _ = rand.Read(ours[:]) // it never fails, see its documentation
	digest := digestOf(cookie, h.challenge)
	reply := append(append([]byte{'r'}, ours[:]...), digest[:]...)
	if err := h.x.say(reply); err != nil {
		return err
	}
	*at = StageAck
	m, err := h.x.message()
	if err != nil {
		return err
	}
	if len(m) != 17 || m[0] != 'a' {
		return malformed("a proof begins with 'a' and has 17 bytes, this message has %d", len(m))
	}
	want := digestOf(cookie, binary.BigEndian.Uint32(ours[:]))
	if subtle.ConstantTimeCompare(m[1:], want[:]) != 1 {
		return &protocolError{WrongDigest, "the peer accepted our cookie and did not prove that it has it"}
	}
	return nil
}

// digestOf is MD5 over the cookie and the challenge in decimal, as the protocol has it (dist_util:gen_digest).
func digestOf(c Cookie, challenge uint32) [md5.Size]byte {
	return md5.Sum([]byte(c.value() + strconv.FormatUint(uint64(challenge), 10)))
}
