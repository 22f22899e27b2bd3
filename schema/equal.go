package schema

import (
	"encoding/json"
	"hash/maphash"
	"strconv"
)

func (e *evaluation) isChoice(n *node, i uint32) bool {
	if n.forbidden != "" {
		return e.fail(n, i, n.forbidden, "must not be sent in this direction")
	}
	if n.enum == nil || e.among(n.enum, i) {
		return e.err == nil
	}
	keyword := "enum"
	if n.enum.single {
		keyword = "const"
	}
	return e.fail(n, i, keyword, "wants %s", excerpt(n.enum.text))
}

func (e *evaluation) among(c *choice, i uint32) bool {
	if e.doc.values[i].kind == kindString {
		_, ok := c.strings[string(e.doc.text(i))]
		return ok
	}
	for _, want := range c.others {
		if e.equal(i, want) {
			return true
		}
	}
	return false
}

// equal compares a value with one of the schema.
func (e *evaluation) equal(i uint32, want any) bool {
	if !e.step(1) {
		return false
	}
	v := &e.doc.values[i]
	switch want := want.(type) {
	case nil:
		return v.kind == kindNull
	case bool:
		return v.kind == kindBool && (e.doc.data[v.start] == 't') == want
	case string:
		return v.kind == kindString && string(e.doc.text(i)) == want
	case json.Number:
		if v.kind != kindNumber {
			return false
		}
		a, b := parseDecimal(e.doc.raw(i), nil), parseDecimal([]byte(want), nil)
		return a.compare(&b) == 0
	case []any:
		if v.kind != kindArray || int(v.count) != len(want) {
			return false
		}
		c := i + 1
		for _, w := range want {
			if !e.equal(c, w) {
				return false
			}
			c = e.doc.values[c].next
		}
		return true
	case map[string]any:
		if v.kind != kindObject || int(v.count) != len(want) {
			return false
		}
		for c := i + 1; c < v.next; c = e.doc.values[c+1].next {
			w, ok := want[string(e.doc.text(c))]
			if !ok || !e.equal(c+1, w) {
				return false
			}
		}
		return true
	}
	return false
}

func (e *evaluation) distinct(n *node, i uint32) bool {
	v := &e.doc.values[i]
	known := make(map[uint64]struct{}, v.count)
	for c := i + 1; c < v.next; c = e.doc.values[c].next {
		h, ok := e.hash(c)
		if !ok {
			return false
		}
		if _, double := known[h]; double {
			return e.fail(n, c, "uniqueItems", "is here twice")
		}
		known[h] = struct{}{}
	}
	return true
}

// hash is equal for equal values, and nobody who does not know the seed can make others equal.
func (e *evaluation) hash(i uint32) (uint64, bool) {
	v := &e.doc.values[i]
	if !e.step(1 + int(v.end-v.start)>>3) {
		return 0, false
	}
	var h maphash.Hash
	h.SetSeed(e.seed)
	_ = h.WriteByte(byte(v.kind)) // never fails
	switch v.kind {
	case kindString:
		_, _ = h.Write(e.doc.text(i))
	case kindNumber:
		d := parseDecimal(e.doc.raw(i), nil)
		_, _ = h.WriteString(strconv.Itoa(d.sign()) + "e" + strconv.Itoa(d.exp) + ":")
		_, _ = h.Write(d.digits)
	case kindArray, kindObject:
		sum := uint64(0)
		for c := i + 1; c < v.next; c = e.doc.values[c].next {
			one, ok := e.hash(c)
			if !ok {
				return 0, false
			}
			if v.kind == kindArray {
				maphash.WriteComparable(&h, one)
				continue
			}
			c++ // from the name to the value: members count in any order
			two, ok := e.hash(c)
			if !ok {
				return 0, false
			}
			sum += maphash.Comparable(e.seed, [2]uint64{one, two})
		}
		maphash.WriteComparable(&h, sum)
	default:
		_, _ = h.Write(e.doc.raw(i))
	}
	return h.Sum64(), true
}
