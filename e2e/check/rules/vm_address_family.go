package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmAddressFamily() check.Check {
	return check.Check{
		ID: "vm/address-family", Title: "distributes in the address family of its pod", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A VM distributes over IPv4 unless it is started with -proto_dist inet6_tcp or inet6_tls, given exactly once. In a pod that has an IPv6 address it then listens where no peer dials, and asks DNS for A records that no peer has.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html",
		Causes: check.Alike(check.From(check.EPMD, "dns/peers-exist", "pods/ready"), "ipv4-only", "given-twice"),
		Judge: func(v *view.View) []check.Finding {
			// Where all nodes see all nodes, they have addresses of the other family, too.
			full := v.Mesh(v.End()).Full
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				_, host, _ := strings.Cut(p.Node(), "@")
				named, err := netip.ParseAddr(host)
				protocols := vm.Protocols()
				switch {
				case !p.OverIPv6(): // a node with inet6_tcp listens on ::, which takes IPv4 as well
				case full || err == nil && named.Unmap().Is4():
				case len(protocols) == 0:
					f.Fail("ipv4-only", fmt.Sprintf("the address of %s is %s, and its VM distributes over IPv4: its command line has no -proto_dist", p.Name, p.IP()),
						"start the VM with -proto_dist inet6_tcp (in vm.args, or by ERL_AFLAGS)")
				case len(protocols) > 1:
					f.Fail("given-twice", fmt.Sprintf("the address of %s is %s, and its VM distributes over IPv4: its command line has -proto_dist %d times (%s), which counts as not given", p.Name, p.IP(), len(protocols), strings.Join(protocols, ", ")),
						"give -proto_dist once: in vm.args, where the release's commands find it, too, or in ERL_AFLAGS")
				case slices.Contains([]string{"inet_tcp", "inet_tls"}, protocols[0]):
					f.Fail("ipv4-only", fmt.Sprintf("the address of %s is %s, and its VM distributes over IPv4: its command line has -proto_dist %s", p.Name, p.IP(), protocols[0]),
						"start the VM with -proto_dist "+strings.Replace(protocols[0], "inet_", "inet6_", 1))
				}
			})
		},
	}
}
