package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"icapd/internal/body"
	"icapd/scan"
)

// node is one item of the tree with what is needed to rebuild it.
type node struct {
	parent  *node
	item    *scan.Item
	f       format        // nil for a leaf
	also    opener        // what the item is besides, nil for nothing
	streams bool          // packed streams may stand in it
	places  *streamPlaces // of those, between the search and the walk into it; nil if nobody searched
	kids    []*node
	ref     any  // how the parent knows it
	state   any  // what the format's open left for its rebuild
	partial bool // the bytes are not all there is

	// Set by the rebuild.
	changed bool
	blob    scan.Blob // current bytes; item.Blob if nil
	newType string
	newName string
}

// current returns the bytes as the rebuild has them now.
func (n *node) current() scan.Blob {
	if n.blob != nil {
		return n.blob
	}
	return n.item.Blob
}

// format is one kind of content: a fielder, an opener, or both. Values have no state.
type format any

type (
	// fielder is the format of a structured item. What is embedded in its fields is found by embed.go.
	fielder interface {
		// fields yields the fields of data, after the contract of scan.FieldSource.
		fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error

		// edits turns edits into patches, sorted and without overlap. The bytes are those that fields saw.
		edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error)

		// rawRange returns where the bytes from..to of a field's value stand within its raw form.
		rawRange(raw []byte, from, to int) (int, int)

		// style returns a writer that escapes unreserved-looking text (base64, hex) the way raw does.
		style(raw []byte, w io.Writer) io.Writer
	}

	// lengthed is a fielder whose strings have their length in front of them.
	lengthed interface {
		fielder
		// lengthen makes the patch that puts new bytes in the place of an embedded piece, with the length that
		// the whole string has then.
		lengthen(t *Tree, d doc, ref embedded, with scan.Blob) (patch, error)
	}

	// opener is the format of an item that has others inside.
	opener interface {
		// open hands each child to w.child, in order. Its error becomes a Gap of n.
		open(w *walk, n *node) error
	}

	// packer is an opener that can be written.
	packer interface {
		opener
		// pack writes n with its changed children to dst.
		pack(ctx context.Context, t *Tree, n *node, dst io.Writer) error
	}

	// splicer is an opener whose children stand in its own bytes, each in a place of its own.
	splicer interface {
		opener
		// patches returns what must change in n's bytes for its changed children, in any order. Children
		// that are embedded in fields are not its business.
		patches(ctx context.Context, t *Tree, n *node) ([]patch, error)
	}
)

// doc is a structured item's bytes with what is known about them.
type doc struct {
	data    []byte
	claimed string // Item.Claimed
	nesting int    // Limits.Nesting

	// report takes hazards; nil if nobody asks. It is asked in the walk down alone, so that the engines'
	// walks through the fields pay nothing for it.
	report func(h hazard)

	// join takes a value that stands in several places of the document, of which what is inside is looked at and
	// cannot be put back; nil outside of the walk down.
	join   func(f *scan.Field) bool
	joined bool // the field came by join
}

// hazard is structure inside a document that deceives or breaks consumers.
type hazard struct {
	rule     string
	detail   string
	severity scan.Severity
	span     scan.Span
	at       scan.Locator // nil for the document as a whole
}

// child is an item as its parent's format hands it over.
type child struct {
	segment string // what it adds to the path: "/a.txt", "(base64)"
	name    string
	claimed string
	typ     string // media type where the format knows it for certain, "" to look
	f       format // format, where it is not that of the type
	blob    scan.Blob
	ref     any
	partial bool

	attached bool // a file that the parent carries along
}

// walk is one walk down.
type walk struct {
	t     *Tree
	ctx   context.Context
	yield func(*scan.Item) bool

	yielding bool // the consumer has the item
}

// show hands an item to the consumer.
func (w *walk) show(it *scan.Item) bool {
	w.yielding = true
	more := w.yield(it)
	w.yielding = false
	return more
}

// errStop ends the walk without a word: the consumer wants no more, or the limit has been reported.
var errStop = errors.New("content: walk stopped")

// Errors of Gaps.
var (
	errDepth   = errors.New("nested deeper than configured")
	errEntries = errors.New("more items than configured")
)

// maxBombs is how many layers over the ratio a tree may have before the walk gives up on it.
const maxBombs = 4

