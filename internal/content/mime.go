package content

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strconv"
	"strings"

	"icapd/scan"
)

// mimeFormat is a multipart body (RFC 2046, RFC 7578) or a mail (RFC 5322). Parts are items; header values
// are fields. It is tolerant in what it reads, and keeps every byte outside of what changes.
type mimeFormat struct{ mail bool }

// mimePart is a part's place in its parent.
type mimePart struct {
	entity   mimeEntity
	transfer string // Content-Transfer-Encoding, lower-case
	line     int    // length of the lines of base64
	eol      string
	boundary string
}

var (
	errNoBoundary = errors.New("multipart without a boundary")
	errUnclosed   = errors.New("the closing boundary is missing")
	errTransfer   = errors.New("unknown Content-Transfer-Encoding")
	errBoundary   = errors.New("the new content has the boundary in it")
)

// entity returns the entity that an item is: a mail has its own header, a multipart body has its header in
// the claim.
func (f mimeFormat) entity(d doc) (e mimeEntity, contentType string) {
	if !f.mail {
		return mimeEntity{body1: len(d.data)}, d.claimed
	}
	e = parseEntity(d.data, 0, mboxEnd(d.data, 0))
	contentType, _, _ = e.get(d.data, "content-type")
	return e, contentType
}

// boundaryOf returns the boundary of a multipart entity; if none is claimed, that of the first delimiter line.
func boundaryOf(contentType string, data []byte) string {
	if b := claimedParam(contentType, "boundary"); b != "" {
		return strings.TrimRight(b, " ")
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimRight(line, " \t\r")
	if len(line) > 2 && bytes.HasPrefix(line, []byte("--")) && len(line) <= 72 {
		return string(line[2:])
	}
	return ""
}

func isMultipart(contentType string) bool {
	return strings.HasPrefix(claimedType(contentType), "multipart/")
}

func (f mimeFormat) open(w *walk, n *node) error {
	d, err := w.t.doc(n.item, n.item.Blob)
	if err != nil {
		return err
	}
	e, contentType := f.entity(d)
	if err := f.parts(w, n, d, &e, contentType); err != nil || !f.mail {
		return err
	}
	return w.mailbox(n, d, e.body1)
}

// parts takes in the parts of an entity.
func (f mimeFormat) parts(w *walk, n *node, d doc, e *mimeEntity, contentType string) error {
	if f.mail && !isMultipart(contentType) {
		f.doubled(w, n, d, e)
		return w.part(n, d, mimePart{entity: *e}, 0)
	}
	boundary := boundaryOf(contentType, d.data[e.body0:e.body1])
	if boundary == "" {
		if f.mail {
			return w.whole(n, d, *e)
		}
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errNoBoundary}
	}
	f.doubled(w, n, d, e)
	if blank(d.data[e.body0:e.body1]) {
		return nil // a header alone
	}
	index, stop, first, last := 0, error(nil), e.body1, e.body0
	closed := splitParts(d.data, e.body0, e.body1, boundary, func(s mimeSpan) bool {
		index++
		first, last = min(first, s.start), s.end
		p := mimePart{entity: parseEntity(d.data, s.start, s.end), boundary: boundary}
		mimeFormat{}.doubled(w, n, d, &p.entity)
		stop = w.part(n, d, p, index)
		return stop == nil
	})
	if stop != nil {
		return stop
	}
	if err := w.around(n, d, e, mimeSpan{first, last}, boundary); err != nil {
		return err
	}
	if !closed {
		if index > 0 && !isForm(contentType) {
			w.t.hazard(n, hazard{
				rule: "mime-unclosed", severity: scan.Low, span: scan.Span{Start: int64(e.body0), End: int64(e.body1)},
				detail: "the closing boundary is missing: the last part goes to the end, as all readers of mail take it",
			}, "")
			return nil
		}
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errUnclosed}
	}
	return nil
}

