package ooxml

import (
	"bytes"
	"cmp"
	"slices"
)

// edits are changes to one part: ranges of its bytes, and what takes their place.
type edits struct {
	list []edit
}

type edit struct {
	from, to int
	text     string
}

func (e *edits) cut(from, to int) { e.replace(from, to, "") }

func (e *edits) replace(from, to int, text string) { e.list = append(e.list, edit{from, to, text}) }

func (e *edits) insert(at int, text string) { e.replace(at, at, text) }

// apply returns the bytes with all changes. A change inside of another one is part of that; of two that overlap in
// another way the later one loses what they share. It returns nil if there are none.
func (e *edits) apply(data []byte) []byte {
	if len(e.list) == 0 {
		return nil
	}
	slices.SortStableFunc(e.list, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	var out bytes.Buffer
	out.Grow(len(data))
	pos := 0
	for _, c := range e.list {
		if c.to < pos || c.to == pos && c.from < pos {
			continue
		}
		if c.from > pos {
			out.Write(data[pos:c.from])
		}
		if c.from >= pos {
			out.WriteString(c.text)
		}
		pos = max(pos, c.to)
	}
	out.Write(data[pos:])
	return out.Bytes()
}
