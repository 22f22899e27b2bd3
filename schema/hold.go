package schema

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"icapd/scan"
)

var errText = errors.New("not UTF-8")

// hold holds a body against its schema.
func hold(ctx context.Context, d *document, it *scan.Item, data []byte, t target) ([]scan.Finding, error) {
	if len(data) > maxDocument {
		return nil, gap(errLarge)
	}
	wide := false
	if data, wide = narrow(data); wide && !utf8.Valid(data) {
		return nil, gap(errText)
	}
	h := holder{ctx: ctx, doc: d, it: it, spans: !wide}
	if t.lines {
		return h.lines(data, t.node)
	}
	from, to := unwrapped(data)
	err := h.one(data[from:to], from, "", t.node)
	return h.found, err
}

// gap says why a document was not judged.
func gap(err error) error {
	switch {
	case err == nil:
		return nil
	case isLimit(err):
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: name, Err: err}
	}
	if _, ok := errors.AsType[*syntaxError](err); ok || errors.Is(err, errText) {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	return err
}

// holder turns the violations of an item's documents into findings.
type holder struct {
	ctx   context.Context
	doc   *document
	it    *scan.Item
	spans bool // offsets in the text are offsets in the item
	found []scan.Finding
}

// one judges the document that stands at base in the item.
func (h *holder) one(data []byte, base int, prefix string, n *node) error {
	if err := h.doc.parse(h.ctx, data); err != nil {
		return gap(err)
	}
	vs, more, err := evaluate(h.ctx, h.doc, n, maxViolations-len(h.found))
	for i := range vs {
		h.note(&vs[i], base, prefix)
	}
	if more && len(h.found) > 0 {
		h.found[len(h.found)-1].Detail += "; there is more"
	}
	return gap(err)
}

func (h *holder) note(v *violation, base int, prefix string) {
	at := string(h.doc.pointer([]byte(prefix), v.at))
	f := scan.Finding{
		Rule: rulePrefix + v.keyword, Category: scan.Schema, Class: ClassViolation, Severity: scan.Medium,
		Path: h.it.Path + at, Field: at, Detail: v.text,
		Description: "the message is not what " + excerptLong(unescape(v.node.place)) + " promises",
	}
	if value := &h.doc.values[v.at]; h.spans {
		f.Span = scan.Span{Start: int64(base) + int64(value.start), End: int64(base) + int64(value.end)}
	}
	h.found = append(h.found, f)
}

// lines judges each line that is not blank. The path of a line is its number among those, from 0.
func (h *holder) lines(data []byte, n *node) ([]scan.Finding, error) {
	var broken error
	for pos, index := 0, 0; pos < len(data) && len(h.found) < maxViolations; index++ {
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i
		}
		start := pos
		pos = end + 1
		line := bytes.TrimRight(data[start:end], " \t\r")
		if len(line) > 0 && line[0] == 0x1e { // RFC 7464
			line, start = line[1:], start+1
		}
		if len(line) == 0 {
			index--
			continue
		}
		err := h.one(line, start, "/"+strconv.Itoa(index), n)
		if h.ctx.Err() != nil {
			return h.found, err
		}
		if broken == nil {
			broken = err // those behind it are judged all the same
		}
	}
	return h.found, broken
}

// guards are what servers put before JSON so that it does not run as a script.
var guards = []string{")]}',", ")]}'", ")]}", "while(1);", "while (1);", "for(;;);", "for (;;);", "{}&&", "throw 1;", "/**/"}

// unwrapped returns where the JSON stands in a body: behind a byte order mark and a guard.
func unwrapped(data []byte) (from, to int) {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		from = 3
	}
	rest := bytes.TrimLeft(data[from:], " \t\r\n")
	for _, g := range guards {
		if bytes.HasPrefix(rest, []byte(g)) {
			return len(data) - len(rest) + len(g), len(data)
		}
	}
	return from, len(data)
}

// narrow turns UTF-16 and UTF-32 into UTF-8.
func narrow(data []byte) (text []byte, wide bool) {
	if len(data) < 4 {
		return data, false
	}
	size, big, skip := 0, false, 0
	switch b := data; {
	case b[0] == 0xff && b[1] == 0xfe && b[2] == 0 && b[3] == 0:
		size, skip = 4, 4
	case b[0] == 0 && b[1] == 0 && b[2] == 0xfe && b[3] == 0xff:
		size, big, skip = 4, true, 4
	case b[0] == 0xff && b[1] == 0xfe:
		size, skip = 2, 2
	case b[0] == 0xfe && b[1] == 0xff:
		size, big, skip = 2, true, 2
	case b[0] != 0 && b[1] == 0 && b[2] == 0 && b[3] == 0:
		size = 4
	case b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] != 0:
		size, big = 4, true
	case b[0] != 0 && b[1] == 0:
		size = 2
	case b[0] == 0 && b[1] != 0:
		size, big = 2, true
	default:
		return data, false
	}
	return widened(data[skip:], size, big), true
}

// widened decodes units of some bytes. What is left at the end is no character.
func widened(data []byte, size int, big bool) []byte {
	out := make([]byte, 0, len(data)/size+16)
	unit := func(b []byte) rune {
		n := rune(0)
		for i := range size {
			c := b[i]
			if !big {
				c = b[size-1-i]
			}
			n = n<<8 | rune(c)
		}
		return n
	}
	for len(data) >= size {
		r := unit(data)
		data = data[size:]
		if size == 2 && utf16.IsSurrogate(r) && len(data) >= 2 {
			if pair := utf16.DecodeRune(r, unit(data)); pair != utf8.RuneError {
				r, data = pair, data[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if len(data) > 0 {
		out = append(out, 0xff)
	}
	return out
}
