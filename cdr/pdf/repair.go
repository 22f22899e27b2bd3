package pdf

import (
	"bytes"
	"math"
	"slices"

	"icapd/cdr/kit"
)

// repair makes tables from the objects that are found in the file, as readers do when the file's own are wrong. The
// last object of a number counts.
func (f *file) repair() error {
	f.repaired = true
	var trailers []*dict
	var containers []int
	err := f.sweep(f.base, len(f.data), func(o parsed, err error) bool {
		if isFinal(err) {
			return false
		}
		if err != nil {
			return true
		}
		if s, ok := o.value.(*stream); ok {
			switch t, _ := s.dict.get("Type").(name); t {
			case "XRef":
				trailers = append(trailers, s.dict)
				return true
			case "ObjStm":
				containers = append(containers, o.num)
			}
		}
		f.xref[o.num] = f.slot(slot{at: o.start})
		return len(f.xref) <= f.job.Limits.Objects
	}, func(gap span) bool {
		trailers = append(trailers, f.trailersIn(gap)...)
		return true
	})
	if err != nil {
		return err
	}
	if len(f.xref) > f.job.Limits.Objects {
		return kit.Limit("objects", "more than %d PDF objects", f.job.Limits.Objects)
	}
	f.pickTrailer(trailers)
	if err := f.secure(); err != nil {
		return err
	}
	for _, num := range containers {
		if err := f.enterPacked(num); err != nil {
			return err
		}
	}
	f.findRoot(trailers)
	return nil
}

// enterPacked enters the objects of an object stream, over older ones of these numbers.
func (f *file) enterPacked(num int) error {
	c, err := f.container(num)
	if isFinal(err) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // a damaged object stream is one that is not there
	}
	for i, n := range c.numbers {
		if s := f.xref[n]; s != nil && !s.packed && s.at > f.xref[num].at {
			continue
		}
		if len(f.xref) >= f.job.Limits.Objects {
			return kit.Limit("objects", "more than %d PDF objects", f.job.Limits.Objects)
		}
		f.xref[n] = f.slot(slot{at: num, index: int32(min(i, math.MaxInt32)), packed: true})
	}
	return nil
}

// trailersIn returns the trailers between objects.
func (f *file) trailersIn(gap span) []*dict {
	var found []*dict
	for at := gap.from; ; {
		i := bytes.Index(f.data[at:gap.to], []byte("trailer"))
		if i < 0 {
			return found
		}
		at += i + len("trailer")
		p := &parser{data: f.data[:gap.to], pos: at}
		v, err := p.object()
		f.work += p.pos - at
		if d, ok := v.(*dict); ok && err == nil {
			found = append(found, d)
			at = p.pos
		}
	}
}

// pickTrailer makes one trailer out of all, the last ones first.
func (f *file) pickTrailer(trailers []*dict) {
	f.trailer = newDict()
	for _, t := range slices.Backward(trailers) {
		for _, key := range []name{"Root", "Info", "ID", "Encrypt"} {
			if v := t.get(key); v != nil && !f.trailer.has(key) {
				f.trailer.set(key, v)
			}
		}
	}
	f.old = trailers
}

// findRoot looks for a catalog where the trailer does not name one.
func (f *file) findRoot(trailers []*dict) {
	isCatalog := func(v object) bool {
		d, _ := f.resolve(v).(*dict)
		pages, _ := f.resolve(d.get("Pages")).(*dict)
		return pages != nil
	}
	for _, t := range slices.Backward(trailers) {
		if v := t.get("Root"); isCatalog(v) {
			f.trailer.set("Root", v)
			return
		}
	}
	best := -1
	for num := range f.xref {
		d, ok := f.get(num).(*dict)
		if !ok || !isCatalog(d) {
			continue
		}
		if t, _ := f.resolve(d.get("Type")).(name); t == "Catalog" && num > best {
			best = num
		}
	}
	if best >= 0 {
		f.trailer.set("Root", ref{best, 0})
	}
}

// sweep finds the objects between two places of the file, and the gaps between them. Either function ends the sweep
// with false. An object that cannot be parsed comes with an error, and the sweep goes on behind its header.
func (f *file) sweep(from, to int, object func(parsed, error) bool, gap func(span) bool) error {
	gapStart := from
	for pos := from; pos < to; {
		i := bytes.Index(f.data[pos:to], []byte("obj"))
		if i < 0 {
			break
		}
		start := headerBefore(f.data, pos+i, gapStart)
		pos += i + 3
		if start < 0 {
			continue
		}
		o, err := f.objectAt(start)
		if isFinal(err) {
			return err
		}
		if start > gapStart && !gap(span{gapStart, start}) {
			return nil
		}
		if !object(o, err) {
			return nil
		}
		if err == nil && o.end > pos {
			pos = o.end
		}
		gapStart = min(pos, to)
	}
	if gapStart < to {
		gap(span{gapStart, to})
	}
	return nil
}

// headerBefore returns where the "12 0 " before the word obj begins, -1 if there is none.
func headerBefore(data []byte, at, least int) int {
	i := at
	back := func(ok func(byte) bool) bool {
		end := i
		for i > least && i > at-32 && ok(data[i-1]) {
			i--
		}
		return i < end
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if back(isSpace); !back(digit) || !back(isSpace) || !back(digit) {
		return -1
	}
	return i
}
