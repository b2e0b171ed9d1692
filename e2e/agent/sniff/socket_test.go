package sniff_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/sniff"
	"meshproof.dev/meshproof/e2e/recording"
)

// serve starts a DNS server in the namespace: it answers NXDOMAIN over UDP, and an empty answer over TCP.
func serve(t *testing.T, h *netns.Handle, ip string) {
	t.Helper()
	addr := net.JoinHostPort(ip, "53")
	err := h.Do(func() error {
		u, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		for _, s := range []*dns.Server{{PacketConn: u}, {Listener: l}} {
			s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				if s.PacketConn != nil {
					m.SetRcode(q, dns.RcodeNameError)
				}
				_ = w.WriteMsg(m)
			})
			go s.ActivateAndServe() //nolint:errcheck // ends with the listener
			t.Cleanup(func() { _ = s.Shutdown() })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends a question from inside the namespace and waits for the answer.
func ask(t *testing.T, h *netns.Handle, network, ip, name string) {
	t.Helper()
	c, err := h.Dial(t.Context(), network, net.JoinHostPort(ip, "53"), ip)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := &dns.Conn{Conn: c}
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadMsg(); err != nil {
		t.Fatal(err)
	}
}

func TestSocketCapturesQuestionsOnce(t *testing.T) {
	h, _ := netnstest.New(t)
	for _, ip := range []string{"127.0.0.1", "::1"} {
		serve(t, h, ip)
	}
	s, err := sniff.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask(t, h, "udp", "127.0.0.1", "a.x.")
	ask(t, h, "tcp", "127.0.0.1", "b.x.")
	ask(t, h, "udp", "::1", "c.x.")
	ask(t, h, "tcp", "::1", "d.x.")
	// Other traffic, which the filter drops.
	if c, err := h.Dial(t.Context(), "udp", "127.0.0.1:54", "127.0.0.1"); err == nil {
		_, _ = c.Write(make([]byte, 100))
		_ = c.Close()
	}

	tally := sniff.NewTally(func(bool, netip.AddrPort, netip.AddrPort) bool { return false })
	if err := s.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	packets := 0
	for {
		n, leaves, err := s.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if packets++; !slices.Contains([]byte{4, 6}, buf[0]>>4) {
			t.Fatalf("a packet starts with %x", buf[:min(n, 20)])
		}
		tally.Packet(buf[:n], leaves, time.Now())
	}
	got, unread := tally.Take()
	udp, tcp := map[string]int{"NXDOMAIN": 1}, map[string]int{"NOERROR": 1}
	want := []recording.Question{
		{Name: "a.x", Type: "A", Count: 1, RCodes: udp}, {Name: "b.x", Type: "A", Count: 1, RCodes: tcp, Empty: 1},
		{Name: "c.x", Type: "A", Count: 1, RCodes: udp}, {Name: "d.x", Type: "A", Count: 1, RCodes: tcp, Empty: 1},
	}
	if !slices.EqualFunc(got, want, func(a, b recording.Question) bool {
		return a.Name == b.Name && a.Type == b.Type && a.Count == b.Count && a.Empty == b.Empty && len(a.RCodes) == 1 && a.RCodes["NOERROR"] == b.RCodes["NOERROR"]
	}) || unread != 0 {
		t.Errorf("of %d packets: %+v, want %+v", packets, got, want)
	}
	if drops, err := s.Drops(); err != nil || drops != 0 {
		t.Errorf("%d drops, %v", drops, err)
	}
}

// Packets that are not read in time are lost and counted.
func TestDropsAreCounted(t *testing.T) {
	h, _ := netnstest.New(t)
	s, err := sniff.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := h.Dial(t.Context(), "udp", "127.0.0.1:53", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2000 {
		_, _ = c.Write(make([]byte, 1400)) // some writes are refused, because there is no listener
	}
	if drops, err := s.Drops(); err != nil || drops == 0 {
		t.Errorf("%d drops, %v", drops, err)
	}
	if drops, err := s.Drops(); err != nil || drops != 0 {
		t.Errorf("%d drops are counted twice, %v", drops, err)
	}
}

// A dial of the pod is captured with its answer; one of the agent's own is not, although it succeeds in the same way.
func TestSocketCapturesDials(t *testing.T) {
	h, pid := netnstest.New(t)
	for _, ip := range []string{"10.9.9.8/24", "10.9.9.9/24", "fd09::8/64", "fd09::9/64"} {
		if out, err := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", pid), "ip", "addr", "add", ip, "dev", "lo").CombinedOutput(); err != nil {
			t.Skipf("needs ip and nsenter: %v: %s", err, out)
		}
	}
	s, err := sniff.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ from, to string }{{"10.9.9.8", "10.9.9.9"}, {"fd09::8", "fd09::9"}} {
		l := listen(t, h, net.JoinHostPort(c.to, "4369"))
		own, err := h.Dial(t.Context(), "tcp", l.String(), "")
		if err != nil {
			t.Fatal(err)
		}
		_ = own.Close()
		for _, port := range []uint16{4369, 10000} {
			dialAs(t, h, netip.MustParseAddr(c.from), netip.AddrPortFrom(l.Addr(), port))
		}
	}
	tally := sniff.NewTally(func(bool, netip.AddrPort, netip.AddrPort) bool { return false })
	if err := s.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf, marked := make([]byte, 64<<10), 0
	for {
		n, leaves, err := s.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		const syn = 0x02
		if leaves && (buf[0]>>4 == 4 && buf[8] == netns.OwnTTL && buf[33]&syn != 0 || buf[0]>>4 == 6 && buf[7] == netns.OwnTTL && buf[53]&syn != 0) {
			marked++
		}
		tally.Packet(buf[:n], leaves, time.Now())
	}
	want := []recording.Dialled{
		{Addr: "10.9.9.9:10000", Count: 1, Refused: 1}, {Addr: "10.9.9.9:4369", Count: 1, Accepted: 1, Left: 1},
		{Addr: "[fd09::9]:10000", Count: 1, Refused: 1}, {Addr: "[fd09::9]:4369", Count: 1, Accepted: 1, Left: 1},
	}
	if got := tally.Dials(time.Now()); !slices.Equal(got, want) || marked != 0 {
		t.Errorf("%+v, want %+v; %d captured dials have our mark, want none", got, want, marked)
	}
}

// listen listens in the namespace until the end of the test.
func listen(t *testing.T, h *netns.Handle, addr string) netip.AddrPort {
	t.Helper()
	err := h.Do(func() error {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(addr)
}

// dialAs dials as a program in the pod does, from one of its addresses. Whether it is refused does not matter.
func dialAs(t *testing.T, h *netns.Handle, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	address := func(a netip.AddrPort) (int, unix.Sockaddr) {
		if a.Addr().Is4() {
			return unix.AF_INET, &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
		}
		return unix.AF_INET6, &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	family, remote := address(to)
	_, local := address(netip.AddrPortFrom(from, 0))
	fd, err := h.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err = unix.Bind(fd, local); err != nil {
		t.Fatal(err)
	}
	if err = unix.Connect(fd, remote); err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
}

// What becomes of a dial is captured, too: the other end closes after some bytes, the pod itself closes, a rule rejects it by ICMP.
func TestSocketCapturesEndsOfDials(t *testing.T) {
	h, pid := netnstest.New(t)
	for _, ip := range []string{"10.9.9.8/24", "10.9.9.9/24"} {
		if out, err := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", pid), "ip", "addr", "add", ip, "dev", "lo").CombinedOutput(); err != nil {
			t.Skipf("needs ip and nsenter: %v: %s", err, out)
		}
	}
	rejectPort(t, h, 10001)
	s, err := sniff.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	closing, kept := listen(t, h, "10.9.9.9:10000"), listen(t, h, "10.9.9.9:10002")
	closes(t, h, "10.9.9.9:10003", 41)
	from := netip.MustParseAddr("10.9.9.8")
	for _, to := range []netip.AddrPort{closing, kept, netip.MustParseAddrPort("10.9.9.9:10003"), netip.MustParseAddrPort("10.9.9.9:10001")} {
		dialAs(t, h, from, to)
	}
	tally := sniff.NewTally(func(bool, netip.AddrPort, netip.AddrPort) bool { return false })
	if err := s.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 64<<10); ; {
		n, leaves, err := s.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		tally.Packet(buf[:n], leaves, time.Now())
	}
	want := []recording.Dialled{
		{Addr: "10.9.9.9:10000", Count: 1, Accepted: 1, Left: 1}, {Addr: "10.9.9.9:10001", Count: 1, Rejected: 1},
		{Addr: "10.9.9.9:10002", Count: 1, Accepted: 1, Left: 1}, {Addr: "10.9.9.9:10003", Count: 1, Accepted: 1, Closed: 1, After: 41},
	}
	if got := tally.Dials(time.Now()); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// closes listens in the namespace, sends so many bytes to who comes, and closes.
func closes(t *testing.T, h *netns.Handle, addr string, n int) {
	t.Helper()
	err := h.Do(func() error {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write(make([]byte, n))
				_ = c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rejectPort lets the namespace reject TCP packets to the port with the ICMP message "administratively prohibited".
func rejectPort(t *testing.T, h *netns.Handle, port uint16) {
	t.Helper()
	err := h.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "t"})
		chain := c.AddChain(&nftables.Chain{Table: table, Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
			&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 13},
		}})
		return c.Flush()
	})
	if err != nil {
		t.Skipf("needs nftables that can reject: %v", err)
	}
}
