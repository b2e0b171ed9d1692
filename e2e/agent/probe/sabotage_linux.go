//go:build sabotage

package probe

import (
	"net"
	"os"
	"sync"

	"meshproof.dev/meshproof/e2e/agent/netns"
)

// sabotage is what this agent does wrong on purpose: the kill matrix has to notice that its observer lies. No other build
// reads the variable.
func sabotage() string { return os.Getenv("MESHPROOF_SABOTAGE") }

// astray is the agent's own network namespace.
var astray = sync.OnceValues(func() (*netns.Handle, error) { return netns.Open("/proc/self/ns/net") }) //nolint:gochecknoglobals // opened once

func place(pod *netns.Handle) *netns.Handle {
	if sabotage() == "wrong-namespace" {
		if own, err := astray(); err == nil {
			return own
		}
	}
	return pod
}

func face(c net.Conn) net.Conn {
	if _, tcp := c.(*net.TCPConn); tcp && sabotage() == "probe-visible" {
		return &visible{Conn: c}
	}
	return c
}

// visible sets DFLAG_PUBLISHED, the lowest bit of the flags, in the name that begins a handshake: two bytes of length, 'N',
// eight of flags (erl_dist_protocol, "Distribution Handshake").
type visible struct {
	net.Conn
	once sync.Once
}

func (v *visible) Write(b []byte) (int, error) {
	v.once.Do(func() {
		if len(b) > 11 && b[2] == 'N' {
			b = append([]byte(nil), b...)
			b[10] |= 1
		}
	})
	return v.Conn.Write(b)
}
