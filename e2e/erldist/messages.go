package erldist

import (
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"
)

// maxHandshake limits one message of the handshake; a node name has at most 255 characters.
const maxHandshake = 2048

// message puts a length of two bytes before a request to epmd or a message of the handshake.
func message(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// sendMessage sends one message of the handshake. Over TLS its length has four bytes, which is documented only by
// inet_tls_dist.erl.
func (x *exchange) sendMessage(m []byte) error {
	b := message(m)
	if x.overTLS() {
		b = append([]byte{0, 0}, b...)
	}
	return x.write(b)
}

// receiveMessage reads one message of the handshake, after a length of two bytes, over TLS of four.
func (x *exchange) receiveMessage() ([]byte, error) {
	x.got, x.want = 0, 0
	if x.overTLS() {
		return readMessage(x, 4, func(n int) { x.want = n })
	}
	return readMessage(x, 2, func(n int) { x.want = n })
}

// readMessage calls due with the number of bytes of the whole message once that is known. Its length has width bytes, 2 or 4.
func readMessage(r io.Reader, width int, setWant func(int)) ([]byte, error) {
	var l [4]byte // from its end: what is not read is zero
	size := l[len(l)-width:]
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, err
	}
	if err := checkNotTLS(size); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(l[:])
	if n == 0 || n > maxHandshake {
		return nil, malformed("the peer announced a message of %d bytes (it starts with %q); in a handshake 1 to %d are possible", n, size, maxHandshake)
	}
	setWant(width + int(n))
	m := make([]byte, n)
	_, err := io.ReadFull(r, m)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// nameMessage is 'N', our flags (8), creation (4), and the name with its length (2). With NAME_ME the name is the host part
// only, and the peer also gives us a creation.
func nameMessage() []byte {
	m := []byte{'N'}
	m = binary.BigEndian.AppendUint64(m, uint64(ourFlags))
	m = binary.BigEndian.AppendUint32(m, 0)
	m = binary.BigEndian.AppendUint16(m, uint16(len(ourHost)))
	return append(m, ourHost...)
}

// parseStatus parses 's' and a word; after "named:" there are our name (length 2, bytes) and our creation (4).
func parseStatus(m []byte) (Peer, error) {
	if len(m) == 0 || m[0] != 's' {
		return Peer{}, malformed("expected a status, which starts with 's', but the message is %.20q", m)
	}
	word := string(m[1:])
	switch word {
	case "ok", "ok_simultaneous", "nok", "not_allowed", "alive":
		return Peer{Status: word}, nil
	}
	if !strings.HasPrefix(word, "named:") {
		return Peer{}, malformed("unknown status %.40q", word)
	}
	rest := m[1+len("named:"):]
	if len(rest) < 2 {
		return Peer{}, malformed("status named: has no name")
	}
	n := int(binary.BigEndian.Uint16(rest))
	if len(rest) < 2+n+4 {
		return Peer{}, malformed("status named: claims a name of %d bytes, the message has %d", n, len(m))
	}
	name := string(rest[2 : 2+n])
	if !isNodeName(name) {
		return Peer{}, malformed("status named: has %.60q, which is not a node name", name)
	}
	return Peer{Status: "named:" + name, Self: name, creation: binary.BigEndian.Uint32(rest[2+n:])}, nil
}

// parseChallenge parses 'N', the peer's flags (8), the challenge (4), its creation (4) and its name (length 2) into p. Its
// errors do not quote the challenge.
func parseChallenge(m []byte, p *Peer) (challenge uint32, err error) {
	const fixed = 1 + 8 + 4 + 4 + 2
	switch {
	case len(m) > 0 && m[0] == 'n':
		return 0, malformed("the challenge has handshake version 5: OTP 23 or later is needed")
	case len(m) < fixed || m[0] != 'N':
		return 0, malformed("the challenge has %d bytes, expected at least %d that start with 'N'", len(m), fixed)
	}
	n := int(binary.BigEndian.Uint16(m[17:]))
	if len(m) < fixed+n {
		return 0, malformed("the challenge claims a name of %d bytes, the message has %d", n, len(m))
	}
	name := string(m[fixed : fixed+n])
	if !isNodeName(name) {
		return 0, malformed("the challenge has %.60q, which is not a node name", name)
	}
	p.Flags = binary.BigEndian.Uint64(m[1:])
	p.Creation = binary.BigEndian.Uint32(m[13:])
	p.Name = name
	return binary.BigEndian.Uint32(m[9:]), nil
}

// isNodeName reports whether s has the form of a node name: two parts with one @ between them, no control characters, 255
// characters at most.
func isNodeName(s string) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 255 || strings.Count(s, "@") != 1 {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return s[0] != '@' && s[len(s)-1] != '@'
}
