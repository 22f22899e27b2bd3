package pdf

import (
	"bytes"
	"context"
	"io"

	"icapd/cdr/kit"
)

// file is a PDF with the tables that say where its objects are. Objects are parsed when they are asked for, once.
type file struct {
	ctx  context.Context
	job  *kit.Job
	data []byte
	base int // where %PDF- is

	xref    map[int]*slot
	trailer *dict
	old     []*dict // trailers of older revisions
	sec     *security

	containers map[int]*container
	names      names

	inflater   io.ReadCloser
	endstream  [2]int // the last search for endstream: from, found
	work       int    // bytes parsed so far
	objects    int    // objects that the tables have and that were parsed so far
	values     int    // in arrays and dictionaries of those
	longest    int64  // that what is being decoded may become, 0 for what the limits allow
	places     int    // of objects that the tables name
	slots      []slot // that are free to be used
	parsed     int    // objects parsed so far, the others included
	depth      int    // objects that are being read
	unused     []int  // free entries of the table in hand
	startxrefs []span // cross-reference sections, as far as they were read
	repaired   bool   // the tables are not the file's own
	edited     int    // where the revision before the last one ends, -1 if there is none
	compressed bool   // there are object streams
	fatal      error  // what ended reading for good
	broken     []int  // objects that have no place or cannot be parsed
}

type span struct{ from, to int }

// slot is where an object is, and the object once it was parsed.
type slot struct {
	value     object
	at        int   // offset, or the number of the object stream
	start, to int   // bytes of the file, for objects that are not packed
	index     int32 // in the object stream
	out       int32 // its number in the output in its first role; 0 for none
	role      role  // that one
	state     uint8
	packed    bool // in an object stream
	free      bool
	reached   bool // it is used
}

const (
	slotUnread uint8 = iota
	slotReading
	slotRead
)

// container is an object stream that was decoded.
type container struct {
	data    []byte
	numbers []int
	offsets []int
	places  map[int]int // of the numbers; made when it is needed
	first   int
}

// maxHeader is how far into a file readers look for its header.
const maxHeader = 1024

// open reads the tables. Files whose tables are wrong get new ones, from what is found in the file.
func open(ctx context.Context, job *kit.Job, data []byte) (*file, error) {
	f := &file{ctx: ctx, job: job, data: data}
	f.base = bytes.Index(data[:min(len(data), maxHeader)], []byte("%PDF-"))
	if f.base < 0 {
		return nil, kit.Corrupt("no PDF header")
	}
	shifts := []int{f.base, 0}
	if f.base == 0 {
		shifts = shifts[:1]
	}
	for _, shift := range shifts {
		f.reset()
		err := f.chain(shift)
		if isFinal(err) {
			return nil, err
		}
		if err == nil {
			if err = f.ready(); err == nil || isFinal(err) {
				return f, err
			}
		}
	}
	f.reset()
	if err := f.repair(); err != nil {
		return nil, err
	}
	return f, f.ready()
}

func (f *file) reset() {
	f.xref, f.containers = map[int]*slot{}, map[int]*container{}
	f.trailer, f.old, f.sec, f.startxrefs, f.broken = nil, nil, nil, nil, nil
	f.unused, f.fatal = nil, nil
	f.objects, f.values, f.places = 0, 0, 0
}

// ready checks that the tables lead to a document.
func (f *file) ready() error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if err := f.secure(); err != nil {
		return err
	}
	root, _ := f.resolve(f.trailer.get("Root")).(*dict)
	pages, _ := f.resolve(root.get("Pages")).(*dict)
	if _, ok := f.resolve(pages.get("Kids")).(array); !ok {
		return kit.Corrupt("PDF without pages")
	}
	return nil
}

// secure sets the file's encryption up.
func (f *file) secure() error {
	e := f.trailer.get("Encrypt")
	if e == nil || f.sec != nil {
		return nil
	}
	d, ok := f.resolve(e).(*dict)
	if !ok {
		return kit.Corrupt("PDF encryption dictionary")
	}
	id := []byte{}
	if ids := f.list(f.trailer.get("ID")); len(ids) > 0 {
		s, _ := f.resolve(ids[0]).(text)
		id = s
	}
	sec, err := newSecurity(d, id, f.resolve)
	if err != nil {
		return err
	}
	f.sec = sec
	// What was parsed until now was parsed without the key. The dictionary itself is never encrypted.
	for num, s := range f.xref {
		if r, ok := e.(ref); !ok || r.num != num {
			s.state, s.value = slotUnread, nil
		}
	}
	f.containers = map[int]*container{}
	return nil
}

// maxReferences is how many references may lead from one to the next before there is an object.
const maxReferences = 16

// resolve follows references. What does not exist is null.
func (f *file) resolve(v object) object {
	for range maxReferences {
		r, ok := v.(ref)
		if !ok {
			return v
		}
		v = f.get(r.num)
	}
	return nil
}

