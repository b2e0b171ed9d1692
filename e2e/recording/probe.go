package recording

import "time"

// Outcome says how an attempt to reach something ended, in the words of package erldist: "ok", "refused",
// "timeout" (no answer to the SYN: filtered), "silent" (connected, no protocol byte) … "error" means that
// our own side failed, so that nothing was learnt.
type Outcome string

// The outcomes that judging tells apart by name; others are shown as they are.
const (
	OK          Outcome = "ok"
	Refused     Outcome = "refused"
	Timeout     Outcome = "timeout"
	Rejected    Outcome = "rejected"
	Unreachable Outcome = "unreachable"
	Silent      Outcome = "silent"
	Denied      Outcome = "closed-after-reply" // the cookie was refused
	Nok         Outcome = "nok"                // the peer is busy with another connection of ours: nothing was learnt
	Alive       Outcome = "alive"              // likewise
	TLSAlert    Outcome = "tls-alert"          // it was spoken to plainly and speaks TLS
	TLSRefused  Outcome = "tls-refused"        // it ended a TLS connection with an alert: it does not take our certificate
	ProbeError  Outcome = "error"
)

// The labels of other forms of the profile's cookie.
const (
	CookieTrimmed = "trimmed"
	CookieNewline = "newline"
)

// Process reports that a pod's VM process runs or has ended, as the agent saw it in /proc.
type Process struct {
	Pod    string `json:"pod"` // UID
	PID    int    `json:"pid"` // in the node's PID namespace
	Name   string `json:"name"`
	Exited bool   `json:"exited,omitempty"`
}

// DNS is one question asked from inside a pod's network namespace with the pod's own resolv.conf.
type DNS struct {
	Pod     string        `json:"pod"`
	Name    string        `json:"name"`
	Type    string        `json:"type"` // "A", or "AAAA" where the pod's address is an IPv6 one
	Server  string        `json:"server"`
	Outcome Outcome       `json:"outcome"` // "ok" whatever the answer says
	RCode   string        `json:"rcode,omitempty"`
	Addrs   []string      `json:"addrs,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took"`
}

// EPMD is one NAMES_REQ from one pod to the epmd of another (or of itself).
type EPMD struct {
	From    string        `json:"from"` // UID
	To      string        `json:"to"`   // UID
	Addr    string        `json:"addr"`
	Outcome Outcome       `json:"outcome"`
	Names   []Registered  `json:"names,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took"`
}

// Registered is one line of epmd's answer.
type Registered struct {
	Name string `json:"name"` // before the @
	Port int    `json:"port"`
}

// Dist is one dial from a pod to a distribution port that goes as far as the peer's challenge: reachable
// means that protocol bytes came back. Node, Flags and Creation are what the peer said before any cookie was proved.
type Dist struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Addr     string        `json:"addr"`
	Outcome  Outcome       `json:"outcome"`
	Status   string        `json:"status,omitempty"`
	Node     string        `json:"node,omitempty"`
	Flags    uint64        `json:"flags,omitempty"`
	Creation uint32        `json:"creation,omitempty"`
	Detail   string        `json:"detail,omitempty"`
	Took     time.Duration `json:"took"`
}

// Cookie is one complete handshake from inside the pod's own namespace, so that no network between pods affects it. Cookie is a
// label: "A" is the one that the profile declares, "wrong" is a random one, the control that shows that the cookie matters at all. To a
// node that refuses A it is offered once without the white space at its ends ([CookieTrimmed]) or, where it has none, with a newline
// behind it ([CookieNewline]).
type Cookie struct {
	Pod     string  `json:"pod"`
	Addr    string  `json:"addr"`
	Cookie  string  `json:"cookie"`
	Outcome Outcome `json:"outcome"`
	Node    string  `json:"node,omitempty"`
	Detail  string  `json:"detail,omitempty"`
}

// Nodes is the view of one node: erlang:nodes(), queried from inside its own namespace.
type Nodes struct {
	Pod      string        `json:"pod"`
	Outcome  Outcome       `json:"outcome"`
	Node     string        `json:"node,omitempty"`
	Creation uint32        `json:"creation,omitempty"`
	OTP      string        `json:"otp,omitempty"`
	Visible  []string      `json:"visible,omitempty"`
	Hidden   []string      `json:"hidden,omitempty"` // without our own probe
	Detail   string        `json:"detail,omitempty"`
	Took     time.Duration `json:"took"`
}

// Sockets is the kernel's TCP table of a pod's network namespace (INET_DIAG): established links and
// listeners. It shows the real connections, while nodes() shows only what the node assumes.
type Sockets struct {
	Pod     string   `json:"pod"`
	Outcome Outcome  `json:"outcome"`
	Links   []Link   `json:"links,omitempty"`
	Listen  []string `json:"listen,omitempty"` // "ADDR:PORT" as bound
	Detail  string   `json:"detail,omitempty"`
}

// Link is one established connection. Idle is the time since data last arrived on it; Backoff is the number
// of retransmission timeouts in a row, 0 on a healthy link.
type Link struct {
	Local   string        `json:"local"`
	Remote  string        `json:"remote"`
	Idle    time.Duration `json:"idle"`
	Backoff uint8         `json:"backoff,omitempty"`
	Unsent  uint32        `json:"unsent,omitempty"` // bytes not yet acknowledged by the peer
}

// Exec is one of the profile's own console commands, run in a container of the pod. Code is its exit code; the outcome
// "error" means that the command could not be run at all, which says nothing about it.
type Exec struct {
	Pod     string        `json:"pod"`
	Name    string        `json:"name"`
	Command []string      `json:"command"`
	Expect  string        `json:"expect"` // text that the output must hold
	Outcome Outcome       `json:"outcome"`
	Code    int           `json:"code"`
	Output  string        `json:"output,omitempty"` // the last of it; secrets are redacted
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took"`
}

// ObserverError is an error of the harness itself. It concerns one pod or the whole observer.
type ObserverError struct {
	Pod  string `json:"pod,omitempty"`
	What string `json:"what"`
}
