package content

import (
	"bytes"
	"context"
	"encoding/ascii85"
	"encoding/base32"
	"fmt"
	"io"
	"mime/quotedprintable"

	"icapd/scan"
)

// Encodings of a field's value that are rarer than base64 and hex. What is in them is put back by an edit of the field,
// because the field's format may have to escape what they are written with.

// rare is one of them.
type rare uint8

const (
	rareBase32  rare = iota + 1 // RFC 4648, section 6
	rareASCII85                 // as PostScript and PDF write it, between <~ and ~>
	rareQuoted                  // quoted-printable in the middle of a text (RFC 2045, section 6.7)
	rareEscapes                 // "\x41", "\u0041", "\101" as programs write them
)

// String returns the word in paths.
func (r rare) String() string {
	return [...]string{"", "base32", "ascii85", "quoted-printable", "escapes"}[r]
}

// rarePiece is where one stands in a value.
type rarePiece struct {
	from, to int
	kind     rare
}

// maxRare bounds the pieces of one value: they are put back by writing the value anew.
const maxRare = 64

// rarely takes in what is encoded rarely in one field.
func (w *walk) rarely(n *node, d doc, fl *scan.Field) error {
	v := fl.Value
	for pos, count := 0, 0; pos < len(v); count++ {
		p, ok := nextRare(v, pos)
		if !ok {
			return nil
		}
		pos = p.to
		if err := w.rarePiece(n, d, fl, p, count); err != nil {
			return skipped(err)
		}
	}
	return nil
}

// rarePiece takes in one piece, of which there were so many in the value before it.
func (w *walk) rarePiece(n *node, d doc, fl *scan.Field, p rarePiece, count int) error {
	v := fl.Value
	seg := fl.Path() + "(" + p.kind.String() + ")"
	if count > 0 {
		seg = fmt.Sprintf("%s(%s:%d)", fl.Path(), p.kind, count+1)
	}
	if count >= maxRare {
		return w.fail(n.item.Path+fl.Path(), &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries})
	}
	if err := w.enter(n, seg); err != nil {
		return err
	}
	ref := revealedRef{span: fl.Span, joined: d.joined || len(v) > maxRareValue, kind: p.kind}
	if !ref.joined {
		ref.before, ref.after = bytes.Clone(v[:p.from]), bytes.Clone(v[p.to:])
	}
	return w.unpack(n, child{segment: seg, ref: ref}, p.kind.reader(v[p.from:p.to]), nil)
}

// maxRareValue bounds the values that are held to be written anew.
const maxRareValue = 1 << 20

// nextRare finds the next piece of a value.
func nextRare(v []byte, pos int) (rarePiece, bool) {
	if pos == 0 {
		if isBase32(bytes.TrimSpace(v)) {
			from := leadingSpace(v)
			return rarePiece{from, from + len(bytes.TrimSpace(v)), rareBase32}, true
		}
		if isQuoted(v) {
			return rarePiece{0, len(v), rareQuoted}, true
		}
	}
	a, okA := nextASCII85(v, pos)
	e, okE := nextEscapes(v, pos)
	if okA && (!okE || a.from < e.from) {
		return a, true
	}
	return e, okE
}

// isBase32 reports whether a value is base32 of something worth a look. The alphabet is a part of that of base64, of
// which hardly any text does without its small letters.
func isBase32(p []byte) bool {
	if len(p) < minEmbedded {
		return false
	}
	text := bytes.TrimRight(p, "=\r\n")
	chars, upper, lower := 0, false, false
	for _, c := range text {
		switch {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c == '\r' || c == '\n':
			continue
		case c < '2' || c > '7':
			return false
		}
		if upper && lower {
			return false
		}
		chars++
	}
	pad := bytes.Count(p[len(text):], []byte{'='})
	switch chars % 8 {
	case 1, 3, 6:
		return false
	}
	if pad > 0 && ((chars+pad)%8 != 0 || pad > 6) {
		return false
	}
	var head [headBytes]byte
	k, _ := io.ReadFull(base32Reader(text[:min(len(text), 2*headBytes)]), head[:])
	return worth(head[:k], chars, 1<<30)
}

