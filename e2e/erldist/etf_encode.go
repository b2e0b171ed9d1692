package erldist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"
)

// maxAtom is the number of characters that an atom may have.
const maxAtom = 255

// Encode returns the version byte and the term, in the forms that OTP 23 and later read. A Go type that is not listed at
// [Term], and a value that is not a valid Erlang term (a long atom, NaN), is an error.
func Encode(t Term) ([]byte, error) {
	b, err := appendTerm([]byte{tagVersion}, t, 0)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// encode is for terms that this package makes of checked parts.
func encode(t Term) []byte {
	b, err := Encode(t)
	if err != nil {
		panic("erldist: " + err.Error())
	}
	return b
}

func appendTerm(b []byte, t Term, depth int) ([]byte, error) {
	if depth > 2*DefaultLimits().Depth {
		return nil, fmt.Errorf("the term has more than %d levels", 2*DefaultLimits().Depth)
	}
	switch v := t.(type) {
	case int:
		return appendInt(b, int64(v)), nil
	case int64:
		return appendInt(b, v), nil
	case *big.Int:
		if v == nil {
			return nil, errors.New("the integer is nil")
		}
		return appendBig(b, v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not an Erlang float", v)
		}
		return binary.BigEndian.AppendUint64(append(b, tagNewFloat), math.Float64bits(v)), nil
	case Atom:
		return appendAtom(b, v)
	case Binary:
		return append(appendSize(append(b, tagBinary), len(v)), v...), nil
	case BitString:
		if len(v.Bytes) == 0 || v.Bits == 0 || v.Bits > 7 {
			return nil, fmt.Errorf("a bit string of %d bytes with %d bits in the last", len(v.Bytes), v.Bits)
		}
		return append(append(appendSize(append(b, tagBitBinary), len(v.Bytes)), v.Bits), v.Bytes...), nil
	case Tuple:
		if len(v) < 256 {
			b = append(b, tagSmallTuple, byte(len(v)))
		} else {
			b = appendSize(append(b, tagLargeTuple), len(v))
		}
		return appendTerms(b, v, depth)
	case List:
		return appendList(b, v, List(nil), depth)
	case ImproperList:
		if _, proper := v.Tail.(List); proper || len(v.Elements) == 0 {
			return nil, fmt.Errorf("an improper list of %d elements with tail %s", len(v.Elements), text(v.Tail))
		}
		return appendList(b, v.Elements, v.Tail, depth)
	case Map:
		b = appendSize(append(b, tagMap), len(v))
		var err error
		for _, p := range v {
			if b, err = appendTerms(b, []Term{p.Key, p.Value}, depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return appendIdentifier(b, t, depth)
}

func appendIdentifier(b []byte, t Term, depth int) ([]byte, error) {
	switch v := t.(type) {
	case Pid:
		return appendNode(append(b, tagNewPid), v.Node, v.ID, v.Serial, v.Creation)
	case PortID:
		return appendNode(append(b, tagV4Port), v.Node, uint32(v.ID>>32), uint32(v.ID), v.Creation)
	case Ref:
		if len(v.ID) == 0 || len(v.ID) > 5 {
			return nil, fmt.Errorf("a reference of %d words", len(v.ID))
		}
		b = binary.BigEndian.AppendUint16(append(b, tagNewerRef), uint16(len(v.ID)))
		return appendNode(b, v.Node, append([]uint32{v.Creation}, v.ID...)...)
	case Export:
		return appendTerms(append(b, tagExport), []Term{v.Module, v.Function, int64(v.Arity)}, depth)
	case Fun:
		return append(appendSize(append(b, tagNewFun), 4+len(v)), v...), nil
	}
	return nil, fmt.Errorf("a %T is not an Erlang term", t)
}

func appendSize(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

// appendNode writes a node name and the numbers that follow it.
func appendNode(b []byte, node Atom, words ...uint32) ([]byte, error) {
	b, err := appendAtom(b, node)
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b, err
}

func appendTerms(b []byte, all []Term, depth int) ([]byte, error) {
	var err error
	for _, x := range all {
		if b, err = appendTerm(b, x, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendList writes a list with elements as LIST_EXT, also a list of characters: STRING_EXT would only be shorter.
func appendList(b []byte, elements []Term, tail Term, depth int) ([]byte, error) {
	if len(elements) == 0 {
		return append(b, tagNil), nil
	}
	b, err := appendTerms(appendSize(append(b, tagList), len(elements)), elements, depth)
	if err != nil {
		return nil, err
	}
	if l, proper := tail.(List); proper && len(l) == 0 {
		return append(b, tagNil), nil
	}
	return appendTerm(b, tail, depth+1)
}

func appendAtom(b []byte, a Atom) ([]byte, error) {
	if !utf8.ValidString(string(a)) || utf8.RuneCountInString(string(a)) > maxAtom {
		return nil, fmt.Errorf("an atom of %d bytes that is not UTF-8 or longer than %d characters", len(a), maxAtom)
	}
	if len(a) < 256 {
		b = append(b, tagSmallAtomUTF8, byte(len(a)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, tagAtomUTF8), uint16(len(a)))
	}
	return append(b, a...), nil
}

func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= 0 && v < 256:
		return append(b, tagSmallInt, byte(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, tagInt), uint32(int32(v)))
	}
	return appendBig(b, big.NewInt(v))
}

// appendBig writes the sign and the bytes, least significant first.
func appendBig(b []byte, v *big.Int) []byte {
	m := v.Bytes()
	if len(m) < 256 {
		b = append(b, tagSmallBig, byte(len(m)))
	} else {
		b = appendSize(append(b, tagLargeBig), len(m))
	}
	sign := byte(0)
	if v.Sign() < 0 {
		sign = 1
	}
	b = append(b, sign)
	for i := len(m) - 1; i >= 0; i-- {
		b = append(b, m[i])
	}
	return b
}
