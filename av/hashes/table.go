package hashes

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// denyKey is how many bytes of a digest a deny list keeps: enough that no other file has them by chance, and
// that none can be made to. An allow list keeps all, because there a pair of files that agree in 16 bytes
// could be worth 2^64 tries to somebody.
const denyKey = 16

// table is a sorted set of keys of one width, each with a number. It is written first and only read after
// freeze.
type table struct {
	width   int
	keys    []byte // width bytes an entry
	numbers []uint32
}

func (t *table) add(key []byte, number uint32) {
	t.keys = append(t.keys, key[:t.width]...)
	t.numbers = append(t.numbers, number)
}

func (t *table) key(i int) []byte { return t.keys[i*t.width : (i+1)*t.width] }

// Len, Less and Swap implement sort.Interface. Of equal keys the one that was named first comes first.
func (t *table) Len() int { return len(t.numbers) }

func (t *table) Less(i, j int) bool {
	a, b := t.key(i), t.key(j)
	if x, y := binary.BigEndian.Uint64(a), binary.BigEndian.Uint64(b); x != y {
		return x < y
	}
	if c := bytes.Compare(a, b); c != 0 {
		return c < 0
	}
	return t.numbers[i] < t.numbers[j]
}

func (t *table) Swap(i, j int) {
	var tmp [32]byte
	a, b := t.key(i), t.key(j)
	copy(tmp[:], a)
	copy(a, b)
	copy(b, tmp[:t.width])
	t.numbers[i], t.numbers[j] = t.numbers[j], t.numbers[i]
}

// freeze sorts the table, drops what is there twice, and gives back the memory that growing left over.
func (t *table) freeze() {
	sort.Sort(t)
	n := 0
	for i := range t.numbers {
		if n > 0 && bytes.Equal(t.key(i), t.key(n-1)) {
			continue
		}
		copy(t.key(n), t.key(i))
		t.numbers[n] = t.numbers[i]
		n++
	}
	t.keys = bytes.Clone(t.keys[:n*t.width])
	t.numbers = append(make([]uint32, 0, n), t.numbers[:n]...)
}

// find returns the number of a digest.
func (t *table) find(digest []byte) (uint32, bool) {
	if t.Len() == 0 {
		return 0, false
	}
	key := digest[:t.width]
	i, found := sort.Find(t.Len(), func(i int) int { return bytes.Compare(key, t.key(i)) })
	if !found {
		return 0, false
	}
	return t.numbers[i], true
}

// names gives equal pairs of list and name one number.
type names struct {
	text   []byte // the names, one after the other
	ends   []uint32
	lists  []uint16
	files  []string
	number map[nameKey]uint32 // while lists are read
}

type nameKey struct {
	list uint16
	name string
}

func (n *names) intern(list uint16, name string) uint32 {
	k := nameKey{list, name}
	if i, ok := n.number[k]; ok {
		return i
	}
	i := uint32(len(n.ends)) //nolint:gosec // add refuses more
	n.text = append(n.text, name...)
	n.ends = append(n.ends, uint32(len(n.text))) //nolint:gosec // add refuses more
	n.lists = append(n.lists, list)
	n.number[k] = i
	return i
}

func (n *names) get(i uint32) (file string, name []byte) {
	start := uint32(0)
	if i > 0 {
		start = n.ends[i-1]
	}
	return n.files[n.lists[i]], n.text[start:n.ends[i]]
}
