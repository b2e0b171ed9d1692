// Package viewer asks the node of one pod what it sees: its nodes(), its distribution settings, whether it accepts the cookie, and
// how it is registered with its epmd.
//
// In: a plan, and a dialer that leads to the pod: from inside its network namespace, or through the API server. Out: events,
// passed to a function as they happen. It does not know how the dialer gets there, and gives no verdict. The plan's cookie leaves
// the package only inside a handshake.
package viewer

import (
	"context"
	"crypto/rand"
	"net"
	"slices"
	"strconv"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// cookieRetry is the pause after a rejected cookie: each attempt writes an error report into the node's log.
const cookieRetry = 5 * time.Second

// Source is the pod whose node is asked, and how to get to it.
type Source struct {
	Pod      agent.Pod
	Timeout  time.Duration // of one connection or one question
	Dial     erldist.Dialer
	Plan     func() agent.Plan
	Identity func() Identity // of the plan
	Starts   func() int      // how many starts of the pod's VM were seen
	Emit     func(recording.Event)
	OneForm  bool // the plan's cookie is offered as it is, and in no other form
}

// Viewer reads the view of the node in one pod.
type Viewer struct {
	Source
	conn            *erldist.Conn
	otp             string
	tried           map[nodeID]recording.Outcome // the last outcome of the plan's cookie
	forms           map[nodeID]string            // of who refused it: the form of it that was accepted, "" for none
	notBefore       time.Time                    // no attempt before this time
	vmStarts        int                          // the VM start that notBefore is about
	kernelRead      time.Time                    // when recordKernel last ran, zero for a new connection
	answered        map[string]answered          // by read
	lastCertificate recording.Certificate        // the last recorded
}

// New returns a viewer that keeps one connection to its node, from its first Poll on.
func New(s Source) *Viewer {
	return &Viewer{Source: s, tried: map[nodeID]recording.Outcome{}, answered: map[string]answered{}, forms: map[nodeID]string{}}
}

// nodeID identifies one start of a node. A VM may be two nodes, one after the other, within one second, and then both
// have the same creation.
type nodeID struct {
	name     string
	creation uint32
}

// Close ends the connection.
func (v *Viewer) Close() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// Poll reads the view once. It connects first where there is no connection.
func (v *Viewer) Poll(ctx context.Context) {
	if n := v.Starts(); n != v.vmStarts {
		v.vmStarts, v.notBefore = n, time.Time{} // a new VM may accept what the old one rejected
	}
	if plan := v.Plan(); len(plan.Cookie) == 0 || time.Now().Before(v.notBefore) {
		return // without a cookie there is no connection
	}
	if v.conn == nil {
		conn, peer, err := v.connect(ctx)
		if ctx.Err() != nil {
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			if erldist.OutcomeOf(err) == erldist.Denied {
				v.notBefore = time.Now().Add(cookieRetry)
			}
			v.Emit(recording.Event{Nodes: &recording.Nodes{Pod: v.Pod.UID, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: peer.Name, Detail: errorText(err)}})
			return
		}
		v.conn, v.otp, v.kernelRead = conn, "", time.Time{}
	}
	// The view first: it must be on time.
	if !v.recordView(ctx) || time.Since(v.kernelRead) >= kernelEvery && !v.recordKernel(ctx) || !v.recordAnswers(ctx) {
		v.Close()
	}
}

// listener finds the address of the pod's node. It has the plan's port if epmd lists that port or does not answer.
// Otherwise the node that was registered first is the application: epmd lists the newest first (measured, OTP 25), and
// that is a remote shell or a command of the release.
func (v *Viewer) listener(ctx context.Context, plan agent.Plan) (string, error) {
	addr := net.JoinHostPort(v.Pod.IP, strconv.Itoa(plan.EPMDPort))
	names, err := erldist.Names(ctx, v.Dial, addr)
	port := plan.PortOf(v.Pod.UID)
	if n := len(names); n > 0 && !slices.ContainsFunc(names, func(n erldist.Name) bool { return n.Port == port }) {
		port = names[n-1].Port
	}
	switch {
	case port != 0:
		return net.JoinHostPort(v.Pod.IP, strconv.Itoa(port)), nil
	case err != nil:
		return "", err
	}
	return "", &erldist.Error{Outcome: erldist.NotRegistered, Step: erldist.StageEPMD, Addr: addr, Detail: "epmd answers and lists no node"}
}

// connect does the whole handshake with the pod's own node. It records the outcome of the cookie for each start of the
// node, and again when the outcome changes.
func (v *Viewer) connect(ctx context.Context) (*erldist.Conn, erldist.Peer, error) {
	plan := v.Plan()
	short, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	addr, err := v.listener(short, plan)
	if err != nil {
		return nil, erldist.Peer{}, err
	}
	dial := v.DistDialer(func(s erldist.TLSPeer) { v.recordCertificate(addr, s) })
	c, err := erldist.Connect(short, dial, addr, erldist.NewCookie(plan.Cookie))
	p, o := c.Peer, recording.Outcome(erldist.OutcomeOf(err))
	one := nodeID{p.Name, p.Creation}
	if last, before := v.tried[one]; p.Creation != 0 && ctx.Err() == nil && last != o {
		v.tried[one] = o
		v.Emit(recording.Event{Cookie: &recording.Cookie{Pod: v.Pod.UID, Addr: addr, Cookie: "A", Outcome: o, Node: p.Name, Detail: errorText(err)}})
		if plan.Control && !before {
			v.tryWrongCookie(ctx, addr)
		}
	}
	if erldist.OutcomeOf(err) == erldist.Denied && p.Creation != 0 && ctx.Err() == nil && !v.OneForm {
		if other, is := v.tryForms(ctx, dial, addr, one, plan); is {
			return other, other.Peer, nil
		}
	}
	if err != nil {
		return nil, p, err
	}
	return c, p, nil
}

// tryWrongCookie tries a random cookie: a node that accepts it accepts any cookie. It retries an inconclusive attempt only
// a few times, because each attempt writes an error report into the node's log.
func (v *Viewer) tryWrongCookie(ctx context.Context, addr string) {
	for range 3 {
		short, cancel := context.WithTimeout(ctx, v.Timeout)
		c, err := erldist.Connect(short, v.DistDialer(nil), addr, erldist.NewCookie([]byte(rand.Text())))
		cancel()
		_ = c.Close()
		o := erldist.OutcomeOf(err)
		v.Emit(recording.Event{Cookie: &recording.Cookie{Pod: v.Pod.UID, Addr: addr, Cookie: "wrong", Outcome: recording.Outcome(o), Node: c.Peer.Name, Detail: errorText(err)}})
		if o == erldist.Denied || o == erldist.OK || ctx.Err() != nil {
			return
		}
	}
}

// recordView records the node's view. It returns false if the connection has failed.
func (v *Viewer) recordView(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	// The peers are asked for last: the event's time and Took then say when they were what it says.
	hidden, err := v.conn.HiddenNodes(short)
	if err == nil && v.otp == "" {
		if r, failed := v.conn.OTPRelease(short); failed == nil {
			v.otp = r
		}
	}
	began, p := time.Now(), v.conn.Peer
	e := recording.Nodes{Pod: v.Pod.UID, Node: p.Name, Creation: p.Creation, Hidden: hidden, OTP: v.otp}
	if err == nil {
		e.Visible, err = v.conn.Nodes(short)
	}
	e.Outcome, e.Detail, e.Took = recording.Outcome(erldist.OutcomeOf(err)), errorText(err), time.Since(began)
	if ctx.Err() == nil {
		v.Emit(recording.Event{Nodes: &e})
	}
	return err == nil
}

// errorText is the text of an error, "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