// whole looks at the body of a mail that says it has parts, names no boundary, and has no line that could be one: there
// is nothing that a reader could take for a part, and it shows the text as it is. Where a coding hides what the lines
// are, it is a gap.
func (w *walk) whole(n *node, d doc, e mimeEntity) error {
	transfer, _, count := e.get(d.data, "content-transfer-encoding")
	switch strings.ToLower(strings.TrimSpace(withoutComments(transfer))) {
	case "", "7bit", "8bit":
	default:
		count = 2
	}
	if body := d.data[e.body0:e.body1]; count > 1 || bytes.HasPrefix(body, []byte("--")) || bytes.Contains(body, []byte("\n--")) {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errNoBoundary}
	}
	c := child{segment: partSegment("", "", 1), ref: mimePart{entity: e}}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	c.blob = newSection(n.item.Blob, int64(e.body0), int64(e.body1-e.body0))
	return w.child(n, c)
}

// isForm reports whether a multipart body is that of a form, whose readers refuse one that was cut off.
func isForm(contentType string) bool { return claimedType(contentType) == "multipart/form-data" }

// doubled reports headers that consumers disagree about when there are two.
func (mimeFormat) doubled(w *walk, n *node, d doc, e *mimeEntity) {
	for _, name := range []string{"content-type", "content-transfer-encoding", "content-disposition"} {
		if _, h, count := e.get(d.data, name); count > 1 {
			w.t.hazard(n, hazard{
				rule: "mime-duplicate-header", severity: scan.Medium, span: scan.Span{Start: int64(h.start), End: int64(h.end)},
				detail: fmt.Sprintf("%d %s headers: parsers disagree about which one counts", count, name),
			}, "/"+name)
		}
	}
}

// part takes one part in. Index 0 is the body of a mail without parts.
func (w *walk) part(n *node, d doc, p mimePart, index int) error {
	e := &p.entity
	contentType, _, _ := e.get(d.data, "content-type")
	disposition, _, _ := e.get(d.data, "content-disposition")
	transfer, _, _ := e.get(d.data, "content-transfer-encoding")
	p.transfer = strings.ToLower(strings.TrimSpace(withoutComments(transfer)))
	if claimedType(contentType) == "message/partial" { // RFC 2046, section 5.2.2: readers put it together again
		if err := w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonUnsupported, Err: errVolume}); err != nil {
			return err
		}
	}
	c := child{claimed: contentType, name: fileName(disposition, contentType)}
	c.segment = partSegment(claimedParam(disposition, "name"), c.name, index)
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	blob := newSection(n.item.Blob, int64(e.body0), int64(e.body1-e.body0))
	raw := d.data[e.body0:e.body1]
	switch p.transfer {
	case "", "7bit", "8bit", "binary", "none", "7-bit", "8-bit":
		c.blob, c.ref = blob, p
		return w.child(n, c)
	case "base64":
		p.line, p.eol = lineShape(raw)
		c.ref = p
		src := &mimeBase64{p: raw}
		if err := w.unpack(n, c, base64.NewDecoder(base64.StdEncoding, src), nil); err != nil {
			return err
		}
		return w.behindPadding(n, c, raw, behindSpan{e.body1 - len(src.p), e.body1})
	case "quoted-printable":
		_, p.eol = lineShape(raw)
		c.ref = p
		return w.unpack(n, c, &quotedReader{p: raw}, nil)
	case "x-uuencode", "uuencode", "x-uue", "x-yencode", "x-yenc", "yenc":
		c.ref = p // the text is opened as what it is
		c.blob = blob
		return w.child(n, c)
	}
	w.t.gap(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%w %.20q", errTransfer, p.transfer)})
	c.ref, c.blob = p, blob
	return w.child(n, c)
}

func partSegment(field, file string, index int) string {
	switch {
	case field != "" && file != "":
		return segment(field) + segment(file)
	case field != "" || file != "":
		return segment(field + file)
	case index == 0:
		return "/body"
	}
	return "/" + strconv.Itoa(index)
}

