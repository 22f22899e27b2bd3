package content

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"icapd/internal/body"
	"icapd/internal/deflate"
	"icapd/scan"
)

// zipFormat is a zip archive and everything that is built on it: OOXML, ODF, jar, apk, epub.
type zipFormat struct{}

var (
	errZipLocal   = errors.New("the entry's data cannot be found")
	errZipOverlap = errors.New("the entry shares bytes with another one")
	errZipMethod  = errors.New("unknown compression method")
	errZipCRC     = errors.New("checksum or size of the entry is wrong")
	errEncrypted  = errors.New("encrypted")
	errZipWrite   = errors.New("an archive of which the directory cannot be read, or that has two")
	errZipWide    = errors.New("what was smaller than 4 GiB is larger")
)

func (zipFormat) open(w *walk, n *node) error {
	t := w.t
	d, err := readZipDir(n.item.Blob, t.w.limits.Entries)
	n.state = d
	if errors.Is(err, errZipEnd) {
		if stop := w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}); stop != nil {
			return stop
		}
		return zipStream(w, n)
	}
	if d.disagree {
		t.hazard(n, hazard{rule: "zip-mismatch", detail: "two end records name different directories: unpackers see different things", severity: scan.High}, "")
	}
	if d.findOverlaps() {
		t.hazard(n, hazard{rule: "zip-overlap", detail: "entries share bytes, as in a zip bomb", severity: scan.High}, "")
	}
	if d.after > 0 && d.after <= maxPadding && blankZeros(readAt(n.item.Blob, n.item.Blob.Size()-d.after, int(d.after))) {
		t.hazard(n, hazard{rule: "zip-padding", detail: "blanks behind the archive", severity: scan.Info}, "")
	} else if n.also == nil && (d.after > 0 || (d.base > 0 && findMagic(n.head()) == typeZip)) {
		t.hazard(n, hazard{rule: "zip-foreign-bytes", detail: "bytes in front of or behind the archive", severity: scan.Medium}, "")
	}
	names := nameSet{}
	for i := range d.entries {
		if stop := w.zipEntry(n, &d.entries[i], i, names); stop != nil {
			return stop
		}
	}
	if err := w.zipForeign(n, d); err != nil {
		return err
	}
	if err == nil && len(d.entries) > 0 {
		if stop := w.fail(n.item.Path, w.zipRest(n, d)); stop != nil {
			return stop
		}
	}
	if odfEncrypted(n) {
		return &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}
	}
	if err == nil && d.more {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries}
	}
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	return hiddenZip(w, n, d)
}

// odfEncrypted reports whether the manifest of an OpenDocument says that its members are encrypted (ODF 1.3,
// part 2, section 3.4): to zip they are ordinary members.
func odfEncrypted(n *node) bool {
	for _, k := range n.kids {
		if k.item.Name == "manifest.xml" && k.item.Blob.Size() < 1<<20 {
			data, err := k.item.Blob.Bytes()
			return err == nil && bytes.Contains(data, []byte("encryption-data"))
		}
	}
	return false
}

// zipForeign takes in what stands in front of an archive that begins like one, and behind it: another unpacker may take
// that for the archive.
func (w *walk) zipForeign(n *node, d *zipDir) error {
	b := n.item.Blob
	var parts []child
	if e, ok := streamEntry(b, 0); ok && n.also == nil && d.base > 0 && e.name != "" && e.data+e.packed <= d.base {
		parts = append(parts, child{segment: "(in front)", blob: newSection(b, 0, d.base)})
	}
	if d.after > 0 && (d.after > maxPadding || !blankZeros(readAt(b, b.Size()-d.after, int(d.after)))) {
		parts = append(parts, child{segment: "(behind)", blob: newSection(b, b.Size()-d.after, d.after)})
	}
	for _, c := range parts {
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, c); err != nil {
			return err
		}
	}
	return nil
}

// maxPadding is how many blanks behind an archive are taken for carelessness.
const maxPadding = 4096

func blankZeros(p []byte) bool {
	for _, c := range p {
		if c != 0 && !isSpace(c) {
			return false
		}
	}
	return true
}

