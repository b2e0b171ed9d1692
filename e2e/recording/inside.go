package recording

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Object is one object of the workload as it is applied. The values of Secrets are removed: the keys of data and stringData stay,
// each with an empty value. lint judges a recording that contains only objects.
type Object struct {
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Manifest json.RawMessage `json:"manifest"` // the whole object as JSON

	// Cookies says of each key of a Secret whose value is the cookie how well it can be guessed: "word", "short" or "strong". The
	// value itself is not recorded.
	Cookies map[string]string `json:"cookies,omitempty"`

	// File is the file that the object stands in, as it was named; an absolute path is relative to the profile's folder. Of what
	// helm rendered it is the chart's template. "" where there is none.
	File string `json:"file,omitempty"`
	// Lines are the lines of its fields in File by their dotted path ("spec.replicas"); "" is the object itself. A field that
	// is not among them stands where the next thing around it does. None where the lines of File are not known.
	Lines map[string]int `json:"lines,omitempty"`
}

// VM is a pod's BEAM as /proc shows it: once for each of its starts, and again when something of it has changed.
type VM struct {
	Pod   string `json:"pod"`
	PID   int    `json:"pid"`   // in the node's PID namespace
	NSPID int    `json:"nspid"` // in its own: 1 gets the signals that Kubernetes sends
	First string `json:"first"` // name of the process that is 1 there; "" where that is the BEAM itself
	// FirstDeaf tells that it neither handles SIGTERM nor waits for it, so that the kernel throws the signal away.
	FirstDeaf bool `json:"firstDeaf,omitempty"`

	// Args is the command line after erlexec has put the files of -args_file into it, without the program. What follows
	// -setcookie or -cookie is "(cookie)".
	Args  []string          `json:"args"`
	Names []string          `json:"names,omitempty"` // of the environment's variables, sorted; never their values …
	Env   map[string]string `json:"env,omitempty"`   // … but for these few that clustering needs, with cookies taken out

	VMArgsPath string   `json:"vmArgsPath,omitempty"` // the rendered vm.args, as the container names it
	VMArgs     []string `json:"vmArgs,omitempty"`     // its lines, with cookies taken out

	Detail string `json:"detail,omitempty"` // what could not be read
}

// OverTLS reports whether the node speaks distribution over TLS: -proto_dist of its command line is inet_tls or inet6_tls.
func (v *VM) OverTLS() bool {
	proto, _ := Flag(v.Args, "-proto_dist")
	return strings.HasSuffix(proto, "_tls")
}

// OfCommand reports whether it is the VM of a command that talks to a node (a remote console, rpc of a release, ejabberdctl), and no
// node itself: it asks the node for a name, or names the node to talk to. One that only prints its version (-V) is none, either.
func (v *VM) OfCommand() bool {
	if len(v.Args) > 0 && v.Args[0] == "-V" {
		return true
	}
	for _, flag := range []string{"-name", "-sname"} {
		if name, _ := Flag(v.Args, flag); name == "undefined" || strings.HasPrefix(name, "undefined@") {
			return true
		}
	}
	return slices.ContainsFunc(v.Args, func(a string) bool { return a == "-remsh" || a == "--remsh" || a == "--rpc-eval" })
}

// Flag is the value of a flag in a command line, "" where none follows; there is the last that counts.
func Flag(args []string, name string) (value string, there bool) {
	for i, a := range args {
		switch a {
		case "-extra":
			return value, there
		case name:
			value, there = "", true
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				value = args[i+1]
			}
		}
	}
	return value, there
}

// Protocols are the values of -proto_dist on the command line: one, or none. The VM takes a flag that is given twice as not given.
func (v *VM) Protocols() (all []string) {
	for i, a := range v.Args[:max(0, len(v.Args)-1)] {
		if a == "-extra" {
			break
		}
		if a == "-proto_dist" {
			all = append(all, v.Args[i+1])
		}
	}
	return all
}

// FixedPort is the port on which an epmd-less node listens and which it takes for its peers' too, or 0: the kernel's
// erl_epmd_node_listen_port (OTP 25), or -erl_epmd_port of the releases before.
func (v *VM) FixedPort() int {
	for i, a := range v.Args[:max(0, len(v.Args)-1)] {
		if a == "-erl_epmd_port" || a == "erl_epmd_node_listen_port" {
			if n, err := strconv.ParseUint(v.Args[i+1], 10, 16); err == nil {
				return int(n)
			}
		}
	}
	return 0
}

// Resolver is how a pod resolves names: its resolv.conf and /etc/hosts, when they are first seen and when they change.
type Resolver struct {
	Pod     string   `json:"pod"`
	Servers []string `json:"servers,omitempty"`
	Search  []string `json:"search,omitempty"`
	Options []string `json:"options,omitempty"` // "ndots:5"
	Hosts   []string `json:"hosts,omitempty"`   // lines of /etc/hosts without comments
	Detail  string   `json:"detail,omitempty"`
}

// Domain is the cluster's domain, from the search list that the kubelet writes, or "" where the pod does not ask the cluster's
// DNS.
func (r Resolver) Domain() string {
	for _, s := range r.Search {
		if d, is := strings.CutPrefix(s, "svc."); is {
			return d
		}
	}
	return ""
}