// walk runs over the whole tree.
func (t *Tree) walk(ctx context.Context, yield func(*scan.Item) bool) {
	t.gaps, t.findings, t.entries, t.bombs, t.revealed, t.full = nil, nil, 0, 0, 0, false
	t.hazards = nil
	w := &walk{t: t, ctx: ctx, yield: yield}
	start := time.Now()
	blob, partial := t.decodeRoot(ctx)
	if len(t.codings) > 0 {
		t.decoded = time.Since(start)
	}
	t.root = t.newNode(nil, child{
		segment: "body", name: t.hints.Name, claimed: t.hints.ContentType, blob: blob, partial: partial,
	})
	t.deceit(t.root)
	t.entries = 1
	if !w.show(t.root.item) {
		return
	}
	if err := w.open(t.root); err == nil || t.full {
		t.complete = true
	}
}

// decodeRoot takes the content codings off. On failure the root is as much as could be decoded.
func (t *Tree) decodeRoot(ctx context.Context) (scan.Blob, bool) {
	blob := t.raw
	for _, v := range slices.Backward(t.codings) {
		if blob.Size() == 0 {
			return blob, false // an empty body is sent under any coding
		}
		out, err := t.decode(ctx, v, blob)
		if out != nil {
			blob = out
		}
		if err != nil {
			t.gap("body", err)
			return blob, true
		}
	}
	return blob, false
}

// decode decodes one coding into a spool. The blob is nil if the coding is unknown; with an error it is what
// came before.
func (t *Tree) decode(ctx context.Context, coding string, src scan.Blob) (scan.Blob, error) {
	in := &body.Counter{R: newReader(src)}
	r, err := body.NewReader(coding, in)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // nothing is written
	return t.spool(ctx, r, in)
}

// spool reads r to its end into a spool of the tree, within the budget. With an error the blob is what came
// before it.
func (t *Tree) spool(ctx context.Context, r io.Reader, in *body.Counter) (scan.Blob, error) {
	sp := t.group.New(0, "")
	_, err := t.budget.Copy(ctx, sp, r, in)
	sp.Finish(nil)
	return sp, err
}

// newNode makes a node and tells its type.
func (t *Tree) newNode(parent *node, c child) *node {
	it := &scan.Item{Message: t.msg, Path: c.segment, Name: c.name, Claimed: c.claimed, Blob: c.blob, Attached: c.attached}
	if parent != nil {
		it.Parent, it.Depth = parent.item, parent.item.Depth+1
		it.Path = parent.item.Path + c.segment
	}
	n := &node{parent: parent, item: it, ref: c.ref, partial: c.partial}
	it.Type, n.f = c.typ, formatOf(c.typ)
	if it.Type == "" {
		it.Type, n.f = sniff(n)
	}
	if c.f != nil {
		n.f = c.f
	}
	t.setFields(n, it)
	return n
}

// setFields gives an item its field source.
func (t *Tree) setFields(n *node, it *scan.Item) {
	f, ok := n.f.(fielder)
	if !ok {
		return
	}
	blob := it.Blob
	it.Fields = func(ctx context.Context, yield func(*scan.Field) bool) error {
		d, err := t.doc(it, blob)
		if err != nil {
			return err
		}
		return f.fields(ctx, d, yield)
	}
}

func (t *Tree) doc(it *scan.Item, blob scan.Blob) (doc, error) {
	data, err := blob.Bytes()
	return doc{data: data, claimed: it.Claimed, nesting: t.w.limits.Nesting}, err
}

// open looks into a node. A panic of a parser is a Gap like any other failure of one; a panic of who consumes
// the items is passed on.
func (w *walk) open(n *node) (err error) {
	defer func() {
		if w.yielding {
			return
		}
		if p := recover(); p != nil {
			err = w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonPanic, Err: &scan.PanicError{Value: p, Stack: debug.Stack()}})
		}
	}()
	if err := w.ctx.Err(); err != nil {
		return w.fail(n.item.Path, err)
	}
	if f, ok := n.f.(fielder); ok {
		if err := w.fail(n.item.Path, w.openFields(n, f)); err != nil {
			return err
		}
	}
	if f, ok := n.f.(opener); ok {
		if err := w.fail(n.item.Path, f.open(w, n)); err != nil {
			return err
		}
	}
	if n.also != nil {
		if err := w.fail(n.item.Path, n.also.open(w, n)); err != nil {
			return err
		}
	}
	if n.streams {
		return w.fail(n.item.Path, streamsInside{}.open(w, n))
	}
	return nil
}

