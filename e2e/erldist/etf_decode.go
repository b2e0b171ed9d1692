package erldist

import (
	"math"
	"math/big"
	"unicode/utf8"
)

// Tags of the external term format. Source: erl_ext_dist.
const (
	tagVersion       = 131
	tagNewFloat      = 70
	tagBitBinary     = 77
	tagNewPid        = 88
	tagNewPort       = 89
	tagNewerRef      = 90
	tagSmallInt      = 97
	tagInt           = 98
	tagAtomLatin1    = 100
	tagPort          = 102
	tagPid           = 103
	tagSmallTuple    = 104
	tagLargeTuple    = 105
	tagNil           = 106
	tagString        = 107
	tagList          = 108
	tagBinary        = 109
	tagSmallBig      = 110
	tagLargeBig      = 111
	tagNewFun        = 112
	tagExport        = 113
	tagNewRef        = 114
	tagSmallAtomLat1 = 115
	tagMap           = 116
	tagAtomUTF8      = 118
	tagSmallAtomUTF8 = 119
	tagV4Port        = 120
)

// Limits limit the memory that a peer's message can take. A term has at least one byte, so there are never more elements
// than bytes, however large the lengths and however deep the nesting in the message. A limit of 0 allows nothing.
type Limits struct {
	Depth    int // of nested terms
	Elements int // terms in total, including the characters of strings and the elements of containers
	Integer  int // bytes of one integer
}

// DefaultLimits are enough for the names of a mesh of more than a hundred thousand nodes.
func DefaultLimits() Limits { return Limits{Depth: 64, Elements: 1 << 17, Integer: 1 << 10} }

// Decode decodes the version byte and one term, and returns the bytes after it. The term does not refer to b. Compressed
// terms, atom cache references, old floats and other tags that a node does not send to this client are errors.
func Decode(b []byte, limits Limits) (t Term, rest []byte, err error) {
	if len(b) == 0 || b[0] != tagVersion {
		return nil, nil, malformed("the term does not start with %d", tagVersion)
	}
	d := decoder{b: b[1:], left: min(limits.Elements, len(b)-1), limits: limits}
	t = d.term(0)
	if d.err != nil {
		return nil, nil, d.err
	}
	return t, d.b, nil
}

// decoder reads terms. After the first error, which it keeps, it reads nothing.
type decoder struct {
	b      []byte
	left   int // allowed further elements; those of a container are subtracted before memory is allocated for them
	limits Limits
	err    error
}

func (d *decoder) fail(format string, args ...any) Term {
	if d.err == nil {
		d.err = malformed(format, args...)
		d.b = nil
	}
	return nil
}

// take returns the next n bytes, or nil and an error.
func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail("the term needs %d more bytes, %d are left", n, len(d.b))
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// uint reads a number of n bytes, 8 at most; 0 after an error.
func (d *decoder) uint(n int) uint64 {
	var v uint64
	for _, x := range d.take(n) {
		v = v<<8 | uint64(x)
	}
	return v
}

func (d *decoder) u8() int     { return int(d.uint(1)) }
func (d *decoder) u16() int    { return int(d.uint(2)) }
func (d *decoder) u32() uint32 { return uint32(d.uint(4)) }

// size reads a length of four bytes.
func (d *decoder) size() int { return int(min(d.uint(4), math.MaxInt32)) }

// term reads one term.
func (d *decoder) term(depth int) Term {
	if d.left--; d.left < 0 {
		return d.tooMany()
	}
	return d.counted(depth)
}

func (d *decoder) tooMany() Term {
	return d.fail("the term has more elements than bytes, or more than %d", d.limits.Elements)
}

// counted reads one term that has already been subtracted from left.
func (d *decoder) counted(depth int) Term {
	if depth > d.limits.Depth {
		return d.fail("the term has more than %d levels", d.limits.Depth)
	}
	tag := d.u8()
	if d.err != nil {
		return nil
	}
	switch tag {
	case tagSmallInt:
		return int64(d.u8())
	case tagInt:
		return int64(int32(d.u32()))
	case tagSmallBig:
		return d.big(d.u8())
	case tagLargeBig:
		return d.big(d.size())
	case tagNewFloat:
		f := math.Float64frombits(d.uint(8))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return d.fail("a float that is not finite")
		}
		return f
	case tagAtomUTF8, tagSmallAtomUTF8, tagAtomLatin1, tagSmallAtomLat1:
		return d.atom(tag)
	case tagString:
		return d.str(d.u16())
	case tagBinary:
		return Binary(clone(d.take(d.size())))
	case tagBitBinary:
		return d.bits()
	case tagSmallTuple:
		return Tuple(d.terms(d.u8(), depth))
	case tagLargeTuple:
		return Tuple(d.terms(d.size(), depth))
	case tagNil:
		return List(nil)
	case tagList:
		return d.list(depth)
	case tagMap:
		return d.pairs(depth)
	}
	return d.identifier(tag, depth)
}