// maxDepth is how many objects may need each other to be read: a stream needs its length, which may be packed in
// another stream.
const maxDepth = 16

// get returns an object by its number; nil if there is none, or it cannot be parsed.
func (f *file) get(num int) object {
	s := f.xref[num]
	if s == nil || s.free || s.state == slotReading || num == 0 { // 0 is the head of the list of free numbers
		return nil
	}
	if s.state == slotRead {
		return s.value
	}
	if f.depth >= maxDepth {
		return nil
	}
	f.depth++
	defer func() { f.depth-- }()
	s.state = slotReading
	var err error
	if s.packed {
		s.value, err = f.unpack(num, s)
	} else {
		var p parsed
		if p, err = f.objectAt(s.at); err == nil && p.num != num {
			err = kit.Corrupt("PDF object %d is %d", num, p.num)
		}
		s.value, s.start, s.to = p.value, p.start, p.end
		f.values += p.values
	}
	s.state = slotRead
	if f.objects++; err == nil && f.objects > f.job.Limits.Objects {
		err = kit.Limit("objects", "more than %d PDF objects", f.job.Limits.Objects)
	}
	if most := f.mostValues(); err == nil && f.values > most {
		err = tooManyValues(most)
	}
	if err != nil {
		s.value = nil
		f.fail(num, err)
	}
	return s.value
}

// fail notes that an object cannot be had.
func (f *file) fail(num int, err error) {
	if isFinal(err) {
		if f.fatal == nil {
			f.fatal = err
		}
		return
	}
	f.broken = append(f.broken, num)
}

// parsed is an indirect object as it was found.
type parsed struct {
	num, gen   int
	start, end int
	values     int // in it
	value      object
}

// objectAt parses the indirect object at this place of the file.
func (f *file) objectAt(at int) (parsed, error) {
	var out parsed
	if at < 0 || at >= len(f.data) {
		return out, kit.Corrupt("PDF object at byte %d", at)
	}
	p := &parser{data: f.data, pos: at, names: f.known(), most: f.mostValues()}
	p.space()
	out.start = p.pos
	var ok bool
	if out.num, out.gen, ok = p.header(); !ok {
		return out, kit.Corrupt("no PDF object at byte %d", at)
	}
	if f.sec != nil {
		p.crypt = &decrypter{f.sec, out.num, out.gen}
	}
	err := f.body(p, &out)
	f.work += p.pos - at
	out.end, out.values = p.pos, p.values
	if most := 32*len(f.data) + 1<<20; f.work > most {
		return out, kit.Limit("work", "PDF objects overlap each other")
	}
	if f.parsed++; f.parsed%256 == 0 && f.ctx.Err() != nil {
		return out, f.ctx.Err()
	}
	return out, err
}

// known are the names that were met so far.
func (f *file) known() names {
	if f.names == nil {
		f.names = names{}
	}
	return f.names
}

func (f *file) body(p *parser, out *parsed) error {
	v, err := p.object()
	if err != nil {
		return err
	}
	if k, ok := v.(keyword); ok {
		if k != "endobj" {
			return kit.Corrupt("PDF object %d is %.20q", out.num, string(k))
		}
		return nil
	}
	out.value = v
	p.space()
	if d, ok := v.(*dict); ok && p.accept("stream") {
		out.value = f.streamAt(p, d)
		p.space()
	}
	p.accept("endobj")
	return nil
}

// header reads "12 0 obj".
func (p *parser) header() (num, gen int, ok bool) {
	num, ok = p.digits(8)
	if !ok || p.pos >= len(p.data) || !isSpace(p.data[p.pos]) {
		return 0, 0, false
	}
	p.space()
	if gen, ok = p.digits(6); !ok {
		return 0, 0, false
	}
	p.space()
	if !bytes.HasPrefix(p.data[p.pos:], []byte("obj")) {
		return 0, 0, false
	}
	p.pos += 3
	return num, gen, true
}

// digits reads a number of so many digits at most.
func (p *parser) digits(most int) (n int, ok bool) {
	start := p.pos
	for p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '9' {
		if p.pos-start < most || n == 0 {
			n = n*10 + int(p.data[p.pos]-'0')
		} else {
			return 0, false
		}
		p.pos++
	}
	return n, p.pos > start && n <= maxObjectNumber
}

// accept reads a keyword if it is the next token.
func (p *parser) accept(word string) bool {
	if !bytes.HasPrefix(p.data[p.pos:], []byte(word)) {
		return false
	}
	p.pos += len(word)
	return true
}

