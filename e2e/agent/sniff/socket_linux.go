package sniff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns"
)

// Socket captures the DNS packets of a network namespace, and the first segments of the connections that it opens, on all its
// interfaces.
type Socket struct {
	f   *os.File
	raw syscall.RawConn
}

// filter accepts UDP and TCP with port 53 on either side, IPv4 (first fragments only) and IPv6; of other TCP the SYNs that leave, the
// SYN-ACKs and RSTs that come in, and the FINs; and the ICMP messages that say that a packet was not delivered. Of such TCP it drops what
// the agent itself sends: hundreds of dials a second. The kernel drops all other packets before it copies them. A packet starts with
// its network header. Jumps count from the next line.
var filter = []unix.SockFilter{
	load(unix.BPF_B, 0), // 0: the version, and the length of the header
	{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 4},
	jump(unix.BPF_JEQ, 4, 0, 8),
	load(unix.BPF_H, 6), // 3: IPv4's offset of a fragment
	jump(unix.BPF_JSET, 0x1fff, 36, 0),
	load(unix.BPF_B, 8), // 5: its time to live
	{Code: unix.BPF_ST, K: 1},
	load(unix.BPF_B, 9), // 7: its protocol
	{Code: unix.BPF_ST, K: 0},
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // 9: X is the length of the header
	{Code: unix.BPF_JMP | unix.BPF_JA, K: 6},
	jump(unix.BPF_JEQ, 6, 0, 29), // 11: is it IPv6?
	load(unix.BPF_B, 7),
	{Code: unix.BPF_ST, K: 1},
	load(unix.BPF_B, 6),
	{Code: unix.BPF_ST, K: 0},
	{Code: unix.BPF_LDX | unix.BPF_W | unix.BPF_IMM, K: 40},
	{Code: unix.BPF_LD | unix.BPF_MEM, K: 0}, // 17: the protocol again
	jump(unix.BPF_JEQ, protoUDP, 18, 0),
	jump(unix.BPF_JEQ, protoTCP, 5, 0),
	jump(unix.BPF_JEQ, protoICMP, 1, 0),
	jump(unix.BPF_JEQ, protoICMPv6, 0, 19),
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 0}, // 22: the type of ICMP
	jump(unix.BPF_JEQ, undelivered, 18, 0),
	jump(unix.BPF_JEQ, undeliveredV6, 17, 16),
	{Code: unix.BPF_LD | unix.BPF_MEM, K: 1}, // 25: TCP: is it the agent's own?
	jump(unix.BPF_JEQ, netns.OwnTTL, 10, 0),
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 13}, // 27: its flags
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: flagFIN | flagSYN | flagRST | flagACK},
	jump(unix.BPF_JEQ, flagSYN, 0, 2),
	load(unix.BPF_W, packetType), // 30: a SYN: does it leave?
	jump(unix.BPF_JEQ, unix.PACKET_OUTGOING, 10, 5),
	jump(unix.BPF_JSET, flagFIN, 9, 0), // 32
	jump(unix.BPF_JSET, flagRST, 1, 0),
	jump(unix.BPF_JEQ, flagSYN|flagACK, 0, 2),
	load(unix.BPF_W, packetType), // 35: a SYN-ACK or an RST: does it come in?
	jump(unix.BPF_JEQ, unix.PACKET_HOST, 5, 0),
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 0}, // 37: the ports
	jump(unix.BPF_JEQ, dnsPort, 3, 0),
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},
	jump(unix.BPF_JEQ, dnsPort, 1, 0),
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},       // 41: drop it
	{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 18}, // 42: take all of it
}

// packetType is where a filter finds whether the packet leaves or comes in: SKF_AD_OFF + SKF_AD_PKTTYPE of linux/filter.h.
const packetType = 0xfffff000 + 4

// allProtocols is ETH_P_ALL in network order: with any other protocol the namespace's outgoing packets are not captured.
var allProtocols = binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})

func load(size uint16, at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | size | unix.BPF_ABS, K: at}
}

func jump(on uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | on | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// Open starts to capture in a namespace. It needs CAP_NET_RAW there.
func Open(h *netns.Handle) (*Socket, error) {
	// Without a protocol no packet arrives before the filter is attached. SOCK_DGRAM removes the link-layer header.
	fd, err := h.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, fmt.Errorf("create an AF_PACKET socket: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("attach the filter to the AF_PACKET socket and bind it: %w", err)
	}
	s := &Socket{f: os.NewFile(uintptr(fd), "packets")}
	if s.raw, err = s.f.SyscallConn(); err != nil {
		_ = s.f.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the capture.
func (s *Socket) Close() error { return s.f.Close() }

// SetReadDeadline sets the deadline of Read, also of one that is running.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.f.SetReadDeadline(t) }

// Read waits for the next outgoing or incoming packet of the namespace. It blocks no thread.
func (s *Socket) Read(b []byte) (n int, outgoing bool, err error) {
	var failed error
	err = s.raw.Read(func(fd uintptr) bool {
		for {
			var from unix.Sockaddr
			n, from, failed = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			if errors.Is(failed, unix.EINTR) {
				continue
			}
			if errors.Is(failed, unix.EAGAIN) {
				return false
			}
			link, ok := from.(*unix.SockaddrLinklayer)
			outgoing = ok && link.Pkttype == unix.PACKET_OUTGOING
			if failed != nil || outgoing || ok && link.Pkttype == unix.PACKET_HOST {
				return true
			}
		}
	})
	return n, outgoing, errors.Join(err, failed)
}

// Drops is the number of packets that the kernel has dropped since the last call, because its buffer was full.
func (s *Socket) Drops() (int, error) {
	var stats *unix.TpacketStats
	var failed error
	err := s.raw.Control(func(fd uintptr) {
		stats, failed = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return int(stats.Drops), nil
}
