package erldist_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
)

const secret = "QZYXSECRETCOOKIE"

// secrets are the forms in which the cookie, the fake node's challenge or the digest could appear in a text.
func secrets() []string {
	d := erldisttest.Digest(secret, erldisttest.Challenge)
	return []string{
		secret, hex.EncodeToString([]byte(secret)), hex.EncodeToString(d), string(d), fmt.Sprintf("%d", d), fmt.Sprintf("%q", d), strings.Trim(fmt.Sprintf("%q", d[:4]), `"`),
		fmt.Sprint(erldisttest.Challenge), "deadbeef", "DEADBEEF", `\xde\xad`,
	}
}

// short is the timeout of tests with fakes that do not answer, long that of the others: on a busy machine a fake may take
// long, and a lost SYN costs a second.
const (
	short = 250 * time.Millisecond
	long  = 5 * time.Second
)

// timeoutFor is short if no answer is expected.
func timeoutFor(o erldist.Outcome) time.Duration {
	if o == erldist.Silent {
		return short
	}
	return long
}

func TestEachBehaviourHasItsOutcome(t *testing.T) {
	t.Parallel()
	type o = erldist.Outcome
	for _, c := range []struct {
		do        erldisttest.Behaviour
		challenge o // of Challenge
		whole     o // of Connect and some calls
		says      string
	}{
		{erldisttest.OK, erldist.OK, erldist.OK, ""},
		{erldisttest.SendsOtherMessages, erldist.OK, erldist.OK, ""},
		{erldisttest.SilentAfterAccept, erldist.Silent, erldist.Silent, "reading the status: connected, but received only 0 bytes within "},
		{erldisttest.ByteByByte, erldist.Silent, erldist.Silent, " of 2050 bytes within "},
		{erldisttest.ClosesBeforeStatus, erldist.ClosedBeforeStatus, erldist.ClosedBeforeStatus, "closed after 0 bytes"},
		{erldisttest.ResetsBeforeStatus, erldist.Reset, erldist.Reset, "reset after 0 bytes"},
		{erldisttest.CutOff, erldist.Closed, erldist.Closed, "closed after 5 of 11 bytes"},
		{erldisttest.TLSAlert, erldist.TLSAlert, erldist.TLSAlert, "a TLS alert"},
		{erldisttest.HTTP, erldist.Malformed, erldist.Malformed, `it starts with "HT"`},
		{erldisttest.LongMessage, erldist.Malformed, erldist.Malformed, "a message of 65535 bytes"},
		{erldisttest.NoStatus, erldist.Malformed, erldist.Malformed, `status "never"`},
		{erldisttest.Nok, erldist.Nok, erldist.Nok, "status nok"},
		{erldisttest.Alive, erldist.Alive, erldist.Alive, "status alive"},
		{erldisttest.NotAllowed, erldist.NotAllowed, erldist.NotAllowed, "status not_allowed"},
		{erldisttest.PlainOK, erldist.OK, erldist.Malformed, "OTP 23 or later"},
		{erldisttest.OKSimultaneous, erldist.OK, erldist.Malformed, "OTP 23 or later"},
		{erldisttest.ClosesBeforeProof, erldist.Closed, erldist.Closed, "reading the challenge: closed after 0 bytes"},
		{erldisttest.SilentAfterStatus, erldist.Silent, erldist.Silent, "reading the challenge: connected, but received only 0 bytes"},
		{erldisttest.OldChallenge, erldist.Malformed, erldist.Malformed, "version 5"},
		{erldisttest.BadChallenge, erldist.Malformed, erldist.Malformed, "the challenge has 18 bytes"},
		{erldisttest.SilentAfterChallenge, erldist.OK, erldist.Silent, "waiting for the peer's proof: connected, but received only 0 bytes"},
		{erldisttest.ClosesAfterReply, erldist.OK, erldist.ClosedAfterReply, "another cookie"},
		{erldisttest.ResetsAfterReply, erldist.OK, erldist.Reset, "reset"},
		{erldisttest.CutOffAfterReply, erldist.OK, erldist.Closed, "closed after 3 of 19 bytes"},
		{erldisttest.WrongDigest, erldist.OK, erldist.WrongDigest, "did not prove"},
		{erldisttest.NoDigest, erldist.OK, erldist.Malformed, "the peer's proof has 3 bytes"},
		{erldisttest.LongFrame, erldist.OK, erldist.Malformed, "a frame of 2147483647 bytes"},
		{erldisttest.GarbageFrame, erldist.OK, erldist.Malformed, "does not start with 112"},
		{erldisttest.GarbageTerm, erldist.OK, erldist.Malformed, "a term with tag 82"},
		{erldisttest.ReplyByteByByte, erldist.OK, erldist.Silent, "no reply within "},
		{erldisttest.SilentOnCall, erldist.OK, erldist.Silent, "erlang:system_info: no reply within "},
		{erldisttest.ClosesOnCall, erldist.OK, erldist.Closed, "the peer closed the connection"},
		{erldisttest.SilentAfterConnect, erldist.OK, erldist.Silent, "no reply within "},
		{erldisttest.BadRPC, erldist.OK, erldist.BadRPC, "badrpc 'nodedown'"},
	} {
		t.Run(string(c.do), func(t *testing.T) {
			t.Parallel()
			n := erldisttest.Node{Name: "a@10.0.0.7", Cookie: secret, Creation: 42, Behaviour: c.do, Nodes: func() (visible, hidden []string) {
				return []string{"b@10.0.0.8", "c@10.0.0.9"}, []string{"remsh@10.0.0.7"}
			}}
			s := n.Start(t)
			addr := s.Addr
			began := time.Now()
			p, err := erldist.Challenge(within(t, timeoutFor(c.challenge)), dial, addr)
			check(t, "challenge", began, err, c.challenge)
			if c.challenge == erldist.OK && (p.Name != n.Name || p.Creation != 42) {
				t.Errorf("the peer is %+v", p)
			}
			began = time.Now()
			nodes, err := query(within(t, timeoutFor(c.whole)), addr, secret)
			check(t, "handshake and calls", began, err, c.whole)
			if c.whole == erldist.OK && strings.Join(nodes, " ") != "b@10.0.0.8 c@10.0.0.9" {
				t.Errorf("nodes() = %v", nodes)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error lacks %q: %v", c.says, err)
			}
			// A fake that reads nothing does not notice that we disconnect.
			if c.do != erldisttest.SilentAfterConnect && !until(t, time.Second, func() bool { return s.Seen().Open == 0 }) {
				t.Errorf("%d connections are left open", s.Seen().Open)
			}
		})
	}
}

