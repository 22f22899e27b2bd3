package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/richardlehane/mscfb"

	"icapd/internal/body"
	"icapd/scan"
)

// oleFormat is a compound file (MS-CFB): documents of old Office versions, Outlook mails, installers. Every
// stream is an item; the source of VBA macros and the files in OLE packages are items below them.
type oleFormat struct{}

// maxOLEStreams bounds the streams whose names are read.
const maxOLEStreams = 20_000

// maxOLEGain is how many times the file's size its streams may be together: each has sectors of its own, and text becomes
// longer by half at most when it is read. Thousands may be made to lead to the same sectors.
const maxOLEGain = 2

var (
	errOLEStreams = errors.New("more streams than are read")
	errOLEShared  = errors.New("streams share the bytes that they are made of")
)

func (oleFormat) open(w *walk, n *node) error {
	d, err := mscfb.New(n.item.Blob)
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	if len(d.File) > maxOLEStreams {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errOLEStreams}
	}
	titles := attachTitles(d)
	size := int64(0)
	for _, f := range d.File {
		if f.Size <= 0 || f.FileInfo().IsDir() {
			continue
		}
		before := len(n.kids)
		if stop := w.oleStream(n, f, titles); stop != nil {
			return stop
		}
		for _, k := range n.kids[before:] {
			size += k.item.Blob.Size()
		}
		if size > maxOLEGain*n.item.Blob.Size() {
			return &scan.Gap{Reason: scan.ReasonLimit, Limit: body.LimitRatio, Err: errOLEShared}
		}
	}
	return nil
}

// Property streams of Outlook mails (MS-OXMSG): a tag and a type, 001F being UTF-16.
const (
	msgProperty = "__substg1.0_"
	msgAttach   = "3701"
	msgLongName = "3707"
	msgName     = "3704"
)

// attachTitles reads the file names of a mail's attachments, by the storage that they are in.
func attachTitles(d *mscfb.Reader) map[string]string {
	titles := map[string]string{}
	for _, f := range d.File {
		tag, ok := strings.CutPrefix(f.Name, msgProperty)
		if !ok || len(tag) < 8 || f.Size > 1024 || (tag[:4] != msgLongName && tag[:4] != msgName) {
			continue
		}
		p, _ := io.ReadAll(io.LimitReader(f, 1024)) //nolint:forbidigo // limited
		key := strings.Join(f.Path, "/")
		if titles[key] == "" || tag[:4] == msgLongName {
			titles[key] = oleString(p, strings.HasSuffix(tag, "001F"))
		}
	}
	for _, f := range d.File {
		_, _ = f.Seek(0, io.SeekStart)
	}
	return titles
}

func oleString(p []byte, wide bool) string {
	if !wide {
		return entryName(cString(p))
	}
	u := make([]uint16, len(p)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(p[2*i:])
	}
	return strings.TrimRight(string(utf16.Decode(u)), "\x00")
}

func (w *walk) oleStream(n *node, f *mscfb.File, titles map[string]string) error {
	dir := strings.Join(f.Path, "/")
	var seg strings.Builder
	for _, p := range f.Path {
		seg.WriteString(segment(p))
	}
	c := child{segment: seg.String() + segment(f.Name), name: f.Name}
	if tag, ok := strings.CutPrefix(f.Name, msgProperty); ok {
		c.attached = strings.HasPrefix(tag, msgAttach)
		switch {
		case c.attached && titles[dir] != "":
			c.name = titles[dir]
			c.segment = seg.String() + segment(c.name)
		case strings.HasSuffix(tag, "001F"):
			c.ref = oleWide{}
		}
	}
	if f.Name == "EncryptedPackage" {
		return w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted})
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	blob, err := w.t.spool(w.ctx, corruptReader{io.LimitReader(f, f.Size)}, nil)
	c.blob, c.partial = blob, err != nil
	if stop := w.fail(n.item.Path+c.segment, err); stop != nil {
		return stop
	}
	if len(f.Path) == 0 && oleEncrypted(f.Name, blob) {
		if stop := w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}); stop != nil {
			return stop
		}
	}
	if _, ok := c.ref.(oleWide); ok {
		return w.oleText(n, c)
	}
	if err := w.child(n, c); err != nil {
		return err
	}
	return w.oleInside(n.kids[len(n.kids)-1])
}

// oleEncrypted reports whether the main stream of a document says that the document is encrypted: the flag in
// the head of Word's (MS-DOC, section 2.5.2), a FILEPASS record in Excel's (MS-XLS, section 2.4.117), the token
// of PowerPoint's current user (MS-PPT, section 2.3.2). Programs find streams without regard to case (MS-CFB, section
// 2.6.4), and FILEPASS is looked for in all of the workbook's globals: not all readers mind where in them it stands.
func oleEncrypted(stream string, blob scan.Blob) bool {
	p, err := blob.Bytes()
	if err != nil {
		return false // the caller has said so
	}
	switch strings.ToLower(stream) {
	case "worddocument":
		return len(p) > 12 && p[0] == 0xec && p[1] == 0xa5 && p[11]&1 != 0
	case "current user":
		return len(p) > 16 && binary.LittleEndian.Uint32(p[12:]) == 0xf3d1c4df
	case "workbook", "book":
		const filePass, eof = 0x2f, 0x0a
		for len(p) >= 4 {
			id, size := binary.LittleEndian.Uint16(p), int(binary.LittleEndian.Uint16(p[2:]))
			if id == filePass || id == eof {
				return id == filePass
			}
			p = p[min(4+size, len(p)):]
		}
	}
	return false
}

