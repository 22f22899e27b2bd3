package content

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"icapd/internal/body"
	"icapd/scan"
)

// The names of the limits in the configuration, as they stand in Gap.Limit. See also body.LimitDecoded,
// body.LimitRatio and body.LimitSpool.
const (
	LimitDepth   = "depth"
	LimitEntries = "entries"
	LimitNesting = "nesting"
)

// Limits bounds what one message may unpack to. The zero value of a field means its default.
type Limits struct {
	Depth        int   // layers below the body that are opened; 8
	Entries      int   // items of one message; 10,000
	DecodedBytes int64 // bytes that all layers together unpack to; 2 GiB
	Ratio        int64 // output per input of one layer, from 2 MiB of output on; 200
	Nesting      int   // levels of arrays, objects or elements in one structured item; 1,000
}

// Options says how a Walker works.
type Options struct {
	Limits  Limits
	Spooler *body.Spooler // where unpacked bytes go; nil for one with defaults
}

// Walker opens message bodies. It may be used from many goroutines.
type Walker struct {
	limits  Limits
	spooler *body.Spooler
}

// New returns a Walker.
func New(opt Options) *Walker {
	l := &opt.Limits
	l.Depth = cmp.Or(l.Depth, 8)
	l.Entries = cmp.Or(l.Entries, 10_000)
	l.DecodedBytes = cmp.Or(l.DecodedBytes, 2<<30)
	l.Ratio = cmp.Or(l.Ratio, 200)
	l.Nesting = cmp.Or(l.Nesting, 1000)
	if opt.Spooler == nil {
		opt.Spooler = body.NewSpooler(body.Options{})
	}
	return &Walker{limits: opt.Limits, spooler: opt.Spooler}
}

// Hints is what the message says about its body. Nothing of it is trusted.
type Hints struct {
	ContentType     string // value of the Content-Type header
	ContentEncoding string // values of the Content-Encoding headers, joined by commas
	Name            string // file name, from Content-Disposition or the URL
}

// Open returns the tree of a body. Nothing is read before Items is called. The root's bytes must stay until
// Close; the caller lets them go.
func (w *Walker) Open(msg *scan.Message, root scan.Blob, hints Hints) *Tree {
	return &Tree{
		w: w, msg: msg, raw: root, hints: hints,
		codings: body.Codings(hints.ContentEncoding),
		group:   w.spooler.NewGroup(),
		budget:  body.NewBudget(w.limits.DecodedBytes, w.limits.Ratio),
	}
}

// Tree is one body, taken apart. Its methods are for one goroutine at a time; the items that it yields may be
// used from many.
type Tree struct {
	w       *Walker
	msg     *scan.Message
	raw     scan.Blob
	hints   Hints
	codings []string
	group   *body.Group
	budget  *body.Budget

	root     *node
	entries  int
	bombs    int  // layers that went over the ratio
	revealed int  // values that are items of their own
	full     bool // a limit of the whole tree is reached: nothing more is opened
	complete bool // the walk came to its end
	decoded  time.Duration
	hazards  map[hazardKind]bool

	mu       sync.Mutex // fields are read by engines while the walk goes on
	gaps     []scan.Gap
	findings []scan.Finding
}

// Items walks down lazily: parents before children, each item once. The root is always yielded, whatever
// happens. Items and their bytes stay until Close. A second walk yields the items that the first one found.
//
// When ctx ends, the walk ends with a Gap.
func (t *Tree) Items(ctx context.Context) iter.Seq[*scan.Item] {
	return func(yield func(*scan.Item) bool) {
		if t.complete {
			t.again(t.root, yield)
			return
		}
		t.walk(ctx, yield)
	}
}

func (t *Tree) again(n *node, yield func(*scan.Item) bool) bool {
	if !yield(n.item) {
		return false
	}
	for _, k := range n.kids {
		if !t.again(k, yield) {
			return false
		}
	}
	return true
}

// Gaps returns what could not be opened, in the order of the walk. It is complete when the walk is.
func (t *Tree) Gaps() []scan.Gap {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.gaps)
}

// Findings returns the structure that deceives consumers, in the order of the walk: all of category Hazard.
// It is complete when the walk is.
func (t *Tree) Findings() []scan.Finding {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.findings)
}

// DecodeTime is what it took to undo the body's content codings; 0 if it has none.
func (t *Tree) DecodeTime() time.Duration { return t.decoded }

// Close lets go of everything that was unpacked and rebuilt, the Blob of a Result included.
func (t *Tree) Close() { t.group.Close() }

// ErrCannotRebuild is what errors.Is finds in the error of a rebuild that came upon a layer which can be read
// but not written: a rar archive, an encrypted member, an item of which only a part could be read.
var ErrCannotRebuild = errors.New("cannot be rebuilt")

// RebuildError says which item could not be rebuilt, and why. It is ErrCannotRebuild.
type RebuildError struct {
	Path string // Item.Path
	Type string // Item.Type
	Err  error  // nil if its format cannot be written at all
}

// Error implements error.
func (e *RebuildError) Error() string {
	text := e.Path + " (" + e.Type + ") " + ErrCannotRebuild.Error()
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ErrCannotRebuild and the cause.
func (e *RebuildError) Unwrap() []error { return []error{ErrCannotRebuild, e.Err} }

// Result is what a rebuild made.
type Result struct {
	Blob    scan.Blob     // the whole body with its content codings, good until Tree.Close; the original if nothing changed
	Type    string        // media type of the body if it changed, else ""
	Name    string        // file name of the body if it changed, else ""
	Changed bool          // whether any byte differs
	Changes []scan.Change // what was done, deepest items first
}
