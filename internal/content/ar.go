package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path"
	"strconv"
	"strings"

	"icapd/scan"
)

// arFormat is a Unix archive (ar(5)), as of libraries and Debian packages, with the long names of GNU and BSD.
type arFormat struct{}

// cpioFormat is a cpio archive in the formats "newc", "crc" and "odc", and the old binary one in either order of bytes.
type cpioFormat struct{}

// rpmFormat is an RPM package: its payload is a compressed cpio archive.
type rpmFormat struct{}

var errHeader = errors.New("a header that is not valid")

func (arFormat) open(w *walk, n *node) error {
	return counted(n, func() error { return w.ar(n) })
}

func (w *walk) ar(n *node) error {
	b := n.item.Blob
	var long []byte
	names := nameSet{}
	for at := int64(8); at < b.Size(); {
		h := readAt(b, at, 60)
		size, bad := strconv.ParseInt(strings.TrimSpace(string(h[min(48, len(h)):min(58, len(h))])), 10, 62)
		if len(h) < 60 || bad != nil || size < 0 || string(h[58:]) != "`\n" {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHeader}
		}
		name := strings.TrimRight(string(h[:16]), " ")
		data := at + 60
		at = data + size + size&1
		switch {
		case name == "//":
			long = readAt(b, data, int(min(size, 1<<20)))
			continue
		case name == "/" || name == "/SYM64/" || strings.HasPrefix(name, "__.SYMDEF"):
			continue
		case strings.HasPrefix(name, "#1/"):
			k, _ := strconv.Atoi(name[3:])
			k = max(0, min(k, int(min(size, 4096))))
			name = cString(readAt(b, data, k))
			data, size = data+int64(k), size-int64(k)
		case strings.HasPrefix(name, "/"):
			k, _ := strconv.Atoi(name[1:])
			name, _, _ = strings.Cut(string(long[min(max(k, 0), len(long)):]), "\n")
		}
		if stop := w.stored(n, strings.TrimSuffix(name, "/"), data, size, names); stop != nil {
			return stop
		}
	}
	return nil
}

// counted makes a walk into an archive leave a stock, which stored writes into. If the walk ends early there is none: nobody
// knows what is behind.
func counted(n *node, walk func() error) error {
	n.state = &stock{}
	err := walk()
	if err != nil {
		n.state = nil
	}
	return err
}

// stored takes in a member that stands in its archive as it is, and notes it in the node's stock, if that has one.
func (w *walk) stored(n *node, name string, data, size int64, names nameSet) error {
	names.check(w.t, n, name, scan.Span{Start: data, End: data})
	all, _ := n.state.(*stock)
	if size <= 0 {
		if all != nil {
			all.empty = append(all.empty, archived{name: name})
		}
		return nil
	}
	c := child{segment: segment(name), name: path.Base(name)}
	if all != nil {
		all.files++
		c.ref = archived{name: name}
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	sec := newSection(n.item.Blob, data, size)
	c.blob, c.partial = sec, sec.n < size
	if c.partial {
		if err := w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}); err != nil {
			return err
		}
	}
	return w.child(n, c)
}

var errShort = errors.New("shorter than its header says")

func (cpioFormat) open(w *walk, n *node) error {
	return counted(n, func() error { return w.cpio(n) })
}

func (w *walk) cpio(n *node) error {
	b := n.item.Blob
	names := nameSet{}
	for at := int64(0); at < b.Size(); {
		h, err := readCPIO(b, at)
		if err != nil {
			return err
		}
		if h.name == "TRAILER!!!" {
			return w.cpioRest(n, h.next)
		}
		switch h.mode & 0o170000 {
		case 0o040000:
			if all, _ := n.state.(*stock); h.name != "." {
				all.empty = append(all.empty, archived{name: strings.TrimPrefix(h.name, "./") + "/"})
			}
		case 0o120000:
			link(w.t, n, h.name, string(readAt(b, h.data, int(min(h.size, 4096)))), scan.Span{Start: at, End: h.data})
		case 0o100000:
			if stop := w.stored(n, strings.TrimPrefix(h.name, "./"), h.data, h.size, names); stop != nil {
				return stop
			}
		}
		at = h.next
	}
	return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
}

// cpioRest takes in what is behind the end of an archive and is not zero: the kernel of Linux unpacks one archive behind
// another, of which each may be packed.
func (w *walk) cpioRest(n *node, at int64) error {
	b := n.item.Blob
	for {
		p := readAt(b, at, tarBlock)
		rest := bytes.TrimLeft(p, "\x00")
		if len(p) == 0 {
			return nil
		}
		at += int64(len(p) - len(rest))
		if len(rest) > 0 {
			break
		}
	}
	const seg = "(behind)"
	n.state = nil // a zip could not have it
	if b.Size()-at < minEmbedded {
		return nil
	}
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	return w.child(n, child{segment: seg, blob: newSection(b, at, b.Size()), attached: true})
}

type cpioHeader struct {
	name             string
	mode             int64
	data, size, next int64
}

// cpioOldLen is the length of a header of the old binary format.
const cpioOldLen = 26

func readCPIO(b scan.Blob, at int64) (h cpioHeader, err error) {
	bad := &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHeader}
	p := readAt(b, at, 110)
	num := func(off, n, base int) int64 {
		if off+n > len(p) {
			err = bad
			return 0
		}
		v, perr := strconv.ParseInt(string(p[off:off+n]), base, 62)
		if perr != nil || v < 0 {
			err = bad
		}
		return v
	}
	var nameLen, align, head int64
	switch {
	case bytes.HasPrefix(p, []byte("07070")) && len(p) >= 110 && (p[5] == '1' || p[5] == '2'):
		h.mode, h.size, nameLen, align, head = num(14, 8, 16), num(54, 8, 16), num(94, 8, 16), 4, 110
	case bytes.HasPrefix(p, []byte("070707")) && len(p) >= 76:
		h.mode, h.size, nameLen, align, head = num(18, 6, 8), num(65, 11, 8), num(59, 6, 8), 1, 76
	case oldCPIOOrder(p) != nil && len(p) >= cpioOldLen:
		o := oldCPIOOrder(p)
		h.mode, nameLen, align, head = int64(o.Uint16(p[6:])), int64(o.Uint16(p[20:])), 2, cpioOldLen
		h.size = int64(o.Uint16(p[22:]))<<16 | int64(o.Uint16(p[24:]))
	default:
		return h, bad
	}
	if err != nil || nameLen > 4096 {
		return h, bad
	}
	h.name = cString(readAt(b, at+head, int(nameLen)))
	h.data = at + roundUp(head+nameLen, align)
	h.next = h.data + roundUp(h.size, align)
	return h, nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

func (rpmFormat) open(w *walk, n *node) error {
	b := n.item.Blob
	at := int64(96)
	for i := range 2 { // the signature and the header; the first is padded
		h := readAt(b, at, 16)
		if len(h) < 16 || !bytes.HasPrefix(h, []byte("\x8e\xad\xe8\x01")) {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHeader}
		}
		at += 16 + 16*int64(binary.BigEndian.Uint32(h[8:])) + int64(binary.BigEndian.Uint32(h[12:]))
		if i == 0 {
			at = roundUp(at, 8)
		}
	}
	return w.stored(n, "payload", at, b.Size()-at, nameSet{})
}
