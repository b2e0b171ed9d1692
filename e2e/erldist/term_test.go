package erldist

import (
	"bytes"
	"math/big"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestTerms(t *testing.T) {
	for _, c := range []struct {
		fields string
		want   Term
	}{
		{"61 ff", int64(255)},
		{"62 ffffffff", int64(-1)},
		{"62 00000001", int64(1)},
		{"6e 08 00 ffffffffffffff7f", int64(1<<63 - 1)},
		{"6e 08 01 0000000000000080", int64(-1 << 63)},
		{"6e 01 01 05", int64(-5)},
		{"6e 00 00", int64(0)},
		{"6e 08 00 ffffffffffffffff", new(big.Int).SetUint64(1<<64 - 1)},
		{"6f 00000009 01 000000000000000001", new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 64))},
		{"46 3ff8000000000000", 1.5},
		{"64 0002 6f6b", Atom("ok")}, {"76 0002 6f6b", Atom("ok")}, {"73 02 6f6b", Atom("ok")}, {"77 02 6f6b", Atom("ok")},
		{"73 01 e9", Atom("é")}, {"77 02 c3a9", Atom("é")}, // Latin-1, UTF-8
		{"6b 0002 3235", List{int64('2'), int64('5')}},
		{"6c 00000002 61 32 61 35 6a", List{int64('2'), int64('5')}},
		{"6a", List(nil)}, {"6c 00000000 6a", List(nil)},
		{"6d 00000001 ff", Binary{255}},
		{"6d 00000000", Binary{}},
		{"4d 00000001 03 ff", BitString{[]byte{0xe0}, 3}}, // the bits after the third are not used
		{"4d 00000001 08 ff", Binary{255}},
		{"68 02 61 01 6a", Tuple{int64(1), List(nil)}},
		{"68 00", Tuple{}},
		{"69 00000001 61 01", Tuple{int64(1)}},
		{"6c 00000001 61 01 6a", List{int64(1)}},
		{"6c 00000001 61 01 6c 00000001 61 02 6a", List{int64(1), int64(2)}}, // [1 | [2]]
		{"6c 00000001 61 01 61 02", ImproperList{[]Term{int64(1)}, int64(2)}},
		{"74 00000001 77 01 61 61 01", Map{{Atom("a"), int64(1)}}},
		{"58 77 01 61 00000001 00000002 00000003", Pid{"a", 1, 2, 3}},
		{"67 77 01 61 00000001 00000002 03", Pid{"a", 1, 2, 3}},
		{"59 77 01 61 00000001 00000002", PortID{"a", 1, 2}},
		{"66 77 01 61 00000001 02", PortID{"a", 1, 2}},
		{"78 77 01 61 0000000100000002 00000003", PortID{"a", 1<<32 + 2, 3}},
		{"5a 0003 77 01 61 00000009 00000001 00000002 00000003", Ref{"a", 9, []uint32{1, 2, 3}}},
		{"72 0001 77 01 61 09 00000001", Ref{"a", 9, []uint32{1}}},
		{"71 77 01 61 77 01 62 61 01", Export{"a", "b", 1}},
		{"70 00000006 0102", Fun{1, 2}},
	} {
		b := vector("83", c.fields)
		got, rest, err := Decode(append(b, 0xaa), DefaultLimits())
		if err != nil || !reflect.DeepEqual(got, c.want) || !bytes.Equal(rest, []byte{0xaa}) {
			t.Errorf("%s: %#v, rest %x, %v; want %#v", c.fields, got, rest, err, c.want)
		}
		again, err := Encode(got)
		if err != nil {
			t.Errorf("%s is not written again: %v", c.fields, err)
		}
		if back, _, err := Decode(again, DefaultLimits()); err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s written again is %x, and that %#v, %v", c.fields, again, back, err)
		}
		for n := range b {
			if got, _, err := Decode(b[:n], DefaultLimits()); outcome(err) != Malformed || got != nil {
				t.Errorf("the first %d bytes of %s are read as %#v, %v", n, c.fields, got, err)
			}
		}
	}
}

