package probe

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

// viewer reads the view of the node in one pod.
type viewer struct {
	w               *watch
	conn            *erldist.Conn
	otp             string
	tried           map[nodeID]recording.Outcome // the last outcome of the plan's cookie
	notBefore       time.Time                    // no attempt before this time
	vmStarts        int                          // the VM start that notBefore is about
	kernelRead      time.Time                    // when recordKernel last ran, zero for a new connection
	lastCertificate recording.Certificate        // the last recorded
}

// nodeID identifies one start of a node. A VM may be two nodes, one after the other, within one second, and then both
// have the same creation.
type nodeID struct {
	name     string
	creation uint32
}

// views keeps one connection from inside the pod to its own node, and reads the node's view at each interval.
func (w *watch) views() {
	v := &viewer{w: w, tried: map[nodeID]recording.Outcome{}}
	defer v.disconnect()
	w.every(w.ctx, func(e agent.Every) time.Duration { return e.View }, v.poll)
}

func (v *viewer) disconnect() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

func (v *viewer) poll(ctx context.Context) {
	if n := v.w.vmStarts(); n != v.vmStarts {
		v.vmStarts, v.notBefore = n, time.Time{} // a new VM may accept what the old one rejected
	}
	if plan, _ := v.w.current(); len(plan.Cookie) == 0 || time.Now().Before(v.notBefore) {
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
			v.w.emit(recording.Event{Nodes: &recording.Nodes{Pod: v.w.pod.UID, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: peer.Name, Detail: errorText(err)}})
			return
		}
		v.conn, v.otp, v.kernelRead = conn, "", time.Time{}
	}
	// The view first: it must be on time.
	if !v.recordView(ctx) || time.Since(v.kernelRead) >= kernelEvery && !v.recordKernel(ctx) {
		v.disconnect()
	}
}

// listener finds the address of the pod's own node. It has the plan's port if epmd lists that port or does not answer.
// Otherwise the node that was registered first is the application: epmd lists the newest first (measured, OTP 25), and
// that is a remote shell or a command of the release.
func (v *viewer) listener(ctx context.Context, plan agent.Plan) (string, error) {
	addr := net.JoinHostPort(v.w.pod.IP, strconv.Itoa(plan.EPMDPort))
	names, err := erldist.Names(ctx, v.w.dial, addr)
	port := plan.PortOf(v.w.pod.UID)
	if n := len(names); n > 0 && !slices.ContainsFunc(names, func(n erldist.Name) bool { return n.Port == port }) {
		port = names[n-1].Port
	}
	switch {
	case port != 0:
		return net.JoinHostPort(v.w.pod.IP, strconv.Itoa(port)), nil
	case err != nil:
		return "", err
	}
	return "", &erldist.Error{Outcome: erldist.NotRegistered, Step: erldist.StageEPMD, Addr: addr, Detail: "epmd answers and lists no node"}
}

// connect does the whole handshake with the pod's own node. It records the outcome of the cookie for each start of the
// node, and again when the outcome changes.
func (v *viewer) connect(ctx context.Context) (*erldist.Conn, erldist.Peer, error) {
	plan, _ := v.w.current()
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	addr, err := v.listener(short, plan)
	if err != nil {
		return nil, erldist.Peer{}, err
	}
	dial := v.w.distDialer(v.w.pod.UID, func(s erldist.TLSPeer) { v.recordCertificate(addr, s) })
	c, err := erldist.Connect(short, dial, addr, erldist.NewCookie(plan.Cookie))
	p, o := c.Peer, recording.Outcome(erldist.OutcomeOf(err))
	one := nodeID{p.Name, p.Creation}
	if last, before := v.tried[one]; p.Creation != 0 && ctx.Err() == nil && last != o {
		v.tried[one] = o
		v.w.emit(recording.Event{Cookie: &recording.Cookie{Pod: v.w.pod.UID, Addr: addr, Cookie: "A", Outcome: o, Node: p.Name, Detail: errorText(err)}})
		if plan.Control && !before {
			v.tryWrongCookie(ctx, addr)
		}
	}
	if err != nil {
		return nil, p, err
	}
	return c, p, nil
}

// tryWrongCookie tries a random cookie: a node that accepts it accepts any cookie. It retries an inconclusive attempt only
// a few times, because each attempt writes an error report into the node's log.
func (v *viewer) tryWrongCookie(ctx context.Context, addr string) {
	for range 3 {
		short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
		c, err := erldist.Connect(short, v.w.distDialer(v.w.pod.UID, nil), addr, erldist.NewCookie([]byte(rand.Text())))
		cancel()
		_ = c.Close()
		o := erldist.OutcomeOf(err)
		v.w.emit(recording.Event{Cookie: &recording.Cookie{Pod: v.w.pod.UID, Addr: addr, Cookie: "wrong", Outcome: recording.Outcome(o), Node: c.Peer.Name, Detail: errorText(err)}})
		if o == erldist.Denied || o == erldist.OK || ctx.Err() != nil {
			return
		}
	}
}

// recordView records the node's view. It returns false if the connection has failed.
func (v *viewer) recordView(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	began := time.Now()
	visible, err := v.conn.Nodes(short)
	p := v.conn.Peer
	e := recording.Nodes{Pod: v.w.pod.UID, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: p.Name, Creation: p.Creation, Visible: visible, Detail: errorText(err), Took: time.Since(began)}
	if err == nil && v.otp == "" {
		if r, failed := v.conn.OTPRelease(short); failed == nil {
			v.otp = r
		}
	}
	e.OTP = v.otp
	if err == nil {
		e.Hidden, err = v.conn.HiddenNodes(short)
	}
	if ctx.Err() == nil {
		v.w.emit(recording.Event{Nodes: &e})
	}
	return err == nil
}
