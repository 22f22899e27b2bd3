package pdf

import (
	"bytes"
	"slices"

	"icapd/cdr/kit"
)

// hidden looks at what the walk did not reach: objects that nothing refers to, older revisions, and what stands
// between and around the objects. Old revisions are how PDF is edited, and no reason to touch a document; something
// active in them, bytes that are no PDF, or data that nothing refers to, is.
func (f *file) hidden(w *walker) error {
	if w.changed {
		return nil // it is written anew, without any of that
	}
	w.here = 0
	if head := bytes.TrimPrefix(f.data[:f.base], []byte("\xef\xbb\xbf")); !padding(head) {
		w.found(vectorHidden, kit.ActionRemoved, "before the header")
	}
	if i := bytes.LastIndex(f.data, []byte("%%EOF")); i >= 0 && !padding(f.data[i+5:]) {
		w.found(vectorHidden, kit.ActionRemoved, "after the end")
	}
	if err := f.unreached(w); err != nil {
		return err
	}
	for num, c := range f.containers {
		if c != nil {
			w.here = num
			w.containerRest(num, c)
		}
	}
	for _, num := range f.broken {
		w.here = num
		w.found(vectorMalformed, kit.ActionRemoved, "an object that cannot be read")
	}
	if w.here = 0; w.changed {
		return nil
	}
	return f.uncovered(w)
}

// unreached looks at the objects that the tables have and that the walk did not come to.
func (f *file) unreached(w *walker) error {
	w.mark(f.trailer.get("Encrypt"))
	for _, t := range f.old {
		w.mark(t.get("Encrypt"))
		w.mark(t.get("Info"))
	}
	numbers := make([]int, 0, len(f.xref))
	for num, s := range f.xref {
		if !s.free {
			numbers = append(numbers, num)
		}
	}
	slices.Sort(numbers)
	f.edited = f.lastEdit()
	for i, num := range numbers {
		if i%256 == 0 && f.ctx.Err() != nil {
			return f.ctx.Err()
		}
		v := f.get(num)
		if f.fatal != nil {
			return f.fatal
		}
		if !w.isReached(num) {
			f.unreachedObject(w, num, v)
		}
	}
	return nil
}

func (f *file) unreachedObject(w *walker, num int, v object) {
	if s, ok := v.(*stream); ok && w.nameOf(s.dict, "Type") == "ObjStm" {
		if _, err := f.container(num); err != nil { // else it is looked at with the others
			f.fail(num, err)
		}
		return
	}
	w.here = num
	if vector := w.active(v); vector != "" {
		w.found(vectorUnreachable, kit.ActionRemoved, vector)
	} else if !w.signed && !f.earlier(num) && w.carries(v) {
		w.found(vectorUnreachable, kit.ActionRemoved, "data")
	}
}

// earlier reports whether an object stands in a revision before the last one: an edit took away what referred to it.
func (f *file) earlier(num int) bool {
	s := f.xref[num]
	if s == nil || s.packed || s.start == 0 || f.repaired {
		return false
	}
	return s.start < f.edited
}

// lastEdit returns where the revision before the last one ends, -1 if there is one revision.
func (f *file) lastEdit() int {
	last := bytes.LastIndex(f.data, []byte("%%EOF"))
	if last < 0 {
		return -1
	}
	return bytes.LastIndex(f.data[:last], []byte("%%EOF"))
}

// carries reports whether an object that nothing refers to holds data: a stream or a string. Of 404 documents without
// anything active none did, save for what programs leave behind that sign.
func (w *walker) carries(v object) bool {
	switch v := v.(type) {
	case text:
		return len(v) > 0
	case array:
		return slices.ContainsFunc(v, w.carries)
	case *dict:
		return slices.ContainsFunc(v.list(), w.carries)
	case *stream:
		if w.nameOf(v.dict, "Type") == "XRef" {
			return false
		}
		_, isHint := v.dict.get("S").(integer) // of a linearized file (annex F.4)
		return !isHint || !w.isLinearized()
	}
	return false
}

// isLinearized reports whether the first object of the file says so.
func (w *walker) isLinearized() bool {
	head := w.f.data[w.f.base:]
	return bytes.Contains(head[:min(len(head), 1024)], []byte("/Linearized"))
}

// containerRest looks at the objects of an object stream that are not the current ones of their numbers.
func (w *walker) containerRest(num int, c *container) {
	for i, n := range c.numbers {
		if s := w.f.xref[n]; s != nil && s.packed && s.at == num {
			continue
		}
		v, err := w.f.packedObject(c, i)
		if err != nil {
			continue
		}
		if vector := w.active(v); vector != "" {
			w.found(vectorRevision, kit.ActionRemoved, vector)
		}
	}
}

