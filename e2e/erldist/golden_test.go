package erldist

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The vectors are written by hand from erl_dist_protocol ("EPMD Protocol", "Distribution Handshake", "Protocol between
// Connected Nodes") and erl_ext_dist, one field per line.

func vector(fields ...string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(fields, ""), " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func ascii(s string) string { return hex.EncodeToString([]byte(s)) }

func outcome(err error) Outcome { return Classify(err, StageCall) }

func TestNamesReply(t *testing.T) {
	reply := vector(
		"00001111", // EPMDPortNo: 4369
		ascii("name derl at port 10000\n"),
		ascii("name rem-1-x at port 43210\n"),
	)
	names, err := parseNames(reply)
	if want := []Name{{"derl", 10000}, {"rem-1-x", 43210}}; err != nil || !reflect.DeepEqual(names, want) {
		t.Errorf("%v, %v; want %v", names, err, want)
	}
	if s := names[0].String(); s != "name derl at port 10000" {
		t.Errorf("written again: %q", s)
	}
	if names, err := parseNames(reply[:4]); err != nil || len(names) != 0 {
		t.Errorf("an epmd without names: %v, %v", names, err)
	}
	for _, bad := range []string{
		"", "\x00\x00\x11", "\x00\x00\x00\x00", "\x00\x01\x00\x00", // no port of epmd's own
		"\x00\x00\x11\x11name derl at port 1000", // cut off within the port
		"\x00\x00\x11\x11derl at port 10000\n", "\x00\x00\x11\x11name  at port 10000\n", "\x00\x00\x11\x11name derl at port 0\n",
		"\x00\x00\x11\x11name at port 10000\n", "\x00\x00\x11\x11name derl at port +1\n",
		"\x00\x00\x11\x11name derl at port 65536\n", "\x00\x00\x11\x11name derl\n", "\x00\x00\x11\x11\n",
		"\x00\x00\x11\x11name " + strings.Repeat("x", 255*4+1) + " at port 1\n",
	} {
		if names, err := parseNames([]byte(bad)); outcome(err) != Malformed || names != nil {
			t.Errorf("%q is read as %v, %v", bad, names, err)
		}
	}
}

func TestPort2Response(t *testing.T) {
	answer := vector(
		"77",   // PORT2_RESP
		"00",   // result: found
		"2710", // PortNo: 10000
		"4d",   // NodeType: 77, normal
		"00",   // Protocol: TCP over IPv4
		"0006", // HighestVersion
		"0005", // LowestVersion
		"0004", // length of the name
		ascii("derl"),
		"0002", // length of Extra
		"beef",
	)
	got, err := parsePort2(answer)
	want := Registration{Port: 10000, Type: NormalNode, Highest: 6, Lowest: 5, Name: "derl", Extra: []byte{0xbe, 0xef}}
	if err != nil || !reflect.DeepEqual(got, want) || got.Type.String() != "normal" {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for n := range answer {
		if r, err := parsePort2(answer[:n]); outcome(err) != Malformed {
			t.Errorf("the first %d bytes of it: %+v, %v", n, r, err)
		}
	}
	if _, err := parsePort2(vector("77 01")); outcome(err) != NotRegistered {
		t.Errorf("result 1: %v", err)
	}
	for _, bad := range []string{
		"76 00", // ALIVE2_X_RESP
		"77 00 0000 4d 00 0006 0006 0001 61 0000", // port 0
		"77 00 2710 4d 00 0006 0006 0000 0000",    // no name
		"77 00 2710 4d 00 0006 0006 ffff 61",      // a name longer than the answer
	} {
		if r, err := parsePort2(vector(bad)); outcome(err) != Malformed {
			t.Errorf("%s is read as %+v, %v", bad, r, err)
		}
	}
}

func TestNameMessage(t *testing.T) {
	// EXTENDED_REFERENCES 4, FUN_TAGS 10, NEW_FUN_TAGS 80, EXTENDED_PIDS_PORTS 100, EXPORT_PTR_TAG 200, BIT_BINARIES 400,
	// NEW_FLOATS 800, UTF8_ATOMS 10000, MAP_TAG 20000, BIG_CREATION 40000, HANDSHAKE_23 1000000, UNLINK_ID 2000000,
	// V4_NC 400000000: the reference's 0x403070F94. And NAME_ME 200000000.
	if mandatoryFlags != 0x403070F94 || ourFlags != 0x603070F94 {
		t.Errorf("flags %#x, mandatory %#x", uint64(ourFlags), uint64(mandatoryFlags))
	}
	if never := FlagPublished | flagDistHeaderAtomCache | flagFragments; ourFlags&never != 0 {
		t.Errorf("flags that this client must not have: %s", ourFlags&never)
	}
	golden := vector(
		"0018",             // length
		"4e",               // 'N'
		"0000000603070f94", // flags
		"00000000",         // creation: none, the peer gives us one
		"0009",             // length of the name
		ascii("127.0.0.1"), // with NAME_ME the host part alone
	)
	if got := message(nameMessage()); !bytes.Equal(got, golden) {
		t.Errorf("name message\n%x, want\n%x", got, golden)
	}
}

func TestFlagsPrint(t *testing.T) {
	if s := (FlagExtendedReferences | FlagHandshake23 | 1<<60).String(); s != "EXTENDED_REFERENCES,HANDSHAKE_23,bit 60" {
		t.Error(s)
	}
}

func TestStatus(t *testing.T) {
	named := vector(
		"73", // 's'
		ascii("named:"),
		"000c", // length of the name
		ascii("3K@127.0.0.1"),
		"6553f100", // creation
	)
	p, err := parseStatus(named)
	if want := (Peer{Status: "named:3K@127.0.0.1", Self: "3K@127.0.0.1", creation: 0x6553f100}); err != nil || p != want {
		t.Errorf("named: %+v, %v; want %+v", p, err, want)
	}
	for n := len("snamed:"); n < len(named); n++ {
		if _, err := parseStatus(named[:n]); outcome(err) != Malformed {
			t.Errorf("the first %d bytes of it: %v", n, err)
		}
	}
	for _, word := range []string{"ok", "ok_simultaneous", "nok", "not_allowed", "alive"} {
		if p, err := parseStatus([]byte("s" + word)); err != nil || p != (Peer{Status: word}) {
			t.Errorf("status %q is read as %+v, %v", word, p, err)
		}
	}
	for _, bad := range []string{"", "ok", "s", "sokay", "snamed", "strue", "snamed:\x00\x02ab\x00\x00\x00\x01"} {
		if p, err := parseStatus([]byte(bad)); outcome(err) != Malformed || p != (Peer{}) {
			t.Errorf("%q is read as %+v, %v", bad, p, err)
		}
	}
}

func TestChallengeMessage(t *testing.T) {
	m := vector(
		"4e",               // 'N'
		"0000000d07df7fbd", // flags of OTP 25
		"c0ffee01",         // the challenge
		"6553f101",         // creation
		"000a",             // length of the name
		ascii("a@10.0.0.7"),
	)
	var p Peer
	challenge, err := parseChallenge(m, &p)
	want := Peer{Name: "a@10.0.0.7", Flags: 0xd07df7fbd, Creation: 0x6553f101}
	if err != nil || challenge != 0xc0ffee01 || p != want {
		t.Errorf("%#x %+v %v, want %+v", challenge, p, err, want)
	}
	if _, err := parseChallenge(append(m, 1, 2), &p); err != nil {
		t.Errorf("bytes after the name must be ignored: %v", err)
	}
	old := slices.Clone(m)
	old[0] = 'n'
	if _, err := parseChallenge(old, &Peer{}); outcome(err) != Malformed || !strings.Contains(err.Error(), "version 5") {
		t.Errorf("a challenge of version 5: %v", err)
	}
	for n := range m {
		p := Peer{}
		if _, err := parseChallenge(m[:n], &p); outcome(err) != Malformed || p != (Peer{}) {
			t.Errorf("the first %d bytes of it are read as %+v, %v", n, p, err)
		} else if strings.Contains(err.Error(), `\xc0\xff`) {
			t.Errorf("the error quotes the challenge: %v", err)
		}
	}
}

func TestChallengeReplyAndAck(t *testing.T) {
	const cookie, theirs = "monster", 0xc0ffee01 // 3237998081
	// MD5 of the cookie and the challenge in decimal, as in "Distribution Handshake", gen_digest.
	if got, want := digestOf(NewCookie([]byte(cookie)), theirs), md5.Sum([]byte("monster3237998081")); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
	// printf monster0 | md5sum
	if got := digestOf(NewCookie([]byte(cookie)), 0); hex.EncodeToString(got[:]) != "12b449de1b22903411908b8c56b73be3" {
		t.Errorf("digest of challenge 0: %x", got)
	}
	var challenges [2][]byte
	for i := range challenges {
		here, there := net.Pipe()
		seen := make(chan []byte, 1)
		go func() {
			m, err := readMessage(there, 2, func(int) {})
			if err != nil || len(m) < 5 {
				_ = there.Close()
				return
			}
			seen <- m
			ours := uint32(m[1])<<24 | uint32(m[2])<<16 | uint32(m[3])<<8 | uint32(m[4])
			d := digestOf(NewCookie([]byte(cookie)), ours)
			_, _ = there.Write(append([]byte{0, 17, 'a'}, d[:]...)) // length, tag, digest
		}()
		h := &Handshake{x: &exchange{c: here, addr: "x"}, challenge: theirs}
		var at Stage
		if err := h.prove(&at, NewCookie([]byte(cookie))); err != nil {
			t.Fatal(err)
		}
		m := <-seen
		d := md5.Sum([]byte("monster3237998081"))
		if len(m) != 1+4+16 || m[0] != 'r' || !bytes.Equal(m[5:], d[:]) {
			t.Errorf("challenge reply %x: want 'r', our challenge (4), digest %x", m, d)
		}
		challenges[i] = m[1:5]
		h.Close()
	}
	if bytes.Equal(challenges[0], challenges[1]) {
		t.Errorf("two challenges of ours are the same: %x", challenges[0])
	}
}

func TestCallFrame(t *testing.T) {
	self := []string{
		"58",                           // NEW_PID_EXT
		"77 0c", ascii("3K@127.0.0.1"), // node, SMALL_ATOM_UTF8_EXT
		"00000005 00000000 6553f100", // id, serial, creation
	}
	golden := vector(slices.Concat([]string{
		"00000071",               // length: 113
		"70",                     // pass-through
		"83 68 04",               // the control message: a tuple of 4
		"61 06"}, self, []string{ // REG_SEND, FromPid,
		"77 00",               // '' (unused),
		"77 03", ascii("rex"), // ToName
		"83 68 02"}, self, []string{ // the message: {FromPid, {call, M, F, Args, GroupLeader}}
		"68 05", "77 04", ascii("call"), "77 06", ascii("erlang"), "77 05", ascii("nodes"),
		"6c 00000001", "77 06", ascii("hidden"), "6a", // [hidden]
		"77 04", ascii("user"),
	})...)
	from := Pid{Node: "3K@127.0.0.1", ID: 5, Creation: 0x6553f100}
	if got := callFrame(from, "erlang", "nodes", []Term{Atom("hidden")}); !bytes.Equal(got, golden) {
		t.Errorf("frame\n%x, want\n%x", got, golden)
	}
	// rex answers with SEND or SEND_SENDER to our pid and {rex, ['b@h']}.
	message := []string{"83 68 02", "77 03", ascii("rex"), "6c 00000001", "77 03", ascii("b@h"), "6a"}
	for _, reply := range [][]byte{
		vector(slices.Concat([]string{"70", "83 68 03", "61 02", "77 00"}, self, message)...),
		vector(slices.Concat([]string{"70", "83 68 03", "61 16"}, self, self, message)...),
		vector(slices.Concat([]string{"70", "83 68 04", "61 0c", "77 00"}, self, []string{"6a"}, message)...), // with a trace token
	} {
		p, err := parseFrame(reply)
		if err != nil || !p.isSend() || p.to != from {
			t.Errorf("%x: %+v, %v", reply, p, err)
		}
		result, ok, err := parseReply(p.message)
		if err != nil || !ok || !reflect.DeepEqual(result, List{Atom("b@h")}) {
			t.Errorf("%x: %v, %t, %v", reply, result, ok, err)
		}
	}
	for _, bad := range []string{
		"", "70", "83 44 00", "71 83 6a", "70 83 6a", "70 83 68 00", "70 83 68 01 6a", "70 83 68 01 61 02", "70 83 68 03 61 02 77 00 6a",
	} {
		if p, err := parseFrame(vector(bad)); outcome(err) != Malformed {
			t.Errorf("%q is read as %+v, %v", bad, p, err)
		}
	}
	for _, other := range []string{"83 6a", "83 68 02 77 04 " + ascii("else") + "6a", "83 68 03 77 03 " + ascii("rex") + "6a 6a"} {
		if r, ok, err := parseReply(vector(other)); ok || err != nil {
			t.Errorf("%s is read as the reply %v, %v", other, r, err)
		}
	}
}

func TestMessageReader(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  string
		err   error // nil for Malformed where want is empty
	}{
		{"0003 736f6b ff", "sok", nil},
		{"0000", "", nil},
		{"0801", "", nil}, // 2049
		{"", "", io.EOF},
		{"00", "", io.ErrUnexpectedEOF},
		{"0003", "", io.ErrUnexpectedEOF}, // not EOF: closing the connection here says nothing about the cookie
		{"0003 736f", "", io.ErrUnexpectedEOF},
	} {
		got, err := readMessage(bytes.NewReader(vector(c.bytes)), 2, func(int) {})
		switch {
		case c.want != "" && (err != nil || string(got) != c.want):
			t.Errorf("%q: %q, %v; want %q", c.bytes, got, err, c.want)
		case c.want == "" && c.err == nil && outcome(err) != Malformed, c.err != nil && err != c.err:
			t.Errorf("%q: %q, %v; want %v", c.bytes, got, err, c.err)
		}
	}
}

func TestFrameReader(t *testing.T) {
	for _, c := range []struct {
		bytes string
		limit int
		want  []byte
		err   error // nil for Malformed where want is nil
	}{
		{"00000000", 8, []byte{}, nil},
		{"00000002 0102 03", 8, []byte{1, 2}, nil},
		{"00000009 010203040506070809", 8, nil, nil},
		{"ffffffff", 1 << 20, nil, nil},
		{"", 8, nil, io.EOF},
		{"0000", 8, nil, io.ErrUnexpectedEOF},
		{"00000002", 8, nil, io.ErrUnexpectedEOF},
		{"00000002 01", 8, nil, io.ErrUnexpectedEOF},
	} {
		got, err := readFrame(bytes.NewReader(vector(c.bytes)), c.limit)
		switch {
		case c.want != nil && (err != nil || !bytes.Equal(got, c.want)):
			t.Errorf("%q: %x, %v; want %x", c.bytes, got, err, c.want)
		case c.want == nil && c.err == nil && outcome(err) != Malformed, c.err != nil && err != c.err:
			t.Errorf("%q: %x, %v; want %v", c.bytes, got, err, c.err)
		}
	}
}
