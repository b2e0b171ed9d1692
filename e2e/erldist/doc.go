// Package erldist speaks Erlang's two network protocols as a client: epmd's, and the distribution protocol as a hidden
// node that its peer names (OTP 23 and later).
//
// In: a way to dial, literal addresses, a cookie. Out: what the peer said, or an [*Error] whose Outcome tells a closed
// port from a filtered one, a silent one, a TLS listener and a refused cookie. With [OverTLS] the same is spoken over TLS. The package imports the standard
// library only, resolves no names, prints nothing and keeps no state between calls.
//
// There are three depths to which a node can be looked at:
//
//   - [Names] and [Port] ask epmd. No node notices.
//   - [Challenge] goes as far as the peer's challenge and hangs up: the peer's name, flags and creation without a
//     cookie. It leaves no trace at the peer, neither an atom nor a line in its log.
//   - [Connect] (or [Begin] and [Handshake.Prove]) proves a cookie and gives a [Conn]. A wrong cookie is logged by the
//     peer as an error.
//
// Distribution is arbitrary code execution. So a Conn asks a node nothing but the reads of a fixed table (allow.go);
// nothing in it connects or disconnects anybody, and nothing that a peer sends makes this side act beyond answering a
// tick. Challenges and digests stay inside the package; a [Cookie] prints as a placeholder.
//
// Sources: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html, https://www.erlang.org/doc/apps/erts/erl_ext_dist.html,
// and OTP's dist_util.erl, net_kernel.erl, rpc.erl and dist.h.
package erldist

import (
	"context"
	"net"
)

// Dialer dials a literal address, as [net.Dialer.DialContext] does; its error is classified by [Classify]. The caller
// decides from where, such as another network namespace.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
