package erldist

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Term is an Erlang term. Its Go types are
//
//	int64 or *big.Int   an integer; *big.Int only if it does not fit into int64
//	float64             finite
//	Atom                UTF-8, 255 characters at most
//	Binary              a binary
//	BitString           a binary whose last byte is incomplete
//	Tuple, List, Map    of Terms; an Erlang string is a List of int64, see [Text]
//	ImproperList        [a | b]
//	Pid, PortID, Ref    identifiers
//	Export              fun M:F/A
//	Fun                 any other fun, not decoded
//
// [Encode] also accepts int. Except for maps, a term has one Go value for all its forms on the wire, so terms can be
// compared with reflect.DeepEqual.
type Term any

type (
	// Atom is an atom, without quotes.
	Atom string
	// Binary is a binary.
	Binary []byte
	// Tuple is a tuple.
	Tuple []Term
	// List is a proper list; nil and the empty List are both [].
	List []Term
)

// BitString is a bit string that is not a binary: only the Bits (1 to 7) highest bits of the last byte are used.
type BitString struct {
	Bytes []byte
	Bits  byte
}

// ImproperList is a list that does not end in []: at least one element, and a tail that is not a list.
type ImproperList struct {
	Elements []Term
	Tail     Term
}

// Map is a map as a list of pairs, in the order on the wire.
type Map []Pair

// Pair is an entry of a [Map].
type Pair struct{ Key, Value Term }

// Pid identifies a process.
type Pid struct {
	Node     Atom
	ID       uint32
	Serial   uint32
	Creation uint32
}

// PortID identifies a port.
type PortID struct {
	Node     Atom
	ID       uint64
	Creation uint32
}

// Ref identifies a reference.
type Ref struct {
	Node     Atom
	Creation uint32
	ID       []uint32 // 1 to 5 words
}

// Export is an external fun.
type Export struct {
	Module, Function Atom
	Arity            byte
}

// Fun is a fun that is not an Export, as its bytes after the length (NEW_FUN_EXT).
type Fun []byte

// Text converts an Erlang string: a List of characters, or a Binary of UTF-8.
func Text(t Term) (s string, ok bool) {
	switch v := t.(type) {
	case Binary:
		return string(v), true
	case List:
		var b strings.Builder
		for _, x := range v {
			r, isInt := x.(int64)
			if !isInt || r < 0 || r > 0x10ffff {
				return "", false
			}
			b.WriteRune(rune(r))
		}
		return b.String(), true
	}
	return "", false
}

// maxText limits the text of a term in an error message.
const maxText = 200

// text is a term in nearly Erlang's syntax for an error message, cut off after maxText bytes.
func text(t Term) string {
	var b strings.Builder
	write(&b, t)
	if b.Len() > maxText {
		return strings.ToValidUTF8(b.String()[:maxText], "") + " …"
	}
	return b.String()
}

func write(b *strings.Builder, t Term) {
	if b.Len() > maxText {
		return
	}
	switch v := t.(type) {
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		if v.BitLen() > 64*maxText {
			b.WriteString("an integer of " + strconv.Itoa(v.BitLen()) + " bits")
			return
		}
		b.WriteString(v.String())
	case Atom:
		b.WriteString("'" + string(v) + "'")
	case Binary:
		fmt.Fprintf(b, "<<%q>>", v[:min(len(v), maxText)])
	case Tuple:
		writeAll(b, "{", v, "}")
	case List:
		if s, ok := Text(v); ok && len(v) > 0 {
			b.WriteString(strconv.Quote(s))
			return
		}
		writeAll(b, "[", v, "]")
	default:
		// Other types are rare in results of the allowed calls.
		fmt.Fprintf(b, "a %T", t)
	}
}

func writeAll(b *strings.Builder, left string, all []Term, right string) {
	b.WriteString(left)
	for i, x := range all {
		if i > 0 {
			b.WriteString(",")
		}
		write(b, x)
		if b.Len() > maxText {
			return
		}
	}
	b.WriteString(right)
}