// lineShape returns the length of the first line and the line end in use.
func lineShape(raw []byte) (int, string) {
	i := bytes.IndexByte(raw, '\n')
	switch {
	case i < 0:
		return 0, "\r\n"
	case i > 0 && raw[i-1] == '\r':
		return i - 1, "\r\n"
	}
	return i, "\n"
}

// mimeBase64 reads base64 as RFC 2045, section 6.8 has it: all other characters are ignored. Text behind the
// padding is left out, as many mail readers do; see behindPadding.
type mimeBase64 struct {
	p    []byte
	done bool
	n    int
}

// Read implements io.Reader.
func (m *mimeBase64) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) && len(m.p) > 0 && !m.done {
		c := m.p[0]
		switch k := base64Kind[c]; k {
		case 1, 2, 4:
			dst[n] = c
			n++
			m.n++
			m.done = k == 4 && m.n%4 == 0
		}
		m.p = m.p[1:]
	}
	for !m.done && len(m.p) == 0 && n < len(dst) && m.n%4 > 1 { // padding that the sender forgot
		dst[n] = '='
		n++
		m.n++
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// corruptReader makes a parser's errors Gaps of reason "corrupt".
type corruptReader struct{ r io.Reader }

// Read implements io.Reader.
func (c corruptReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		if _, ok := errors.AsType[*scan.Gap](err); !ok {
			err = &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
		}
	}
	return n, err
}

// headerAt is the Locator of a header value.
type headerAt struct {
	part int
	name string
}

// AppendPath implements scan.Locator: "/PART/NAME", part 0 being the mail itself.
func (h *headerAt) AppendPath(dst []byte) []byte {
	if h.part > 0 {
		dst = strconv.AppendInt(append(dst, '/'), int64(h.part), 10)
	}
	return append(append(dst, '/'), segment(h.name)[1:]...)
}

// fields yields header values, unfolded.
func (f mimeFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	e, contentType := f.entity(d)
	at := &headerAt{}
	if !yieldHeaders(d.data, &e, at, yield) || (f.mail && !isMultipart(contentType)) {
		return nil
	}
	boundary := boundaryOf(contentType, d.data[e.body0:e.body1])
	if boundary == "" {
		return nil // open reports it
	}
	splitParts(d.data, e.body0, e.body1, boundary, func(s mimeSpan) bool {
		at.part++
		part := parseEntity(d.data, s.start, s.end)
		return yieldHeaders(d.data, &part, at, yield) && ctx.Err() == nil
	})
	return ctx.Err()
}

func yieldHeaders(data []byte, e *mimeEntity, at *headerAt, yield func(*scan.Field) bool) bool {
	f := scan.Field{Kind: scan.KindHeader, At: at}
	for i := range e.headers {
		h := &e.headers[i]
		at.name = h.name
		from, to := h.value1, h.value1
		if h.name == "content-type" {
			from, to = boundaryPlace(data, h.value0, h.value1)
		}
		for _, s := range [2]mimeSpan{{h.value0, from}, {to, h.value1}} {
			f.Value = data[s.start:s.end]
			if bytes.IndexByte(f.Value, '\n') >= 0 {
				f.Value = []byte(unfold(f.Value))
			}
			f.Span = scan.Span{Start: int64(s.start), End: int64(s.end)}
			if (s.end > s.start || s.start == h.value0) && !yield(&f) {
				return false
			}
		}
	}
	return true
}

