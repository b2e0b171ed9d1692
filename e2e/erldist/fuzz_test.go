package erldist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"
	"unicode/utf8"
)

// For every parser of bytes from the network: it must not panic, its errors must be a protocolError, and its results must be
// within the limits on which the rest of the program relies.

// rejected reports whether the parser returned an error, and checks the type of the error.
func rejected(t *testing.T, err error) bool {
	t.Helper()
	var seen *protocolError
	if err != nil && !errors.As(err, &seen) {
		t.Errorf("an error of another kind: %v", err)
	}
	return err != nil
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("\x00\x00\x11\x11name derl at port 10000\nname b at port 1\n"))
	f.Add([]byte("\x00\x00\x11\x11name a at port 1 at port 2\n"))
	f.Add([]byte("\x00\x00\x11\x11"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		names, err := parseNames(b)
		if rejected(t, err) {
			if names != nil {
				t.Errorf("names %v together with the error %v", names, err)
			}
			return
		}
		again := b[:4:4]
		for _, n := range names {
			if n.Name == "" || len(n.Name) > 255*4 || n.Port < 1 || n.Port > 65535 {
				t.Errorf("%+v", n)
			}
			again = append(again, n.String()+"\n"...)
		}
		if same, err := parseNames(again); err != nil || !reflect.DeepEqual(same, names) {
			t.Errorf("%q was read as %v, and written again as %v, %v", b, names, same, err)
		}
	})
}

func FuzzPort2(f *testing.F) {
	f.Add(vector("77 00 2710 4d 00 0006 0005 0004", ascii("derl"), "0002 beef"))
	f.Add(vector("77 00 2710 48 00 0006 0006 0001 61 0000"))
	f.Add(vector("77 01"))
	f.Add(vector("77 00 2710 4d 00 0006 0006 ffff 61"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parsePort2(b)
		if rejected(t, err) {
			if !reflect.DeepEqual(r, Registration{}) {
				t.Errorf("%+v together with the error %v", r, err)
			}
			return
		}
		if r.Port < 1 || r.Port > 65535 || r.Name == "" || len(r.Name) > maxField || len(r.Extra) > maxField || len(r.Name)+len(r.Extra) > len(b) {
			t.Errorf("%q is read as %+v", b, r)
		}
		_ = r.Type.String()
	})
}

func FuzzStatus(f *testing.F) {
	for _, s := range []string{"sok", "snok", "salive", "snot_allowed", "sok_simultaneous", "snamed:\x00\x03a@b\x00\x00\x00\x07", "snamed:\xff\xff", "", "s"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseStatus(b)
		if rejected(t, err) {
			if p != (Peer{}) {
				t.Errorf("%+v together with the error %v", p, err)
			}
			return
		}
		if p.Self != "" && (p.Status != "named:"+p.Self || !isNodeName(p.Self)) || p.Self == "" && p.Status != string(b[1:]) {
			t.Errorf("%q is read as %+v", b, p)
		}
		// The name is part of every call.
		if _, err := Encode(Pid{Node: Atom(p.Self)}); err != nil {
			t.Errorf("the name %q cannot be used: %v", p.Self, err)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(vector("4e", "0000000d07df7fbd", "c0ffee01", "6553f101", "000a", ascii("a@10.0.0.7")))
	f.Add(vector("4e", "0000000d07df7fbd", "c0ffee01", "6553f101", "ffff"))
	f.Add(vector("6e", "0005", "07df7fbd", "c0ffee01", ascii("a@10.0.0.7")))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := Peer{Self: "kept", Status: "kept", creation: 7}
		p := kept
		_, err := parseChallenge(b, &p)
		if rejected(t, err) {
			if p != kept {
				t.Errorf("%+v together with the error %v", p, err)
			}
			return
		}
		if !isNodeName(p.Name) || len(p.Name) > len(b) || p.Self != "kept" || p.Status != "kept" || p.creation != 7 {
			t.Errorf("%q is read as %+v", b, p)
		}
	})
}

