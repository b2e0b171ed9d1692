package remote

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// The states of sockets in /proc/net/tcp (include/net/tcp_states.h).
const (
	established = "01"
	listening   = "0A"
)

// table records the pod's socket table. All containers of a pod have the same.
func (w *watch) table(ctx context.Context) {
	if plan, _ := w.o.current(); w.o.waits(plan) || w.o.lost(recording.KindSockets) {
		return
	}
	e := recording.Sockets{Pod: w.now().UID, Outcome: recording.OK}
	text, err := w.cat(ctx, "", "/proc/net/tcp", "/proc/net/tcp6")
	if err == nil {
		err = parseTable(string(text), &e)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.failed(err, recording.KindSockets)
		e = recording.Sockets{Pod: e.Pod, Outcome: recording.ProbeError, Detail: err.Error()}
	}
	w.emit(recording.Event{Sockets: &e})
}

// parseTable reads /proc/net/tcp and tcp6, one after the other. They do not have when data last arrived.
func parseTable(text string, e *recording.Sockets) error {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasSuffix(f[0], ":") {
			continue // a heading
		}
		local, err := address(f[1])
		if err != nil {
			return err
		}
		remote, err := address(f[2])
		if err != nil {
			return err
		}
		switch f[3] {
		case listening:
			e.Listen = append(e.Listen, local.String())
		case established:
			e.Links = append(e.Links, recording.Link{Local: local.String(), Remote: remote.String()})
		}
	}
	if len(e.Listen)+len(e.Links) == 0 {
		return fmt.Errorf("/proc/net/tcp shows no socket")
	}
	return nil
}

// address parses "0100007F:1F90": 32-bit words in the byte order of the machine, which is little-endian on amd64 and arm64, and
// the port.
func address(text string) (netip.AddrPort, error) {
	words, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(words)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("no address of /proc/net/tcp: %.80q", text)
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no port of /proc/net/tcp: %.80q", text)
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}
