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

// patience is the pause after a refused cookie: each attempt writes an error report into the node's log.
const patience = 5 * time.Second

// viewer asks one pod's own node for its view.
type viewer struct {
	w     *watch
	conn  *erldist.Conn
	otp   string
	tried map[incarnation]recording.Outcome // how the plan's cookie fared the last time
	not   time.Time                         // no attempt before
	vm    int                               // which start of the VM that is about
	asked time.Time                         // when the node last told of its distribution, zero for a new connection
	told  recording.Certificate             // the last that the node was seen to show
}

// incarnation is one start of a node. A VM may be two nodes, one after the other, within the second that creations count.
type incarnation struct {
	name     string
	creation uint32
}

// views keeps one connection from inside the pod to its own node, and asks it for its view at each interval.
func (w *watch) views() {
	v := &viewer{w: w, tried: map[incarnation]recording.Outcome{}}
	defer v.hangUp()
	w.every(w.ctx, func(e agent.Every) time.Duration { return e.View }, v.look)
}

func (v *viewer) hangUp() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

func (v *viewer) look(ctx context.Context) {
	if n := v.w.started(); n != v.vm {
		v.vm, v.not = n, time.Time{} // what another VM refused, this one may take
	}
	if plan, _ := v.w.current(); len(plan.Cookie) == 0 || time.Now().Before(v.not) {
		return // without a cookie nobody can be asked
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
				v.not = time.Now().Add(patience)
			}
			v.w.emit(recording.Event{Nodes: &recording.Nodes{Pod: v.w.pod.UID, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: peer.Name, Detail: detail(err)}})
			return
		}
		v.conn, v.otp, v.asked = conn, "", time.Time{}
	}
	// The view comes first: it must not be late.
	if !v.ask(ctx) || time.Since(v.asked) >= kernelEvery && !v.kernel(ctx) {
		v.hangUp()
	}
}

// listener finds the address of the pod's own node: that of the plan's port, where epmd confirms it or has no answer.
// Of several nodes the one that has been registered longest is the application; epmd tells the youngest first
// (measured, OTP 25), and that is a remote shell or a release's command.
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
	return "", &erldist.Error{Outcome: erldist.NotRegistered, Step: erldist.StageEPMD, Addr: addr, Detail: "epmd answers and knows no node"}
}

// connect does the whole handshake with the pod's own node, and tells how the cookies fared: once for each start of the
// node, and again whenever the same node answers otherwise than before.
func (v *viewer) connect(ctx context.Context) (*erldist.Conn, erldist.Peer, error) {
	plan, _ := v.w.current()
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	addr, err := v.listener(short, plan)
	if err != nil {
		return nil, erldist.Peer{}, err
	}
	dial := v.w.distributed(v.w.pod.UID, func(s erldist.Shown) { v.shown(addr, s) })
	c, err := erldist.Connect(short, dial, addr, erldist.NewCookie(plan.Cookie))
	p, o := c.Peer, recording.Outcome(erldist.OutcomeOf(err))
	one := incarnation{p.Name, p.Creation}
	if last, before := v.tried[one]; p.Creation != 0 && ctx.Err() == nil && last != o {
		v.tried[one] = o
		v.w.emit(recording.Event{Cookie: &recording.Cookie{Pod: v.w.pod.UID, Addr: addr, Cookie: "A", Outcome: o, Node: p.Name, Detail: detail(err)}})
		if plan.Control && !before {
			v.control(ctx, addr)
		}
	}
	if err != nil {
		return nil, p, err
	}
	return c, p, nil
}

// control tries a cookie that nobody can have: a node that takes it would take any. An attempt that shows nothing is made
// again, a few times: each that the node sees writes an error report into its log.
func (v *viewer) control(ctx context.Context, addr string) {
	for range 3 {
		short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
		c, err := erldist.Connect(short, v.w.distributed(v.w.pod.UID, nil), addr, erldist.NewCookie([]byte(rand.Text())))
		cancel()
		_ = c.Close()
		o := erldist.OutcomeOf(err)
		v.w.emit(recording.Event{Cookie: &recording.Cookie{Pod: v.w.pod.UID, Addr: addr, Cookie: "wrong", Outcome: recording.Outcome(o), Node: c.Peer.Name, Detail: detail(err)}})
		if o == erldist.Denied || o == erldist.OK || ctx.Err() != nil {
			return
		}
	}
}

// ask records the node's view; false means that the connection is of no more use.
func (v *viewer) ask(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	began := time.Now()
	visible, err := v.conn.Nodes(short)
	p := v.conn.Peer
	e := recording.Nodes{Pod: v.w.pod.UID, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: p.Name, Creation: p.Creation, Visible: visible, Detail: detail(err), Took: time.Since(began)}
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
