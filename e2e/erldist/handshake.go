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

// ourHost is the host part of the name that the peer gives us. If a peer replies after we have disconnected, it connects to
// that host. Any other host would be resolved inside net_kernel, which would delay the peer's handshakes for seconds.
const ourHost = "127.0.0.1"

// Peer is what a node reports before any cookie is proved.
type Peer struct {
	Name     string // "derl@10.0.0.7"
	Flags    uint64 // its features, see [Flags]. They do not say whether it is a hidden node; epmd does
	Creation uint32 // changes with each start of the VM
	Status   string // "named:" and the name that the peer gave us; "ok", "nok", "not_allowed" …
	Self     string // the name that the peer gave us, "" if it gave none
	creation uint32 // the creation that the peer gave us

	// Waited is the time between our name and the status: a millisecond, or seconds if the node's net_kernel is blocked by
	// resolving a name.
	Waited time.Duration
}

// Challenge reads the peer's challenge and disconnects. This shows that the peer is reachable and speaks the protocol, and
// who it is. It leaves no trace at the peer, neither an atom nor a line in its log. Errors are [*Error]; then Peer has what
// the peer sent before. A context without a deadline gets one of 10 s.
func Challenge(ctx context.Context, dial Dialer, addr string) (Peer, error) {
	h, err := Begin(ctx, dial, addr)
	h.Close()
	return h.Peer, err
}

// Connect does the whole handshake with the node whose distribution listener is at addr, with the default [Options]. If the
// peer has another cookie, the outcome is [ClosedAfterReply], and the peer logs it. With an error, the Conn is not nil, but
// only its Peer can be used: what the peer sent before.
func Connect(ctx context.Context, dial Dialer, addr string, cookie Cookie) (*Conn, error) {
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	h, err := Begin(ctx, dial, addr)
	if err != nil {
		return failedConn(h.Peer, addr, err), err
	}
	return h.Prove(ctx, cookie, Options{})
}

// Handshake is a half-finished handshake: the peer has sent its challenge and waits at most 7 s for the proof of the
// cookie. It ends with Prove or Close.
type Handshake struct {
	Peer      Peer
	x         *exchange
	challenge uint32
}

// Format prints the peer's name only: the challenge must not appear.
func (h *Handshake) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "handshake with "+h.Peer.Name)
}

// Begin dials, sends our name and reads the peer's status and challenge. The Handshake is never nil; with an error it is
// closed, and its Peer has what the peer sent before.
func Begin(ctx context.Context, dial Dialer, addr string) (*Handshake, error) {
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	h := &Handshake{}
	x, err := open(ctx, dial, addr)
	if err != nil {
		return h, err
	}
	h.x = x
	if err := x.withDeadline(ctx, h.readPeer); err != nil {
		h.Close()
		return h, err
	}
	return h, nil
}

func (h *Handshake) readPeer(at *Stage) error {
	*at = StageName
	if err := h.x.sendMessage(nameMessage()); err != nil {
		return err
	}
	*at = StageStatus
	sent := time.Now()
	m, err := h.x.receiveMessage()
	if err != nil {
		return err
	}
	if h.Peer, err = parseStatus(m); err != nil {
		return err
	}
	h.Peer.Waited = time.Since(sent)
	switch h.Peer.Status {
	case "nok":
		return &protocolError{Nok, "status nok: the peer is already connecting to a node with our name"}
	case "not_allowed":
		return &protocolError{NotAllowed, "status not_allowed"}
	case "alive":
		// The peer asks whether it may drop its connection to a node with our name. The answer is always no.
		_ = h.x.sendMessage([]byte("sfalse"))
		return &protocolError{Alive, "status alive: the peer has a connection to a node with our name"}
	}
	*at = StageChallenge
	if m, err = h.x.receiveMessage(); err != nil {
		return err
	}
	h.challenge, err = parseChallenge(m, &h.Peer)
	return err
}

// Close closes the connection of an unfinished handshake. It may be called at any time, and more than once.
func (h *Handshake) Close() {
	if h.x != nil {
		h.x.close()
		h.x = nil
	}
}

// Prove finishes the handshake: it proves to the peer that we have the cookie, and checks the peer's proof. Errors and the
// Conn are as in [Connect].
func (h *Handshake) Prove(ctx context.Context, cookie Cookie, o Options) (*Conn, error) {
	x := h.x
	if x == nil {
		err := &Error{StageReply, Failed, "", "the handshake has already ended", nil}
		return failedConn(h.Peer, "", err), err
	}
	var err error
	if h.Peer.Self == "" {
		err = &Error{StageReply, Malformed, x.addr, "the peer was asked for a name and answered " + h.Peer.Status + ": OTP 23 or later is needed", nil}
	} else {
		err = x.withDeadline(ctx, func(at *Stage) error { return h.prove(at, cookie) })
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
	_, _ = rand.Read(ours[:]) // never fails, see its documentation
	digest := digestOf(cookie, h.challenge)
	reply := append(append([]byte{'r'}, ours[:]...), digest[:]...)
	if err := h.x.sendMessage(reply); err != nil {
		return err
	}
	*at = StageAck
	m, err := h.x.receiveMessage()
	if err != nil {
		return err
	}
	if len(m) != 17 || m[0] != 'a' {
		return malformed("the peer's proof has %d bytes, expected 17 bytes that start with 'a'", len(m))
	}
	want := digestOf(cookie, binary.BigEndian.Uint32(ours[:]))
	if subtle.ConstantTimeCompare(m[1:], want[:]) != 1 {
		return &protocolError{WrongDigest, "the peer accepted our cookie and did not prove that it has the same"}
	}
	return nil
}

// digestOf is the protocol's digest: MD5 of the cookie and the challenge in decimal (dist_util:gen_digest).
func digestOf(c Cookie, challenge uint32) [md5.Size]byte {
	return md5.Sum([]byte(c.value() + strconv.FormatUint(uint64(challenge), 10)))
}
