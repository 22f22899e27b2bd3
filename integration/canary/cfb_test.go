package canary

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/richardlehane/mscfb"
)

// cfb is a compound file that is being changed: [MS-CFB], version 3, written the simple way.
type cfb struct {
	tb   testing.TB
	root *dirent
}

type dirent struct {
	name  string
	class [16]byte
	kids  []*dirent // nil for a stream
	dir   bool
	data  []byte

	id, left, right, child int32
	start                  int32
}

func openCompound(tb testing.TB, kind string) *cfb {
	tb.Helper()
	r, err := mscfb.New(bytes.NewReader(base(tb, kind)))
	if err != nil {
		tb.Fatal(err)
	}
	c := &cfb{tb: tb, root: &dirent{name: "Root Entry", dir: true}}
	for e, err := r.Next(); err == nil; e, err = r.Next() {
		if e.FileInfo().IsDir() {
			c.storage(append(slices.Clone(e.Path), rawName(e))...)
			continue
		}
		b, err := io.ReadAll(e)
		if err != nil {
			tb.Fatal(err)
		}
		c.put(b, append(slices.Clone(e.Path), rawName(e))...)
	}
	return c
}

// rawName is an entry's name with the control character that mscfb takes off.
func rawName(f *mscfb.File) string {
	if f.Initial > 0 && f.Initial < ' ' {
		return string(rune(f.Initial)) + f.Name
	}
	return f.Name
}

func (c *cfb) storage(path ...string) *dirent {
	at := c.root
	for _, name := range path {
		i := slices.IndexFunc(at.kids, func(k *dirent) bool { return k.name == name })
		if i < 0 {
			at.kids = append(at.kids, &dirent{name: name, dir: true})
			i = len(at.kids) - 1
		}
		at = at.kids[i]
	}
	return at
}

// put writes a stream: storages, then its name.
func (c *cfb) put(data []byte, path ...string) {
	last := path[len(path)-1]
	at := c.storage(path[:len(path)-1]...)
	at.kids = slices.DeleteFunc(at.kids, func(k *dirent) bool { return k.name == last })
	at.kids = append(at.kids, &dirent{name: last, data: data})
}

// get returns a stream of the root.
func (c *cfb) get(name string) []byte {
	for _, k := range c.root.kids {
		if k.name == name {
			return k.data
		}
	}
	c.tb.Fatalf("no stream %q", name)
	return nil
}

// swap replaces text in a stream, in UTF-16, by text of the same length: padded with spaces.
func (c *cfb) swap(stream, old, with string) {
	c.tb.Helper()
	c.swapBytes(stream, utf16le(old, false), utf16le(with+strings.Repeat(" ", len(old)-len(with)), false))
}

func (c *cfb) swapBytes(stream string, old, with []byte) {
	c.tb.Helper()
	data := c.get(stream)
	if len(old) != len(with) || !bytes.Contains(data, old) {
		c.tb.Fatalf("%s has no %q", stream, old)
	}
	c.put(bytes.ReplaceAll(data, old, with), stream)
}

const (
	sector   = 512
	noSector = -2 // the end of a chain
)

func (c *cfb) write() []byte {
	var entries []*dirent
	var number func(*dirent)
	number = func(d *dirent) {
		d.id, d.left, d.right, d.child, d.start = int32(len(entries)), -1, -1, -1, noSector
		entries = append(entries, d)
		slices.SortFunc(d.kids, func(a, b *dirent) int {
			if n := len(utf16le(a.name, false)) - len(utf16le(b.name, false)); n != 0 {
				return n
			}
			return strings.Compare(strings.ToUpper(a.name), strings.ToUpper(b.name))
		})
		for _, k := range d.kids {
			number(k)
		}
	}
	number(c.root)
	for _, e := range entries {
		e.child = tree(e.kids)
	}
	var body, mini []byte
	var fat, miniFat []int32
	chain := func(table *[]int32, n int) int32 {
		first := int32(len(*table))
		for i := range n {
			next := first + int32(i) + 1
			if i == n-1 {
				next = noSector
			}
			*table = append(*table, next)
		}
		if n == 0 {
			return noSector
		}
		return first
	}
	big := func(data []byte) int32 {
		n := (len(data) + sector - 1) / sector
		body = append(body, pad(data, sector)...)
		return chain(&fat, n)
	}
	for _, e := range entries {
		switch {
		case e.dir || len(e.data) == 0:
		case len(e.data) < 4096:
			e.start = chain(&miniFat, (len(e.data)+63)/64)
			mini = append(mini, pad(e.data, 64)...)
		default:
			e.start = big(e.data)
		}
	}
	c.root.start = big(mini)
	var table []byte
	for _, n := range miniFat {
		table = binary.LittleEndian.AppendUint32(table, uint32(n))
	}
	miniAt, miniSectors := big(padWith(table, sector, 0xFF)), (len(table)+sector-1)/sector
	var dir []byte
	for _, e := range entries {
		dir = append(dir, e.record(int32(len(mini)))...)
	}
	dirAt := big(dir)
	fatSectors := 1
	for (len(fat)+fatSectors)*4 > fatSectors*sector {
		fatSectors++
	}
	fatAt := int32(len(fat))
	for range fatSectors {
		fat = append(fat, -3)
	}
	table = nil
	for _, n := range fat {
		table = binary.LittleEndian.AppendUint32(table, uint32(n))
	}
	body = append(body, padWith(table, sector, 0xFF)...)
	head := make([]byte, sector)
	copy(head, cfbHead)
	le := binary.LittleEndian
	for i, v := range map[int]uint16{24: 0x3E, 26: 3, 28: 0xFFFE, 30: 9, 32: 6} {
		le.PutUint16(head[i:], v)
	}
	for i, v := range map[int]int32{44: int32(fatSectors), 48: dirAt, 56: 4096, 60: miniAt, 64: int32(miniSectors), 68: noSector} {
		le.PutUint32(head[i:], uint32(v))
	}
	for i := range 109 {
		v := int32(-1)
		if i < fatSectors {
			v = fatAt + int32(i)
		}
		le.PutUint32(head[76+4*i:], uint32(v))
	}
	return slices.Concat(head, body)
}

// tree links sorted entries as a balanced tree and returns its root.
func tree(kids []*dirent) int32 {
	if len(kids) == 0 {
		return -1
	}
	m := len(kids) / 2
	kids[m].left, kids[m].right = tree(kids[:m]), tree(kids[m+1:])
	return kids[m].id
}

func (d *dirent) record(miniSize int32) []byte {
	b := make([]byte, 128)
	name := utf16le(d.name, false)
	copy(b, name)
	le := binary.LittleEndian
	le.PutUint16(b[64:], uint16(len(name)+2))
	kind, size := byte(2), int32(len(d.data))
	if d.dir {
		kind, size = 1, 0
	}
	if d.id == 0 {
		kind, size = 5, miniSize
	}
	if d.dir && d.id != 0 {
		d.start = 0
	}
	b[66], b[67] = kind, 1
	for i, v := range map[int]int32{68: d.left, 72: d.right, 76: d.child, 116: d.start, 120: size} {
		le.PutUint32(b[i:], uint32(v))
	}
	copy(b[80:], d.class[:])
	return b
}

func pad(b []byte, n int) []byte { return padWith(b, n, 0) }

func padWith(b []byte, n int, with byte) []byte {
	b = slices.Clone(b)
	for len(b)%n != 0 {
		b = append(b, with)
	}
	return b
}