// uncovered looks at the bytes of the file that belong to no current object.
func (f *file) uncovered(w *walker) error {
	spans := slices.Clone(f.startxrefs)
	for _, s := range f.xref {
		if s.to > s.start {
			spans = append(spans, span{s.start, s.to})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	spans = append(spans, span{len(f.data), len(f.data)})
	pos, comments := f.base, 0
	for _, s := range spans {
		if s.from > pos {
			if err := f.sweep(pos, s.from, w.oldObject, func(g span) bool {
				comments += w.between(g)
				return !w.changed
			}); err != nil {
				return err
			}
		}
		pos = max(pos, s.to)
		if w.changed {
			return nil
		}
	}
	if comments > maxComments {
		w.found(vectorHidden, kit.ActionRemoved, "comments")
	}
	if f.repaired {
		w.insideStreams()
	}
	return nil
}

// insideStreams looks for objects in the data of streams. The tables of this file are wrong, so that readers look for
// the objects, and some of them look there, too.
func (w *walker) insideStreams() {
	for num, slot := range w.f.xref {
		s, ok := slot.value.(*stream)
		if !ok || slot.packed {
			continue
		}
		for at := 0; ; {
			i := bytes.Index(s.raw[at:], []byte("obj"))
			if i < 0 {
				break
			}
			if headerBefore(s.raw, at+i, 0) >= 0 {
				w.here = num
				w.found(vectorMalformed, kit.ActionNeutralised, "cross-references were wrong, and a stream holds what looks like objects")
				return
			}
			at += i + 3
		}
	}
}

// maxComments is more than writers say about themselves, in bytes.
const maxComments = 4096

// maxBlank is how much white space writers leave between two objects; what is more can hold something, as comments can.
const maxBlank = 64

// remarks returns how many bytes of comments there are in white space, and of white space beyond maxBlank: a line end behind
// each of many objects is neither.
func remarks(b []byte) (n int) {
	blank := len(b)
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			break
		}
		length := bytes.IndexAny(b[i:], "\r\n")
		if length < 0 {
			length = len(b) - i
		}
		n += length
		b = b[i+length:]
	}
	return n + max(0, blank-n-maxBlank)
}

// oldObject looks at an object of an older revision.
func (w *walker) oldObject(o parsed, err error) bool {
	if err != nil {
		return true // what it is made of is looked at as what stands between objects
	}
	w.here = o.num
	defer func() { w.here = 0 }()
	vector := w.active(o.value)
	if s, ok := o.value.(*stream); ok && vector == "" && w.nameOf(s.dict, "Type") == "ObjStm" {
		if c, err := w.f.readContainer(s); err == nil {
			w.containerRest(-1, c)
			return !w.changed
		}
		vector = vectorMalformed
	}
	if vector != "" {
		w.found(vectorRevision, kit.ActionRemoved, vector)
	}
	return !w.changed
}

// between looks at what stands between objects: white space, comments, cross-reference tables and trailers. It
// returns how many bytes of comments there are, as remarks counts them.
func (w *walker) between(g span) (comments int) {
	p := &parser{data: w.f.data[:g.to], pos: g.from}
	tables := false
	for {
		start := p.pos
		p.space()
		comments += remarks(p.data[start:p.pos])
		if remark(p.data[start:p.pos], start < w.f.base+maxHeader) {
			w.found(vectorHidden, kit.ActionRemoved, "a comment")
			return comments
		}
		if p.pos >= g.to {
			return comments
		}
		switch {
		case p.accept("xref"):
			p.table()
			tables = true
		case p.accept("trailer"):
			tables = true
			if w.stray(p, g.to) {
				p.table()
			}
			v, err := p.object()
			d, ok := v.(*dict)
			if err != nil || !ok {
				w.found(vectorHidden, kit.ActionRemoved, "between objects")
				return comments
			}
			for _, e := range d.entries {
				w.trailerKey(e)
			}
		case p.accept("startxref"):
			p.space()
			p.offset()
		case p.accept("endobj"), p.accept("endstream"):
		case p.mark(w.f.base):
		case tables && w.stray(p, g.to):
			p.table()
		default:
			w.found(vectorHidden, kit.ActionRemoved, "between objects")
			return comments
		}
	}
}

// ownComments are how the comments begin that writers leave between objects: the marks of the file and of its
// revisions, and what they say about themselves or about the object that follows.
var ownComments = []string{
	"PDF-", "%EOF", "QDF-", "% Original object ID: ", "% Contents for page ", "% Page ", "%Invocation: ", "%+ ", "%BeginPage", "%EndPage",
	"iText", " ReportLab generated PDF document",
}

