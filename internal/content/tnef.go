package content

import (
	"context"
	"encoding/binary"
	"errors"
	"path"
	"strconv"

	"icapd/scan"
)

// tnefFormat is a winmail.dat (MS-OXTNEF): attachments and the message body of Outlook.
type tnefFormat struct{}

// Attributes that hold contents or begin an attachment.
const (
	tnefAttachTitle = 0x00018010
	tnefAttachData  = 0x0006800f
	tnefAttachRend  = 0x00069002
	tnefAttachProps = 0x00069005
	tnefMessageBody = 0x0002800c
	tnefProps       = 0x00069003
)

// tnefHead is what stands in front of an attribute's data: level, id and length, in bytes. Behind it is a checksum of two.
const (
	tnefHead = 9
	tnefTail = 2
)

// tnefAttr is where the data of an attribute stand; of none there are none.
type tnefAttr struct{ at, size int64 }

// tnefFile is an attachment, or the text of the message: how the child that it is stands in the file.
type tnefFile struct {
	name              string
	title, data, more tnefAttr // more has properties, which may name the file once more
}

var errTNEF = errors.New("too long for an attribute")

func (tnefFormat) open(w *walk, n *node) error {
	b := n.item.Blob
	t := tnefWalk{w: w, n: n, names: nameSet{}}
	for at := int64(6); at+tnefHead <= b.Size(); {
		h := readAt(b, at, tnefHead)
		a := tnefAttr{at: at + tnefHead, size: int64(binary.LittleEndian.Uint32(h[5:]))}
		at = a.at + a.size + tnefTail
		if at > b.Size()+tnefTail {
			return firstErr(t.flush(), &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort})
		}
		if err := t.attribute(binary.LittleEndian.Uint32(h[1:]), a); err != nil {
			return err
		}
	}
	return t.flush()
}

// tnefWalk gathers what belongs to one attachment: its title may come before or behind its data.
type tnefWalk struct {
	w     *walk
	n     *node
	names nameSet
	file  tnefFile
	count int
}

func (t *tnefWalk) attribute(id uint32, a tnefAttr) error {
	switch id {
	case tnefAttachRend:
		return t.flush()
	case tnefAttachTitle:
		t.file.title = a
		t.file.name = entryName(cString(readAt(t.n.item.Blob, a.at, int(min(a.size, maxName)))))
	case tnefAttachData:
		if err := t.flush(); err != nil {
			return err
		}
		t.file.data = a
	case tnefAttachProps:
		t.file.more = a
		return t.properties(a)
	case tnefProps:
		return t.properties(a)
	case tnefMessageBody:
		return t.take(tnefFile{name: "body.txt", data: a})
	}
	return nil
}

func (t *tnefWalk) flush() error {
	if t.file.data.size == 0 {
		return nil
	}
	t.count++
	if t.file.name == "" {
		t.file.name = "attachment" + strconv.Itoa(t.count)
	}
	err := t.take(t.file)
	t.file = tnefFile{}
	return err
}

// take takes a file in.
func (t *tnefWalk) take(f tnefFile) error {
	t.names.check(t.w.t, t.n, f.name, scan.Span{Start: f.data.at, End: f.data.at})
	if f.data.size <= 0 {
		return nil
	}
	c := child{segment: segment(f.name), name: path.Base(f.name), ref: f}
	if err := t.w.enter(t.n, c.segment); err != nil {
		return skipped(err)
	}
	sec := newSection(t.n.item.Blob, f.data.at, f.data.size)
	c.blob, c.partial = sec, sec.n < f.data.size
	if c.partial {
		if err := t.w.fail(t.n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}); err != nil {
			return err
		}
	}
	return t.w.child(t.n, c)
}

// tnefBody are the properties (MS-OXPROPS) that hold what is shown, or a file, with the name that they get here.
var tnefBody = map[uint16]string{0x1000: "/body", 0x1013: "/body.html", 0x1009: "/body.rtf", 0x3701: "/object"}

