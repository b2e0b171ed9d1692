package erldist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// passThrough begins a frame of a connection without distribution header: a control term and, after it, perhaps a
// message.
const passThrough = 112

// Control messages that this client sends or takes: the first element of the control tuple.
const (
	opSend         = 2  // {2, Unused, To}
	opRegSend      = 6  // {6, From, Unused, ToName}
	opSendTT       = 12 // as 2 and 22, with a trace token
	opSendSender   = 22 // {22, From, To}
	opSendSenderTT = 23
)

// tick is the empty frame.
var tick = []byte{0, 0, 0, 0}

// readFrame reads a length of four bytes and a frame; a tick has no bytes.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var l [4]byte
	if _, err := io.ReadFull(r, l[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(l[:])
	if int64(n) > int64(limit) {
		return nil, malformed("a frame of %d bytes, %d are allowed", n, limit)
	}
	// Room is made as bytes come, not as they are promised.
	var m bytes.Buffer
	_, err := io.CopyN(&m, r, int64(n))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m.Bytes(), err
}

// packet is a frame that is taken apart as far as its control term.
type packet struct {
	op      int64
	to      Pid    // the receiver of a SEND of any kind
	message []byte // not yet decoded
}

// isSend reports whether the packet carries a message to a process.
func (p packet) isSend() bool {
	return p.op == opSend || p.op == opSendTT || p.op == opSendSender || p.op == opSendSenderTT
}

// parseFrame takes apart a frame that is no tick.
func parseFrame(m []byte) (packet, error) {
	if len(m) == 0 || m[0] != passThrough {
		return packet{}, malformed("a frame begins with %d, this one of %d bytes does not", passThrough, len(m))
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

// parseReply reads rex's answer, {rex, Result}. ok is false for another message.
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

// callFrame asks the process rex for M:F(Args); the answer goes to from. The form is the one of hidden C nodes
// (rpc:handle_info).
func callFrame(from Pid, m, f Atom, args []Term) []byte {
	frame := append([]byte{0, 0, 0, 0, passThrough}, encode(Tuple{int64(opRegSend), from, Atom(""), Atom("rex")})...)
	frame = append(frame, encode(Tuple{from, Tuple{Atom("call"), m, f, List(args), Atom("user")}})...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}
