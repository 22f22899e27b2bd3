package content

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"icapd/internal/body"
	"icapd/scan"
)

// patch replaces the bytes from start to end of an item; a nil Blob removes them.
type patch struct {
	start, end int64
	with       scan.Blob
}

var (
	errOverlap  = errors.New("edits overlap")
	errPartial  = errors.New("only a part of it could be read")
	errNoFields = errors.New("edits of an item without fields")
)

// Rebuild walks up: children before parents. For each item it first puts changed children back into the
// item's bytes, then asks replace what shall change in it. The item that replace is shown is the one of Items
// as long as its bytes are the same; else it is a new one with the same Path, the bytes as they are now, and
// their fields.
//
// An error of replace ends the rebuild and is returned. So does a change in a layer that cannot be written,
// with a *RebuildError. If the walk down was not complete, Rebuild completes it first. Rebuild may be called
// again, and starts from the original each time.
func (t *Tree) Rebuild(ctx context.Context, replace func(ctx context.Context, it *scan.Item) (scan.Replacement, error)) (Result, error) {
	if !t.complete {
		for range t.Items(ctx) {
		}
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
	}
	r := &rebuild{t: t, replace: replace}
	if err := r.node(ctx, t.root); err != nil {
		return Result{}, err
	}
	res := Result{Blob: t.raw, Changes: r.changes}
	if !t.root.changed {
		return res, nil
	}
	res.Changed, res.Type, res.Name = true, t.root.newType, t.root.newName
	var err error
	res.Blob, err = t.encodeRoot(ctx, t.root.current())
	return res, err
}

// encodeRoot puts the content codings on again.
func (t *Tree) encodeRoot(ctx context.Context, b scan.Blob) (scan.Blob, error) {
	for _, coding := range t.codings {
		if t.raw.Size() == 0 {
			break
		}
		sp := t.group.New(0, "")
		enc, err := body.NewWriter(coding, sp)
		if err != nil {
			return nil, &RebuildError{Path: "body", Type: coding, Err: err}
		}
		err = cmp.Or(copyBlob(ctx, enc, b), enc.Close())
		sp.Finish(err)
		if err != nil {
			return nil, err
		}
		b = sp
	}
	return b, nil
}

type rebuild struct {
	t       *Tree
	replace func(ctx context.Context, it *scan.Item) (scan.Replacement, error)
	changes []scan.Change
}

func (r *rebuild) node(ctx context.Context, n *node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.changed, n.blob, n.newType, n.newName = false, nil, "", ""
	for _, k := range n.kids {
		if err := r.node(ctx, k); err != nil {
			return err
		}
		n.changed = n.changed || k.changed
	}
	it := n.item
	if n.changed {
		err := guarded(func() (err error) {
			n.blob, err = r.t.renew(ctx, n)
			return err
		})
		if err != nil {
			return r.wrap(n, err)
		}
		it = r.t.view(n)
	}
	rep, err := r.replace(ctx, it)
	if err != nil {
		return err
	}
	r.changes = append(r.changes, rep.Changes...)
	return r.wrap(n, guarded(func() error { return r.apply(ctx, n, it, &rep) }))
}

// guarded makes a panic of a parser or writer an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &scan.PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return f()
}

// wrap says where a rebuild failed; errors of the context stay as they are.
func (r *rebuild) wrap(n *node, err error) error {
	var re *RebuildError
	if err == nil || errors.As(err, &re) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &RebuildError{Path: n.item.Path, Type: n.item.Type, Err: err}
}

// view is an item with the bytes that its node has now.
func (t *Tree) view(n *node) *scan.Item {
	it := &scan.Item{
		Message: n.item.Message, Parent: n.item.Parent, Depth: n.item.Depth, Path: n.item.Path,
		Name: cmp.Or(n.newName, n.item.Name), Type: cmp.Or(n.newType, n.item.Type), Claimed: n.item.Claimed, Blob: n.current(),
	}
	t.setFields(n, it)
	return it
}

// renew puts a node's changed children into its bytes.
func (t *Tree) renew(ctx context.Context, n *node) (scan.Blob, error) {
	if n.partial {
		return nil, errPartial
	}
	if p, ok := n.f.(packer); ok {
		sp := t.group.New(0, "")
		err := p.pack(ctx, t, n, sp)
		sp.Finish(err)
		return sp, err
	}
	patches, err := t.kidPatches(ctx, n)
	if err != nil {
		return nil, err
	}
	return t.splice(ctx, n.item.Blob, patches)
}

