// Package agent holds what both sides of the agent's API agree on. The agent is the privileged pod that stands in any
// pod's network namespace: the program is cmd/agent, the harness's side of it package agent/client.
//
// In: a plan of what to observe. Out: numbered lines of observations, stamped with the agent's own clock. An agent gives
// no verdict and, until it is told to, does nothing. Only types and limits are here, and nothing of Kubernetes: what the
// agent links goes onto each node.
package agent

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// CheckSession refuses what names no session. A session is one client's work with an agent, a plan and its lines; the
// name has the form of a Kubernetes namespace.
func CheckSession(name string) error {
	if !session.MatchString(name) {
		return errors.New("a session's name has the form of a namespace")
	}
	return nil
}

var session = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Port is where the agent listens, on the loopback of its own pod only.
const Port = 7373

// Plan says what an agent is to observe from now on for a session. It replaces the session's plan before.
type Plan struct {
	Pods     []Pod  `json:"pods"`    // all pods of the workload; those on other nodes are dialled only
	DNSName  string `json:"dnsName"` // asked from each pod, "" for none: a full name with its dot, or one that ends in "svc"
	EPMDPort int    `json:"epmdPort"`
	DistPort int    `json:"distPort"` // dialled where epmd does not tell one
	Cookie   []byte `json:"cookie"`   // secret: as the Secret holds it
	Control  bool   `json:"control"`  // try a wrong cookie once on each node, too

	// Identity is what the agent speaks TLS with, nil where there is none.
	Identity *Identity `json:"identity,omitempty"`
	// Ways are how nodes are spoken to, by the pod's UID, of those whose command lines were seen. Others are taken to speak TLS
	// where there is an identity, and to listen where the plan says.
	Ways map[string]Way `json:"ways,omitempty"`

	Every Every `json:"every,omitzero"`
}

// Every is how often each kind of observation is made, in nanoseconds; 0 stands for the default.
type Every struct {
	View    time.Duration `json:"view,omitempty"`
	Sockets time.Duration `json:"sockets,omitempty"`
	DNS     time.Duration `json:"dns,omitempty"`
	EPMD    time.Duration `json:"epmd,omitempty"`
	Dist    time.Duration `json:"dist,omitempty"`
}

// Way is how a node is spoken to, as its command line has it.
type Way struct {
	TLS  bool `json:"tls,omitempty"`  // its distribution goes over TLS
	Port int  `json:"port,omitempty"` // on which it listens without an epmd, 0 where epmd tells
}

// Identity is a certificate with its key, and the authorities that sign its like, in PEM. The key is secret.
type Identity struct {
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
	Roots       []byte `json:"roots"`
}

// Pair is the certificate with its key. The error quotes neither.
func (i *Identity) Pair() (tls.Certificate, error) {
	return tls.X509KeyPair(i.Certificate, i.Key)
}

// SpeaksTLS reports whether the node of the pod with that UID is spoken to over TLS.
func (p Plan) SpeaksTLS(uid string) bool {
	way, known := p.Ways[uid]
	return way.TLS || !known && p.Identity != nil
}

// PortOf is the distribution port of the node of the pod with that UID where epmd does not tell one, 0 where nobody does.
func (p Plan) PortOf(uid string) int {
	return cmp.Or(p.Ways[uid].Port, p.DistPort)
}

// Pod is one pod of a plan.
type Pod struct {
	UID  string `json:"uid"`
	IP   string `json:"ip"`
	Node string `json:"node"`
}

// Line is one observation on the wire. Boot is the agent's CLOCK_BOOTTIME in nanoseconds. The event's own T and By are
// the harness's to set.
type Line struct {
	Seq   uint64          `json:"seq"`
	Boot  int64           `json:"boot"`
	Event recording.Event `json:"event"`
}

// Head is the first line of a stream. Numbers of lines mean something within one run of a session only.
type Head struct {
	Run  string `json:"run"`  // names the run of the session; after a restart of the agent it has another
	Lost uint64 `json:"lost"` // lines before the first that were asked for and are no longer held
}

// Clock is the agent's CLOCK_BOOTTIME now.
type Clock struct {
	Boot int64 `json:"boot"`
}

// The intervals of the observations, and how long one dial may take. Views and sockets are looked at often enough
// that a second without a look is a gap.
const (
	EveryView   = 250 * time.Millisecond
	EveryMatrix = time.Second
	EveryDNS    = 500 * time.Millisecond
	EveryBeat   = 500 * time.Millisecond
	DialTimeout = 2 * time.Second
)

// MostDials is how many dials of one kind an agent begins in a second. Where its pods and their peers make more pairs than
// that, each pair's turn comes less often: a hundred pods on one node are ten thousand pairs.
const MostDials = 500

// Resolve gives the plan's intervals, with local pods on the agent's own node.
func (p Plan) Resolve(local int) Every {
	or := func(d, def time.Duration) time.Duration {
		if d == 0 {
			return def
		}
		return d
	}
	round := time.Duration(local*len(p.Pods)) * time.Second / MostDials
	return Every{
		View: or(p.Every.View, EveryView), Sockets: or(p.Every.Sockets, EveryView), DNS: or(p.Every.DNS, EveryDNS),
		EPMD: max(round, or(p.Every.EPMD, EveryMatrix)), Dist: max(round, or(p.Every.Dist, EveryMatrix)),
	}
}

// Check refuses a plan that could make the agent do anything but observe pods at literal addresses.
func (p Plan) Check() error {
	if len(p.Pods) > 5000 || len(p.Cookie) > 255 {
		return errors.New("more pods than a node can hold, or a longer cookie than Erlang allows")
	}
	ports := []int{p.EPMDPort, p.DistPort}
	for _, way := range p.Ways {
		ports = append(ports, way.Port)
	}
	for _, port := range ports {
		if port < 0 || port > 65535 {
			return fmt.Errorf("port %d", port)
		}
	}
	if len(p.DNSName) > 254 {
		return errors.New("a DNS name that is too long")
	}
	for _, d := range []time.Duration{p.Every.View, p.Every.Sockets, p.Every.DNS, p.Every.EPMD, p.Every.Dist} {
		if d != 0 && (d < 20*time.Millisecond || d > time.Minute) {
			return fmt.Errorf("an interval of %s: 20 ms to 1 minute are possible", d)
		}
	}
	if i := p.Identity; i != nil {
		if len(i.Certificate)+len(i.Key)+len(i.Roots) > maxIdentity {
			return fmt.Errorf("an identity of more than %d bytes", maxIdentity)
		}
		if _, err := i.Pair(); err != nil {
			return fmt.Errorf("the identity: %w", err)
		}
	}
	seen := map[string]bool{}
	for _, q := range p.Pods {
		if seen[q.UID] {
			return errors.New("a pod comes twice")
		}
		seen[q.UID] = true
		if _, err := netip.ParseAddr(q.IP); q.IP != "" && err != nil {
			return errors.New("a pod's ip is no literal address")
		}
		if !uid.MatchString(q.UID) {
			return errors.New("a pod's uid is none")
		}
	}
	return nil
}

// maxIdentity bounds an identity: a bundle of all public authorities has a quarter of a megabyte.
const maxIdentity = 1 << 19

// uid is the form of a Kubernetes UID; it is searched for in paths.
var uid = regexp.MustCompile(`^[0-9a-zA-Z][0-9a-zA-Z-]{7,63}$`)
