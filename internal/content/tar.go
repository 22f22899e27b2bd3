package content

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"icapd/internal/body"
	"icapd/scan"
)

// tarFormat is a tar archive: v7, ustar, GNU, PAX.
type tarFormat struct{}

// tarMember is where a member stands.
type tarMember struct {
	data, size int64
	fixed      bool // it is sparse, or no member: it cannot be written

	head int64       // where the header begins that extends the member's own
	long *tar.Header // what both say; nil if there is none
}

const tarBlock = 512

var (
	errTarFixed = errors.New("a sparse file")
	errTarSize  = errors.New("too large for a tar header")
)

func (tarFormat) open(w *walk, n *node) error {
	in := &body.Counter{R: newReader(n.item.Blob)}
	r := tar.NewReader(in)
	names := nameSet{}
	end := int64(0) // of the member before
	for i := 0; ; i++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) && in.N > 0 {
			return w.tarRest(n, in.N)
		}
		if err != nil && h == nil {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
		}
		if i > w.t.w.limits.Entries {
			return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries}
		}
		m := tarMember{data: in.N, size: h.Size, head: end}
		end = in.N + roundUp(h.Size, tarBlock)
		if stop := w.tarMember(n, r, in, h, m, names); stop != nil {
			return stop
		}
	}
}

// tarRest takes in what stands behind the end of an archive, and another archive behind that: unpackers can be told to go on
// there (tar -i), whatever stands between the two.
func (w *walk) tarRest(n *node, at int64) error {
	b := n.item.Blob
	from := firstByte(b, at)
	if at = nextTar(b, roundUp(at, tarBlock)); at < 0 {
		at = b.Size()
	}
	for _, s := range []*section{newSection(b, from, at-from), newSection(b, at, b.Size()-at)} {
		if s.n < minEmbedded {
			continue
		}
		if err := w.enter(n, behindSegment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, child{segment: behindSegment, blob: s, ref: tarMember{fixed: true}}); err != nil {
			return err
		}
	}
	return nil
}

// nextTar returns where the next header of a tar archive stands, at or behind at, -1 if there is none.
func nextTar(b scan.Blob, at int64) int64 {
	var buf [64 * tarBlock]byte
	for ; at+tarBlock <= b.Size(); at += int64(len(buf)) {
		k, _ := b.ReadAt(buf[:], at)
		for i := 0; i+tarBlock <= k; i += tarBlock {
			if block := buf[i : i+tarBlock]; block[0] != 0 && isTar(block) {
				return at + int64(i)
			}
		}
	}
	return -1
}

func (w *walk) tarMember(n *node, r io.Reader, in *body.Counter, h *tar.Header, m tarMember, names nameSet) error {
	span := scan.Span{Start: max(0, in.N-tarBlock), End: in.N}
	names.check(w.t, n, h.Name, span)
	c := child{segment: segment(h.Name), name: path.Base(h.Name)}
	if err := w.paxRecords(n, h, c.segment); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return nil
	case tar.TypeSymlink, tar.TypeLink:
		link(w.t, n, h.Name, h.Linkname, span)
		return nil
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		w.t.hazard(n, hazard{rule: "archive-device", detail: "a device or pipe in an archive", severity: scan.Medium, span: span}, c.segment)
		return nil
	}
	if h.Size == 0 {
		return nil
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	if m.head < m.data-tarBlock {
		m.long = h
	}
	m.fixed = h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != ""
	c.ref = m
	if m.fixed {
		return w.unpack(n, c, corruptReader{r}, in) // the holes of a sparse file cost its sender nothing
	}
	have := min(m.size, max(0, n.item.Blob.Size()-m.data))
	c.blob, c.partial = newSection(n.item.Blob, m.data, have), have < m.size
	return w.child(n, c)
}

// paxRecords takes in what extended headers say besides what a tar header has: comments, attributes, whatever a writer
// likes.
func (w *walk) paxRecords(n *node, h *tar.Header, seg string) error {
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		value := h.PAXRecords[key]
		if len(value) < minReadable || key == "path" || key == "linkpath" || strings.HasPrefix(key, "GNU.sparse.") {
			continue
		}
		c := child{segment: seg + "(pax " + segment(key)[1:] + ")", blob: scan.Bytes(value), ref: tarMember{fixed: true}}
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, c); err != nil {
			return err
		}
	}
	return nil
}

// pack implements packer: all blocks are copied, but those of changed members and their headers.
func (tarFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	var at int64
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		m, _ := k.ref.(tarMember)
		if m.fixed {
			return &RebuildError{Path: k.item.Path, Type: k.item.Type, Err: errTarFixed}
		}
		head, from, err := m.header(n, k)
		if err != nil {
			return err
		}
		if err := copyRange(ctx, dst, n.item.Blob, at, from); err != nil {
			return err
		}
		if _, err := dst.Write(head); err != nil {
			return err
		}
		if err := copyBlob(ctx, dst, k.current()); err != nil {
			return err
		}
		if pad := -k.current().Size() & (tarBlock - 1); pad > 0 {
			if _, err := dst.Write(make([]byte, pad)); err != nil {
				return err
			}
		}
		at = m.data + (m.size+tarBlock-1)/tarBlock*tarBlock
	}
	return copyRange(ctx, dst, n.item.Blob, min(at, n.item.Blob.Size()), n.item.Blob.Size())
}

// header returns the header of a changed member, and where the one stands whose place it takes. One that is extended by others,
// which have the size or the name too, is written anew with them.
func (m *tarMember) header(n, k *node) (head []byte, from int64, err error) {
	sized := false
	if m.long != nil {
		_, sized = m.long.PAXRecords["size"]
	}
	if m.long == nil || k.newName == "" && !sized {
		head = readAt(n.item.Blob, m.data-tarBlock, tarBlock)
		return head, m.data - tarBlock, tarHeader(head, k)
	}
	fresh := &tar.Header{
		Typeflag: tar.TypeReg, Name: m.long.Name, Size: k.current().Size(), Mode: m.long.Mode, ModTime: m.long.ModTime,
		Uid: m.long.Uid, Gid: m.long.Gid, Uname: m.long.Uname, Gname: m.long.Gname,
	}
	if k.newName != "" {
		fresh.Name = renamed(m.long.Name, k.newName)
	}
	var out bytes.Buffer
	err = tar.NewWriter(&out).WriteHeader(fresh)
	return out.Bytes(), m.head, err
}

// tarHeader writes the new size, and name if it is short, and the checksum into a header block.
func tarHeader(head []byte, k *node) error {
	size := k.current().Size()
	if len(head) < tarBlock || size > 0o77777777777 {
		return errTarSize
	}
	copy(head[124:136], fmt.Sprintf("%011o\x00", size))
	if name := k.newName; name != "" {
		old := cString(head[:100])
		if fresh := renamed(old, name); len(fresh) < 100 {
			clear(head[:100])
			copy(head, fresh)
		}
	}
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return nil
}

func cString(p []byte) string {
	for i, c := range p {
		if c == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