// kidPatches collects the patches of children that stand in the node's own bytes.
func (t *Tree) kidPatches(ctx context.Context, n *node) ([]patch, error) {
	var patches []patch
	f, _ := n.f.(fielder)
	others := false
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		shown, decoded := k.ref.(revealedRef)
		ref, ok := k.ref.(embedded)
		if !ok && !decoded || f == nil {
			others = true
			continue
		}
		d, err := t.doc(n.item, n.item.Blob)
		if err != nil {
			return nil, err
		}
		if decoded {
			more, err := shown.patch(ctx, f, d, k)
			if err != nil {
				return nil, err
			}
			patches = append(patches, more...)
			continue
		}
		p, err := t.embedPatch(ctx, f, d, k, ref)
		if err != nil {
			return nil, err
		}
		patches = append(patches, p)
	}
	if !others {
		return patches, nil
	}
	s, ok := n.f.(splicer)
	if !ok {
		return nil, &RebuildError{Path: n.item.Path, Type: n.item.Type}
	}
	more, err := s.patches(ctx, t, n)
	return append(patches, more...), err
}

// apply does to a node what its replacement says.
func (r *rebuild) apply(ctx context.Context, n *node, it *scan.Item, rep *scan.Replacement) error {
	switch {
	case rep.Blob != nil:
		n.blob, n.changed = rep.Blob, true
		n.newType, n.newName = cmp.Or(rep.Type, n.newType), cmp.Or(rep.Name, n.newName)
		return nil
	case len(rep.Edits) == 0:
		return nil
	case n.partial:
		return errPartial
	}
	f, ok := n.f.(fielder)
	if !ok {
		return errNoFields
	}
	d, err := r.t.doc(it, it.Blob)
	if err != nil {
		return err
	}
	edits, all := slices.Clone(rep.Edits), false
	if g, ok := f.(guessed); ok && g.guessed() {
		edits, all = partEdits(ctx, d, edits)
	}
	slices.SortStableFunc(edits, func(a, b scan.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	for i := range edits {
		s := edits[i].Span
		if s.Start < 0 || s.End < s.Start || s.End > int64(len(d.data)) {
			return fmt.Errorf("%w: bytes %d to %d", errEdit, s.Start, s.End)
		}
		if i > 0 && s.Start < edits[i-1].Span.End {
			return fmt.Errorf("%w at byte %d", errOverlap, s.Start)
		}
	}
	if all {
		f = textFormat{}
	}
	patches, err := f.edits(ctx, d, edits)
	if err != nil {
		return err
	}
	blob, err := r.t.splice(ctx, it.Blob, patches)
	n.blob, n.changed = blob, true
	return err
}

// splice copies src with its patches applied.
func (t *Tree) splice(ctx context.Context, src scan.Blob, patches []patch) (scan.Blob, error) {
	slices.SortStableFunc(patches, func(a, b patch) int { return cmp.Compare(a.start, b.start) })
	sp := t.group.New(0, "")
	buf := bufferFor(sp, src)
	err := cmp.Or(spliceTo(ctx, buf, src, patches), buf.Flush())
	sp.Finish(err)
	return sp, err
}

// bufferFor gathers what is written anew in small pieces before it is stored: some 32 KiB, and less for what is small.
func bufferFor(w io.Writer, src scan.Blob) *bufio.Writer {
	return bufio.NewWriterSize(w, int(min(32<<10, 64+src.Size())))
}

func spliceTo(ctx context.Context, dst io.Writer, src scan.Blob, patches []patch) error {
	var at int64
	for _, p := range patches {
		if p.start < at || p.end < p.start {
			return fmt.Errorf("%w at byte %d", errOverlap, p.start)
		}
		if err := copyRange(ctx, dst, src, at, p.start); err != nil {
			return err
		}
		if p.with != nil {
			if err := copyBlob(ctx, dst, p.with); err != nil {
				return err
			}
		}
		at = p.end
	}
	return copyRange(ctx, dst, src, at, src.Size())
}
