package rules

import (
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeFlags() check.Check {
	return check.Check{
		ID: "handshake/flags", Title: "supports the distribution flags that its peers require", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDist},
		Why:    "A node rejects a peer that lacks a mandatory distribution flag. OTP 26 and later require more flags than OTP 25: they reject a node of OTP 23, or a program that only imitates a node.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags",
		Causes: map[string][]string{"flags-missing": check.NeedsMesh("handshake/cookie-accepted", "handshake/wrong-cookie-refused")},
		Judge:  evidence.EachNode(flags),
	}
}

// mandatory are the flags that OTP 26 and later require, by bit (erts/emulator/beam/dist.h, DFLAG_DIST_MANDATORY).
var mandatory = []struct {
	bit  uint
	name string
}{
	{2, "EXTENDED_REFERENCES"}, {4, "FUN_TAGS"}, {7, "NEW_FUN_TAGS"}, {8, "EXTENDED_PIDS_PORTS"}, {9, "EXPORT_PTR_TAG"}, {10, "BIT_BINARIES"}, {11, "NEW_FLOATS"},
	{16, "UTF8_ATOMS"}, {17, "MAP_TAG"}, {18, "BIG_CREATION"}, {24, "HANDSHAKE_23"}, {25, "UNLINK_ID"}, {34, "V4_NC"},
}

func flags(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	e := evidence.Challenge(p, from, to)
	if e == nil || e.Dist.Flags == 0 {
		return evidence.HandshakeUnseen(v, p)
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: e.T}
	var missing []string
	for _, m := range mandatory {
		if e.Dist.Flags&(1<<m.bit) == 0 {
			missing = append(missing, m.name)
		}
	}
	if len(missing) > 0 {
		f.Outcome, f.Code = check.Fail, "flags-missing"
		f.Message = fmt.Sprintf("%s (%s) lacks %s, which OTP 26 and later require: such peers answer not_allowed", p.Node(), p.Name, strings.Join(missing, ", "))
		f.Seen = []string{fmt.Sprintf("flags in the challenge of %s: %#x", e.Dist.Addr, e.Dist.Flags)}
		f.Remedy = "run the same Erlang/OTP release on all nodes, or releases that are at most two apart"
		f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep 'cannot handle'", v.Header.Namespace, p.Name)
	}
	return f
}
