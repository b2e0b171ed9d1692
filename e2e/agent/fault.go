package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Lease is how long faults outlast the last word of whoever wants them, and RenewFaults how often that word is to be
// given: two renewals may be lost.
const (
	Lease       = 15 * time.Second
	RenewFaults = 3 * time.Second
)

// The kinds of faults. All of them lose packets without a word, as a policy's rule does: no reset and no error tells
// anybody.
const (
	DropIn  = "drop-in"  // what comes to the pod for a TCP port; over loopback it is let through, so that the pod can still be asked
	DropOwn = "drop-own" // what comes to a TCP port over loopback only
	DropDNS = "drop-dns" // what leaves the pod for port 53: it dies one hop further on
	Cut     = "cut"      // what the pod and the peer say to each other, both ways
)

// Faults are all the faults that a holder wants now. They replace those it wanted before; no rule at all ends them.
type Faults struct {
	Holder string        `json:"holder"`          // two holders do not touch each other's
	Lease  time.Duration `json:"lease,omitempty"` // without renewal, ns; 0 for [Lease], which is the longest, too
	Rules  []Rule        `json:"rules"`
}

// Rule is one fault in the network namespace of a pod on the agent's own node.
type Rule struct {
	Pod  string `json:"pod"` // UID
	IP   string `json:"ip"`  // the pod's own address
	Do   string `json:"do"`
	Port int    `json:"port,omitempty"` // of a drop-in or drop-own; of a cut the peer's port that is dialled to see that it bites
	Peer string `json:"peer,omitempty"` // of a cut: the other address
}

// String is the rule for people.
func (r Rule) String() string {
	switch r.Do {
	case DropDNS:
		return "drop-dns of " + r.IP
	case Cut:
		return fmt.Sprintf("cut between %s and %s", r.IP, r.Peer)
	}
	return fmt.Sprintf("%s of %s port %d", r.Do, r.IP, r.Port)
}

// Bite is what became of a rule. It bites when the dial that it must stop was answered before it and is not after it.
type Bite struct {
	Rule    Rule   `json:"rule"`
	Bites   bool   `json:"bites"`
	Since   int64  `json:"since,omitempty"` // CLOCK_BOOTTIME at which it was in place, ns
	Message string `json:"message"`         // what the dials came to, or why the rule is not in place
}

// Check refuses what could do more than lose the packets of pods.
func (f Faults) Check() error {
	switch {
	case f.Holder == "" || len(f.Holder) > 253:
		return errors.New("a holder needs a name")
	case f.Lease < 0 || f.Lease > Lease:
		return fmt.Errorf("a lease of %s: at most %s", f.Lease, Lease)
	case len(f.Rules) > 500:
		return errors.New("more rules than a node's pods can need")
	}
	for _, r := range f.Rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) check() error {
	if !uid.MatchString(r.Pod) {
		return errors.New("a pod's uid is none")
	}
	if err := ipv4(r.IP); err != nil {
		return err
	}
	port := r.Port > 0 && r.Port < 65536
	switch r.Do {
	case DropIn, DropOwn:
		if !port || r.Peer != "" {
			return fmt.Errorf("%s needs a port and no peer", r.Do)
		}
	case DropDNS:
		if r.Port != 0 || r.Peer != "" {
			return errors.New("drop-dns takes neither port nor peer")
		}
	case Cut:
		if !port {
			return errors.New("cut needs a port of the peer to dial")
		}
		return ipv4(r.Peer)
	default:
		return errors.New("there is no such fault")
	}
	return nil
}

func ipv4(s string) error {
	if a, err := netip.ParseAddr(s); err != nil || !a.Is4() {
		return errors.New("faults are for literal IPv4 addresses")
	}
	return nil
}
