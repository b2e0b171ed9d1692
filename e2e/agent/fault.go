package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Lease is how long faults stay in place after their last renewal. RenewFaults is the interval of renewals: two of them
// may be lost.
const (
	Lease       = 15 * time.Second
	RenewFaults = 3 * time.Second
)

// The kinds of faults. All but one drop packets silently, as a NetworkPolicy does: nobody gets a reset or an error.
const (
	DropIn   = "drop-in"   // packets to a TCP port of the pod, except over loopback, so that the pod's own view can still be read
	RejectIn = "reject-in" // as drop-in, but an ICMP error says that it is prohibited, as some NetworkPolicies and firewalls do
	DropOwn  = "drop-own"  // packets to a TCP port of the pod over loopback only
	DropDNS  = "drop-dns"  // packets from the pod to port 53: the first router drops them
	Cut      = "cut"       // packets between the pod and the peer, in both directions
)

// Faults are all faults of a holder. They replace its earlier faults; an empty list removes them.
type Faults struct {
	Holder string        `json:"holder"`          // faults of different holders are independent
	Lease  time.Duration `json:"lease,omitempty"` // how long they stay without renewal, ns; 0 for [Lease], the maximum
	Rules  []Rule        `json:"rules"`
	// Healed are rules that the holder has given up. Each has an answer, after those of Rules: whether it is gone from the pod.
	Healed []Rule `json:"healed,omitempty"`
}

// Rule is one fault in the network namespace of a pod on the agent's own node.
type Rule struct {
	Pod  string `json:"pod"` // UID
	IP   string `json:"ip"`  // the pod's own address
	Do   string `json:"do"`
	Port int    `json:"port,omitempty"` // of a drop-in, reject-in or drop-own; of a cut the peer's port that is dialled to test it
	Peer string `json:"peer,omitempty"` // of a cut: the other address
}

// String describes the rule in messages.
func (r Rule) String() string {
	switch r.Do {
	case DropDNS:
		return "drop-dns of " + r.IP
	case Cut:
		return fmt.Sprintf("cut between %s and %s", r.IP, r.Peer)
	}
	return fmt.Sprintf("%s of %s port %d", r.Do, r.IP, r.Port)
}

// OwnAPI reports whether the rule cuts off an agent's API in its own pod, by which the harness tries what a lost stream does.
// It is the only one about a pod that is in no plan.
func (r Rule) OwnAPI() bool { return r.Do == DropOwn && r.Port == Port }

// RuleStatus is the result of a rule. The rule is effective if the dial that it must block got an answer before it was
// in place, and gets none afterwards.
type RuleStatus struct {
	Rule      Rule   `json:"rule"`
	Effective bool   `json:"bites"`
	Since     int64  `json:"since,omitempty"` // CLOCK_BOOTTIME at which it was in place, ns
	Message   string `json:"message"`         // the results of the dials, or why the rule is not in place
	// Gone is for a healed rule only: the kernel has confirmed that the pod's network namespace does not contain it. If it is
	// false, Message says why; Since is set if the rule is known to be still in place.
	Gone bool `json:"gone,omitempty"`
}

// Check returns an error for faults that could do more than drop packets of pods.
func (f Faults) Check() error {
	switch {
	case f.Holder == "" || len(f.Holder) > 253:
		return errors.New("the holder's name is empty or longer than 253 characters")
	case f.Lease < 0 || f.Lease > Lease:
		return fmt.Errorf("lease %s is out of range (at most %s)", f.Lease, Lease)
	case len(f.Rules)+len(f.Healed) > 500:
		return fmt.Errorf("too many rules (%d, limit 500)", len(f.Rules)+len(f.Healed))
	}
	for _, r := range slices.Concat(f.Rules, f.Healed) {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) check() error {
	if !uidPattern.MatchString(r.Pod) {
		return errors.New("the uid of a pod is not valid")
	}
	if err := checkIPv4(r.IP); err != nil {
		return err
	}
	port := r.Port > 0 && r.Port < 65536
	switch r.Do {
	case DropIn, RejectIn, DropOwn:
		if !port || r.Peer != "" {
			return fmt.Errorf("fault %s needs a port and no peer", r.Do)
		}
	case DropDNS:
		if r.Port != 0 || r.Peer != "" {
			return errors.New("fault drop-dns takes neither port nor peer")
		}
	case Cut:
		if !port {
			return errors.New("fault cut needs a port of the peer to dial")
		}
		return checkIPv4(r.Peer)
	default:
		return errors.New("unknown kind of fault")
	}
	return nil
}

func checkIPv4(s string) error {
	if a, err := netip.ParseAddr(s); err != nil || !a.Is4() {
		return errors.New("the address of a fault must be a literal IPv4 address")
	}
	if err := checkAddr(s); err != nil {
		return fmt.Errorf("the address of a fault: %w", err)
	}
	return nil
}