// zipEntry takes one entry in.
func (w *walk) zipEntry(n *node, e *zipEntry, index int, names nameSet) error {
	name := entryName(e.name)
	span := scan.Span{Start: e.local, End: max(e.local, e.data)}
	names.check(w.t, n, name, span)
	if e.packed == 0 && e.size == 0 { // a folder, or an empty file
		return nil
	}
	seg := segment(name)
	if e.mismatch {
		w.t.hazard(n, hazard{
			rule: "zip-mismatch", severity: scan.Medium, span: span,
			detail: "local header and central directory disagree: unpackers see different things",
		}, seg)
	}
	gap := &scan.Gap{Reason: scan.ReasonCorrupt}
	switch {
	case e.data == 0:
		gap.Err = errZipLocal
	case e.overlaps:
		gap.Err = errZipOverlap
	case e.encrypted():
		gap.Reason, gap.Err = scan.ReasonEncrypted, errEncrypted
	default:
		c := child{segment: seg, name: path.Base(name), ref: index}
		if err := w.zipMember(n, e, c, span); err != nil || !e.mismatch || e.other == e.method {
			return err
		}
		return w.zipOther(n, *e, c)
	}
	return w.fail(n.item.Path+seg, gap)
}

// zipOther takes a member in as its local header says that it is packed, which is what streaming unpackers go by. It is
// one way of the two at most: what cannot be unpacked so is none.
func (w *walk) zipOther(n *node, e zipEntry, c child) error {
	e.method = e.other
	in := &body.Counter{R: newReader(newSection(n.item.Blob, e.data, e.packed))}
	r := io.Reader(in)
	if e.method != 0 {
		var err error
		if r, err = unzip(&e, in); err != nil {
			return nil //nolint:nilerr // no unpacker can
		}
	}
	buf := bufio.NewReader(r)
	if _, err := buf.Peek(16); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	c.segment += "(by its local header)"
	c.ref = nil
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	return w.unpack(n, c, buf, in)
}

func (w *walk) zipMember(n *node, e *zipEntry, c child, span scan.Span) error {
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	packed := newSection(n.item.Blob, e.data, e.packed)
	if e.method == 0 {
		if err := w.t.budget.Take(e.packed); err != nil {
			return w.fail(n.item.Path+c.segment, err)
		}
		c.blob = packed
		return w.child(n, c)
	}
	in := &body.Counter{R: newReader(packed)}
	r, err := unzip(e, in)
	if err != nil {
		return w.fail(n.item.Path+c.segment, err)
	}
	if e.host == 3 && e.attrs>>28 == 0xa { // a symbolic link of Unix
		target, _ := io.ReadAll(io.LimitReader(r, 4096)) //nolint:forbidigo // limited
		link(w.t, n, entryName(e.name), string(target), span)
		return nil
	}
	return w.unpack(n, c, &crcReader{r: r, want: e.crc, size: e.size}, in)
}

