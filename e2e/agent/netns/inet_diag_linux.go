package netns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// TCPSocket is one row of the kernel's TCP table.
type TCPSocket struct {
	Local, Remote netip.AddrPort
	Established   bool
	Listening     bool
	Idle          time.Duration // since data last arrived
	Backoff       uint8         // consecutive retransmission timeouts
	Unacked       uint32        // bytes that the peer has not acknowledged
}

// Sizes and offsets of the kernel's structures (linux/inet_diag.h, linux/tcp.h).
const (
	getSock         = 18 // TCPDIAG_GETSOCK
	inetDiagInfo    = 2  // INET_DIAG_INFO
	sizeofReq       = 60 // struct inet_diag_req
	sizeofMsg       = 72 // struct inet_diag_msg
	tcpEstablished  = 1
	tcpListen       = 10
	offBackoff      = 4  // tcp_info.tcpi_backoff
	offLastDataRecv = 52 // tcp_info.tcpi_last_data_recv, ms
)

// Diag reads the TCP table of one namespace repeatedly. Not safe for concurrent use.
type Diag struct {
	fd  int
	buf []byte
}

// Diag opens a netlink socket for the namespace's TCP table.
func (h *Handle) Diag() (*Diag, error) {
	fd, err := h.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	return &Diag{fd, make([]byte, 1<<16)}, nil
}

// Close closes the netlink socket.
func (d *Diag) Close() error { return unix.Close(d.fd) }

// TCP reads the table: established connections and listeners, IPv4 and IPv6. After an error the Diag must be closed: the
// rest of one answer would be read as part of the next.
//
// For each answer the kernel walks its hash table of all namespaces, a quarter of a million buckets on a large machine.
// The older request returns both families in one walk; the newer one (SOCK_DIAG_BY_FAMILY) took half of the agent's CPU
// (measured).
func (d *Diag) TCP() ([]TCPSocket, error) {
	all, err := d.dump()
	if err != nil {
		return nil, fmt.Errorf("INET_DIAG: %w", err)
	}
	return all, nil
}

// TCP reads the namespace's TCP table once.
func (h *Handle) TCP() ([]TCPSocket, error) {
	d, err := h.Diag()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.TCP()
}

func (d *Diag) dump() (all []TCPSocket, err error) {
	req := make([]byte, unix.NLMSG_HDRLEN+sizeofReq)
	ne := binary.NativeEndian
	ne.PutUint32(req[0:], uint32(len(req)))
	ne.PutUint16(req[4:], getSock)
	ne.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := req[unix.NLMSG_HDRLEN:]
	body[0], body[3] = unix.AF_INET, 1<<(inetDiagInfo-1) // the answer has both families, whatever is requested
	ne.PutUint32(body[52:], 1<<tcpEstablished|1<<tcpListen)
	if err := unix.Sendto(d.fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		if err := waitReadable(d.fd); err != nil {
			return nil, err
		}
		n, _, err := unix.Recvfrom(d.fd, d.buf, 0)
		if err != nil {
			return nil, err
		}
		done, err := eachMessage(d.buf[:n], func(m []byte) {
			if s, ok := parseSocket(m); ok {
				all = append(all, s)
			}
		})
		if done || err != nil {
			return all, err
		}
	}
}

// waitReadable waits for the kernel's answer, which comes immediately or never.
func waitReadable(fd int) error {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
	if err == nil && n == 0 {
		return fmt.Errorf("the kernel did not answer in 1 s")
	}
	return err
}

// eachMessage calls each for the netlink messages of one datagram.
func eachMessage(b []byte, each func([]byte)) (done bool, err error) {
	ne := binary.NativeEndian
	for len(b) >= unix.NLMSG_HDRLEN {
		n := int(ne.Uint32(b))
		if n < unix.NLMSG_HDRLEN || n > len(b) {
			return false, fmt.Errorf("a netlink message claims %d bytes, the datagram has %d", n, len(b))
		}
		switch body := b[unix.NLMSG_HDRLEN:n]; ne.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) >= 4 {
				if errno := -int32(ne.Uint32(body)); errno != 0 {
					return true, unix.Errno(errno)
				}
			}
			return true, nil
		default:
			each(body)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return false, nil
}

// parseSocket parses struct inet_diag_msg and its attribute struct tcp_info.
func parseSocket(m []byte) (TCPSocket, bool) {
	if len(m) < sizeofMsg {
		return TCPSocket{}, false
	}
	ne := binary.NativeEndian
	s := TCPSocket{Established: m[1] == tcpEstablished, Listening: m[1] == tcpListen, Unacked: ne.Uint32(m[60:])}
	s.Local = addrPort(m[0], m[8:24], m[4:6])
	s.Remote = addrPort(m[0], m[24:40], m[6:8])
	for a := m[sizeofMsg:]; len(a) >= 4; {
		n := int(ne.Uint16(a))
		if n < 4 || n > len(a) {
			break
		}
		if v := a[4:n]; ne.Uint16(a[2:]) == inetDiagInfo && len(v) >= offLastDataRecv+4 {
			s.Backoff = v[offBackoff]
			s.Idle = time.Duration(ne.Uint32(v[offLastDataRecv:])) * time.Millisecond
		}
		a = a[min((n+3)&^3, len(a)):]
	}
	return s, true
}

func addrPort(family uint8, addr, port []byte) netip.AddrPort {
	p := binary.BigEndian.Uint16(port)
	if family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr[:4])), p)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(addr)).Unmap(), p)
}