// Terms are encoded in the forms of the documentation.
func TestEncode(t *testing.T) {
	long := strings.Repeat("é", 255) // 510 bytes
	for _, c := range []struct {
		term Term
		want string
	}{
		{255, "61 ff"},
		{int64(256), "62 00000100"},
		{int64(-1), "62 ffffffff"},
		{int64(1 << 31), "6e 04 00 00000080"},
		{int64(-1 << 63), "6e 08 01 0000000000000080"},
		{new(big.Int).Lsh(big.NewInt(1), 64), "6e 09 00 000000000000000001"},
		{new(big.Int).Lsh(big.NewInt(1), 2040), "6f 00000100 00" + strings.Repeat("00", 255) + "01"},
		{1.5, "46 3ff8000000000000"},
		{Atom(""), "77 00"},
		{Atom(long), "76 01fe" + ascii(long)},
		{Binary("ab"), "6d 00000002 6162"},
		{Tuple{}, "68 00"},
		{Tuple(make([]Term, 256)), ""}, // nil is not a term
		{List{}, "6a"},
		{List{int64(1)}, "6c 00000001 61 01 6a"},
		{ImproperList{[]Term{1}, 2}, "6c 00000001 61 01 61 02"},
		{Map{{Atom("a"), 1}}, "74 00000001 77 01 61 61 01"},
		{Atom(strings.Repeat("a", 256)), ""},
		{Atom("\xff"), ""},
		{ImproperList{nil, 2}, ""},
		{ImproperList{[]Term{1}, List{}}, ""},
		{BitString{nil, 3}, ""}, {BitString{[]byte{1}, 8}, ""},
		{Ref{Node: "a"}, ""}, {Pid{Node: "\xff"}, ""},
		{(*big.Int)(nil), ""}, {nil, ""}, {"a string", ""}, {uint8(1), ""}, {Tuple{"a string"}, ""},
	} {
		got, err := Encode(c.term)
		if c.want == "" {
			if err == nil || got != nil {
				t.Errorf("%#v is written as %x", c.term, got)
			}
			continue
		}
		if want := vector("83", c.want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%#v is written as\n%x, %v; want\n%x", c.term, got, err, want)
		}
	}
	deep := Term(List(nil))
	for range 200 {
		deep = List{deep}
	}
	if _, err := Encode(deep); err == nil {
		t.Error("a term of 200 levels is encoded")
	}
}

func TestInvalidTerms(t *testing.T) {
	for _, bad := range []string{
		"", "82 61 01", // no version byte
		"83 50 00000001 00",                            // compressed
		"83 52 00", "83 63" + strings.Repeat("30", 31), // an atom cache reference, an old float
		"83 46 7ff0000000000000", "83 46 7ff8000000000000", // infinity, NaN
		"83 77 01 ff", "83 76 0100" + strings.Repeat("61", 256), // atoms
		"83 4d 00000000 01", "83 4d 00000001 00 ff", "83 4d 00000001 09 ff",
		"83 6c 00000000 61 01", // a list of no elements and a tail
		"83 58 61 01 00000001 00000002 00000003", "83 5a 0000 77 01 61 00000001", "83 5a 0006 77 01 61 00000001",
		"83 71 77 01 61 77 01 62 62 00000100", "83 71 61 01 77 01 62 61 01",
		"83 69 ffffffff", "83 6c 7fffffff", "83 74 40000000", "83 74 ffffffff", "83 6d ffffffff", "83 6f ffffffff", "83 70 ffffffff", "83 70 00000000",
	} {
		if v, _, err := Decode(vector(bad), DefaultLimits()); outcome(err) != Malformed || v != nil {
			t.Errorf("%s is decoded as %#v, %v", bad, v, err)
		}
	}
}

