package erldist

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The epmd requests and answers of this client. It registers nothing, and never sends DUMP, KILL or STOP.
const (
	namesReq       = 110
	portPlease2Req = 122
	port2Resp      = 119
)

// Limits of epmd's answers: far more names than one host can run, and one registration with the longest fields.
const (
	maxNames = 64 << 10
	maxPort2 = 2 + 10 + 2*(2+maxField)
	maxField = 4 << 10 // of a name or the extra field; epmd itself allows less
)

// Name is one node registered with epmd.
type Name struct {
	Name string // before the @
	Port int    // of its distribution listener
}

// String is the line of `epmd -names`.
func (n Name) String() string { return fmt.Sprintf("name %s at port %d", n.Name, n.Port) }

// NodeType reports whether a node registered as part of the mesh.
type NodeType byte

// The node types of epmd.
const (
	HiddenNode NodeType = 72 // a node started with -hidden, a C node
	NormalNode NodeType = 77 // any other Erlang node
)

// String returns "normal", "hidden", or the number.
func (t NodeType) String() string {
	switch t {
	case HiddenNode:
		return "hidden"
	case NormalNode:
		return "normal"
	}
	return strconv.Itoa(int(t))
}

// Registration is epmd's answer about one node.
type Registration struct {
	Port     int      // of its distribution listener
	Type     NodeType //
	Protocol byte     // 0 is TCP over IPv4 or IPv6
	Highest  uint16   // version of the distribution protocol; 6 since OTP 23
	Lowest   uint16   // 5 in OTP 23 and 24, 6 since OTP 25
	Name     string   // before the @
	Extra    []byte   // extra data of the registration; empty for Erlang nodes
}

// Names queries the epmd at addr ("10.0.0.7:4369") for all registered nodes (NAMES_REQ), in epmd's order: the newest
// first, as far as was seen. An epmd without nodes returns an empty list and no error. Errors are [*Error]; a context
// without a deadline gets one of 10 s.
func Names(ctx context.Context, dial Dialer, addr string) ([]Name, error) {
	return query(ctx, dial, addr, []byte{namesReq}, maxNames, parseNames)
}

// Port queries the epmd at addr for one node (PORT_PLEASE2_REQ). name is the part before the @. A name that is not
// registered is an [*Error] with outcome [NotRegistered]; a context without a deadline gets one of 10 s.
func Port(ctx context.Context, dial Dialer, addr, name string) (Registration, error) {
	if name == "" || len(name) > 255 || strings.Contains(name, "@") {
		return Registration{}, &Error{StageEPMD, Failed, addr, fmt.Sprintf("%.40q is not the part of a node name before the @", name), nil}
	}
	return query(ctx, dial, addr, append([]byte{portPlease2Req}, name...), maxPort2, parsePort2)
}

// query sends one request on a new connection, reads until epmd closes it, which it does after each answer, and parses the
// answer.
func query[T any](ctx context.Context, dial Dialer, addr string, request []byte, limit int, parse func([]byte) (T, error)) (T, error) {
	var answer T
	x, err := open(ctx, dial, addr)
	if err != nil {
		return answer, err
	}
	defer x.close()
	err = x.withDeadline(ctx, func(at *Stage) error {
		*at = StageEPMD
		b, asked := x.query(message(request), limit)
		if asked != nil {
			return asked
		}
		var wrong error
		answer, wrong = parse(b)
		return wrong
	})
	return answer, err
}

// query sends a request and reads the whole answer, which must have at least one byte and at most limit.
func (x *exchange) query(request []byte, limit int) ([]byte, error) {
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
		return nil, malformed("the answer has more than %d bytes", limit)
	}
	return b, checkNotTLS(b)
}

// parseNames parses epmd's own port (4 bytes) and lines such as
//
//	name derl at port 10000
func parseNames(b []byte) ([]Name, error) {
	if len(b) < 4 {
		return nil, malformed("the answer has %d bytes, expected at least the 4 of epmd's port", len(b))
	}
	if p := binary.BigEndian.Uint32(b); p == 0 || p > 65535 {
		return nil, malformed("the answer has %d as epmd's own port, so it is not from an epmd (%.40q)", p, b)
	}
	lines := string(b[4:])
	if lines != "" && !strings.HasSuffix(lines, "\n") {
		return nil, malformed("the last line is cut off") // part of a port number would be another port
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
	// The last " at port ": a name may contain spaces.
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

// parsePort2 parses 119, a result, and, if the result is 0: port (2), type (1), protocol (1), highest and lowest version
// (2 each), name and extra (each with a length of 2 bytes).
func parsePort2(b []byte) (Registration, error) {
	switch {
	case len(b) == 0:
		return Registration{}, malformed("the answer is empty")
	case b[0] != port2Resp:
		return Registration{}, malformed("the answer starts with %d, expected %d", b[0], port2Resp)
	case len(b) < 2:
		return Registration{}, malformed("the answer has no result")
	case b[1] != 0:
		return Registration{}, &protocolError{NotRegistered, fmt.Sprintf("the name is not registered with epmd (result %d)", b[1])}
	case len(b) < 12:
		return Registration{}, malformed("the answer has %d bytes, expected at least 12", len(b))
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
		return Registration{}, malformed("the answer has the node name %.40q and port %d", r.Name, r.Port)
	}
	return r, nil
}

// field reads a field with a length of two bytes.
func field(b []byte, what string) (value, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, malformed("the length of the %s is missing", what)
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) || n > maxField {
		return nil, nil, malformed("the %s claims %d bytes, %d are left", what, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// checkNotTLS returns an error if b starts with the header of a TLS record: its type (20 to 23: change cipher, alert,
// handshake, data) and version 3.x. An answer of epmd or of a handshake cannot start with these bytes.
func checkNotTLS(b []byte) error {
	if len(b) < 2 || b[0] < 20 || b[0] > 23 || b[1] != 3 {
		return nil
	}
	if b[0] == 21 {
		return &protocolError{TLSAlert, "the answer is a TLS alert: this listener accepts TLS only"}
	}
	return &protocolError{TLSAlert, fmt.Sprintf("the answer is a TLS record of type %d: this listener accepts TLS only", b[0])}
}