// properties takes in what the properties of a message or of an attachment hold besides (MS-OXTNEF, section 2.1.3.4). They are
// not written.
func (t *tnefWalk) properties(a tnefAttr) error {
	p := mapiReader{p: readAt(t.n.item.Blob, a.at, int(min(a.size, maxMAPI)))}
	for left := p.number(); left > 0 && !p.bad; left-- {
		for id, v := range p.property {
			name, known := tnefBody[id]
			if len(v) < minEmbedded || !known && !knownMagic(v) {
				continue
			}
			c := child{segment: name, blob: scan.Bytes(v), attached: true}
			if !known {
				c.segment = "/property" + strconv.FormatUint(uint64(id), 16)
			}
			if err := t.w.enter(t.n, c.segment); err != nil {
				return skipped(err)
			}
			if err := t.w.child(t.n, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxMAPI bounds the properties that are read, in bytes.
const maxMAPI = 64 << 20

// mapiReader reads properties one by one. What cannot be read ends it.
type mapiReader struct {
	p   []byte
	bad bool
}

func (m *mapiReader) take(n uint32) []byte {
	if uint64(n) > uint64(len(m.p)) {
		m.p, m.bad = nil, true
		return nil
	}
	v := m.p[:n]
	m.p = m.p[n:]
	return v
}

func (m *mapiReader) number() uint32 {
	if v := m.take(4); len(v) == 4 {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// padded takes a value with what fills it up to four bytes.
func (m *mapiReader) padded(n uint32) []byte {
	v := m.take(n)
	m.take(min(-n&3, uint32(len(m.p)))) //nolint:gosec // at most three
	return v
}

// mapiObject is what an object begins with: the identifier of its interface.
const mapiObject = 16

// property reads the next property and yields its id with each of its values that has a length of its own.
func (m *mapiReader) property(yield func(id uint16, value []byte) bool) {
	head := m.number()
	kind, id := uint16(head), uint16(head>>16) //nolint:gosec // its halves
	if id >= 0x8000 {                          // named
		m.take(16)
		if m.number() == 0 {
			m.take(4)
		} else {
			m.padded(m.number())
		}
	}
	count := uint32(1)
	switch kind &^ 0x1000 {
	case 0x1e, 0x1f, 0x0d, 0x102:
		count = m.number()
	default:
		if kind&0x1000 != 0 {
			count = m.number()
		}
	}
	for ; count > 0 && !m.bad; count-- {
		switch kind &^ 0x1000 {
		case 0x1e, 0x1f, 0x0d, 0x102:
			v := m.padded(m.number())
			if kind == 0x0d {
				v = v[min(mapiObject, len(v)):]
			}
			if !yield(id, v) {
				return
			}
		case 0x05, 0x06, 0x07, 0x14, 0x40:
			m.take(8)
		case 0x48:
			m.take(16)
		default:
			m.take(4)
		}
	}
}

// patches implements splicer. Properties of a file that has changed go: they say what it was called, and how large it was.
func (tnefFormat) patches(_ context.Context, _ *Tree, n *node) ([]patch, error) {
	var out []patch
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		f, ok := k.ref.(tnefFile)
		if !ok {
			return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type}
		}
		data, err := k.current().Bytes()
		if err != nil {
			return nil, err
		}
		if int64(len(data)) > 1<<31 {
			return nil, errTNEF
		}
		out = append(out, f.data.with(data))
		if k.newName != "" && f.title.at > 0 {
			out = append(out, f.title.with(append([]byte(k.newName), 0)))
		}
		if f.more.at > 0 {
			out = append(out, patch{start: f.more.at - tnefHead, end: f.more.at + f.more.size + tnefTail})
		}
	}
	return out, nil
}

// with is the patch that gives an attribute other data, with their length in front and their checksum behind.
func (a tnefAttr) with(data []byte) patch {
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	fresh := binary.LittleEndian.AppendUint32(nil, uint32(len(data))) //nolint:gosec // checked by who calls
	fresh = binary.LittleEndian.AppendUint16(append(fresh, data...), sum)
	return patch{start: a.at - 4, end: a.at + a.size + tnefTail, with: scan.Bytes(fresh)}
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
