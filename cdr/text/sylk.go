package text

import (
	"bytes"
	"strconv"

	"icapd/cdr/kit"
)

// disarmSYLK takes formulas out of SYLK files: the E field of cell records, and whole records of names and external
// links. The values that were last shown stay.
func disarmSYLK(job *kit.Job, text []byte) ([]byte, bool, error) {
	if !bytes.HasPrefix(text, []byte("ID;")) {
		return nil, false, kit.Corrupt("no SYLK header")
	}
	out := make([]byte, 0, len(text))
	changed := false
	for n := 1; len(text) > 0; n++ {
		end := bytes.IndexAny(text, "\r\n")
		record, rest := text, []byte(nil)
		if end >= 0 {
			record, rest = text[:end], text[end:]
		}
		kept, vector := sylkRecord(record)
		if vector == "" && job.Mode == kit.ModeRebuild && !sylkKnown[sylkName(record)] {
			kept, vector = nil, vectorName
		}
		if vector != "" {
			changed = true
			job.Removed(vector, "line "+strconv.Itoa(n), kit.ActionNeutralised, "")
		}
		out = append(out, kept...)
		text = rest
		for len(text) > 0 && (text[0] == '\r' || text[0] == '\n') {
			out = append(out, text[0])
			text = text[1:]
		}
	}
	return out, changed, nil
}

// sylkRecord returns what stays of a record. A semicolon inside of a value is written twice.
func sylkRecord(record []byte) (kept []byte, vector string) {
	switch sylkName(record) {
	case "NN", "NE", "NU", "NL":
		return nil, vectorName
	case "C":
	default:
		return record, ""
	}
	fields := sylkFields(record)
	kept = fields[0]
	for _, f := range fields[1:] {
		switch {
		case len(f) > 0 && (f[0]|0x20 == 'e' || f[0]|0x20 == 'm' || f[0]|0x20 == 's'):
			vector = vectorFormula // an expression, a matrix formula, or a shared one
		default:
			kept = append(append(bytes.Clone(kept), ';'), f...)
		}
	}
	if vector == "" {
		return record, ""
	}
	return kept, vector
}

// sylkName returns what kind of record one is.
func sylkName(record []byte) string {
	name, _, _ := bytes.Cut(bytes.Trim(record, " \t"), []byte(";"))
	return string(bytes.ToUpper(name))
}

// sylkKnown are the records of SYLK that show something, and empty lines.
var sylkKnown = map[string]bool{"ID": true, "P": true, "F": true, "B": true, "C": true, "O": true, "W": true, "E": true, "": true}

func sylkFields(record []byte) [][]byte {
	var fields [][]byte
	start := 0
	for i := 0; i < len(record); i++ {
		if record[i] != ';' {
			continue
		}
		if i+1 < len(record) && record[i+1] == ';' {
			i++
			continue
		}
		fields = append(fields, record[start:i])
		start = i + 1
	}
	return append(fields, record[start:])
}