func TestAnotherCookie(t *testing.T) {
	t.Parallel()
	addr := erldisttest.Node{Name: "a@10.0.0.7", Cookie: "theirs", Creation: 1}.Start(t).Addr
	c, err := erldist.Connect(within(t, long), dial, addr, erldist.NewCookie([]byte(secret)))
	check(t, "handshake", time.Now(), err, erldist.ClosedAfterReply)
	if c.Peer.Name != "a@10.0.0.7" || c.Peer.Creation != 1 {
		t.Errorf("what the peer sent before the proof is lost: %+v", c.Peer)
	}
	// Calls on such a Conn fail, and it can be closed.
	if _, err := c.Nodes(within(t, long)); erldist.OutcomeOf(err) != erldist.ClosedAfterReply {
		t.Errorf("a call on a failed connection: %v", err)
	}
	select {
	case <-c.Done():
	default:
		t.Error("Done of a failed connection is not closed")
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
}

func TestAliveIsNeverAnsweredByTrue(t *testing.T) {
	t.Parallel()
	s := erldisttest.Node{Name: "a@10.0.0.7", Cookie: secret, Behaviour: erldisttest.Alive}.Start(t)
	_, err := erldist.Connect(within(t, long), dial, s.Addr, erldist.NewCookie([]byte(secret)))
	check(t, "connect", time.Now(), err, erldist.Alive)
	if !until(t, time.Second, func() bool { return len(s.Seen().Answers) == 1 }) || s.Seen().Answers[0] != "sfalse" {
		t.Errorf("the answers to status alive were %q", s.Seen().Answers)
	}
	if !erldist.Alive.Transient() || !erldist.Nok.Transient() || erldist.Silent.Transient() {
		t.Error("only alive and nok are transient")
	}
}

// check checks the outcome, the deadline (with some reserve for a busy machine), and that the text contains no secret.
func check(t *testing.T, what string, began time.Time, err error, want erldist.Outcome) {
	t.Helper()
	if got := erldist.OutcomeOf(err); got != want {
		t.Errorf("%s: %q, want %q: %v", what, got, want, err)
	}
	if took := time.Since(began); took > short+2*time.Second {
		t.Errorf("%s took %s", what, took)
	}
	if err == nil {
		return
	}
	for _, s := range secrets() {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, s) {
			t.Errorf("%s: the error contains %q: %s", what, s, text)
		}
	}
	var e *erldist.Error
	if !errors.As(err, &e) || e.Addr == "" || e.Step == "" || !strings.HasPrefix(err.Error(), e.Addr) {
		t.Errorf("%s: the error lacks the address or the step: %#v", what, err)
	}
}