// streamAt reads the data of a stream; pos is behind the keyword. A wrong length is corrected from where endstream is.
func (f *file) streamAt(p *parser, d *dict) *stream {
	if p.pos < len(p.data) && p.data[p.pos] == '\r' {
		p.pos++
	}
	if p.pos < len(p.data) && p.data[p.pos] == '\n' {
		p.pos++
	}
	start := p.pos
	s := &stream{dict: d, crypt: p.crypt}
	if s.crypt != nil && !f.encrypted(d) {
		s.crypt = nil
	}
	if n, ok := f.resolve(d.get("Length")).(integer); ok && n >= 0 && int64(n) <= int64(len(p.data)-start) {
		q := &parser{data: p.data, pos: start + int(n)}
		for q.pos < len(q.data) && q.pos < start+int(n)+4 && isSpace(q.data[q.pos]) {
			q.pos++
		}
		if q.accept("endstream") {
			s.raw = p.data[start : start+int(n)]
			p.pos = q.pos
			return s
		}
	}
	end, after := f.streamEnd(start)
	s.raw = p.data[start:end]
	p.pos = after
	return s
}

// streamEnd finds where the data of a stream ends whose length is wrong.
func (f *file) streamEnd(start int) (end, after int) {
	if start < f.endstream[0] || start > f.endstream[1] {
		i := bytes.Index(f.data[start:], []byte("endstream"))
		if i < 0 {
			i = len(f.data) - start
		}
		f.endstream = [2]int{start, start + i}
	}
	end = f.endstream[1]
	after = min(end+len("endstream"), len(f.data))
	if end > start && f.data[end-1] == '\n' {
		end--
	}
	if end > start && f.data[end-1] == '\r' {
		end--
	}
	return end, after
}

// encrypted reports whether this stream is, in an encrypted file.
func (f *file) encrypted(d *dict) bool {
	switch t, _ := d.get("Type").(name); {
	case t == "XRef", t == "Metadata" && f.sec.plainMetadata:
		return false
	}
	for _, s := range f.filters(d) {
		if s.name == "Crypt" {
			n, _ := f.resolve(s.parms.get("Name")).(name)
			return n != "" && n != "Identity"
		}
	}
	return true
}

// unpack returns an object out of an object stream.
func (f *file) unpack(num int, s *slot) (object, error) {
	c, err := f.container(s.at)
	if err != nil {
		return nil, err
	}
	if i := int(s.index); i < len(c.numbers) && c.numbers[i] == num {
		return f.packedObject(c, i)
	}
	if c.places == nil { // the index is wrong; some writers count from one
		c.places = make(map[int]int, len(c.numbers))
		for i, n := range c.numbers {
			c.places[n] = i
		}
	}
	i, ok := c.places[num]
	if !ok {
		return nil, kit.Corrupt("PDF object %d is not in its stream", num)
	}
	return f.packedObject(c, i)
}

func (f *file) packedObject(c *container, i int) (object, error) {
	at := c.first + c.offsets[i]
	if at < 0 || at > len(c.data) {
		return nil, kit.Corrupt("PDF object %d is outside of its stream", c.numbers[i])
	}
	p := &parser{data: c.data, pos: at, names: f.known(), most: f.mostValues()}
	v, err := p.object()
	f.work += p.pos - at
	f.values += p.values
	if k, ok := v.(keyword); ok {
		return nil, kit.Corrupt("PDF object %d is %.20q", c.numbers[i], string(k))
	}
	return v, err
}

// container decodes an object stream.
func (f *file) container(num int) (*container, error) {
	if c, ok := f.containers[num]; ok {
		if c == nil {
			return nil, kit.Corrupt("PDF object stream %d", num)
		}
		return c, nil
	}
	f.containers[num] = nil
	if s := f.xref[num]; s == nil || s.packed {
		return nil, kit.Corrupt("PDF object stream %d does not exist", num)
	}
	s, ok := f.get(num).(*stream)
	if !ok {
		return nil, kit.Corrupt("PDF object stream %d is none", num)
	}
	c, err := f.readContainer(s)
	if err != nil {
		return nil, err
	}
	f.containers[num] = c
	return c, nil
}

func (f *file) readContainer(s *stream) (*container, error) {
	data, err := f.decode(s)
	if err != nil {
		return nil, err
	}
	n, _ := f.resolve(s.dict.get("N")).(integer)
	first, _ := f.resolve(s.dict.get("First")).(integer)
	if n < 0 || first < 0 || int64(first) > int64(len(data)) {
		return nil, kit.Corrupt("PDF object stream with %d objects from byte %d", n, first)
	}
	c := &container{data: data, first: int(first)}
	p := &parser{data: data[:first]}
	for range min(int64(n), int64(first)) {
		p.space()
		num, ok := p.digits(8)
		p.space()
		off, ok2 := p.digits(10)
		if !ok || !ok2 {
			break
		}
		c.numbers, c.offsets = append(c.numbers, num), append(c.offsets, off)
	}
	f.compressed = true
	return c, nil
}
