package engine

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// probeSays is the probe's output. An engine that exits with code 0 and does not print it ran something else.
const probeSays = "meshproof engine probe\n"

// probeImage is a name that only this process gives the image: another run may be trying the same engine, and each removes its own.
func probeImage() string { return fmt.Sprintf("localhost/meshproof/engine-probe:%d", os.Getpid()) }

// probeCode is the whole program: write(1, message, length); exit(0). The message follows the code.
var probeCode = map[string]struct {
	machine uint16 // ELF e_machine
	code    func(length int) []byte
}{
	"amd64": {62, func(n int) []byte {
		return []byte{
			0xb8, 1, 0, 0, 0, // mov eax, 1 (write)
			0xbf, 1, 0, 0, 0, // mov edi, 1
			0x48, 0x8d, 0x35, 16, 0, 0, 0, // lea rsi, [rip+16]: the message
			0xba, byte(n), 0, 0, 0, // mov edx, n
			0x0f, 0x05, // syscall
			0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
			0x31, 0xff, // xor edi, edi
			0x0f, 0x05, // syscall
		}
	}},
	"arm64": {183, func(n int) []byte {
		var b []byte
		for _, w := range []uint32{
			0xd2800020,                     // mov x0, #1
			0x100000e1,                     // adr x1, .+28: the message
			0xd2800002 | uint32(n&0xff)<<5, // mov x2, #n
			0xd2800808,                     // mov x8, #64 (write)
			0xd4000001,                     // svc #0
			0xd2800000,                     // mov x0, #0
			0xd2800ba8,                     // mov x8, #93 (exit)
			0xd4000001,                     // svc #0
		} {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return b
	}},
}

// probeELF is a static Linux program of some 170 bytes. So an engine can be tested on a machine that has no
// registry and no compiler. It exists for the architectures of kind's node images.
func probeELF(arch string) ([]byte, error) {
	p, ok := probeCode[arch]
	if !ok {
		return nil, fmt.Errorf("no probe program for architecture %s (supported: amd64, arm64)", arch)
	}
	const base, headers = 0x400000, 64 + 56
	body := append(p.code(len(probeSays)), probeSays...)
	size := uint64(headers + len(body))
	le := binary.LittleEndian
	b := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = le.AppendUint16(b, 2) // executable
	b = le.AppendUint16(b, p.machine)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, base+headers) // entry
	b = le.AppendUint64(b, 64)           // program headers
	b = le.AppendUint64(b, 0)            // no sections
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, 5) // readable, executable
	for _, v := range []uint64{0, base, base, size, size, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return append(b, body...), nil
}

// writeProbeArchive writes a docker archive with one image that contains only the probe.
func writeProbeArchive(w io.Writer) error {
	program, err := probeELF(runtime.GOARCH)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	tw := tar.NewWriter(&layer)
	if err = tw.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	if _, err = tw.Write(program); err != nil {
		return err
	}
	if err = tw.Close(); err != nil {
		return err
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer.Bytes())), nil
	})
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	cfg = cfg.DeepCopy()
	cfg.Architecture, cfg.OS, cfg.Config = runtime.GOARCH, "linux", v1.Config{Entrypoint: []string{"/probe"}}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return err
	}
	tag, err := name.NewTag(probeImage())
	if err != nil {
		return err
	}
	return tarball.Write(tag, img, w)
}
