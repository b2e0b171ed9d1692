package view

import (
	"net/netip"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Listening are the addresses that the pod's sockets were bound to about t, as its kernel had them. known is false where no
// table was read within MaxGap of t.
func (p *Pod) Listening(t time.Duration) (bound []netip.AddrPort, known bool) {
	near := Between(p.Sockets, t-p.MaxGap(), t+p.MaxGap())
	for i := len(near) - 1; i >= 0; i-- {
		if near[i].Sockets.Outcome != recording.OK {
			continue
		}
		for _, s := range near[i].Sockets.Listen {
			if a, err := netip.ParseAddrPort(s); err == nil {
				bound = append(bound, a)
			}
		}
		return bound, true
	}
	return nil, false
}

// Console reports whether name is that of a remote console or a command of the node of: releases name them after it
// ("rem-1f0e-derl", "rpc-…", "remsh…-", "maint…-"; https://github.com/elixir-lang/elixir/blob/main/lib/mix/lib/mix/tasks/release.init.ex,
// https://github.com/erlware/relx/blob/main/priv/templates/extended_bin). They come and go, and are no member.
func Console(name, of string) bool {
	if of == "" || !strings.HasSuffix(name, "-"+of) {
		return false
	}
	for _, prefix := range []string{"rem", "rpc", "maint", "nodetool"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