// oleWide marks a stream that is a text in UTF-16.
type oleWide struct{}

// oleText takes in a text property as UTF-8.
func (w *walk) oleText(n *node, c child) error {
	data, err := c.blob.Bytes()
	if err != nil {
		return err
	}
	sp := w.t.group.New(0, "")
	_, err = io.WriteString(sp, oleString(data, true))
	sp.Finish(err)
	c.blob, c.ref = sp, nil
	if err != nil {
		return err
	}
	return w.child(n, c)
}

// oleInside takes in what a stream has inside: macros and packaged files.
func (w *walk) oleInside(k *node) error {
	data, err := k.item.Blob.Bytes()
	if err != nil {
		return w.fail(k.item.Path, err)
	}
	if k.item.Name == "Ole10Native" { // the library leaves the control character in front out
		return w.olePackage(k, data)
	}
	for pos, count := 0, 1; ; {
		i := bytes.Index(data[pos:], vbaStart)
		if i < 0 {
			return nil
		}
		at := pos + i - 3
		pos += i + len(vbaStart)
		if at < 0 || data[at] != 1 {
			continue
		}
		if count > maxModules {
			return w.fail(k.item.Path, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errModules})
		}
		src, more := decompressVBA(data[at:])
		if len(src) == 0 {
			continue
		}
		c := child{segment: "(vba)", name: k.item.Name + ".vba"}
		if count > 1 {
			c.segment = "(vba:" + numbered(count) + ")"
		}
		count++
		if err := w.inner(k, c, src); err != nil {
			return err
		}
		if more {
			return w.fail(k.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errModules})
		}
	}
}

// vbaStart is what the source of a module begins with, behind the head of its first chunk: what has it may stand in front of
// the source that counts.
var vbaStart = []byte("\x00Attribut")

// maxModules bounds the sources that are looked for in one stream, which has one.
const maxModules = 16

var errModules = errors.New("more source of macros than is looked at")

// inner takes in bytes that were decoded from a node.
func (w *walk) inner(n *node, c child, data []byte) error {
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	return w.unpack(n, c, bytes.NewReader(data), nil)
}

// olePackage takes the file out of an OLE package: size, flags, label, path, and then the file (MS-OLEDS).
func (w *walk) olePackage(k *node, data []byte) error {
	if len(data) < 8 {
		return nil
	}
	p := data[6:]
	var label string
	for i := range 2 { // label and file name
		end := bytes.IndexByte(p, 0)
		if end < 0 {
			return nil
		}
		if i == 0 {
			label = entryName(string(p[:end]))
		}
		p = p[end+1:]
	}
	if len(p) < 8 {
		return nil
	}
	n := int64(binary.LittleEndian.Uint32(p[4:])) // length of the temporary path
	if n > int64(len(p))-12 {
		return nil
	}
	p = p[8+n:]
	size := min(int64(binary.LittleEndian.Uint32(p)), int64(len(p)-4))
	name := lastElem(label)
	if err := w.enter(k, segment(name)); err != nil {
		return skipped(err)
	}
	off := int64(len(data)-len(p)) + 4
	return w.child(k, child{segment: segment(name), name: name, blob: newSection(k.item.Blob, off, size), attached: true})
}

// maxVBA bounds the source of one module.
const maxVBA = 16 << 20

// decompressVBA decodes a CompressedContainer (MS-OVBA, section 2.4.1) as far as it is valid, and reports whether there is
// more than is decoded.
func decompressVBA(p []byte) (out []byte, more bool) {
	p = p[1:]
	for len(p) >= 2 && len(out) < maxVBA {
		head := binary.LittleEndian.Uint16(p)
		size := int(head&0x0fff) + 3
		if head>>12&7 != 3 {
			return out, false
		}
		chunk := p[2:min(size, len(p))]
		p = p[min(size, len(p)):]
		if head&0x8000 == 0 {
			out = append(out, chunk...)
			continue
		}
		out = appendVBAChunk(out, chunk)
	}
	return out, len(p) >= 2
}

func appendVBAChunk(out, chunk []byte) []byte {
	start := len(out)
	for len(chunk) > 0 {
		flags := chunk[0]
		chunk = chunk[1:]
		for bit := 0; bit < 8 && len(chunk) > 0; bit++ {
			if flags>>bit&1 == 0 {
				out = append(out, chunk[0])
				chunk = chunk[1:]
				continue
			}
			if len(chunk) < 2 {
				return out
			}
			token := binary.LittleEndian.Uint16(chunk)
			chunk = chunk[2:]
			bitCount := 4
			for 1<<bitCount < len(out)-start {
				bitCount++
			}
			if bitCount > 12 {
				return out
			}
			length := int(token&(0xffff>>bitCount)) + 3
			from := len(out) - int(token>>(16-bitCount)) - 1
			if from < start {
				return out
			}
			for i := range length {
				out = append(out, out[from+i])
			}
		}
	}
	return out
}
