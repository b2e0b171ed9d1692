package agent

import (
	"strings"
	"testing"
)

// The addresses that no plan and no fault may name: each would let the agent reach something else than a pod.
func TestAddressesThatAreNoPods(t *testing.T) {
	const uid = "11111111-2222-3333-4444-555555555555"
	for addr, why := range map[string]string{
		"127.0.0.1": "loopback", "127.8.9.1": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback",
		"169.254.169.254": "link-local", "fe80::1": "link-local", "::ffff:169.254.169.254": "link-local",
		"224.0.0.1": "multicast", "239.255.255.250": "multicast", "ff02::1": "multicast", "::ffff:224.0.0.1": "multicast",
		"0.0.0.0": "no single pod", "0.0.0.1": "no single pod", "::": "no single pod", "::ffff:0.0.0.0": "no single pod", "255.255.255.255": "no single pod",
		"fe80::1%eth0": "no literal address", "2001:db8::1%eth0": "no literal address", "localhost": "no literal address", "0x7f.1": "no literal address", "127.1": "no literal address", "010.0.0.1": "no literal address",
	} {
		if err := (Plan{Pods: []Pod{{UID: uid, IP: addr}}}).Check(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("a plan with %s: %v, want %q", addr, err, why)
		}
		rules := []Rule{{Pod: uid, IP: addr, Do: DropDNS}, {Pod: uid, IP: addr, Do: DropOwn, Port: Port}, {Pod: uid, IP: "10.0.0.1", Do: Cut, Port: 1, Peer: addr}}
		for _, r := range rules {
			if err := (Faults{Holder: "h", Rules: []Rule{r}}).Check(); err == nil {
				t.Errorf("%s is accepted", r)
			}
		}
	}
	for _, addr := range []string{"10.0.0.1", "100.64.1.1", "198.18.0.1", "240.0.0.7", "8.8.8.8", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1"} {
		if err := (Plan{Pods: []Pod{{UID: uid, IP: addr}}}).Check(); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
