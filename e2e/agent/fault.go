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

// The kinds of faults. Most drop packets silently, as a NetworkPolicy does: nobody gets a reset or an error.
const (
	DropIn   = "drop-in"   // packets to a TCP port of the pod, except over loopback, so that the pod's own view can still be read
	RejectIn = "reject-in" // as drop-in, but an ICMP error says that it is prohibited, as some NetworkPolicies and firewalls do
	DropOwn  = "drop-own"  // packets to a TCP port of the pod over loopback only
	DropDNS  = "drop-dns"  // packets from the pod to port 53: the first router drops them
	SlowDNS  = "slow-dns"  // the first packet of each DNS query by UDP: its repetition passes
	Cut      = "cut"       // packets between the pod and the peer, in both directions

	CutOut    = "cut-out"    // packets from the pod to the peer; those from the peer pass
	CutNew    = "cut-new"    // packets that open a TCP connection between the pod and the peer, as a firewall that keeps state: those of open ones pass
	DropLarge = "drop-large" // packets of more than LargePacket bytes between the pod and the peer, in both directions
	Reset     = "reset"      // packets of open TCP connections between the pod and the peer: who sent them gets a reset
)

// LargePacket is the largest packet that passes where large ones are dropped, with its IP header: the MTU of a tunnel that nobody told
// the pods of.
const LargePacket = 1400

// MaxBrief is how long a fault may last that the agent takes out itself.
const MaxBrief = time.Minute

// Faults are all faults of a holder. They replace its earlier faults; an empty list removes them.
type Faults struct {
	Holder string        `json:"holder"`          // faults of different holders are independent
	Lease  time.Duration `json:"lease,omitempty"` // how long they stay without renewal, ns; 0 for [Lease], the maximum
	Rules  []Rule        `json:"rules"`
	// Healed are rules that the holder has given up. Each has an answer, after those of Rules: whether it is gone from the pod.
	Healed []Rule `json:"healed,omitempty"`
	// Brief are rules that the agent puts in place now and takes out itself after Rule.For. Each has an answer, after those of Healed,
	// when it is over. They are asked for once and not renewed.
	Brief []Rule `json:"brief,omitempty"`
}

// Rule is one fault in the network namespace of a pod on the agent's own node.
type Rule struct {
	Pod  string `json:"pod"` // UID
	IP   string `json:"ip"`  // the pod's own address
	Do   string `json:"do"`
	Port int    `json:"port,omitempty"` // of a drop-in, reject-in or drop-own; of a rule with a peer its distribution port, which is dialled to test it
	Peer string `json:"peer,omitempty"` // of a rule about packets between two pods: the other address
	// For is how long a brief rule stays; a reset ends as soon as both ends have got one.
	For time.Duration `json:"for,omitempty"`
}

// OfPair reports whether the rule is about packets between two pods.
func (r Rule) OfPair() bool {
	return slices.Contains([]string{Cut, CutOut, CutNew, DropLarge, Reset}, r.Do)
}

// String describes the rule in messages.
func (r Rule) String() string {
	switch {
	case r.Do == DropDNS, r.Do == SlowDNS:
		return r.Do + " of " + r.IP
	case r.Do == CutOut:
		return fmt.Sprintf("%s from %s to %s", r.Do, r.IP, r.Peer)
	case r.OfPair():
		return fmt.Sprintf("%s between %s and %s", r.Do, r.IP, r.Peer)
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
	Counts    Counts `json:"counts"`
	// Age is how long ago, when the agent answered, the rule was put in place; of a brief or healed one that is gone, how long ago it went.
	Age time.Duration `json:"age,omitempty"`
	// Lasted is for how long a brief rule was in place, as measured.
	Lasted time.Duration `json:"lasted,omitempty"`
	// Gone is for a healed rule only: the kernel has confirmed that the pod's network namespace does not contain it. If it is
	// false, Message says why; Since is set if the rule is known to be still in place.
	Gone bool `json:"gone,omitempty"`
}

// Counts are the packets that a rule has met. Links are the distribution links that were open between the two pods when it was put in
// place: a rule that meets none of their packets only keeps new connections from being made.
type Counts struct {
	Known   bool   `json:"known"`
	Met     uint64 `json:"met"`
	OfLinks uint64 `json:"ofLinks"`
	Links   string `json:"links,omitempty"` // "10.244.0.7:10000 - 10.244.0.9:40312", separated by commas
}

// String describes the counts in messages.
func (c Counts) String() string {
	packets := func(n uint64) string {
		if n == 1 {
			return "1 packet"
		}
		return fmt.Sprintf("%d packets", n)
	}
	switch {
	case !c.Known:
		return "the packets that it met were not counted"
	case c.Links == "":
		return "it met " + packets(c.Met)
	}
	return fmt.Sprintf("it met %s, %d of the open link %s", packets(c.Met), c.OfLinks, c.Links)
}

// Check returns an error for faults that could do more than drop packets of pods.
func (f Faults) Check() error {
	switch {
	case f.Holder == "" || len(f.Holder) > 253:
		return errors.New("the holder's name is empty or longer than 253 characters")
	case f.Lease < 0 || f.Lease > Lease:
		return fmt.Errorf("lease %s is out of range (at most %s)", f.Lease, Lease)
	case len(f.Rules)+len(f.Healed)+len(f.Brief) > 500:
		return fmt.Errorf("too many rules (%d, limit 500)", len(f.Rules)+len(f.Healed)+len(f.Brief))
	}
	for _, r := range slices.Concat(f.Rules, f.Healed) {
		switch err := r.check(); {
		case err != nil:
			return err
		case r.For != 0 || r.Do == Reset:
			return fmt.Errorf("fault %s must be a brief one if it ends by itself", r.Do)
		}
	}
	for _, r := range f.Brief {
		switch err := r.check(); {
		case err != nil:
			return err
		case r.For <= 0 || r.For > MaxBrief || r.Do != Cut && r.Do != Reset:
			return fmt.Errorf("a brief fault must be a cut or a reset for at most %s", MaxBrief)
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
	case DropDNS, SlowDNS:
		if r.Port != 0 || r.Peer != "" {
			return fmt.Errorf("fault %s takes neither port nor peer", r.Do)
		}
	case Cut, CutOut, CutNew, DropLarge, Reset:
		if !port {
			return fmt.Errorf("fault %s needs a port of the peer to dial", r.Do)
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