// unzip decodes a member by its compression method (section 4.4.5).
func unzip(e *zipEntry, r io.Reader) (io.Reader, error) {
	switch e.method {
	case 8:
		return corruptReader{deflate.NewReader(r)}, nil
	case 12:
		return stream(typeBzip2, r)
	case 14:
		return zipLZMA(r, e)
	case 93:
		return stream(typeZstd, r)
	case 95:
		return stream(typeXz, r)
	}
	return nil, &scan.Gap{Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%w %d", errZipMethod, e.method)}
}

// crcReader checks checksum and size at the end.
type crcReader struct {
	r    io.Reader
	sum  uint32
	n    int64
	want uint32
	size int64
}

// Read implements io.Reader.
func (c *crcReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	c.n += int64(n)
	if err == io.EOF && (c.sum != c.want || c.n != c.size) {
		err = &scan.Gap{Reason: scan.ReasonCorrupt, Err: errZipCRC}
	}
	return n, err
}

// zipStream reads a zip without a directory, local header by local header, as streaming unpackers do.
func zipStream(w *walk, n *node) error {
	names := nameSet{}
	for at, i := int64(0), 0; ; i++ {
		e, ok := streamEntry(n.item.Blob, at)
		if !ok {
			return nil
		}
		if e.flags&zipFlagDescriptor == 0 || e.packed > 0 {
			e.packed = min(e.packed, max(0, n.item.Blob.Size()-e.data))
			if err := w.zipEntry(n, &e, i, names); err != nil {
				return err
			}
			at = e.data + e.packed
			continue
		}
		if e.method != 8 || e.encrypted() {
			return nil // there is no telling where it ends
		}
		used, err := w.streamMember(n, &e, i)
		if err != nil {
			return err
		}
		at = e.data + used
		if d := readAt(n.item.Blob, at, 16); len(d) == 16 && string(d[:4]) == zipDescSig {
			at += 16
		}
	}
}

// streamEntry reads a local header.
func streamEntry(b scan.Blob, at int64) (zipEntry, bool) {
	h := readAt(b, at, zipLocalLen)
	if len(h) < zipLocalLen || string(h[:4]) != zipLocalSig {
		return zipEntry{}, false
	}
	e := zipEntry{
		local: at, flags: binary.LittleEndian.Uint16(h[6:]), method: binary.LittleEndian.Uint16(h[8:]),
		crc: binary.LittleEndian.Uint32(h[14:]), packed: int64(binary.LittleEndian.Uint32(h[18:])), size: int64(binary.LittleEndian.Uint32(h[22:])),
	}
	nameLen := int(binary.LittleEndian.Uint16(h[26:]))
	e.name = string(readAt(b, at+zipLocalLen, nameLen))
	e.data = at + zipLocalLen + int64(nameLen) + int64(binary.LittleEndian.Uint16(h[28:]))
	return e, true
}

// streamMember takes in a member of which only its own data says where it ends.
func (w *walk) streamMember(n *node, e *zipEntry, index int) (used int64, err error) {
	name := entryName(e.name)
	c := child{segment: segment(name), name: path.Base(name), ref: index}
	if err := w.enter(n, c.segment); err != nil {
		return 0, skipped(err)
	}
	in := &body.Counter{R: io.NewSectionReader(n.item.Blob, e.data, max(0, n.item.Blob.Size()-e.data))}
	buf := bufio.NewReader(in)
	err = w.unpack(n, c, corruptReader{deflate.NewReader(buf)}, in)
	return in.N - int64(buf.Buffered()), err
}

// hiddenZip looks for members that the directory does not name: streaming unpackers see them.
func hiddenZip(w *walk, n *node, d *zipDir) error {
	if len(d.entries) == 0 {
		if d.start > 0 && string(readAt(n.item.Blob, 0, 4)) == zipLocalSig {
			w.t.hazard(n, hazard{rule: "zip-hidden", detail: "a member that the directory does not name", severity: scan.High}, "")
			return zipStream(w, n)
		}
		return nil
	}
	known := make(map[int64]int64, len(d.entries))
	for i := range d.entries {
		known[d.entries[i].local] = d.entries[i].end
	}
	at := max(d.base, 0)
	for i := 0; i <= len(d.entries); i++ {
		end, ok := known[at]
		if !ok {
			break
		}
		if end <= at {
			return nil // unreadable: it was reported
		}
		at = end
	}
	if at < d.start && string(readAt(n.item.Blob, at, 4)) == zipLocalSig {
		if _, ok := known[at]; !ok {
			w.t.hazard(n, hazard{
				rule: "zip-hidden", detail: "a member that the directory does not name", severity: scan.High,
				span: scan.Span{Start: at, End: d.start},
			}, "")
		}
	}
	return nil
}

// pack implements packer: changed members are compressed anew, everything else is copied as it stands; then
// the directory, with offsets that fit.
func (zipFormat) pack(ctx context.Context, t *Tree, n *node, dst io.Writer) error {
	d, ok := n.state.(*zipDir)
	if !ok || d.disagree || d.more || len(d.entries) == 0 {
		return errZipWrite
	}
	changed, comments := map[int]*node{}, map[zipComment][]byte{}
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		if c, ok := k.ref.(zipComment); ok {
			data, err := k.current().Bytes()
			if err != nil || len(data) > 0xffff {
				return cmp.Or(err, errZipWide)
			}
			comments[c] = data
			continue
		}
		i, ok := k.ref.(int)
		if !ok { // it stands in front or behind, or is another reading of a member
			return &RebuildError{Path: k.item.Path, Type: k.item.Type}
		}
		if d.entries[i].overlaps {
			return errZipOverlap
		}
		changed[i] = k
	}
	z := zipWriter{t: t, d: d, src: n.item.Blob, changed: changed, comments: comments}
	return z.write(ctx, dst)
}
