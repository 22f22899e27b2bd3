package content

import (
	"bytes"
	"context"
	"slices"

	"icapd/scan"
)

// Tables and forms come without a type, too: as files of a store, as text/plain, as octets. They are told by their bytes
// alone, and strictly: who is wrong about a program or a log would take its lines apart. So that a wrong guess loses nothing,
// the whole is a field as well, as it is of a text (see guessed).

// vagueClaim reports whether a claim says nothing of what a text is.
func vagueClaim(claim string) bool {
	return claim == "" || claim == typeText || claim == typeBinary
}

// tellVague tells forms and tables of which nobody says that they are.
func tellVague(s *sample, b scan.Blob) (string, format) {
	switch {
	case isBareForm(s):
		return typeForm, formFormat{guess: true}
	case tellTable(s, b):
		return typeCSV, csvFormat{guess: true}
	}
	return "", nil
}

const (
	// maxTable bounds the bytes of a table that are read to tell that it is one.
	maxTable = 1 << 20

	// maxColumnName is how long the name of a column is, in bytes.
	maxColumnName = 48
)

// tellTable tells a table whose cells are parted by semicolons or bars; those with commas and tabs the library tells. Its
// first row must be names, all rows, to the last, must have as many cells, and quotes must be as RFC 4180, section 2, has
// them.
func tellTable(s *sample, b scan.Blob) bool {
	if !vagueClaim(s.claim) || len(s.head) == 0 || !isUTF8(s.head) || hasControls(s.head) {
		return false
	}
	line := s.head[:lineEnd(s.head, 0)]
	delim := csvFormat{}.delimiter(line)
	if delim != ';' && delim != '|' {
		return false
	}
	columns := columnNames(line, delim)
	if columns < 2 || b.Size() > maxTable {
		return false
	}
	rows := tableRows(s.head, delim, columns, s.whole)
	if rows > 0 && !s.whole {
		all, err := b.Bytes()
		if err != nil {
			return false
		}
		rows = tableRows(all, delim, columns, true)
	}
	return rows > 1 && (rows > 2 || columns > 2 || delim == ';')
}

// columnNames returns how many names a line has, 0 if it has anything else: each begins with a letter and has nothing that
// programs are made of, and none stands there twice.
func columnNames(line []byte, delim byte) int {
	line = bytes.TrimRight(bytes.TrimPrefix(line, bom), "\r\n")
	var names [][]byte
	for cell := range bytes.SplitSeq(line, []byte{delim}) {
		if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
			cell = cell[1 : len(cell)-1]
		}
		if len(cell) == 0 || len(cell) > maxColumnName || !isLetter(cell[0]) && cell[0] != '_' && cell[0] < 0x80 {
			return 0
		}
		for _, c := range cell {
			if c < 0x80 && !isLetter(c) && (c < '0' || c > '9') && bytes.IndexByte([]byte(" _-./%#"), c) < 0 {
				return 0
			}
		}
		if slices.ContainsFunc(names, func(n []byte) bool { return bytes.EqualFold(n, cell) }) {
			return 0
		}
		names = append(names, cell)
	}
	return len(names)
}

// tableRows returns how many rows a table has, 0 if one does not have so many columns or its quotes are wrong. Of a part of a
// table the last row does not count. Formulas have quotes in the middle of a cell.
func tableRows(data []byte, delim byte, columns int, whole bool) (rows int) {
	r := csvReader{data: data, delim: delim, at: csvAt{col: -1}}
	cells := 0
	for r.next() {
		cells++
		if raw := r.data[r.start:r.end]; !wellQuoted(raw, r.quoted) {
			if !whole && r.pos >= len(data) {
				return rows
			}
			return 0
		}
		if !r.fresh && r.pos < len(data) {
			continue
		}
		if !r.fresh && !whole {
			return rows
		}
		if cells == 1 && r.start == r.end && r.fresh { // a blank line
			cells = 0
			continue
		}
		if r.pos == len(data) && !r.fresh { // the last byte is a delimiter, behind which an empty cell stands
			cells++
		}
		if cells != columns {
			return 0
		}
		rows, cells = rows+1, 0
	}
	return rows
}

// wellQuoted reports whether the quotes of a cell are what they may be.
func wellQuoted(raw []byte, quoted bool) bool {
	if !quoted {
		return bytes.IndexByte(raw, '"') < 0 || bytes.IndexByte([]byte("=+-@"), raw[0]) >= 0 && bytes.Count(raw, []byte{'"'})%2 == 0
	}
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return false
	}
	inner := raw[1 : len(raw)-1]
	for i := 0; i < len(inner); i++ {
		if inner[i] != '"' {
			continue
		}
		if i++; i >= len(inner) || inner[i] != '"' {
			return false
		}
	}
	return true
}

// isBareForm reports whether a text is a form (WHATWG URL, section 5.1): one line without white space, of names and values, and
// more than one of them or escapes in it. Query logs have a line for each.
func isBareForm(s *sample) bool {
	line := bytes.TrimRight(s.head, "\r\n")
	if !vagueClaim(s.claim) || len(s.head)-len(line) > 2 || !looksForm(line) {
		return false
	}
	if !s.whole { // the last pair may be a part of one
		line = line[:max(0, bytes.LastIndexByte(line, '&'))]
	}
	pairs := 0
	for pair := range bytes.SplitSeq(line, []byte{'&'}) {
		name, value, ok := bytes.Cut(pair, []byte{'='})
		if !ok || !isFormName(name) || !isFormValue(value) {
			return false
		}
		pairs++
	}
	return pairs > 1 || pairs == 1 && bytes.IndexByte(line, '%') > 0
}

// isFormName reports whether a name is one that programs give to fields: letters, and what parts them.
func isFormName(name []byte) bool {
	if len(name) == 0 || len(name) > maxFormName || !isLetter(name[0]) && name[0] != '_' {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case isLetter(c), c-'0' <= 9, bytes.IndexByte([]byte("_.-[]~:"), c) >= 0:
		case c == '%':
			if _, ok := percent(name[i:]); !ok {
				return false
			}
			i += 2
		default:
			return false
		}
	}
	return true
}

// isFormValue reports whether a value has what forms have, and each percent sign is that of an escape.
func isFormValue(value []byte) bool {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c >= 0x80, bytes.IndexByte([]byte("<>{}`\\^#"), c) >= 0:
			return false
		case c == '%':
			if _, ok := percent(value[i:]); !ok {
				return false
			}
			i += 2
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// whole yields a document that was only taken for a table or a form as what it is otherwise, behind its parts. It is not
// searched for what is embedded, for that stands in the parts.
func whole(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	if d.report != nil {
		return nil
	}
	return textFormat{}.fields(ctx, d, yield)
}

// guessed is a format that nobody said a document to be in.
type guessed interface{ guessed() bool }

func (f csvFormat) guessed() bool  { return f.guess }
func (g formFormat) guessed() bool { return g.guess }

// partEdits returns the edits of cells and values without those of the whole, or the latter if there are no others. What is
// done to parts may be all that the whole needs, and it is looked at again.
func partEdits(ctx context.Context, d doc, edits []scan.Edit) (out []scan.Edit, all bool) {
	spans := map[scan.Span]bool{}
	_ = whole(ctx, d, func(f *scan.Field) bool { // it fails if ctx ends only, and so does the rebuild
		spans[f.Span] = true
		return true
	})
	parts := slices.DeleteFunc(slices.Clone(edits), func(e scan.Edit) bool { return spans[e.Span] })
	if len(parts) == 0 {
		return edits, true
	}
	return parts, false
}
