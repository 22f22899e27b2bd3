package content

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"icapd/scan"
)

// jsonFormat is a JSON text (RFC 8259). Fields are keys, strings, numbers and literals; paths are JSON
// Pointers (RFC 6901).
type jsonFormat struct{}

var bom = []byte("\xef\xbb\xbf")

// jsonBody returns the part of a document that is JSON: without a byte order mark and without the wrappers
// that keep a browser from running an array as a script.
func jsonBody(data []byte) (from, to int) {
	if bytes.HasPrefix(data, bom) {
		from = len(bom)
	}
	f, t := jsonWrapper(data[from:])
	return from + f, from + t
}

func (jsonFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	from, to := jsonBody(d.data)
	if d.report != nil && from >= len(bom) && bytes.HasPrefix(d.data, bom) {
		d.report(hazard{rule: "json-bom", detail: "JSON with a byte order mark", severity: scan.Info, span: scan.Span{End: 3}})
	}
	if from == to && len(d.data) == 0 {
		return nil
	}
	w := newJSONWalk(ctx, d, yield)
	defer w.let()
	w.reset(d.data[from:to], from, d.nesting, nil)
	_, err := w.run()
	return err
}

// jsonWalk yields the fields of one JSON text. One that was let go is used again: most texts are small, and to make one
// takes as long as to walk them.
type jsonWalk struct {
	r      jsonReader
	ctx    context.Context
	report func(hazard)
	yield  func(*scan.Field) bool
	field  scan.Field
	buf    []byte // unescaped value
	keys   keySet
}

var jsonWalks = sync.Pool{New: func() any { return new(jsonWalk) }}

func newJSONWalk(ctx context.Context, d doc, yield func(*scan.Field) bool) *jsonWalk {
	w, _ := jsonWalks.Get().(*jsonWalk)
	w.ctx, w.report, w.yield = ctx, d.report, yield
	return w
}

// maxKept bounds what a walk that is used again holds on to, in elements of each kind; maxKeptValue the bytes of its
// buffer for values.
const (
	maxKept      = 4 << 10
	maxKeptValue = 64 << 10
)

// let gives the walk back. Nothing that it has yielded may be touched any more.
func (w *jsonWalk) let() {
	if cap(w.r.stack) > maxKept || cap(w.keys.hashes) > maxKept || w.keys.slots() > maxKept {
		return
	}
	if cap(w.buf) > maxKeptValue {
		w.buf = nil
	}
	*w = jsonWalk{
		r: jsonReader{stack: w.r.stack[:0]}, buf: w.buf[:0],
		keys: keySet{seed: w.keys.seed, seeded: w.keys.seeded, hashes: w.keys.hashes[:0], big: w.keys.big},
	}
	jsonWalks.Put(w)
}

// tokensPerCheck is how many tokens are read between two looks at the context.
const tokensPerCheck = 4096

// run walks to the end. It reports false when the consumer wants no more.
func (w *jsonWalk) run() (bool, error) {
	r := &w.r
	w.field.At = r
	for n := 0; ; n++ {
		if n%tokensPerCheck == 0 && w.ctx.Err() != nil {
			return false, w.ctx.Err()
		}
		tok, err := r.next()
		if err != nil {
			return w.rest(err)
		}
		more := true
		switch tok {
		case jsonEnd:
			return true, nil
		case jsonOpen:
			w.open()
		case jsonClose:
			w.closed()
		case jsonKey:
			more = w.str(scan.KindKey)
		case jsonString:
			more = w.str(scan.KindString)
		case jsonNumber, jsonLiteral:
			w.field.Kind = scan.KindNumber
			w.field.Value = r.data[r.start:r.end]
			w.field.Span = w.span()
			more = w.yield(&w.field)
		}
		if !more {
			return false, nil
		}
	}
}