// fail notes err as a Gap. It returns an error if the walk as a whole must end.
func (w *walk) fail(path string, err error) error {
	if err == nil || errors.Is(err, errStop) {
		return err
	}
	w.t.gap(path, err)
	if w.t.full || w.ctx.Err() != nil {
		w.t.full = true
		return errStop
	}
	return nil
}

// gap notes what was not looked at, and whether it ends the walk.
func (t *Tree) gap(path string, err error) {
	g := scan.GapFrom("content", path, err)
	if g.Reason == scan.ReasonLimit {
		switch g.Limit {
		case body.LimitDecoded, body.LimitSpool, LimitEntries:
			t.full = true
		case body.LimitRatio:
			t.bombs++
			t.full = t.full || t.bombs >= maxBombs
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.gaps) < maxGaps {
		t.gaps = append(t.gaps, g)
	}
}

// maxGaps bounds the gaps of one tree: past the first one, more change nothing but the report.
const maxGaps = 1000

// finding notes a hazard.
func (t *Tree) finding(n *node, rule, detail string, sev scan.Severity, span scan.Span, field string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.findings = append(t.findings, scan.Finding{
		Engine: "content", Rule: rule, Category: scan.Hazard, Class: rule, Severity: sev,
		Path: n.item.Path + field, Detail: detail, Item: n.item, Field: field, Span: span,
	})
}

// enter asks for leave to unpack one more child of n, before any work is done for it. The error is nil,
// errStop, or a Gap that is noted already.
func (w *walk) enter(n *node, segment string) error {
	t := w.t
	switch {
	case t.full:
		return errStop
	case w.ctx.Err() != nil:
		return w.fail(n.item.Path, w.ctx.Err())
	case n.item.Depth >= t.w.limits.Depth:
		t.gap(n.item.Path+segment, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitDepth, Err: errDepth})
		return errSkip
	case t.entries >= t.w.limits.Entries:
		t.gap(n.item.Path+segment, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries})
		return errStop
	}
	t.entries++
	return nil
}

// errSkip says that a child is not opened and that this has been noted.
var errSkip = errors.New("content: child skipped")

// child takes a child in: it becomes an item, is yielded and looked into. The format must have called enter.
func (w *walk) child(n *node, c child) error {
	k := w.t.newNode(n, c)
	w.t.deceit(k)
	n.kids = append(n.kids, k)
	if !w.show(k.item) {
		return errStop
	}
	return w.open(k)
}

// unpack decodes what a format's reader yields and takes it in as a child. An error of the reader is a Gap of
// the child; what came before it is looked at all the same.
func (w *walk) unpack(n *node, c child, r io.Reader, in *body.Counter) error {
	blob, err := w.t.spool(w.ctx, r, in)
	c.blob, c.partial = blob, err != nil
	stop := w.fail(n.item.Path+c.segment, err)
	if err != nil && blob.Size() == 0 {
		return stop // there is nothing to look at
	}
	return w.child(n, c)
}

// newReader reads a blob from its start.
func newReader(b scan.Blob) io.Reader { return io.NewSectionReader(b, 0, b.Size()) }

// maxName bounds the bytes of a name in a path.
const maxName = 255

// segment makes a path segment of a name that a sender chose: printable, bounded, never empty.
func segment(name string) string {
	if name == "" {
		return "/?"
	}
	if len(name) <= maxName && isPlain(name) {
		return "/" + name
	}
	var b strings.Builder
	b.WriteByte('/')
	for i := 0; i < len(name); {
		if b.Len() > maxName {
			fmt.Fprintf(&b, "…%d", len(name)-i)
			break
		}
		r, size := utf8.DecodeRuneInString(name[i:])
		if (r == utf8.RuneError && size == 1) || !unicode.IsPrint(r) {
			fmt.Fprintf(&b, `\x%x`, name[i:i+size])
		} else {
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// isPlain reports whether a name is of printable ASCII alone.
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}
