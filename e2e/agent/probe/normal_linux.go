//go:build !sabotage

package probe

import (
	"net"

	"meshproof.dev/meshproof/e2e/agent/netns"
)

// dialNamespace is the namespace from which the probe dials, and wrapConn is the connection that it uses. An agent of
// the kill matrix, built with the tag sabotage, has versions of both that are wrong on purpose.
func dialNamespace(pod *netns.Handle) *netns.Handle { return pod }

func wrapConn(c net.Conn) net.Conn { return c }