// identifier reads pids, ports, references and funs.
func (d *decoder) identifier(tag, depth int) Term {
	switch tag {
	case tagNewPid:
		return Pid{Node: d.node(depth), ID: d.u32(), Serial: d.u32(), Creation: d.u32()}
	case tagPid:
		return Pid{Node: d.node(depth), ID: d.u32(), Serial: d.u32(), Creation: uint32(d.u8())}
	case tagPort:
		return PortID{Node: d.node(depth), ID: d.uint(4), Creation: uint32(d.u8())}
	case tagNewPort:
		return PortID{Node: d.node(depth), ID: d.uint(4), Creation: d.u32()}
	case tagV4Port:
		return PortID{Node: d.node(depth), ID: d.uint(8), Creation: d.u32()}
	case tagNewerRef, tagNewRef:
		return d.ref(tag, depth)
	case tagExport:
		return d.export(depth)
	case tagNewFun:
		n := d.size()
		if n < 4 { // the length includes itself
			return d.fail("a fun of %d bytes", n)
		}
		return Fun(clone(d.take(n - 4)))
	}
	return d.fail("a term with tag %d", tag)
}

// clone copies b; the result is never nil, also for an empty binary.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

func (d *decoder) atom(tag int) Term {
	n := 0
	if tag == tagSmallAtomUTF8 || tag == tagSmallAtomLat1 {
		n = d.u8()
	} else {
		n = d.u16()
	}
	b := d.take(n)
	if tag == tagAtomLatin1 || tag == tagSmallAtomLat1 {
		runes := make([]rune, len(b))
		for i, x := range b {
			runes[i] = rune(x)
		}
		b = []byte(string(runes))
	}
	if !utf8.Valid(b) || utf8.RuneCount(b) > maxAtom {
		return d.fail("an atom of %d bytes that is not UTF-8 or longer than %d characters", n, maxAtom)
	}
	return Atom(b)
}

// node reads the atom in an identifier.
func (d *decoder) node(depth int) Atom {
	t := d.term(depth + 1)
	a, ok := t.(Atom)
	if !ok {
		d.fail("an identifier whose node is %s", text(t))
	}
	return a
}

func (d *decoder) str(n int) Term {
	if d.left -= n; d.left < 0 {
		return d.tooMany()
	}
	b := d.take(n)
	if len(b) == 0 {
		return List(nil)
	}
	l := make(List, len(b))
	for i, x := range b {
		l[i] = int64(x)
	}
	return l
}

func (d *decoder) bits() Term {
	n, bits := d.size(), d.u8()
	b := clone(d.take(n))
	switch {
	case d.err != nil:
		return nil
	case bits == 8 || n == 0 && bits == 0:
		return Binary(b)
	case n == 0 || bits == 0 || bits > 8:
		return d.fail("a bit string of %d bytes with %d bits in the last byte", n, bits)
	}
	b[n-1] &= 0xff << (8 - bits) // the other bits are not used
	return BitString{Bytes: b, Bits: byte(bits)}
}

func (d *decoder) list(depth int) Term {
	elements := d.terms(d.size(), depth)
	tail := d.term(depth + 1)
	if d.err != nil {
		return nil
	}
	switch v := tail.(type) {
	case List:
		if len(elements) == 0 {
			return v
		}
		return List(append(elements, v...)) // [a | [b]] is [a, b]
	case ImproperList:
		return ImproperList{append(elements, v.Elements...), v.Tail}
	}
	if len(elements) == 0 {
		return d.fail("an empty list that does not end in []")
	}
	return ImproperList{elements, tail}
}

func (d *decoder) pairs(depth int) Term {
	n := d.size()
	all := d.terms(2*n, depth)
	m := make(Map, 0, len(all)/2)
	for i := 0; i+1 < len(all); i += 2 {
		m = append(m, Pair{all[i], all[i+1]})
	}
	return m
}

func (d *decoder) ref(tag, depth int) Term {
	n := d.u16()
	if n == 0 || n > 5 {
		return d.fail("a reference of %d words", n)
	}
	r := Ref{Node: d.node(depth)}
	if tag == tagNewerRef {
		r.Creation = d.u32()
	} else {
		r.Creation = uint32(d.u8())
	}
	for range n {
		r.ID = append(r.ID, d.u32())
	}
	return r
}

func (d *decoder) export(depth int) Term {
	m, isAtom := d.term(depth + 1).(Atom)
	f, isAtom2 := d.term(depth + 1).(Atom)
	a, isInt := d.term(depth + 1).(int64)
	if !isAtom || !isAtom2 || !isInt || a < 0 || a > 255 {
		return d.fail("a fun of another form than M:F/A")
	}
	return Export{m, f, byte(a)}
}

func (d *decoder) terms(n, depth int) []Term {
	if n < 0 || n > d.left {
		d.tooMany()
		return nil
	}
	d.left -= n
	all := make([]Term, 0, n)
	for range n {
		all = append(all, d.counted(depth+1))
		if d.err != nil {
			return nil
		}
	}
	return all
}

// big reads an integer of n bytes, least significant first, after its sign.
func (d *decoder) big(n int) Term {
	if n > d.limits.Integer {
		return d.fail("an integer of %d bytes, the limit is %d", n, d.limits.Integer)
	}
	negative := d.u8() != 0
	b := clone(d.take(n))
	if d.err != nil {
		return nil
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	v := new(big.Int).SetBytes(b)
	if negative {
		v.Neg(v)
	}
	if v.IsInt64() {
		return v.Int64()
	}
	return v
}
