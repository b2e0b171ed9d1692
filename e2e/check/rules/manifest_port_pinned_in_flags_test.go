package rules_test

import (
	"slices"
	"testing"
)

func TestManifestPortPinnedInFlags(t *testing.T) {
	try(t, "manifest/port-pinned-in-flags", slices.Concat([]trial{
		{"pinned", literal("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"), fails("for-every-vm", "ERL_AFLAGS", "9100", "sys.config")},
		{"the lower end only", literal("ERL_ZFLAGS", "-kernel inet_dist_listen_min 9100"), fails("for-every-vm", "9100")},
		{"any port", literal("ERL_ZFLAGS", "-kernel inet_dist_listen_min 0 inet_dist_listen_max 0"), nil},
		{"a range", literal("ERL_FLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105"), nil},
		{"in the node's own args", args("-kernel", "inet_dist_listen_min", "9100"), passes},
		{"nowhere", literal("ERL_FLAGS", "+sbwt none"), notSeen("no inet_dist_listen_min was seen")},
	}, unreadable()))
}
