// Package text makes files safe that are lines of text to an editor and commands to a program: CSV and TSV, SYLK,
// and the small files that only point somewhere (shortcuts, web queries, libraries), which have no safe form.
package text

import (
	"context"
	"unicode/utf16"
	"unicode/utf8"

	"icapd/cdr/kit"
)

// Formats returns all formats of this room.
func Formats() []kit.Format {
	return []kit.Format{
		Format{[]string{"text/csv", "text/tab-separated-values", "application/csv"}, disarmCSV},
		Format{[]string{"application/x-sylk", "text/spreadsheet", "text/vnd.sylk"}, disarmSYLK},
		Pointer{},
	}
}

// Format makes one kind of text file safe. UTF-16 comes and goes as UTF-16.
type Format struct {
	types  []string
	disarm func(job *kit.Job, text []byte) (out []byte, changed bool, err error)
}

// Types implements kit.Format.
func (f Format) Types() []string { return f.types }

// Disarm implements kit.Handler.
func (f Format) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if err := ctx.Err(); err != nil {
		return kit.Result{}, err
	}
	text, back, err := decode(doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	out, changed, err := f.disarm(job, text)
	if err != nil || !changed {
		return kit.Result{}, err
	}
	return kit.Result{Data: back(out)}, nil
}

// decode returns text as bytes in which line ends and delimiters are what they are in ASCII, and the way back.
// Text in one-byte encodings and UTF-8 stays as it is.
func decode(data []byte) (text []byte, back func([]byte) []byte, err error) {
	if len(data) < 2 || !(data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		return data, func(b []byte) []byte { return b }, nil
	}
	little := data[0] == 0xff
	if len(data)%2 != 0 {
		return nil, nil, kit.Corrupt("UTF-16 of an odd number of bytes")
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		lo, hi := data[i], data[i+1]
		if !little {
			lo, hi = hi, lo
		}
		units = append(units, uint16(lo)|uint16(hi)<<8)
	}
	text = make([]byte, 0, len(units))
	for _, r := range utf16.Decode(units) {
		if r == utf8.RuneError {
			return nil, nil, kit.Corrupt("UTF-16 with half a character")
		}
		text = utf8.AppendRune(text, r)
	}
	return text, func(b []byte) []byte { return encode(b, little) }, nil
}

func encode(text []byte, little bool) []byte {
	out := make([]byte, 0, 2*len(text)+2)
	put := func(u uint16) {
		if little {
			out = append(out, byte(u), byte(u>>8))
		} else {
			out = append(out, byte(u>>8), byte(u))
		}
	}
	put(0xfeff)
	for _, u := range utf16.Encode([]rune(string(text))) {
		put(u)
	}
	return out
}

// Pointer is for files that hold nothing but where to go or what to run: there is nothing to show when that is gone.
type Pointer struct{}

// Types implements kit.Format.
func (Pointer) Types() []string {
	return []string{
		"application/x-ms-shortcut", "application/x-mswinurl", "application/internet-shortcut", "text/x-ms-iqy",
		"text/x-ms-odc", "application/x-ms-library", "application/x-ms-search", "application/x-ms-scf",
		"application/x-desktop",
	}
}

// Disarm implements kit.Handler. It always fails.
func (Pointer) Disarm(_ context.Context, _ *kit.Job, doc kit.Document) (kit.Result, error) {
	return kit.Result{}, kit.Unsupported("a file of type %s only points somewhere", doc.Type)
}
