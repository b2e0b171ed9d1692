package erldist

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Requests and answers of epmd that this client knows. It registers nothing, and never sends DUMP, KILL or STOP.
const (
	namesReq       = 110
	portPlease2Req = 122
	port2Resp      = 119
)

// Limits of what epmd may say: far more names than one host can run, and one registration with the longest fields.
const (
	maxNames = 64 << 10
	maxPort2 = 2 + 10 + 2*(2+maxField)
	maxField = 4 << 10 // of a name or the extra field; epmd itself allows less
)

// Name is one node that epmd knows.
type Name struct {
	Name string // before the @
	Port int    // of its distribution listener
}

// String is the line of `epmd -names`.
func (n Name) String() string { return fmt.Sprintf("name %s at port %d", n.Name, n.Port) }

// NodeType reports whether a node registered as part of the mesh.
type NodeType byte

// The types that epmd knows.
const (
	HiddenNode NodeType = 72 // a node started with -hidden, a C node
	NormalNode NodeType = 77 // any other Erlang node
)

// String gives "normal", "hidden", or the number.
func (t NodeType) String() string {
	switch t {
	case HiddenNode:
		return "hidden"
	case NormalNode:
		return "normal"
	}
	return strconv.Itoa(int(t))
}

// Registration is what epmd knows of one node.
type Registration struct {
	Port     int      // of its distribution listener
	Type     NodeType //
	Protocol byte     // 0 is TCP over IPv4 or IPv6
	Highest  uint16   // version of the distribution protocol; 6 since OTP 23
	Lowest   uint16   // 5 in OTP 23 and 24, 6 since OTP 25
	Name     string   // before the @
	Extra    []byte   // whatever the node registered besides; empty for Erlang nodes
}

// Names asks the epmd at addr ("10.0.0.7:4369") for all nodes registered with it (NAMES_REQ), in its own order: the
// youngest first, as far as was seen. An epmd that answers and knows none gives an empty list and no error. Errors are [*Error]; a context without a deadline gets one of 10 s.
func Names(ctx context.Context, dial Dialer, addr string) ([]Name, error) {
	return ask(ctx, dial, addr, []byte{namesReq}, maxNames, parseNames)
}

// Port asks the epmd at addr for one node (PORT_PLEASE2_REQ). name is the part before the @. A name that is not
// registered is an [*Error] with outcome [NotRegistered]; a context without a deadline gets one of 10 s.
func Port(ctx context.Context, dial Dialer, addr, name string) (Registration, error) {
	if name == "" || len(name) > 255 || strings.Contains(name, "@") {
		return Registration{}, &Error{StageEPMD, Failed, addr, fmt.Sprintf("%.40q is not the part of a node name before the @", name), nil}
	}
	return ask(ctx, dial, addr, append([]byte{portPlease2Req}, name...), maxPort2, parsePort2)
}

// ask sends one request on a connection of its own, reads until epmd closes, as it does after each answer, and parses.
func ask[T any](ctx context.Context, dial Dialer, addr string, request []byte, limit int, parse func([]byte) (T, error)) (T, error) {
	var answer T
	x, err := open(ctx, dial, addr)
	if err != nil {
		return answer, err
	}
	defer x.close()
	err = x.under(ctx, func(at *Stage) error {
		*at = StageEPMD
		b, asked := x.ask(message(request), limit)
		if asked != nil {
			return asked
		}
		var wrong error
		answer, wrong = parse(b)
		return wrong
	})
	return answer, err
}

// ask sends a request and reads all of the answer, which must have a byte and not more than limit.
func (x *exchange) ask(request []byte, limit int) ([]byte, error) {
	if err := x.write(request); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(x, int64(limit)+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, io.EOF
	case len(b) > limit:
		return nil, malformed("more than %d bytes", limit)
	}
	return b, looksLikeTLS(b)
}

// parseNames reads epmd's own port (4 bytes) and lines such as
//
//	name derl at port 10000
func parseNames(b []byte) ([]Name, error) {
	if len(b) < 4 {
		return nil, malformed("%d bytes, at least the 4 of epmd's port are due", len(b))
	}
	if p := binary.BigEndian.Uint32(b); p == 0 || p > 65535 {
		return nil, malformed("epmd's own port is %d: this is no epmd (%.40q)", p, b)
	}
	lines := string(b[4:])
	if lines != "" && !strings.HasSuffix(lines, "\n") {
		return nil, malformed("the last line is cut off") // the rest of a port would be another port
	}
	var names []Name
	for line := range strings.Lines(lines) {
		n, err := parseName(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, nil
}

func parseName(line string) (Name, error) {
	// The last " at port ": a name may hold spaces.
	i := strings.LastIndex(line, " at port ")
	name, found := strings.CutPrefix(line, "name ")
	if i < len("name ") || !found {
		return Name{}, malformed("line %.60q is not \"name NAME at port PORT\"", line)
	}
	name = name[:i-len("name ")]
	port, err := strconv.ParseUint(line[i+len(" at port "):], 10, 16)
	if err != nil || port == 0 || name == "" || len(name) > 255*4 {
		return Name{}, malformed("line %.60q is not \"name NAME at port PORT\"", line)
	}
	return Name{name, int(port)}, nil
}

// parsePort2 reads 119, a result, and, if that is 0: port (2), type (1), protocol (1), highest and lowest version
// (2 each), name and extra (each with its length in 2).
func parsePort2(b []byte) (Registration, error) {
	switch {
	case len(b) == 0:
		return Registration{}, malformed("an empty answer")
	case b[0] != port2Resp:
		return Registration{}, malformed("an answer begins with %d, this one with %d", port2Resp, b[0])
	case len(b) < 2:
		return Registration{}, malformed("an answer without its result")
	case b[1] != 0:
		return Registration{}, &protocolError{NotRegistered, fmt.Sprintf("epmd does not know that name (result %d)", b[1])}
	case len(b) < 12:
		return Registration{}, malformed("an answer of %d bytes, at least 12 are due", len(b))
	}
	r := Registration{
		Port:     int(binary.BigEndian.Uint16(b[2:])),
		Type:     NodeType(b[4]),
		Protocol: b[5],
		Highest:  binary.BigEndian.Uint16(b[6:]),
		Lowest:   binary.BigEndian.Uint16(b[8:]),
	}
	name, rest, err := field(b[10:], "name")
	if err != nil {
		return Registration{}, err
	}
	r.Name = string(name)
	if r.Extra, _, err = field(rest, "extra field"); err != nil {
		return Registration{}, err
	}
	if r.Port == 0 || r.Name == "" {
		return Registration{}, malformed("a node %.40q on port %d", r.Name, r.Port)
	}
	return r, nil
}

// field reads two bytes of length and as many bytes.
func field(b []byte, what string) (value, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, malformed("the length of the %s is missing", what)
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) || n > maxField {
		return nil, nil, malformed("a %s of %d bytes with %d left", what, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// looksLikeTLS knows the header of a TLS record: its type (20 to 23: change cipher, alert, handshake, data) and version 3.x.
// As the first bytes of an answer of epmd or of a handshake they make no sense.
func looksLikeTLS(b []byte) error {
	if len(b) < 2 || b[0] < 20 || b[0] > 23 || b[1] != 3 {
		return nil
	}
	if b[0] == 21 {
		return &protocolError{TLSAlert, "a TLS alert: this listener speaks TLS only"}
	}
	return &protocolError{TLSAlert, fmt.Sprintf("a TLS record of type %d: this listener speaks TLS only", b[0])}
}
