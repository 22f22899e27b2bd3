package kit

import (
	"bytes"
	"context"
	"encoding/binary"

	"icapd/internal/pattern"
)

// Metafile reports whether bytes begin like a Windows metafile, with or without the placeable header, or an enhanced one.
func Metafile(data []byte) bool {
	for _, magic := range []string{"\xd7\xcd\xc6\x9a", "\x01\x00\x09\x00\x00\x03", "\x02\x00\x09\x00\x00\x03", "\x01\x00\x09\x00\x00\x01"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return isEMF(data)
}

func isEMF(data []byte) bool {
	return len(data) >= 88 && binary.LittleEndian.Uint32(data) == 1 && string(data[40:44]) == " EMF"
}

// CleanMetafile returns a metafile ([MS-EMF], [MS-WMF]) without what its comments and escapes hold for programs that are
// not asked to draw it (whole documents, often), and without what follows its last record. What comments draw stays:
// EMF+, and the same picture in the other form of metafile or as a PDF, if nothing has to be taken out of it either.
// Nothing changed if the result is as long as the input. Records are read up to one that is broken, as readers draw them:
// what follows it goes, and the picture ends there. It is not ok if not even the first record behind the header is whole.
func CleanMetafile(ctx context.Context, job *Job, data []byte) (out []byte, ok bool) {
	c := metafileCleaner{ctx: ctx, job: job}
	return c.clean(data)
}

// metafileCleaner cleans one metafile and those in it.
type metafileCleaner struct {
	ctx   context.Context
	job   *Job
	depth int
}

// maxMetafiles is how many metafiles are inside each other where programs write two forms of one picture.
const maxMetafiles = 2

func (c *metafileCleaner) clean(data []byte) (out []byte, ok bool) {
	if isEMF(data) {
		return c.cleanEMF(data)
	}
	return c.cleanWMF(data)
}

// clear reports whether there is nothing to take out of a metafile that is in another one.
func (c *metafileCleaner) clear(data []byte) bool {
	if c.depth >= maxMetafiles || !Metafile(data) {
		return false
	}
	c.depth++
	out, ok := c.clean(data)
	c.depth--
	return ok && len(out) == len(data)
}

// clearPDF reports the same of a PDF.
func (c *metafileCleaner) clearPDF(data []byte) bool {
	before := len(c.job.Removals())
	r, err := c.job.Recurse(c.ctx, Document{Data: data, Type: "application/pdf"})
	c.job.Retract(before)
	return err == nil && !r.Changed()
}

// Records of enhanced metafiles ([MS-EMF] 2.3).
const (
	emfEOF     = 14
	emfComment = 70
	emfHeader  = 88 // the size of the oldest kind of header
	emfLast    = 122
	emfMost    = 0x4000 // EMF+ begins there: what looks like a record of a higher kind is none
)

// cleanEMF drops comments that do not draw, and what follows the last record.
func (c *metafileCleaner) cleanEMF(data []byte) ([]byte, bool) {
	le := binary.LittleEndian
	out := make([]byte, 0, len(data))
	records := uint32(0)
	for pos, read := 0, 0; ; read++ {
		kind, size := uint32(0), 0
		if len(data)-pos >= 8 {
			kind, size = le.Uint32(data[pos:]), int(le.Uint32(data[pos+4:]))
		}
		if size < 8 || size%4 != 0 || size > len(data)-pos || kind == 0 || kind > emfMost || read == 0 && size < emfHeader {
			if read < 2 {
				return nil, false
			}
			return endEMF(out, records, len(data)), true
		}
		r := data[pos : pos+size]
		pos += size
		switch {
		case kind == emfComment:
			r = plainPlus(r)
		case !emfKnown(kind) && (c.job.Mode == ModeRebuild || !plainNumbers(r[8:])): // nobody draws it
			continue
		default:
			r = fixedRecord(kind, r)
		}
		if kind == emfComment && !c.keepsComment(r[8:]) || kind != emfComment && !plainRecord(kind, r[8:]) {
			continue
		}
		out = append(out, r...)
		records++
		if kind != emfEOF {
			continue
		}
		if len(out) != len(data) {
			le.PutUint32(out[48:], uint32(len(out))) //nolint:gosec // G115: a part is not that long
			le.PutUint32(out[52:], records)
		}
		return out, true
	}
}

// endEMF ends an enhanced metafile behind its last whole record, of another length than it had.
func endEMF(out []byte, records uint32, before int) []byte {
	const end = 20
	le := binary.LittleEndian
	size := uint32(end)
	if len(out)+end == before {
		size += 4
	}
	for _, v := range []uint32{emfEOF, size, 0, 16} { // no palette
		out = le.AppendUint32(out, v)
	}
	out = append(out, make([]byte, size-end)...)
	out = le.AppendUint32(out, size)
	le.PutUint32(out[48:], uint32(len(out))) //nolint:gosec // G115: a part is not that long
	le.PutUint32(out[52:], records+1)
	return out
}

// Records of EMF+ ([MS-EMFPLUS] 2.1.1.1).
const (
	plusFirst   = 0x4001
	plusComment = 0x4003
	plusLast    = 0x403A
	plusHead    = 12 // bytes of the head of a record
	plusData    = 16 // where the records begin in a comment, behind its kind, its sizes and its name
)

// plainPlus returns a comment of EMF+ records without those that draw nothing: comments with words in them, and kinds
// that there are not. A comment of anything else, or whose records are not whole, is returned as it is.
func plainPlus(r []byte) []byte {
	le := binary.LittleEndian
	if len(r) < plusData || string(r[12:plusData]) != "EMF+" {
		return r
	}
	end := 12 + int64(le.Uint32(r[8:]))
	if end > int64(len(r)) || end < plusData {
		return r
	}
	out := append(make([]byte, 0, len(r)), r[:plusData]...)
	for b := r[plusData:end]; len(b) > 0; {
		if len(b) < plusHead {
			return r
		}
		kind, size := le.Uint16(b), int64(le.Uint32(b[4:]))
		if size < plusHead || size > int64(len(b)) {
			return r
		}
		if kind >= plusFirst && kind <= plusLast && (kind != plusComment || plainNumbers(b[plusHead:size])) {
			out = append(out, b[:size]...)
		}
		b = b[size:]
	}
	if int64(len(out)) == end {
		return r
	}
	le.PutUint32(out[8:], uint32(len(out)-12)) //nolint:gosec // G115: shorter than it was
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	le.PutUint32(out[4:], uint32(len(out))) //nolint:gosec // G115: shorter than it was
	return out
}

// pathName reports whether the name of a file, in a code page or in UTF-16, has a folder, drive or host in it.
func pathName(b []byte) bool { return bytes.ContainsAny(b, `\/:`) }

// Public comments of enhanced metafiles ([MS-EMF] 2.3.3.4).
const (
	commentMetafile = 0x80000001
	commentBegin    = 2
	commentEnd      = 3
	commentFormats  = 0x40000004
)

// numbers are what a comment may have of its own without a look: a few, and no text among them.
const numbers = 64

// words matches text that somebody could have put among numbers.
var words = pattern.MustCompile(`[A-Za-z0-9_./:-]{6}|(?:[A-Za-z0-9_./:-]\x00){5}`)

func plainNumbers(b []byte) bool { return len(b) <= numbers && !words.Match(b) }

// sizes is what Inkscape's writer of metafiles says of them: how large they are.
var sizes = pattern.MustCompile(`^(?:Screen|Drawing)=[0-9.]{1,12}x[0-9.]{1,12}px, [0-9.]{1,12}x[0-9.]{1,12}mm\x00*$`)

// keepsComment judges a comment, from its length on: EMF+, and public ones that draw or group, and the marks that
// programs set between records.
func (c *metafileCleaner) keepsComment(r []byte) bool {
	le := binary.LittleEndian
	if len(r) < 4 {
		return true // an empty one says nothing
	}
	n := le.Uint32(r)
	if int64(n) > int64(len(r)-4) || len(bytes.TrimLeft(r[4+n:], "\x00")) > 0 && len(r)-4-int(n) > 3 {
		return false
	}
	b := r[4 : 4+n]
	if len(b) < 8 || string(b[:4]) != "GDIC" {
		return bytes.HasPrefix(b, []byte("EMF+")) || plainNumbers(b) || sizes.Match(b)
	}
	switch rest := b[8:]; le.Uint32(b[4:]) {
	case commentBegin, commentEnd:
		return plainNumbers(rest)
	case commentMetafile: // version, checksum, flags, size
		return len(rest) >= 16 && le.Uint32(rest[8:]) == 0 && int64(le.Uint32(rest[12:])) == int64(len(rest)-16) && c.clear(rest[16:])
	case commentFormats: // where it is drawn, how many formats, and for each: what, version, size, place
		const head = 36
		if len(rest) < head || le.Uint32(rest[16:]) != 1 || string(rest[20:24]) != " FDP" || le.Uint32(rest[32:]) != 8+head {
			return false
		}
		size := int64(le.Uint32(rest[28:]))
		return size <= int64(len(rest)-head) && len(rest)-head-int(size) <= 3 && c.clearPDF(rest[head:head+size])
	}
	return false
}

// Records of Windows metafiles ([MS-WMF] 2.3).
const (
	wmfPlaceable = 22
	wmfHeader    = 18
	wmfEscape    = 0x0626
	wmfComment   = 15 // MFCOMMENT, among escapes
	wmfChunk     = 34 // in front of the bytes of an enhanced metafile, in an escape
	wmfMagic     = "WMFC\x01\x00\x00\x00\x00\x00\x01\x00"
)

// cleanWMF drops escapes to the printer, and what follows the last record.
func (c *metafileCleaner) cleanWMF(data []byte) ([]byte, bool) {
	le := binary.LittleEndian
	enhanced := c.enhanced(data)
	start := 0
	if bytes.HasPrefix(data, []byte("\xd7\xcd\xc6\x9a")) {
		start = wmfPlaceable
	}
	if len(data) < start+wmfHeader || le.Uint16(data[start+2:]) != wmfHeader/2 {
		return nil, false
	}
	out := append(make([]byte, 0, len(data)), data[:start+wmfHeader]...)
	for pos, read := start+wmfHeader, 0; ; read++ {
		words, kind := 0, uint16(0)
		if len(data)-pos >= 6 {
			words, kind = int(le.Uint32(data[pos:])), le.Uint16(data[pos+4:])
		}
		if words < 3 || words > (len(data)-pos)/2 {
			if read == 0 {
				return nil, false
			}
			out = endWMF(out, len(data))
			le.PutUint32(out[start+6:], uint32((len(out)-start)/2)) //nolint:gosec // G115: a part is not that long
			return out, true
		}
		r := data[pos : pos+2*words]
		pos += 2 * words
		if kind == wmfEscape && !plainEscape(r) && (!enhanced || !isChunk(r)) || c.job.Mode == ModeRebuild && !wmfKnown[kind] {
			continue
		}
		out = append(out, r...)
		if kind != 0 {
			continue
		}
		if len(out) != len(data) {
			le.PutUint32(out[start+6:], uint32((len(out)-start)/2)) //nolint:gosec // G115: a part is not that long
		}
		return out, true
	}
}

// endWMF ends a Windows metafile behind its last whole record, of another length than it had.
func endWMF(out []byte, before int) []byte {
	const end, noEffect = "\x03\x00\x00\x00\x00\x00", "\x04\x00\x00\x00\x02\x01\x01\x00" // text without a background, and none behind it
	if len(out)+len(end) == before {
		out = append(out, noEffect...)
	}
	return append(out, end...)
}

// plainEscape reports whether an escape is one of those that every program writes and that carry a number or two, without words:
// SETABORTPROC, which carried code, is not.
func plainEscape(r []byte) bool {
	const setAbort = 9
	if len(r) < 10 {
		return false
	}
	f := binary.LittleEndian.Uint16(r[6:])
	return f != setAbort && len(r) <= numbers && plainNumbers(r[10:])
}

// isChunk reports whether an escape carries a part of an enhanced metafile ([MS-WMF] 2.3.6.1).
func isChunk(r []byte) bool {
	return len(r) >= 10+wmfChunk && binary.LittleEndian.Uint16(r[6:]) == wmfComment && string(r[10:10+len(wmfMagic)]) == wmfMagic
}

// enhanced reports whether a Windows metafile carries the same picture as an enhanced one, from which nothing has to
// be taken: readers draw that, if they can.
func (c *metafileCleaner) enhanced(data []byte) bool {
	le := binary.LittleEndian
	start := wmfHeader
	if bytes.HasPrefix(data, []byte("\xd7\xcd\xc6\x9a")) {
		start += wmfPlaceable
	}
	var emf []byte
	chunks, total := uint32(0), uint32(0)
	for pos := start; len(data)-pos >= 6; {
		words := int(le.Uint32(data[pos:]))
		if words < 3 || words > (len(data)-pos)/2 {
			break
		}
		r := data[pos : pos+2*words]
		pos += 2 * words
		if le.Uint16(r[4:]) != wmfEscape || !isChunk(r) {
			continue
		}
		n := int64(le.Uint32(r[32:]))
		left, whole := le.Uint32(r[36:]), le.Uint32(r[40:])
		if n > int64(len(r)-10-wmfChunk) || int64(len(r)-10-wmfChunk)-n > 1 || le.Uint32(r[24:]) != 0 || whole != uint32(len(emf))+uint32(n)+left { //nolint:gosec // G115: a part is not that long
			return false
		}
		emf = append(emf, r[10+wmfChunk:10+wmfChunk+n]...)
		chunks, total = chunks+1, le.Uint32(r[28:])
	}
	return chunks > 0 && chunks == total && isEMF(emf) && c.clear(emf)
}