// Asked are the DNS questions that were seen leaving a pod in one interval, and what came back, our own left out. It is
// seen passively, on the pod's own interface: a discovery that works asks, and one that has died does not. An interval in which nothing was asked is an event with
// no questions: it tells that somebody listened.
type Asked struct {
	Pod       string        `json:"pod"`
	Over      time.Duration `json:"over"` // length of the interval that ends at the event's time
	Questions []Question    `json:"questions,omitempty"`
	Lost      int           `json:"lost,omitempty"` // packets that the kernel dropped before they were read

	// Dialled are the TCP connections that the pod tried to open in the interval, by address, our own left out. An agent that
	// records them has the ability [Dials].
	Dialled []Dialled `json:"dialled,omitempty"`
}

// Dialled are the connections that a pod tried to open to one address in an interval, by the SYNs that left it and what came back.
type Dialled struct {
	Addr       string `json:"addr"` // "10.244.1.7:4369"
	Count      int    `json:"count"`
	Accepted   int    `json:"accepted,omitempty"`   // a SYN-ACK came
	Refused    int    `json:"refused,omitempty"`    // an RST came
	Unanswered int    `json:"unanswered,omitempty"` // nothing came for three seconds

	Rejected    int `json:"rejected,omitempty"`    // an ICMP error came: a rule forbids it, or the port is closed
	Unreachable int `json:"unreachable,omitempty"` // an ICMP error came: no way leads there
	// Closed are those of the accepted that the other end closed first, after it had sent only little; After is how many bytes that
	// were, the most of them. A node that refuses the cookie closes after its challenge.
	Closed int `json:"closed,omitempty"`
	After  int `json:"after,omitempty"`
	// Left and LeftAfter are the same of those that the pod itself closed first. A node that finds another name than the one that it
	// has dialled does so after the challenge.
	Left      int `json:"left,omitempty"`
	LeftAfter int `json:"leftAfter,omitempty"`
}

// Add adds the dials to the same address, or to others that are to be summed up, of another interval.
func (d *Dialled) Add(o Dialled) {
	d.Count += o.Count
	d.Accepted += o.Accepted
	d.Refused += o.Refused
	d.Unanswered += o.Unanswered
	d.Rejected += o.Rejected
	d.Unreachable += o.Unreachable
	d.Closed += o.Closed
	d.After = max(d.After, o.After)
	d.Left += o.Left
	d.LeftAfter = max(d.LeftAfter, o.LeftAfter)
}

// Question is one name asked for in an interval.
type Question struct {
	Name   string         `json:"name"` // as on the wire, lower case, without the final dot
	Type   string         `json:"type"` // "A", "AAAA", "SRV" …
	Count  int            `json:"count"`
	RCodes map[string]int `json:"rcodes,omitempty"` // of the answers that came: "NOERROR", "NXDOMAIN" …
	Empty  int            `json:"empty,omitempty"`  // answers NOERROR without a record of the type
	Got    []string       `json:"got,omitempty"`    // what the records led to, the first few: addresses, "HOST:PORT" of SRV
	TTL    time.Duration  `json:"ttl,omitempty"`    // for how long the answer may be cached, the shortest
}

// Registration is epmd's answer about one name (PORT_PLEASE2_REQ), asked from inside the pod itself.
type Registration struct {
	Pod      string  `json:"pod"`
	Name     string  `json:"name"` // before the @
	Outcome  Outcome `json:"outcome"`
	Port     int     `json:"port,omitempty"`
	Type     string  `json:"type,omitempty"` // "normal", "hidden" or a number
	Protocol int     `json:"protocol"`       // 0 is TCP over IPv4 or IPv6
	Highest  int     `json:"highest,omitempty"`
	Lowest   int     `json:"lowest,omitempty"`
	Detail   string  `json:"detail,omitempty"`
}

// Certificate is what a pod's node showed for itself in a TLS handshake with a probe inside the pod: each time that it is
// another. Roots are the authorities that the probe was given to hold it against. All are in DER, as they came; nobody has
// verified them.
type Certificate struct {
	Pod     string   `json:"pod"`
	Addr    string   `json:"addr"`
	Version string   `json:"version"` // "TLS 1.2"
	Chain   [][]byte `json:"chain"`   // the node's own first
	Roots   [][]byte `json:"roots,omitempty"`
}

// Kernel is what a node says of its own distribution: read over the agent's connection soon after the node's start and
// every ten seconds. A value that the node does not have is absent.
type Kernel struct {
	Pod      string  `json:"pod"`
	Outcome  Outcome `json:"outcome"`
	Node     string  `json:"node,omitempty"`
	Creation uint32  `json:"creation,omitempty"`

	TickTime      time.Duration `json:"tickTime,omitempty"`      // net_kernel:get_net_ticktime()
	TickIntensity int           `json:"tickIntensity,omitempty"` // net_tickintensity, 4 unless set
	SetupTime     time.Duration `json:"setupTime,omitempty"`     // net_setuptime, 7 s unless set
	AutoConnect   string        `json:"autoConnect,omitempty"`   // dist_auto_connect: "once", "never"
	ConnectAll    string        `json:"connectAll,omitempty"`    // "true" or "false"
	Prevents      string        `json:"prevents,omitempty"`      // prevent_overlapping_partitions: "true" or "false"
	ListenMin     int           `json:"listenMin,omitempty"`     // inet_dist_listen_min
	ListenMax     int           `json:"listenMax,omitempty"`
	Interface     string        `json:"interface,omitempty"`  // inet_dist_use_interface, as an address
	Names         string        `json:"names,omitempty"`      // "longnames" or "shortnames", from net_kernel:get_state() (OTP 25)
	Schedulers    int           `json:"schedulers,omitempty"` // online

	Detail string `json:"detail,omitempty"`
}
