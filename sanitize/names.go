package sanitize

import (
	"math"

	"icapd/sanitize/wordset"
)

const (
	// nameSlots is how many names are remembered at most, a power of two; maxName the length of one, in bytes.
	nameSlots = 1024
	maxName   = 48
)

// cleanNames remembers names of members, or other short values of one kind, in which nothing was found: documents repeat
// the same few thousands of times.
// Rules can ask for the item's type, so it is one set a type. A name takes the place of another that hashes alike, so
// that names which are made to cost no more than those that are not remembered.
type cleanNames struct {
	kind  string
	since uint32 // counts the sets; names of another are forgotten
	slots []nameSlot
}

type nameSlot struct {
	since  uint32
	work   int32  // that looking at it took
	judged uint16 // bytes of it that the model of orders was asked about
	size   uint8
	name   [maxName]byte
}

// begin readies the set for an item of the type. It is asked for with every value: items of another type may have none.
func (n *cleanNames) begin(kind string) {
	if n.slots == nil {
		n.slots = make([]nameSlot, nameSlots)
		n.since = 1
	}
	if n.kind == kind {
		return
	}
	n.kind = kind
	if n.since++; n.since == 0 { // all numbers were given
		clear(n.slots)
		n.since = 1
	}
}

// slot returns the place of a name of at most maxName bytes.
func (n *cleanNames) slot(name []byte) *nameSlot {
	return &n.slots[wordset.Key(name)*0x9E3779B97F4A7C15>>48&(nameSlots-1)]
}

// has returns what is known of a name, nil if it is not in the set.
func (n *cleanNames) has(name []byte) *nameSlot {
	if len(name) > maxName {
		return nil
	}
	if s := n.slot(name); s.since == n.since && string(s.name[:s.size]) == string(name) {
		return s
	}
	return nil
}

// add remembers a name, and what looking at it took: what else an item is worth must not hang on whether the name was known.
func (n *cleanNames) add(name []byte, work, judged int) {
	if len(name) > maxName {
		return
	}
	s := n.slot(name)
	s.since, s.work, s.judged = n.since, int32(min(work, math.MaxInt32)), uint16(min(judged, math.MaxUint16)) //nolint:gosec // bounded
	s.size = uint8(copy(s.name[:], name))                                                                     //nolint:gosec // at most maxName
}