// query connects and makes some calls.
func query(ctx context.Context, addr, cookie string) ([]string, error) {
	h, err := erldist.Begin(ctx, dial, addr)
	if err != nil {
		return nil, err
	}
	c, err := h.Prove(ctx, erldist.NewCookie([]byte(cookie)), erldist.Options{Drain: 10 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	otp, err := c.OTPRelease(ctx)
	if err != nil {
		return nil, err
	} else if otp != "27" {
		return nil, fmt.Errorf("otp_release is %q", otp)
	}
	others, err := c.HiddenNodes(ctx)
	if err != nil {
		return nil, err
	} else if strings.Join(others, " ") != "remsh@10.0.0.7" {
		return nil, fmt.Errorf("nodes(hidden) without ourselves: %v", others)
	}
	return c.Nodes(ctx)
}

func TestEPMDOutcomes(t *testing.T) {
	t.Parallel()
	two := []erldisttest.Registered{{Name: "derl", Port: 10000}, {Name: "rem", Port: 43210, Hidden: true, Extra: []byte("x")}}
	for _, c := range []struct {
		do          erldisttest.Behaviour
		nodes       []erldisttest.Registered
		names, port erldist.Outcome
		says        string
	}{
		{erldisttest.OK, two, erldist.OK, erldist.OK, ""},
		{erldisttest.OK, nil, erldist.OK, erldist.NotRegistered, "is not registered with epmd"},
		{erldisttest.SilentAfterAccept, two, erldist.Silent, erldist.Silent, "querying epmd: connected, but received only 0 bytes within"},
		{erldisttest.ClosesBeforeStatus, two, erldist.Closed, erldist.Closed, "querying epmd: closed after 0 bytes"},
		{erldisttest.ResetsBeforeStatus, two, erldist.Reset, erldist.Reset, "reset after 0 bytes"},
		{erldisttest.TLSAlert, two, erldist.TLSAlert, erldist.TLSAlert, "a TLS alert"},
		{erldisttest.HTTP, two, erldist.Malformed, erldist.Malformed, ""},
		{erldisttest.ByteByByte, two, erldist.Silent, erldist.Silent, " bytes within "},
		{erldisttest.LongMessage, two, erldist.Malformed, erldist.Malformed, "more than "},
		{erldisttest.CutOff, two, erldist.Malformed, erldist.Malformed, ""},
	} {
		t.Run(fmt.Sprint(c.do, len(c.nodes)), func(t *testing.T) {
			t.Parallel()
			addr := erldisttest.EPMD{Behaviour: c.do, Nodes: c.nodes}.Start(t).Addr
			began := time.Now()
			names, err := erldist.Names(within(t, timeoutFor(c.names)), dial, addr)
			check(t, "names", began, err, c.names)
			if c.names == erldist.OK && (len(names) != len(c.nodes) || len(names) == 2 && names[1] != erldist.Name{Name: "derl", Port: 10000}) {
				t.Errorf("names %v, want %v", names, c.nodes)
			}
			began = time.Now()
			r, err := erldist.Port(within(t, timeoutFor(c.port)), dial, addr, "rem")
			check(t, "port", began, err, c.port)
			if c.port == erldist.OK && (r.Port != 43210 || r.Type != erldist.HiddenNode || r.Name != "rem" || string(r.Extra) != "x" || r.Highest != 6 || r.Lowest != 6) {
				t.Errorf("port of rem: %+v", r)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error lacks %q: %v", c.says, err)
			}
		})
	}
	_, err := erldist.Port(within(t, long), dial, "127.0.0.1:1", "derl@10.0.0.7")
	check(t, "port of a whole node name", time.Now(), err, erldist.Failed)
}

func TestDialOutcomes(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	_, err = erldist.Challenge(within(t, long), dial, closed)
	check(t, "a closed port", time.Now(), err, erldist.Refused)

	for _, c := range []struct {
		err  error
		want erldist.Outcome
	}{
		{syscall.ECONNREFUSED, erldist.Refused},
		{syscall.EACCES, erldist.Rejected},
		{syscall.EPERM, erldist.Rejected},
		{syscall.EHOSTUNREACH, erldist.Unreachable},
		{syscall.ENETUNREACH, erldist.Unreachable},
		{syscall.ECONNRESET, erldist.Reset},
		{syscall.ETIMEDOUT, erldist.Timeout},
		{os.ErrDeadlineExceeded, erldist.Timeout},
		{context.DeadlineExceeded, erldist.Timeout},
		{context.Canceled, erldist.Failed},
		{syscall.EMFILE, erldist.Failed},
	} {
		failing := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", c.err)}
		}
		_, err := erldist.Names(context.Background(), failing, "10.0.0.7:4369")
		check(t, "names, "+c.err.Error(), time.Now(), err, c.want)
		_, err = erldist.Connect(context.Background(), failing, "10.0.0.7:4370", erldist.NewCookie([]byte(secret)))
		check(t, "connect, "+c.err.Error(), time.Now(), err, c.want)
		if !errors.Is(err, c.err) {
			t.Errorf("the error %[2]v does not wrap its cause %[1]v", c.err, err)
		}
		if got := erldist.DialOutcome(c.err); got != c.want {
			t.Errorf("DialOutcome(%v) = %s, want %s", c.err, got, c.want)
		}
	}
}

func TestClassifyKnowsTheStage(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		err   error
		stage erldist.Stage
		want  erldist.Outcome
	}{
		{nil, erldist.StageDial, erldist.OK},
		{io.EOF, erldist.StageEPMD, erldist.Closed},
		{io.EOF, erldist.StageStatus, erldist.ClosedBeforeStatus},
		{io.EOF, erldist.StageChallenge, erldist.Closed},
		{io.EOF, erldist.StageAck, erldist.ClosedAfterReply},
		{io.EOF, erldist.StageLink, erldist.Closed},
		{io.ErrUnexpectedEOF, erldist.StageAck, erldist.Closed},
		{reset, erldist.StageStatus, erldist.Reset},
		{reset, erldist.StageAck, erldist.Reset},
		{syscall.EPIPE, erldist.StageReply, erldist.Reset},
		{os.ErrDeadlineExceeded, erldist.StageAck, erldist.Silent},
		{syscall.ETIMEDOUT, erldist.StageLink, erldist.Silent},
		{syscall.EHOSTUNREACH, erldist.StageLink, erldist.Unreachable},
		{net.ErrClosed, erldist.StageLink, erldist.Failed},
		{context.Canceled, erldist.StageCall, erldist.Failed},
		{fmt.Errorf("wrapped: %w", &erldist.Error{Outcome: erldist.Nok}), erldist.StageDial, erldist.Nok},
		{errors.New("another"), erldist.StageStatus, erldist.Failed},
	} {
		if got := erldist.Classify(c.err, c.stage); got != c.want {
			t.Errorf("%v while %s: %s, want %s", c.err, c.stage, got, c.want)
		}
	}
	if o := erldist.OutcomeOf(errors.New("another")); o != erldist.Failed {
		t.Errorf("an error of another kind: %s", o)
	}
}

// If the caller cancels, nothing is known about the peer: the outcome is not Silent.
func TestCancellingIsNoOutcomeOfThePeer(t *testing.T) {
	t.Parallel()
	for _, do := range []erldisttest.Behaviour{erldisttest.SilentAfterAccept, erldisttest.SilentAfterChallenge, erldisttest.SilentOnCall} {
		addr := erldisttest.Node{Name: "a@10.0.0.7", Cookie: secret, Behaviour: do}.Start(t).Addr
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		_, err := query(ctx, addr, secret)
		check(t, string(do), began, err, erldist.Failed)
	}
	addr := erldisttest.EPMD{Behaviour: erldisttest.SilentAfterAccept}.Start(t).Addr
	// A dialer may return another error when it is cancelled.
	late := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, os.ErrDeadlineExceeded
	}
	for _, d := range []erldist.Dialer{dial, late} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		_, err := erldist.Names(ctx, d, addr)
		check(t, "epmd", began, err, erldist.Failed)
	}
}
