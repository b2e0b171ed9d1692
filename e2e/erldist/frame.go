package erldist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// passThrough is the first byte of a frame on a connection without distribution header. A control term and an optional
// message follow.
const passThrough = 112

// Control messages that this client sends or accepts: the first element of the control tuple.
const (
	opSend         = 2  // {2, Unused, To}
	opRegSend      = 6  // {6, From, Unused, ToName}
	opSendTT       = 12 // this one and 23: as 2 and 22, with a trace token
	opSendSender   = 22 // {22, From, To}
	opSendSenderTT = 23
)

// tick is the empty frame.
var tick = []byte{0, 0, 0, 0}

// readFrame reads a length of four bytes and a frame; a tick is an empty frame.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var l [4]byte
	if _, err := io.ReadFull(r, l[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(l[:])
	if int64(n) > int64(limit) {
		return nil, malformed("the peer announced a frame of %d bytes, the limit is %d", n, limit)
	}
	// Memory is allocated for received bytes, not for the announced length.
	var m bytes.Buffer
	_, err := io.CopyN(&m, r, int64(n))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m.Bytes(), err
}

// packet is a frame with a parsed control term.
type packet struct {
	op      int64
	to      Pid    // the receiver of a SEND of any kind
	message []byte // not yet decoded
}

// isSend reports whether the packet has a message to a process.
func (p packet) isSend() bool {
	return p.op == opSend || p.op == opSendTT || p.op == opSendSender || p.op == opSendSenderTT
}

// parseFrame parses a frame that is not a tick.
func parseFrame(m []byte) (packet, error) {
	if len(m) == 0 || m[0] != passThrough {
		return packet{}, malformed("a frame of %d bytes does not start with %d", len(m), passThrough)
	}
	control, rest, err := Decode(m[1:], DefaultLimits())
	if err != nil {
		return packet{}, err
	}
	t, ok := control.(Tuple)
	if !ok || len(t) == 0 {
		return packet{}, malformed("the control term is %s", text(control))
	}
	p := packet{message: rest}
	if p.op, ok = t[0].(int64); !ok {
		return packet{}, malformed("the control term is %s", text(control))
	}
	if p.isSend() {
		if len(t) < 3 {
			return packet{}, malformed("the control term is %s", text(control))
		}
		if p.to, ok = t[2].(Pid); !ok {
			return packet{}, malformed("the control term sends to %s", text(t[2]))
		}
	}
	return p, nil
}

// parseReply parses rex's answer, {rex, Result}. ok is false for any other message.
func parseReply(message []byte) (result Term, ok bool, err error) {
	t, _, err := Decode(message, DefaultLimits())
	if err != nil {
		return nil, false, err
	}
	reply, isTuple := t.(Tuple)
	if !isTuple || len(reply) != 2 || reply[0] != Term(Atom("rex")) {
		return nil, false, nil
	}
	return reply[1], true, nil
}

// callFrame is a request to the process rex to call M:F(Args) and to answer to from. It has the form of hidden C nodes
// (rpc:handle_info).
func callFrame(from Pid, m, f Atom, args []Term) []byte {
	frame := append([]byte{0, 0, 0, 0, passThrough}, encode(Tuple{int64(opRegSend), from, Atom(""), Atom("rex")})...)
	frame = append(frame, encode(Tuple{from, Tuple{Atom("call"), m, f, List(args), Atom("user")}})...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}
