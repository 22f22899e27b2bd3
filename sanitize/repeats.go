package sanitize

import (
	"encoding/binary"
	"math/bits"

	"icapd/scan"
)

const (
	// valueSlots is how many values of an item are remembered at most, a power of two; maxRepeated the length of one, in
	// bytes; minRemembered the work that one must have taken.
	valueSlots    = 256
	maxRepeated   = 240
	minRemembered = 2500
)

// cleanValues remembers values of one item in which nothing was found although they called detectors: documents repeat
// addresses, and hostile ones all they have. As with [cleanNames], a value takes the place of another that hashes alike.
type cleanValues struct {
	since uint32 // counts the items; values of another are forgotten
	some  bool   // a value of this one is remembered
	slots []valueSlot
}

type valueSlot struct {
	since  uint32
	judged uint16 // bytes of it that the model of orders was asked about, layers included
	kind   scan.FieldKind
	size   uint8
	value  [maxRepeated]byte
}

// begin readies the set for another item.
func (v *cleanValues) begin() {
	v.some = false
	if v.since++; v.since == 0 { // all numbers were given
		clear(v.slots)
		v.since = 1
	}
}

// has reports whether the value is known to be clean, and how much of it the model of orders was asked about.
func (v *cleanValues) has(value []byte, kind scan.FieldKind) (judged int, ok bool) {
	if !v.some {
		return 0, false
	}
	s := v.slot(value)
	if s.since != v.since || s.kind != kind || string(s.value[:s.size]) != string(value) {
		return 0, false
	}
	return int(s.judged), true
}

// add remembers a value of at most maxRepeated bytes.
func (v *cleanValues) add(value []byte, kind scan.FieldKind, judged int) {
	if v.slots == nil {
		v.slots = make([]valueSlot, valueSlots)
	}
	v.some = true
	s := v.slot(value)
	s.since, s.kind, s.judged, s.size = v.since, kind, uint16(min(judged, 1<<16-1)), uint8(copy(s.value[:], value)) //nolint:gosec // bounded
}

// slot returns the place of a value.
func (v *cleanValues) slot(value []byte) *valueSlot {
	const prime = 0x9E3779B97F4A7C15
	h := uint64(len(value))
	for ; len(value) >= 8; value = value[8:] {
		h = bits.RotateLeft64(h^binary.LittleEndian.Uint64(value), 29) * prime
	}
	for _, c := range value {
		h = (h ^ uint64(c)) * prime
	}
	return &v.slots[h>>48&(valueSlots-1)]
}