func (w *jsonWalk) span() scan.Span {
	return scan.Span{Start: int64(w.r.base + w.r.start), End: int64(w.r.base + w.r.end)}
}

// deepJSON is the depth from which on parsers that consumers use give up, or run out of stack: PHP at 512, Python and
// Jackson at 1,000, .NET at 64.
const deepJSON = 500

func (w *jsonWalk) open() {
	if w.report == nil {
		return
	}
	r := &w.r
	if len(r.stack) == deepJSON {
		w.report(hazard{
			rule: "json-depth", severity: scan.High, span: w.span(),
			detail: "arrays and objects nested so deep that parsers fail on them",
		})
	}
	top := &r.stack[len(r.stack)-1]
	top.keysFrom = w.keys.begin(len(r.stack) - 1)
}

func (w *jsonWalk) closed() {
	if w.report != nil {
		gone := w.r.stack[:len(w.r.stack)+1][len(w.r.stack)]
		w.keys.end(gone.keysFrom)
	}
}

func (w *jsonWalk) str(kind scan.FieldKind) bool {
	r := &w.r
	value := r.data[r.start+1 : r.end-1]
	lone := false
	if r.escaped {
		w.buf, lone = appendUnquoted(slices.Grow(w.buf[:0], len(value)), value)
		value = w.buf
	}
	w.field.Kind, w.field.Value, w.field.Span = kind, value, w.span()
	if w.report != nil {
		w.hazards(kind, value, lone)
	}
	return w.yield(&w.field)
}

func (w *jsonWalk) hazards(kind scan.FieldKind, value []byte, lone bool) {
	r := &w.r
	if lone {
		w.report(hazard{rule: "json-surrogate", detail: "a lone surrogate in a string", severity: scan.Low, span: w.span(), at: r})
	}
	if r.high && !utf8.Valid(value) {
		w.report(hazard{rule: "json-utf8", detail: "a string that is not UTF-8", severity: scan.Low, span: w.span(), at: r})
	}
	if kind == scan.KindKey && !w.keys.add(len(r.stack)-1, r.stack[len(r.stack)-1].keysFrom, value) {
		w.report(hazard{
			rule: "json-duplicate-key", severity: scan.Medium, span: w.span(), at: r,
			detail: "a member name that the object has already: parsers disagree about which one counts",
		})
	}
}

// rest yields what could not be read as text, so that nothing in it goes unseen, and says why.
func (w *jsonWalk) rest(err error) (bool, error) {
	r := &w.r
	gap := &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	if errors.Is(err, errJSONNesting) {
		gap.Reason, gap.Limit = scan.ReasonLimit, LimitNesting
		if w.report != nil && r.nesting < deepJSON {
			w.report(hazard{rule: "json-depth", severity: scan.High, span: w.span(), detail: "arrays and objects nested deeper than configured"})
		}
	}
	if r.start < len(r.data) {
		w.field.Kind, w.field.Value = scan.KindText, r.data[r.start:]
		w.field.Span = scan.Span{Start: int64(r.base + r.start), End: int64(r.base + len(r.data))}
		if !w.yield(&w.field) {
			return false, nil
		}
	}
	return true, gap
}

// rawRange implements fielder.
func (jsonFormat) rawRange(raw []byte, from, to int) (int, int) {
	pos, start, i := 0, -1, 0
	var buf [8]byte
	if len(raw) > 0 && raw[0] == '"' {
		i = 1
	}
	for i < len(raw) {
		n := bytes.IndexByte(raw[i:], '\\') // up to there a byte stands for itself
		if n < 0 {
			n = len(raw) - i
		}
		escape := -1
		if i+n < len(raw) {
			n, escape = n+1, i+n
		}
		if start < 0 && from < pos+n {
			start = i + max(0, from-pos)
		}
		if to < pos+n {
			return start, i + max(0, to-pos)
		}
		pos, i = pos+n, i+n
		if i == escape+1 && escapeLen(raw[escape:]) > 0 {
			out, n, _ := unescape(buf[:0], raw[escape:])
			pos, i = pos-1+len(out), escape+n
		}
	}
	return max(start, 0), i
}