// boundaryPlace returns where the boundary stands in a Content-Type, with its name and quotes. It is no field, nor a part
// of one: nobody shows it, what it looks like is chance ("===============1076=="), and without it there is no mail.
func boundaryPlace(data []byte, start, end int) (from, to int) {
	value := data[start:end]
	if len(value) > maxContentType || !isMultipart(string(value)) {
		return end, end
	}
	const name = "boundary="
	quoted := false
	for i := range value {
		switch c := value[i]; {
		case c == '"' && value[i-1] != '\\':
			quoted = !quoted
		case c != ';' || quoted:
		default:
			at := i + 1
			for at < len(value) && isSpace(value[at]) {
				at++
			}
			if len(value)-at > len(name) && strings.EqualFold(string(value[at:at+len(name)]), name) {
				return boundaryEnd(data, start+at, start+at+len(name), end)
			}
		}
	}
	return end, end
}

// boundaryEnd returns the place of a boundary whose value begins at to.
func boundaryEnd(data []byte, from, to, end int) (int, int) {
	if data[to] == '"' {
		if n := bytes.IndexByte(data[to+1:end], '"'); n >= 0 {
			return from, to + n + 2
		}
		return end, end
	}
	for to < end && data[to] != ';' && !isSpace(data[to]) {
		to++
	}
	return from, to
}

// maxContentType bounds the Content-Type in which a boundary is looked for.
const maxContentType = 4096

// edits implements fielder. A header that is dropped goes with its line.
func (f mimeFormat) edits(_ context.Context, d doc, edits []scan.Edit) ([]patch, error) { //nolint:unparam // the interface has the error
	patches := rawEdits(edits)
	for i := range edits {
		switch edits[i].Op {
		case scan.EditDrop:
			start, end := edits[i].Span.Start, edits[i].Span.End
			for start > 0 && d.data[start-1] != '\n' {
				start--
			}
			patches[i].start, patches[i].end = start, int64(lineEnd(d.data, int(end)))
		case scan.EditSet: // a line end would begin another header
			clean := bytes.Map(func(r rune) rune {
				if r == '\r' || r == '\n' || r == 0 {
					return ' '
				}
				return r
			}, edits[i].Value)
			patches[i].with = scan.Bytes(clean)
		case scan.EditNull:
		}
	}
	return oneALine(patches), nil
}

// oneALine joins patches that overlap: a line may have two fields, around a boundary, and goes once.
func oneALine(patches []patch) []patch {
	slices.SortStableFunc(patches, func(a, b patch) int { return cmp.Compare(a.start, b.start) })
	out := patches[:0]
	for _, p := range patches {
		if last := len(out) - 1; last >= 0 && p.start < out[last].end && (p.with == nil || out[last].with == nil) {
			out[last] = patch{start: out[last].start, end: max(out[last].end, p.end)}
			continue
		}
		out = append(out, p)
	}
	return out
}

// rawRange implements fielder: header values stand as they are.
func (mimeFormat) rawRange(_ []byte, from, to int) (int, int) { return from, to }

// style implements fielder.
func (mimeFormat) style(_ []byte, w io.Writer) io.Writer { return w }

// patches implements splicer.
func (f mimeFormat) patches(ctx context.Context, t *Tree, n *node) ([]patch, error) {
	d, err := t.doc(n.item, n.item.Blob)
	if err != nil {
		return nil, err
	}
	var out []patch
	written := 0 // the end of the last part that is written anew
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		if s, ok := k.ref.(behindSpan); ok && (k.current().Size() == 0 || s.end <= written) {
			if s.end > written { // else the part that it is behind is written anew, up to its end
				out = append(out, patch{start: int64(s.start), end: int64(s.end)})
			}
			continue
		}
		if s, ok := k.ref.(mimeSpan); ok {
			out = append(out, patch{start: int64(s.start), end: int64(s.end), with: k.current()})
			continue
		}
		p, ok := k.ref.(mimePart)
		if _, field := k.ref.(embedded); field {
			continue
		} else if !ok {
			return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type}
		}
		b, err := t.encodePart(ctx, k, &p)
		if err != nil {
			return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type, Err: err}
		}
		start, end := p.entity.body0, p.entity.body1
		written = end
		if p.transfer == "base64" { // blank lines around it are not its own
			start += leadingSpace(d.data[start:end])
			for end > start && isSpace(d.data[end-1]) {
				end--
			}
		}
		out = append(out, patch{start: int64(start), end: int64(end), with: b})
		out = append(out, renames(d.data, &p.entity, k)...)
	}
	return out, nil
}

