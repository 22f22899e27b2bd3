package sanitize

import "bytes"

// piece is a part of a long view that detectors see at a time, and what the filter saw in it.
type piece struct {
	start, end int
	groups     group
	kinds      byteKind
}

const (
	// editMargin is how much of a long view detectors see on either side of a place where it differs from the view above,
	// in bytes, and editLine how much more so that they see whole lines.
	editMargin = 2 << 10
	editLine   = 256

	// minPieces is the length from which a view beneath a layer is seen in pieces, in bytes.
	minPieces = 8 << 10
)

// filter passes over a view, and stops when the time for looking is over. Of a long one it leaves in l.pieces what is to
// be looked at: what the edits left alone was looked at in the view above, and calls nobody again.
func (l *look) filter(view []byte) (groups group, kinds byteKind) {
	f := l.engine.filter
	l.pieces = l.pieces[:0]
	switch {
	case !l.edits.all && len(view) > minPieces && l.cut(view):
		kinds = kindsIn(view)
		l.literals.reset(len(f.literals))
		for i := range l.pieces {
			if l.ended() {
				break
			}
			p := &l.pieces[i]
			l.charge(costPass * (p.end - p.start))
			p.groups, p.kinds = f.part(view, p.start, p.end, &l.literals)
			groups |= p.groups
		}
		return groups, kinds
	case len(view) <= chunk+chunkOverlap:
		l.charge(costPass * len(view))
		return f.run(view, &l.literals)
	}
	l.charge(costPass * len(view))
	l.literals.reset(len(f.literals))
	for start := 0; start < len(view) && !l.ended(); start += chunk {
		middle, end := min(len(view), start+chunkOverlap), min(len(view), start+chunk)
		p := piece{start: start, end: min(len(view), end+chunkOverlap)}
		p.groups, p.kinds = f.part(view, start, middle, &l.literals)
		if n := len(l.pieces); n > 0 { // sees that, too
			l.pieces[n-1].groups |= p.groups
			l.pieces[n-1].kinds |= p.kinds
		}
		g, k := f.part(view, middle, end, &l.literals)
		p.groups, p.kinds = p.groups|g, p.kinds|k
		groups, kinds = groups|p.groups, kinds|p.kinds
		l.pieces = append(l.pieces, p)
	}
	return groups, kinds
}

// cut leaves in l.pieces the parts of the view around the edits, and reports whether that is worth it: half of a view that
// fits one piece is no less to read than the whole.
func (l *look) cut(view []byte) bool {
	start, end, total := 0, -1, 0
	flush := func() {
		if end < 0 {
			return
		}
		total += end - start
		for ; end-start > chunk+chunkOverlap; start += chunk {
			l.pieces = append(l.pieces, piece{start: start, end: start + chunk + chunkOverlap})
		}
		l.pieces = append(l.pieces, piece{start: start, end: end})
	}
	for _, page := range l.edits.pages {
		from, to := max(0, page*editPage-editMargin), min(len(view), (page+1)*editPage+editMargin)
		if from > end {
			flush()
			start = from
			if i := bytes.LastIndexByte(view[max(0, from-editLine):from], '\n'); i >= 0 {
				start = max(0, from-editLine) + i + 1
			}
		}
		end = to
	}
	flush()
	if len(view) <= chunk+chunkOverlap && total > len(view)/2 {
		l.pieces = l.pieces[:0]
		return false
	}
	return len(l.pieces) > 0
}

// lookPieces shows the pieces of a view to the detectors that their bytes call for. What kind of text a piece is, the chunk
// tells that it stands in.
func (l *look) lookPieces(view []byte) {
	for i := range l.pieces {
		if l.ended() {
			return
		}
		p := &l.pieces[i]
		l.show(view[p.start:p.end], p.groups, p.kinds)
		if !l.edits.all {
			l.groups &^= groupFormula // a formula is the whole of a value, and shorter
			l.around, l.inside = view[p.start/chunk*chunk:], p.start > 0
		}
		l.detect()
	}
	l.show(view, 0, 0)
}
