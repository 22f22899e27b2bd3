package content

import (
	"encoding/binary"
	"math/bits"
)

// markSet finds where one of several short strings stands, in one pass over bytes of any kind. To look for each of ten
// with bytes.Index takes a millisecond for a MiB of noise, in which the first byte of each stands 4,096 times. A markSet
// asks for pairs of bytes at every second place, and takes a fifth of that for any number of strings. The zero value finds
// nothing; a set that is not added to any more may be used from many goroutines.
type markSet struct {
	// pairs is not 0 for each pair that stands at an even place where one of the strings does, without the two lowest bits of
	// its first byte: the whole table is in the fastest memory of a processor then.
	pairs [1 << 14]uint8
	first [256]uint32 // a bit for each of the strings that begin with a byte
	marks []string
}

// add adds a string of two bytes or more. Strings are numbered as they are added.
func (m *markSet) add(s string) {
	k := len(m.marks)
	m.marks = append(m.marks, s)
	m.first[s[0]] |= 1 << k
	m.set(s[0], s[1]) // it begins at the even place
	if len(s) > 2 {
		m.set(s[1], s[2]) // in front of it
		return
	}
	for before := range 256 {
		m.set(byte(before), s[0])
	}
}

func (m *markSet) set(a, b byte) {
	m.pairs[pairOf(uint64(a)|uint64(b)<<8)] = 1
}

// pairOf returns the place in the table of the pair that the lowest 16 bits are.
func pairOf(x uint64) uint64 { return x >> 2 & 0x3fff }

// each calls f for each of the strings, by its number, and each place at which it stands, in the order of the places, until
// it returns false.
func (m *markSet) each(data []byte, f func(at, mark int) bool) {
	t := &m.pairs
	from, i := 0, 0
	for ; i+8 <= len(data); i += 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		if t[x>>2&0x3fff]|t[x>>18&0x3fff]|t[x>>34&0x3fff]|t[x>>50] == 0 {
			continue
		}
		for at := i; at < i+8; at, x = at+2, x>>16 {
			if t[pairOf(x)] != 0 {
				if !m.around(data, at, from, f) {
					return
				}
				from = at + 2
			}
		}
	}
	for ; i+2 <= len(data); i += 2 {
		if t[pairOf(uint64(binary.LittleEndian.Uint16(data[i:])))] != 0 {
			if !m.around(data, i, from, f) {
				return
			}
			from = i + 2
		}
	}
}

// around looks at the place at which a pair stands, and at those beside it, as far as they are not in front of from.
func (m *markSet) around(data []byte, pair, from int, f func(at, mark int) bool) bool {
	for at := max(pair-1, from); at <= pair+1; at++ {
		for b := m.first[data[at]]; b != 0; b &= b - 1 {
			k := bits.TrailingZeros32(b)
			if s := m.marks[k]; len(s) <= len(data)-at && string(data[at:at+len(s)]) == s && !f(at, k) {
				return false
			}
		}
	}
	return true
}
