// Package erldist is a client of Erlang's two network protocols: epmd's protocol, and the distribution protocol. In the
// distribution protocol it is a hidden node that gets its name from the peer (OTP 23 and later).
//
// In: a function that dials, literal addresses, a cookie. Out: the peer's answers, or an [*Error]. Its Outcome
// distinguishes a closed port, a filtered port, a silent peer, a TLS listener and a rejected cookie. With [OverTLS] the
// distribution protocol runs over TLS. The package imports the standard library only, resolves no names, prints nothing
// and keeps no state between calls.
//
// A node can be probed at three levels:
//
//   - [Names] and [Port] query epmd. The node does not notice it.
//   - [Challenge] reads the peer's challenge and disconnects: it returns the peer's name, flags and creation without a
//     cookie. It leaves no trace at the peer, neither an atom nor a line in its log.
//   - [Connect] (or [Begin] and [Handshake.Prove]) proves a cookie and returns a [Conn]. The peer logs a wrong cookie as
//     an error.
//
// A connected node can run any code on its peer. So a Conn makes only the read-only calls of a fixed table
// (allow.go). No call connects or disconnects other nodes, and the only reaction to data from a peer is to answer ticks.
// Challenges and digests stay inside the package; a [Cookie] prints as a placeholder.
//
// Sources: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html, https://www.erlang.org/doc/apps/erts/erl_ext_dist.html,
// and OTP's dist_util.erl, net_kernel.erl, rpc.erl and dist.h.
package erldist

import (
	"context"
	"net"
)

// Dialer dials a literal address, as [net.Dialer.DialContext] does. [Classify] classifies its error. The caller decides
// where it dials from, for example from another network namespace.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