// maxRemark is how long a comment of these may be; ghostscript's tells the command that it was started with.
const maxRemark = 1024

// remark reports whether between two objects there is a comment that no writer leaves there. Nobody reads it, and what
// somebody put there is not for the readers of a document.
func remark(b []byte, head bool) bool {
	for line := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = bytes.Trim(line, "\x00\t\f ")
		if len(line) < 2 {
			continue
		}
		line = line[1:]
		isMark := head && line[0] >= 0x80 && len(line) <= 96 // that the file is binary (section 7.5.2)
		if !isMark && (len(line) > maxRemark || !slices.ContainsFunc(ownComments, func(s string) bool { return bytes.HasPrefix(line, []byte(s)) })) {
			return true
		}
	}
	return false
}

// Damage in tables is a letter or a word where a number was. Readers mend it. More than that is not damage.
const (
	strayWord  = 7
	strayInAll = 12
)

// stray skips a word in tables or trailers that should not be there, if it is too short to hold anything.
func (w *walker) stray(p *parser, to int) bool {
	start := p.pos
	p.space()
	from := p.pos
	for p.pos < to && isAlphanumeric(p.data[p.pos]) {
		p.pos++
	}
	n := p.pos - from
	if n == 0 || n > strayWord || w.strays+n > strayInAll {
		p.pos = start
		return false
	}
	w.strays += n
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// mark skips the few characters above ASCII behind the header that say the file is binary. They should be a comment.
func (p *parser) mark(header int) bool {
	start := p.pos
	for p.pos < header+24 && p.pos < len(p.data) && p.data[p.pos] >= 0x80 {
		p.pos++
	}
	return p.pos > start
}

// table skips the lines of a cross-reference table.
func (p *parser) table() {
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		if !isSpace(c) && (c < '0' || c > '9') && c != 'n' && c != 'f' {
			return
		}
		p.pos++
	}
}

func padding(b []byte) bool { return len(bytes.Trim(b, "\x00\t\r\n\f ")) == 0 }

// active returns the vector of the first active thing in an object that nothing is known about but its looks.
func (w *walker) active(v object) string {
	switch v := v.(type) {
	case array:
		for _, e := range v {
			if vector := w.active(e); vector != "" {
				return vector
			}
		}
	case *stream:
		if vector := w.activeStream(v.dict); vector != "" {
			return vector
		}
		return w.active(v.dict)
	case *dict:
		return w.activeDict(v)
	}
	return ""
}

func (w *walker) activeDict(d *dict) string {
	isElement := d.has("P") && (d.has("K") || d.has("Pg")) // of the structure tree
	if w.isAction(d) && !isElement {
		s := w.nameOf(d, "S")
		if vector := actionVectors[s]; vector != "" {
			return vector
		}
		if u, ok := w.f.resolve(d.get("URI")).(text); ok && !safeURI(u) {
			return vectorLink
		}
	}
	switch w.nameOf(d, "Type") {
	case "EmbeddedFile":
		return vectorEmbedded
	case "Rendition", "MediaClip":
		return vectorRendition
	case "NavNode":
		return vectorPresentation
	}
	if d.has("Rect") {
		if vector := annotVectors[w.nameOf(d, "Subtype")]; vector != "" {
			return vector
		}
	}
	if w.nameOf(d, "FS") == "URL" {
		return vectorFileURL
	}
	for _, e := range d.entries {
		if vector, ok := forbidden[e.key]; ok && !w.isNull(e.value) && !w.isFont(e.value) {
			return vector
		}
		switch e.value.(type) {
		case *dict, array:
			if vector := w.active(e.value); vector != "" {
				return vector
			}
		}
	}
	return ""
}

// isFont reports whether this is the value of a font's name and not of a key.
func (w *walker) isFont(v object) bool {
	d, ok := w.f.resolve(v).(*dict)
	return ok && w.nameOf(d, "Type") == "Font"
}

func (w *walker) activeStream(d *dict) string {
	_, short := w.f.resolve(d.get("F")).(name)
	switch subtype := w.nameOf(d, "Subtype"); {
	case d.has("F") && !short:
		return vectorExternal
	case subtype == "PS", w.nameOf(d, "Subtype2") == "PS":
		return vectorPostScript
	case subtype == "U3D", subtype == "PRC":
		return vector3D
	case w.nameOf(d, "Type") == "Sound":
		return vectorSound
	case subtype == "Form" && d.has("Ref"):
		return vectorReference
	}
	return ""
}
