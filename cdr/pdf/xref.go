package pdf

import (
	"bytes"
	"context"
	"errors"
	"math"

	"icapd/cdr/kit"
	"icapd/scan"
)

// isFinal reports whether reading the file in another way would not help: a limit, encryption, or time.
func isFinal(err error) bool {
	var gap *scan.Gap
	switch {
	case err == nil:
		return false
	case errors.As(err, &gap):
		return gap.Reason != scan.ReasonCorrupt
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// chain reads the cross-reference sections, the newest first (section 7.5.8.4 for files with both forms).
func (f *file) chain(shift int) error {
	i := bytes.LastIndex(f.data, []byte("startxref"))
	if i < 0 {
		return kit.Corrupt("PDF without startxref")
	}
	p := &parser{data: f.data, pos: i + len("startxref")}
	p.space()
	at, ok := p.digits(10)
	if !ok && at == 0 {
		return kit.Corrupt("PDF startxref")
	}
	seen := map[int]bool{}
	for {
		if seen[at] {
			return kit.Corrupt("PDF cross-references in a circle")
		}
		seen[at] = true
		t, err := f.section(at+shift, shift)
		if err != nil {
			return err
		}
		if f.trailer == nil {
			f.trailer = t
		} else {
			f.old = append(f.old, t)
		}
		if x, ok := t.get("XRefStm").(integer); ok && !seen[int(x)] {
			seen[int(x)] = true
			if _, err := f.section(int(x)+shift, shift); err != nil {
				return err
			}
		}
		if err := f.enterFree(); err != nil {
			return err
		}
		prev, ok := t.get("Prev").(integer)
		if !ok {
			break
		}
		if prev <= 0 || int64(prev) >= int64(len(f.data)) {
			return kit.Corrupt("PDF cross-references at byte %d", prev)
		}
		at = int(prev)
	}
	return f.check()
}

// section reads one table or stream, and returns its trailer.
func (f *file) section(at, shift int) (*dict, error) {
	if at < 0 || at >= len(f.data) {
		return nil, kit.Corrupt("PDF cross-references at byte %d", at)
	}
	p := &parser{data: f.data, pos: at}
	p.space()
	start := p.pos
	if !p.accept("xref") {
		return f.xrefStream(start, shift)
	}
	for {
		p.space()
		if p.accept("trailer") {
			break
		}
		if err := f.subsection(p, shift); err != nil {
			return nil, err
		}
	}
	v, err := p.object()
	if err != nil {
		return nil, err
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, kit.Corrupt("PDF trailer")
	}
	f.startxrefs = append(f.startxrefs, span{start, p.pos})
	return d, nil
}

func (f *file) subsection(p *parser, shift int) error {
	first, ok := p.digits(8)
	p.space()
	n, ok2 := p.digits(8)
	if !ok || !ok2 {
		return kit.Corrupt("PDF cross-reference table")
	}
	for i := range n {
		p.space()
		at, ok := p.offset()
		p.space()
		_, ok2 := p.digits(6)
		p.space()
		if !ok || !ok2 || p.pos >= len(p.data) || p.data[p.pos] != 'n' && p.data[p.pos] != 'f' {
			return kit.Corrupt("PDF cross-reference table, entry %d", first+i)
		}
		kind := p.data[p.pos]
		p.pos++
		if kind == 'f' || at == 0 {
			f.unused = append(f.unused, first+i)
			continue
		}
		if err := f.enter(first+i, slot{at: at + shift}); err != nil {
			return err
		}
	}
	return nil
}

// enterFree enters what the table says is free. In files with both forms that comes after the stream, because the
// table calls free what old readers must not see.
func (f *file) enterFree() error {
	for _, num := range f.unused {
		if err := f.enter(num, slot{free: true}); err != nil {
			return err
		}
	}
	f.unused = f.unused[:0]
	return nil
}

// offset reads the ten digits of a place in the file.
func (p *parser) offset() (n int, ok bool) {
	start := p.pos
	for p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '9' && p.pos-start < 12 {
		n = n*10 + int(p.data[p.pos]-'0')
		p.pos++
	}
	return n, p.pos > start
}

// enter notes where an object is, unless a newer section said so.
func (f *file) enter(num int, s slot) error {
	if num < 0 || num > maxObjectNumber {
		return kit.Corrupt("PDF object number %d", num)
	}
	if _, ok := f.xref[num]; ok {
		return nil
	}
	if len(f.xref) >= f.job.Limits.Objects {
		return kit.Limit("objects", "more than %d PDF objects", f.job.Limits.Objects)
	}
	if !s.free && !s.packed {
		// Where there are more than fit, some are not where the tables say.
		if f.places++; f.places > len(f.data)/leastObject {
			return kit.Corrupt("PDF cross-references to more objects than the file has room for")
		}
	}
	f.xref[num] = f.slot(s)
	return nil
}

// leastObject is how many bytes an object takes at least: "1 0 obj ".
const leastObject = 8

// slot keeps a slot. Many are made at once: by itself each would take an eighth more.
func (f *file) slot(s slot) *slot {
	if len(f.slots) == 0 {
		f.slots = make([]slot, min(max(16, len(f.xref)/4), 1024))
	}
	f.slots[0] = s
	at := &f.slots[0]
	f.slots = f.slots[1:]
	return at
}

func (f *file) xrefStream(at, shift int) (*dict, error) {
	o, err := f.objectAt(at)
	if err != nil {
		return nil, err
	}
	s, ok := o.value.(*stream)
	if !ok {
		return nil, kit.Corrupt("no PDF cross-references at byte %d", at)
	}
	if t, _ := s.dict.get("Type").(name); t != "XRef" {
		return nil, kit.Corrupt("no PDF cross-references at byte %d", at)
	}
	f.startxrefs = append(f.startxrefs, span{o.start, o.end})
	s.crypt = nil
	data, err := f.decode(s)
	if err != nil {
		return nil, err
	}
	var widths [3]int
	total := 0
	for i, w := range f.list(s.dict.get("W")) {
		n, _ := w.(integer)
		if i >= 3 || n < 0 || n > 8 {
			return nil, kit.Corrupt("PDF cross-reference stream with fields of %d bytes", n)
		}
		widths[i] = int(n)
		total += int(n)
	}
	if total == 0 {
		return nil, kit.Corrupt("PDF cross-reference stream without fields")
	}
	index := f.list(s.dict.get("Index"))
	if len(index) == 0 {
		size, _ := f.resolve(s.dict.get("Size")).(integer)
		index = []object{integer(0), size}
	}
	for i := 0; i+1 < len(index); i += 2 {
		first, _ := index[i].(integer)
		n, _ := index[i+1].(integer)
		for num := first; num < first+n && len(data) >= total; num++ {
			if err := f.row(int(num), data[:total], widths, shift); err != nil {
				return nil, err
			}
			data = data[total:]
		}
	}
	return s.dict, nil
}

// row enters one row of a cross-reference stream (table 18).
func (f *file) row(num int, data []byte, widths [3]int, shift int) error {
	fields := [3]int{1, 0, 0}
	for i, w := range widths {
		n := 0
		for _, b := range data[:w] {
			n = n<<8 | int(b)
		}
		if w > 0 {
			fields[i] = n
		}
		data = data[w:]
	}
	switch fields[0] {
	case 0:
		return f.enter(num, slot{free: true})
	case 1:
		return f.enter(num, slot{at: fields[1] + shift, free: fields[1] <= 0})
	case 2:
		f.compressed = true
		return f.enter(num, slot{at: fields[1], index: int32(min(max(fields[2], 0), math.MaxInt32)), packed: true})
	}
	return nil // other types are null, by the specification
}

// check looks whether the objects are where the tables say.
func (f *file) check() error {
	for num, s := range f.xref {
		if s.free || s.packed {
			continue
		}
		if s.at < 0 || s.at >= len(f.data) {
			return kit.Corrupt("PDF object %d at byte %d", num, s.at)
		}
		p := &parser{data: f.data, pos: s.at}
		for p.pos < len(p.data) && p.pos < s.at+8 && isSpace(p.data[p.pos]) {
			p.pos++
		}
		if n, _, ok := p.header(); !ok || n != num {
			return kit.Corrupt("PDF object %d is not at byte %d", num, s.at)
		}
	}
	return nil
}