// style implements fielder: characters of base64 that this string wrote as an escape stay so.
func (jsonFormat) style(raw []byte, w io.Writer) io.Writer {
	var pairs []string
	for _, p := range [][2]string{{"/", `\/`}, {"/", `\u002f`}, {"/", `\u002F`}, {"+", `\u002b`}, {"+", `\u002B`}, {"=", `\u003d`}, {"=", `\u003D`}} {
		if bytes.Contains(raw, []byte(p[1])) {
			pairs = append(pairs, p[0], p[1])
		}
	}
	for _, nl := range [][2]string{{"\r", `\r`}, {"\n", `\n`}, {"\t", `\t`}} {
		pairs = append(pairs, nl[0], nl[1])
	}
	return newReplaceWriter(w, pairs)
}

// keySet tells names that an object has already. It keeps hashes: a few are compared one by one, many in a map.
type keySet struct {
	seed   maphash.Seed
	seeded bool
	hashes []uint64
	big    []keyTable // by depth
}

// keyTable is an open hash table of hashes. It is used again for the next object at its depth.
type keyTable struct {
	slots []uint64 // a power of two of them; 0 is free
	n     int      // how many are taken; 0 if the table is not in use
}

// start makes the table one of so many slots, all free.
func (t *keyTable) start(slots int) {
	if cap(t.slots) < slots {
		t.slots = make([]uint64, slots)
	}
	t.slots, t.n = t.slots[:slots], 0
	clear(t.slots)
}

// add reports whether the hash is new. A table that is full forgets what comes.
func (t *keyTable) add(h uint64) bool {
	h = max(h, 1)
	mask := uint64(len(t.slots) - 1) //nolint:gosec // G115: a power of two
	i := h & mask
	for t.slots[i] != 0 {
		if t.slots[i] == h {
			return false
		}
		i = (i + 1) & mask
	}
	if t.n >= maxKeys {
		return true
	}
	t.slots[i] = h
	if t.n++; 2*t.n > len(t.slots) {
		old := slices.Clone(t.slots)
		t.start(2 * len(old))
		for _, h := range old {
			if h != 0 {
				t.add(h)
			}
		}
	}
	return true
}

// fewKeys is how many names are compared one by one; maxKeys is how many of one object are remembered.
const (
	fewKeys = 16
	maxKeys = 1 << 17
)

// slots returns how many slots its tables have.
func (k *keySet) slots() (n int) {
	for i := range k.big {
		n += cap(k.big[i].slots)
	}
	return n
}

// begin starts a container at a depth and returns where its names begin.
func (k *keySet) begin(depth int) int {
	if !k.seeded {
		k.seed, k.seeded = maphash.MakeSeed(), true
	}
	if depth < len(k.big) {
		k.big[depth].n = 0
	}
	return len(k.hashes)
}

// end forgets the names of the container that begin at from.
func (k *keySet) end(from int) { k.hashes = k.hashes[:from] }

// add reports whether the name is new to the object at that depth, whose names begin at from.
func (k *keySet) add(depth, from int, key []byte) bool {
	h := maphash.Bytes(k.seed, key)
	if depth < len(k.big) && k.big[depth].n > 0 {
		return k.big[depth].add(h)
	}
	if slices.Contains(k.hashes[from:], h) {
		return false
	}
	k.hashes = append(k.hashes, h)
	if len(k.hashes)-from > fewKeys {
		for depth >= len(k.big) {
			k.big = append(k.big, keyTable{})
		}
		k.big[depth].start(max(8*fewKeys, min(cap(k.big[depth].slots), 32*fewKeys)))
		for _, old := range k.hashes[from:] {
			k.big[depth].add(old)
		}
	}
	return true
}