func TestLimitsOfTerms(t *testing.T) {
	nested := func(n int) []byte { return vector("83", strings.Repeat("68 01", n), "6a") }
	for _, c := range []struct {
		what   string
		b      []byte
		limits Limits
		ok     bool
	}{
		{"depth", nested(4), Limits{Depth: 4, Elements: 100}, true},
		{"depth", nested(5), Limits{Depth: 4, Elements: 100}, false},
		{"elements", vector("83 68 03 6a 6a 6a"), Limits{Depth: 4, Elements: 4}, true},
		{"elements", vector("83 68 03 6a 6a 6a"), Limits{Depth: 4, Elements: 3}, false},
		{"characters", vector("83 6b 0003 616263"), Limits{Depth: 4, Elements: 4}, true},
		{"characters", vector("83 6b 0003 616263"), Limits{Depth: 4, Elements: 3}, false},
		{"integer", vector("83 6e 03 00 010101"), Limits{Depth: 4, Elements: 4, Integer: 3}, true},
		{"integer", vector("83 6e 03 00 010101"), Limits{Depth: 4, Elements: 4, Integer: 2}, false},
	} {
		if _, _, err := Decode(c.b, c.limits); (err == nil) != c.ok {
			t.Errorf("%s of %x within %+v: %v", c.what, c.b, c.limits, err)
		}
	}
}

// Short input must not make the decoder allocate much memory, however large its sizes and however deep its nesting.
func TestDecodeAllocatesInProportionToTheInput(t *testing.T) {
	deep := bytes.Repeat(vector("6c 0000ffff"), DefaultLimits().Depth-1) // each claims 65535 elements
	input := slices.Concat([]byte{131}, deep, bytes.Repeat([]byte{106}, 1<<16))
	if got := allocated(func() { _, _, _ = Decode(input, DefaultLimits()) }); got > 40*uint64(len(input)) {
		t.Errorf("%d bytes of input made the decoder allocate %d", len(input), got)
	}
	for _, claim := range []string{"83 69 0001fff0", "83 6c 0001fff0", "83 74 0000fff0", "83 6d 7fffffff", "83 6f 000003ff", "83 70 7fffffff"} {
		if got := allocated(func() { _, _, _ = Decode(vector(claim), DefaultLimits()) }); got > 64<<10 {
			t.Errorf("%s made the decoder allocate %d", claim, got)
		}
	}
	if got := allocated(func() { _, _ = readFrame(bytes.NewReader([]byte{0, 0xf, 0, 0, 112}), 1<<20) }); got > 64<<10 {
		t.Errorf("one byte of a frame made the reader allocate %d", got)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		term Term
		want string
		ok   bool
	}{
		{List{int64('2'), int64('5')}, "25", true},
		{List{int64(0xe9)}, "é", true},
		{List(nil), "", true},
		{Binary("25"), "25", true},
		{List{int64(-1)}, "", false}, {List{int64(1 << 40)}, "", false}, {List{Atom("a")}, "", false}, {Atom("a"), "", false},
	} {
		if got, ok := Text(c.term); got != c.want || ok != c.ok {
			t.Errorf("Text(%#v) = %q, %t", c.term, got, ok)
		}
	}
	for want, term := range map[string]Term{
		"{'EXIT',[1,'a'],\"25\",<<\"x\">>}": Tuple{Atom("EXIT"), List{int64(1), Atom("a")}, List{int64('2'), int64('5')}, Binary("x")},
		"18446744073709551616":              new(big.Int).Lsh(big.NewInt(1), 64),
		"a erldist.Pid":                     Pid{},
	} {
		if got := text(term); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	long := make(List, 1<<16)
	for i := range long {
		long[i] = Atom("a")
	}
	if got := text(Tuple{long, Binary(make([]byte, 1<<20)), long}); len(got) > 2*maxText {
		t.Errorf("an error message of %d bytes", len(got))
	}
}
