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
		Why:    "A VM distributes over IPv4 unless it is started with -proto_dist inet6_tcp or inet6_tls, given once. In a pod that has an IPv6 address it then listens where no peer dials, and asks DNS for A records that no peer has.",
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
					if overIPv4(protocols[0]) || listensOnIPv4(v, p) {
						f.Fail("given-twice", fmt.Sprintf("the address of %s is %s, and its VM distributes over IPv4: its command line has -proto_dist %d times (%s), of which OTP 25 takes none, and OTP 27 the first", p.Name, p.IP(), len(protocols), strings.Join(protocols, ", ")),
							"give -proto_dist once: in vm.args, where the release's commands find it, too, or in ERL_AFLAGS")
					}
				case overIPv4(protocols[0]):
					f.Fail("ipv4-only", fmt.Sprintf("the address of %s is %s, and its VM distributes over IPv4: its command line has -proto_dist %s", p.Name, p.IP(), protocols[0]),
						"start the VM with -proto_dist "+strings.Replace(protocols[0], "inet_", "inet6_", 1))
				}
			})
		},
	}
}

// overIPv4 reports whether it is one of OTP's own protocols for IPv4. Another name may be a module for anything.
func overIPv4(protocol string) bool { return protocol == "inet_tcp" || protocol == "inet_tls" }

// listensOnIPv4 reports whether the port that peers dial is open on IPv4 addresses only.
func listensOnIPv4(v *view.View, p *view.Pod) bool {
	listening, known := p.Listening(v.End())
	if len(p.ToDist) == 0 || !known {
		return false
	}
	dialled, err := netip.ParseAddrPort(p.ToDist[len(p.ToDist)-1].Addr())
	here := slices.DeleteFunc(slices.Clone(listening), func(a netip.AddrPort) bool { return a.Port() != dialled.Port() })
	return err == nil && len(here) > 0 && !slices.ContainsFunc(here, func(a netip.AddrPort) bool { return a.Addr().Unmap().Is6() })
}