// FuzzMessage feeds the reader of handshake messages, with a length of two bytes and with one of four.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x00\x03sok"))
	f.Add([]byte{21, 3, 3, 0, 2, 2, 80})
	f.Add([]byte("\xff\xffx"))
	f.Add([]byte("\x00\x00\x00\x03sok"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, width := range []int{2, 4} {
			due := 0
			m, err := readMessage(bytes.NewReader(b), width, func(n int) { due = n })
			if err == nil && (len(m) == 0 || len(m) > maxHandshake || len(m) > len(b)-width || due != len(m)+width) {
				t.Errorf("a message of %d bytes, %d due, out of %d", len(m), due, len(b))
			}
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				rejected(t, err)
			}
		}
	})
}

func FuzzTerm(f *testing.F) {
	for _, s := range []string{
		"83 61 ff", "83 68 02 61 01 6a", "83 6c 00000001 61 01 6a", "83 6c 00000001 61 01 61 02", "83 74 00000001 77 01 61 61 01",
		"83 58 77 01 61 00000001 00000002 00000003", "83 5a 0003 77 01 61 00000001 00000001 00000002 00000003", "83 6e 08 00 ffffffffffffff7f",
		"83 78 77 01 61 0000000100000002 00000003", "83 71 77 01 61 77 01 62 61 01", "83 46 3ff8000000000000", "83 4d 00000001 03 e0",
		"83 73 01 e9", "83 6b 0002 3235", "83 70 00000006 0102", "83 69 ffffffff", "83 6d 00000001 ff", "83 6c 00000001 61 01 6c 00000001 61 02 6a",
		"83 6c 00000000 6a", // found by fuzzing: [] in another form
	} {
		f.Add(vector(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := Decode(b, DefaultLimits())
		if rejected(t, err) {
			if v != nil || rest != nil {
				t.Errorf("%#v and %d bytes together with the error %v", v, len(rest), err)
			}
			return
		}
		if n := size(v); n > len(b)-len(rest) || n > DefaultLimits().Elements {
			t.Errorf("%d terms out of %d bytes", n, len(b)-len(rest))
		}
		if s := text(v); len(s) > 2*maxText+20 || !utf8.ValidString(s) {
			t.Errorf("a text of %d bytes: %q", len(s), s)
		}
		_, _ = Text(v)
		again, err := Encode(v)
		if err != nil {
			t.Fatalf("%x was read as %#v, and is not written: %v", b, v, err)
		}
		if back, rest, err := Decode(again, DefaultLimits()); err != nil || len(rest) != 0 || !reflect.DeepEqual(back, v) {
			t.Errorf("%x was read as %#v, and after writing as %#v, %v", b, v, back, err)
		}
	})
}

// size counts a term and all its elements.
func size(v Term) int {
	n := 1
	var in []Term
	switch c := v.(type) {
	case Tuple:
		in = c
	case List:
		in = c
	case ImproperList:
		in = append(append(in, c.Elements...), c.Tail)
	case Map:
		for _, p := range c {
			in = append(in, p.Key, p.Value)
		}
	}
	for _, x := range in {
		n += size(x)
	}
	return n
}

// FuzzFrame feeds the reader of frames, and its results to the parsers of frames and of rex's replies.
func FuzzFrame(f *testing.F) {
	to := "58 77 01 61 00000001 00000000 00000003"
	reply := vector("70", "83 68 03 61 02 77 00", to, "83 68 02", "77 03", ascii("rex"), "6c 00000001", "77 03", ascii("b@h"), "6a")
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
	f.Add(append([]byte{0, 0, 0, 0}, vector("70", "83 68 03 61 16", to, to, "83 6a")...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 112})
	f.Add(vector("00000003 70 83 6a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 10
		m, err := readFrame(bytes.NewReader(b), limit)
		if len(m) > max(0, len(b)-4) || len(m) > limit {
			t.Errorf("a frame of %d bytes out of %d", len(m), len(b))
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			rejected(t, err)
		}
		for _, m := range [][]byte{m, b} {
			p, err := parseFrame(m)
			if rejected(t, err) {
				continue
			}
			if len(p.message) >= len(m) || !p.isSend() && p.to != (Pid{}) {
				t.Errorf("%q is read as %+v", m, p)
			}
			result, ok, err := parseReply(p.message)
			if rejected(t, err) && ok || !ok && result != nil {
				t.Errorf("%q is a reply (%t): %#v, %v", p.message, ok, result, err)
			}
		}
	})
}
