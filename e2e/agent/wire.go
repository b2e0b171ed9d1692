// Package agent defines the messages of the agent's API. The agent is a privileged pod that can enter the network
// namespace of any pod on its node. Its program is cmd/agent; the harness talks to it through package agent/client.
//
// In: a plan of what to observe. Out: numbered lines of observations with the time of the agent's clock. The agent gives
// no verdict and does nothing until it gets a plan. This package has types, limits and little else, and imports nothing of
// Kubernetes: it is linked into the agent, which runs on each node.
package agent

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// CheckSession checks the name of a session. A session is one client's plan and its lines. Its name has the form of a
// Kubernetes namespace.
func CheckSession(name string) error {
	if !sessionName.MatchString(name) {
		return fmt.Errorf("session name %.80q is not valid: it must have the form of a Kubernetes namespace", name)
	}
	return nil
}

var sessionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Port is the agent's port, on the loopback of its own pod only.
const Port = 7373

// Plan says what an agent observes for a session. It replaces the session's earlier plan.
type Plan struct {
	Pods     []Pod  `json:"pods"`    // all pods of the workload; those on other nodes are only dialled
	DNSName  string `json:"dnsName"` // queried from each pod, "" for none: absolute with a final dot, or relative with "svc" at the end
	EPMDPort int    `json:"epmdPort"`
	DistPort int    `json:"distPort"` // dialled if epmd lists no port
	Cookie   []byte `json:"cookie"`   // secret: the bytes of the Kubernetes Secret
	// CommonCookie says that the cookie is also a common word, such as "node": it is redacted only where it stands as a cookie.
	CommonCookie bool `json:"commonCookie,omitempty"`
	Control      bool `json:"control"` // also try a wrong cookie once on each node

	// Identity is the agent's TLS certificate, nil without TLS.
	Identity *Identity `json:"identity,omitempty"`
	// Transports has the transport of each node whose command line was seen, by pod UID. Any other node is assumed to use
	// TLS if there is an identity, and to listen on the plan's port.
	Transports map[string]Transport `json:"ways,omitempty"`

	// Reads are what is read from each node once a second beside its view.
	Reads []Read `json:"reads,omitempty"`

	Every Every `json:"every,omitzero"`
}

// Read is a value that is read from each node, and its name in answers.
type Read struct {
	Name string `json:"name"`
	What string `json:"what"` // one of those beside this type
}

// RunningDBNodes is what Mnesia says with which nodes it shares its tables.
const RunningDBNodes = "mnesia/running_db_nodes"

// Every is the interval of each kind of observation in nanoseconds; 0 is the default.
type Every struct {
	View    time.Duration `json:"view,omitempty"`
	Sockets time.Duration `json:"sockets,omitempty"`
	DNS     time.Duration `json:"dns,omitempty"`
	EPMD    time.Duration `json:"epmd,omitempty"`
	Dist    time.Duration `json:"dist,omitempty"`
}

// Transport is how to connect to a node's distribution, from its command line.
type Transport struct {
	TLS  bool `json:"tls,omitempty"`  // distribution over TLS
	Port int  `json:"port,omitempty"` // the fixed port of a node without epmd, 0 for a node with epmd
}

// Identity is a certificate, its key and the trusted authorities, in PEM. The key is secret.
type Identity struct {
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
	Roots       []byte `json:"roots"`
}

// Pair is the certificate with its key. The error contains neither.
func (i *Identity) Pair() (tls.Certificate, error) {
	return tls.X509KeyPair(i.Certificate, i.Key)
}

// SpeaksTLS reports whether the distribution of the node in that pod uses TLS.
func (p Plan) SpeaksTLS(uid string) bool {
	way, known := p.Transports[uid]
	return way.TLS || !known && p.Identity != nil
}

// PortOf is the distribution port of the node in that pod if epmd lists none, 0 if it is not known.
func (p Plan) PortOf(uid string) int {
	return cmp.Or(p.Transports[uid].Port, p.DistPort)
}

