package sniff_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

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