// base32Reader decodes text without padding; it may have lines.
func base32Reader(text []byte) io.Reader {
	return base32.NewDecoder(base32.StdEncoding.WithPadding(base32.NoPadding), &spaceSkipper{p: text, upper: true})
}

// nextASCII85 finds what stands between <~ and ~>.
func nextASCII85(v []byte, pos int) (rarePiece, bool) {
	if pos == 0 && bytes.IndexByte(v, '~') < 0 {
		return rarePiece{}, false // as in most values
	}
	for to := pos; ; {
		i := bytes.Index(v[pos:], []byte("<~"))
		if i < 0 {
			return rarePiece{}, false
		}
		from := pos + i
		pos = from + 2
		if to < pos { // an end that was found is that of all beginnings in front of it
			if i = bytes.Index(v[pos:], []byte("~>")); i < 0 {
				return rarePiece{}, false
			}
			to = pos + i
		}
		if to-from >= minEmbedded && isASCII85(v[pos:to]) {
			return rarePiece{from, to + 2, rareASCII85}, true
		}
	}
}

// isASCII85 reports whether all signs may stand in it. Another beginning has one that may not.
func isASCII85(p []byte) bool {
	for _, c := range p {
		if (c < '!' || c > 'u') && c != 'z' && !isSpace(c) {
			return false
		}
	}
	return true
}

// minQuoted is how many escapes make a text quoted-printable.
const minQuoted = 4

