package agent

import (
	"errors"
	"fmt"
	"net/netip"
)

// checkAddr refuses what cannot be a pod's own address on its network. The loopback is in every namespace, and would prove
// nothing; link-local addresses are the node's and the cloud's own (169.254.169.254 gives away its credentials). The agent
// itself still asks the DNS servers of a pod's resolv.conf, wherever they are.
func checkAddr(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return errors.New("it is no literal address")
	}
	a = a.Unmap()
	thisNetwork, broadcast := netip.PrefixFrom(netip.IPv4Unspecified(), 8), netip.AddrFrom4([4]byte{255, 255, 255, 255})
	switch {
	case a.IsLoopback():
		return fmt.Errorf("%s is a loopback address", a)
	case a.IsLinkLocalUnicast():
		return fmt.Errorf("%s is a link-local address", a)
	case a.IsMulticast():
		return fmt.Errorf("%s is a multicast address", a)
	case a.IsUnspecified(), thisNetwork.Contains(a), a == broadcast:
		return fmt.Errorf("%s is the address of no single pod", a)
	}
	return nil
}