// encodePart encodes a part's new content the way its old content was.
func (t *Tree) encodePart(ctx context.Context, k *node, p *mimePart) (scan.Blob, error) {
	blob := k.current()
	sp := t.group.New(0, "")
	var err error
	switch p.transfer {
	case "base64":
		err = coding{line: p.line, brk: p.eol}.encode(ctx, sp, sp, blob)
	case "quoted-printable":
		q := quotedprintable.NewWriter(newReplaceWriter(sp, eolPairs(p.eol)))
		q.Binary = !strings.HasPrefix(k.item.Type, "text/")
		if err = copyBlob(ctx, q, blob); err == nil {
			err = q.Close()
		}
	default:
		sp.Finish(nil)
		if p.boundary != "" {
			err = contains(blob, []byte("--"+p.boundary))
		}
		return blob, err
	}
	sp.Finish(err)
	return sp, err
}

func eolPairs(eol string) []string {
	if eol == "\n" {
		return []string{"\r\n", "\n"}
	}
	return nil
}

// contains fails if a blob has the needle in it.
func contains(b scan.Blob, needle []byte) error {
	data, err := b.Bytes()
	if err == nil && bytes.Contains(data, needle) {
		return errBoundary
	}
	return err
}

// renames changes the type and the file name in a part's header if its content has new ones.
func renames(data []byte, e *mimeEntity, k *node) []patch {
	var out []patch
	for _, h := range []string{"content-type", "content-disposition"} {
		value, line, _ := e.get(data, h)
		if line == nil {
			continue
		}
		fresh := value
		if h == "content-type" && k.newType != "" {
			fresh = retyped(value, k.newType)
		}
		if k.newName != "" && k.item.Name != "" {
			fresh = withName(fresh, k.item.Name, headerName(k.newName))
		}
		if fresh != value {
			out = append(out, patch{start: int64(line.value0), end: int64(line.value1), with: scan.Bytes(slices.Clone([]byte(fresh)))})
		}
	}
	return out
}

// retyped gives another media type to the value of a Content-Type. Parameters but the name stay only under a type of the same
// kind: what text has in the place of a part that is elsewhere must not say where that is.
func retyped(value, kind string) string {
	old, rest, found := strings.Cut(value, ";")
	main, _, _ := strings.Cut(kind, "/")
	if oldMain, _, _ := strings.Cut(strings.TrimSpace(old), "/"); found && strings.EqualFold(oldMain, main) {
		return kind + ";" + rest
	}
	if name := fileName("", value); name != "" {
		return cmp.Or(mime.FormatMediaType(kind, map[string]string{"name": headerName(name)}), kind)
	}
	return kind
}

// withName gives another name to a value, in the spelling that it has if the name stands in it as it is.
func withName(value, name, fresh string) string {
	if quoted := `"` + name + `"`; strings.Count(value, quoted) == 1 {
		return strings.Replace(value, quoted, `"`+fresh+`"`, 1)
	}
	if anew := nameAnew(value, fresh); anew != value || len(name) < 4 { // a short one may be found in anything
		return anew
	}
	return strings.ReplaceAll(value, name, fresh)
}

// nameAnew gives another name to a value that has one in pieces or in another alphabet (RFC 2231, RFC 2047). One that
// cannot be read, or has none, stays as it is.
func nameAnew(value, name string) string {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return value
	}
	named := false
	for _, key := range []string{"name", "filename"} {
		if _, ok := params[key]; ok {
			params[key], named = name, true
		}
	}
	if fresh := mime.FormatMediaType(kind, params); named && fresh != "" {
		return fresh
	}
	return value
}

// headerName makes a name that can stand in a quoted parameter.
func headerName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == '"' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}
