//go:build sabotage

package probe

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"

	"meshproof.dev/meshproof/e2e/agent/netns"
)

// sabotage is the error that this agent makes on purpose: the kill matrix must detect a wrong observer. Only this build
// reads the variable.
func sabotage() string { return os.Getenv("MESHPROOF_SABOTAGE") }

// agentNamespace is the agent's own network namespace; every one has the address of the loopback.
var agentNamespace = sync.OnceValues(func() (*netns.Handle, error) { return netns.NewDoor("/proc").Agent(netip.MustParseAddr("127.0.0.1")) }) //nolint:gochecknoglobals // opened once

func dialNamespace(pod *netns.Handle) *netns.Handle {
	if sabotage() == "wrong-namespace" {
		if own, err := agentNamespace(); err == nil {
			return own
		}
	}
	return pod
}

func wrapConn(c net.Conn) net.Conn {
	if _, tcp := c.(*net.TCPConn); tcp && sabotage() == "probe-visible" {
		return &visibleConn{Conn: c}
	}
	return c
}

// visibleConn starts a handshake as a normal node does: with its own name and with DFLAG_PUBLISHED, the lowest bit of the
// flags. A node that requests a name is hidden whatever its flags say (measured, OTP 25). On our side it looks as if the
// peer had assigned that name (erl_dist_protocol, "Distribution Handshake").
type visibleConn struct {
	net.Conn
	name string // its own name, "" before the handshake
	rest []byte // returned by Read before any received bytes
}

// nameMe is DFLAG_NAME_ME.
const nameMe = 1 << 33

func (v *visibleConn) Write(b []byte) (int, error) {
	if v.name != "" || len(b) < 17 || b[2] != 'N' {
		return v.Conn.Write(b)
	}
	v.name = "probe-" + rand.Text()[:8] + "@127.0.0.1"
	flags := binary.BigEndian.Uint64(b[3:11])&^nameMe | 1
	m := append([]byte{'N'}, binary.BigEndian.AppendUint64(nil, flags)...)
	m = append(m, 0, 0, 0, 1) // the creation
	m = append(binary.BigEndian.AppendUint16(m, uint16(len(v.name))), v.name...)
	if err := v.status(m); err != nil {
		return 0, err
	}
	return len(b), nil
}

// status sends the name and turns "ok" into "named:".
func (v *visibleConn) status(m []byte) error {
	if _, err := v.Conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)); err != nil {
		return err
	}
	var size [2]byte
	if _, err := io.ReadFull(v.Conn, size[:]); err != nil {
		return err
	}
	said := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(v.Conn, said); err != nil {
		return err
	}
	if string(said) == "sok" {
		said = append(binary.BigEndian.AppendUint16([]byte("snamed:"), uint16(len(v.name))), v.name...)
		said = append(said, 0, 0, 0, 1)
	}
	v.rest = append(binary.BigEndian.AppendUint16(nil, uint16(len(said))), said...)
	return nil
}

func (v *visibleConn) Read(b []byte) (int, error) {
	if len(v.rest) > 0 {
		n := copy(b, v.rest)
		v.rest = v.rest[n:]
		return n, nil
	}
	return v.Conn.Read(b)
}