// Pod is one pod of a plan.
type Pod struct {
	UID  string `json:"uid"`
	IP   string `json:"ip"`
	Node string `json:"node"`
}

// Line is one observation on the wire. Boot is the agent's CLOCK_BOOTTIME in nanoseconds. The harness sets the event's T
// and By.
type Line struct {
	Seq   uint64          `json:"seq"`
	Boot  int64           `json:"boot"`
	Event recording.Event `json:"event"`
}

// Head is the first line of a stream. Line numbers are valid within one run of a session only.
type Head struct {
	Run  string `json:"run"`  // id of the session's run; it changes when the agent restarts
	Lost uint64 `json:"lost"` // requested lines that are no longer in the buffer
}

// Clock is the current CLOCK_BOOTTIME of the agent.
type Clock struct {
	Boot int64 `json:"boot"`
}

// The intervals of the observations, and the timeout of one dial. Views and sockets are read so often that a second
// without a reading is a gap.
const (
	EveryView   = 250 * time.Millisecond
	EveryMatrix = time.Second
	EveryDNS    = 500 * time.Millisecond
	EveryBeat   = 500 * time.Millisecond
	DialTimeout = 2 * time.Second
)

// Check returns an error for a plan that could make the agent do anything but observe pods at literal addresses.
func (p Plan) Check() error {
	if len(p.Pods) > 5000 || len(p.Cookie) > 255 {
		return fmt.Errorf("more pods than allowed (%d, limit 5000), or a cookie longer than Erlang allows (%d bytes, limit 255)", len(p.Pods), len(p.Cookie))
	}
	ports := []int{p.EPMDPort, p.DistPort}
	for _, way := range p.Transports {
		ports = append(ports, way.Port)
	}
	for _, port := range ports {
		if port < 0 || port > 65535 {
			return fmt.Errorf("port %d is out of range (0 to 65535)", port)
		}
	}
	if len(p.DNSName) > 254 {
		return fmt.Errorf("the DNS name is too long (%d characters, limit 254)", len(p.DNSName))
	}
	for _, d := range []time.Duration{p.Every.View, p.Every.Sockets, p.Every.DNS, p.Every.EPMD, p.Every.Dist} {
		if d != 0 && (d < 20*time.Millisecond || d > time.Minute) {
			return fmt.Errorf("interval %s is out of range (20 ms to 1 minute)", d)
		}
	}
	if len(p.Reads) > 8 {
		return fmt.Errorf("too many reads (%d, limit 8)", len(p.Reads))
	}
	for _, r := range p.Reads {
		if r.What != RunningDBNodes || len(r.Name) > 100 {
			return fmt.Errorf("read %.100q is not known, or its name is longer than 100 bytes", r.What)
		}
	}
	if i := p.Identity; i != nil {
		if len(i.Certificate)+len(i.Key)+len(i.Roots) > maxIdentity {
			return fmt.Errorf("the TLS identity has more than %d bytes", maxIdentity)
		}
		if _, err := i.Pair(); err != nil {
			return fmt.Errorf("the TLS identity is not valid: %w", err)
		}
	}
	seen := map[string]bool{}
	for _, q := range p.Pods {
		if seen[q.UID] {
			return errors.New("a pod is in the plan twice")
		}
		seen[q.UID] = true
		if q.IP != "" {
			if err := checkAddr(q.IP); err != nil {
				return fmt.Errorf("the ip of a pod: %w", err)
			}
		}
		if !uidPattern.MatchString(q.UID) {
			return errors.New("the uid of a pod is not valid")
		}
	}
	for uid := range p.Transports {
		if !seen[uid] {
			return errors.New("the transport of a pod that is not in the plan")
		}
	}
	return nil
}

// maxIdentity limits an identity: a bundle of all public authorities has a quarter of a megabyte.
const maxIdentity = 1 << 19

// uidPattern is the form of a Kubernetes UID. The agent searches for UIDs in paths, so any other text is rejected.
var uidPattern = regexp.MustCompile(`^[0-9a-zA-Z][0-9a-zA-Z-]{7,63}$`)