// isQuoted reports whether a text is quoted-printable: it has lines that are broken softly, and hardly any sign "=" that
// is neither that nor an escape.
func isQuoted(v []byte) bool {
	escapes, soft, other := 0, 0, 0
	for i := bytes.IndexByte(v, '='); i >= 0; {
		rest := v[i:]
		switch {
		case len(rest) > 1 && rest[1] == '\n', len(rest) > 2 && rest[1] == '\r' && rest[2] == '\n':
			soft++
		case len(rest) > 2 && isUpperHex(rest[1]) && isUpperHex(rest[2]):
			escapes++
		default:
			other++
		}
		next := bytes.IndexByte(v[i+1:], '=')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return soft > 0 && escapes >= minQuoted && other <= escapes/8
}

func isUpperHex(c byte) bool { return c-'0' <= 9 || c >= 'A' && c <= 'F' }

// minEscapes is how many escapes in a row are worth a look.
const minEscapes = minEmbedded

// nextEscapes finds a row of escapes.
func nextEscapes(v []byte, pos int) (rarePiece, bool) {
	for {
		i := bytes.IndexByte(v[pos:], '\\')
		if i < 0 {
			return rarePiece{}, false
		}
		from := pos + i
		to, count := from, 0
		for {
			_, n := programEscape(v[to:])
			if n == 0 {
				break
			}
			to += n
			count++
		}
		if count >= minEscapes {
			return rarePiece{from, to, rareEscapes}, true
		}
		pos = max(to, from+1)
	}
}

// programEscape decodes the numeric escape that p begins with; n is 0 if it is none.
func programEscape(p []byte) (r rune, n int) {
	switch {
	case len(p) < 4 || p[0] != '\\':
		return 0, 0
	case p[1] == 'x' || p[1] == 'u':
		return yamlEscape(p)
	}
	for _, c := range p[1:4] {
		if c < '0' || c > '7' {
			return 0, 0
		}
		r = r<<3 | rune(c-'0')
	}
	return r & 0xff, 4
}

// escapesReader undoes escapes: each is a byte, or a character if it is none.
type escapesReader struct {
	p   []byte
	out []byte
}

// Read implements io.Reader.
func (e *escapesReader) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) {
		if len(e.out) == 0 {
			r, k := programEscape(e.p)
			if k == 0 {
				break
			}
			if e.p = e.p[k:]; r < 0x100 {
				e.out = []byte{byte(r)} //nolint:gosec // it fits
			} else {
				e.out = []byte(string(r))
			}
		}
		k := copy(dst[n:], e.out)
		n, e.out = n+k, e.out[k:]
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// reader decodes a piece.
func (r rare) reader(p []byte) io.Reader {
	switch r {
	case rareBase32:
		return corruptReader{base32Reader(bytes.TrimRight(p, "=\r\n"))}
	case rareASCII85:
		return corruptReader{ascii85.NewDecoder(bytes.NewReader(p[2 : len(p)-2]))}
	case rareQuoted:
		return &quotedReader{p: p}
	case rareEscapes:
		return &escapesReader{p: p}
	}
	return bytes.NewReader(p)
}

// encode writes a blob in this way.
func (r rare) encode(ctx context.Context, dst *bytes.Buffer, b scan.Blob) error {
	var enc io.WriteCloser
	switch r {
	case rareBase32:
		enc = base32.NewEncoder(base32.StdEncoding, dst)
	case rareASCII85:
		dst.WriteString("<~")
		defer dst.WriteString("~>")
		enc = ascii85.NewEncoder(dst)
	case rareQuoted:
		enc = quotedprintable.NewWriter(dst)
	case rareEscapes:
		enc = nopCloser{escapesWriter{dst}}
	default:
		enc = nopCloser{dst}
	}
	if err := copyBlob(ctx, enc, b); err != nil {
		return err
	}
	return enc.Close()
}

// escapesWriter writes each byte as an escape.
type escapesWriter struct{ w io.Writer }

// Write implements io.Writer.
func (e escapesWriter) Write(p []byte) (int, error) {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 4*len(p))
	for _, c := range p {
		out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// percentURIs takes in data: URIs that stand percent-encoded as a whole, as in the query of another URI, and returns where
// they stood.
func (w *walk) percentURIs(n *node, f fielder, d doc, fl *scan.Field) (taken []scan.Span, err error) {
	v := fl.Value
	if bytes.IndexByte(v, '%') < 0 {
		return nil, nil // as most values
	}
	for pos, count := 0, 0; ; count++ {
		i := bytes.Index(v[pos:], []byte("base64%2"))
		if i < 0 || len(v)-pos-i < len("base64%2C")+minEmbedded {
			return taken, nil
		}
		from := pos + i + len("base64%2C")
		u := dataURI{from: from, base64: true}
		u.to = u.end(v)
		pos = max(from, u.to)
		if v[from-1]|0x20 != 'c' || u.to-u.from < minEmbedded {
			continue
		}
		if count >= maxRare || w.tooFar(d, fl, count) {
			return taken, w.fail(n.item.Path+fl.Path(), &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries})
		}
		if err := w.embed(n, f, d, fl, embedding{from: u.from, to: u.to, count: count, coding: percentCoding(v[u.from:u.to])}); err != nil {
			return taken, err
		}
		taken = append(taken, scan.Span{Start: int64(u.from), End: int64(u.to)})
	}
}

// patch writes new content for what is in a field, in the way of its format.
func (r revealedRef) patch(ctx context.Context, f fielder, d doc, k *node) ([]patch, error) {
	if r.joined {
		return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type}
	}
	if k.current().Size() > maxRareValue {
		return nil, fmt.Errorf("%w: a value of more than %d bytes", errEdit, maxRareValue)
	}
	b := &bytes.Buffer{}
	b.Write(r.before)
	if err := r.kind.encode(ctx, b, k.current()); err != nil {
		return nil, err
	}
	b.Write(r.after)
	return f.edits(ctx, d, []scan.Edit{{Span: r.span, Op: scan.EditSet, Value: b.Bytes()}})
}
