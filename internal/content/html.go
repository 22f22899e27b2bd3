package content

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"icapd/scan"
)

// htmlFormat is an HTML document. It is cut into tokens the way the standard's tokenizer does (WHATWG HTML,
// section 13.2.5), without building a tree; nothing is an error. Fields are texts, attributes and comments.
// The path names the element by its number in the document: "//a[12]/@href".
type htmlFormat struct{}

// htmlReader reads token by token.
type htmlReader struct {
	data []byte
	pos  int
	tags map[string]int // how many start tags of a name there were

	tag    string // the last start tag, lower-case
	index  int
	raw    string // the element whose content is text up to its end tag
	inTag  bool
	closed bool // the tag is an end tag: its attributes are read over

	tok        htmlToken
	start, end int // raw form
	in0, in1   int // inside quotes, inside comment marks
	name0      int
	name1      int
}

type htmlToken uint8

const (
	htmlEnd htmlToken = iota
	htmlText
	htmlRaw // the content of script, style and the like: no references in it
	htmlAttr
	htmlNote
)

// maxTagNames bounds the names of elements that are counted.
const maxTagNames = 512

// rawText are the elements whose content is text; true if references count in it.
var rawText = map[string]bool{
	"script": false, "style": false, "xmp": false, "iframe": false, "noembed": false, "noframes": false, "plaintext": false,
	"title": true, "textarea": true,
}

// next reads a token.
func (r *htmlReader) next() htmlToken {
	r.tok = r.read()
	return r.tok
}

func (r *htmlReader) read() htmlToken {
	for {
		if r.inTag {
			if r.attribute() {
				if !r.closed {
					return htmlAttr
				}
			}
			continue
		}
		if r.pos >= len(r.data) {
			return htmlEnd
		}
		if r.raw != "" {
			if tok, ok := r.rawContent(); ok {
				return tok
			}
			continue
		}
		if tok := r.markup(); tok != htmlEnd {
			return tok
		}
	}
}

// markup reads text, a comment, or the name of a tag; htmlEnd means that there is nothing to hand over.
func (r *htmlReader) markup() htmlToken {
	rest := r.data[r.pos:]
	r.start = r.pos
	if rest[0] == '<' && len(rest) > 1 {
		switch c := rest[1]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			r.openTag(r.pos+1, false)
			return htmlEnd
		case c == '/' && len(rest) > 2 && rest[2]|0x20 >= 'a' && rest[2]|0x20 <= 'z':
			r.openTag(r.pos+2, true)
			return htmlEnd
		case c == '!' || c == '?' || c == '/':
			return r.comment(rest)
		}
	}
	end := r.pos + 1
	for {
		i := bytes.IndexByte(r.data[end:], '<')
		if i < 0 {
			end = len(r.data)
			break
		}
		end += i
		if end+1 < len(r.data) && (r.data[end+1]|0x20 >= 'a' && r.data[end+1]|0x20 <= 'z' || bytes.IndexByte([]byte("/!?"), r.data[end+1]) >= 0) {
			break
		}
		end++
	}
	r.in0, r.in1, r.end, r.pos = r.start, end, end, end
	return htmlText
}

func (r *htmlReader) comment(rest []byte) htmlToken {
	skip, mark := 2, ">"
	if bytes.HasPrefix(rest, []byte("<!--")) {
		skip, mark = 4, "-->"
		if len(rest) > 4 && rest[4] == '>' {
			mark = ">"
		}
	}
	r.in0 = r.pos + skip
	n := bytes.Index(r.data[r.in0:], []byte(mark))
	if n < 0 {
		r.in1, r.end = len(r.data), len(r.data)
	} else {
		r.in1 = r.in0 + n
		r.end = r.in1 + len(mark)
	}
	r.pos = r.end
	return htmlNote
}

func (r *htmlReader) openTag(name0 int, closing bool) {
	i := name0
	for i < len(r.data) && !isHTMLSpace(r.data[i]) && r.data[i] != '>' && r.data[i] != '/' {
		i++
	}
	r.inTag, r.closed, r.pos = true, closing, i
	if closing {
		return
	}
	r.tag = strings.ToLower(string(r.data[name0:min(i, name0+maxName)]))
	if r.tags == nil {
		r.tags = map[string]int{}
	}
	if _, ok := r.tags[r.tag]; ok || len(r.tags) < maxTagNames {
		r.tags[r.tag]++
	}
	r.index = r.tags[r.tag]
}

func isHTMLSpace(c byte) bool { return isSpace(c) || c == '\f' }

// attribute reads the next attribute of a tag and reports whether there was one; the tag's end ends it.
func (r *htmlReader) attribute() bool {
	for r.pos < len(r.data) && (isHTMLSpace(r.data[r.pos]) || r.data[r.pos] == '/') {
		r.pos++
	}
	if r.pos >= len(r.data) {
		r.inTag = false
		return false
	}
	if r.data[r.pos] == '>' {
		r.pos++
		r.inTag = false
		if _, ok := rawText[r.tag]; ok && !r.closed {
			r.raw = r.tag
		}
		return false
	}
	r.name0 = r.pos
	for r.pos++; r.pos < len(r.data) && !isHTMLSpace(r.data[r.pos]) && bytes.IndexByte([]byte("=>/"), r.data[r.pos]) < 0; {
		r.pos++
	}
	r.name1 = r.pos
	i := r.pos
	for i < len(r.data) && isHTMLSpace(r.data[i]) {
		i++
	}
	r.start, r.in0, r.in1, r.end = r.name1, r.name1, r.name1, r.name1
	if i >= len(r.data) || r.data[i] != '=' {
		return true
	}
	for i++; i < len(r.data) && isHTMLSpace(r.data[i]); {
		i++
	}
	r.attributeValue(i)
	return true
}

func (r *htmlReader) attributeValue(i int) {
	r.start = i
	if i < len(r.data) && (r.data[i] == '"' || r.data[i] == '\'') {
		r.in0 = i + 1
		n := bytes.IndexByte(r.data[r.in0:], r.data[i])
		if n < 0 {
			r.in1, r.end = len(r.data), len(r.data)
		} else {
			r.in1, r.end = r.in0+n, r.in0+n+1
		}
	} else {
		r.in0 = i
		for i < len(r.data) && !isHTMLSpace(r.data[i]) && r.data[i] != '>' {
			i++
		}
		r.in1, r.end = i, i
	}
	r.pos = r.end
}

// rawContent reads up to the end tag of the element that is open.
func (r *htmlReader) rawContent() (htmlToken, bool) {
	name := r.raw
	refs := rawText[name]
	r.raw = ""
	end := len(r.data)
	for i := r.pos; name != "plaintext"; {
		n := bytes.Index(r.data[i:], []byte("</"))
		if n < 0 {
			break
		}
		i += n
		after := i + 2 + len(name)
		if after <= len(r.data) && strings.EqualFold(string(r.data[i+2:after]), name) &&
			(after == len(r.data) || isHTMLSpace(r.data[after]) || r.data[after] == '>' || r.data[after] == '/') {
			end = i
			break
		}
		i += 2
	}
	if end == r.pos {
		return 0, false
	}
	r.start, r.in0, r.in1, r.end, r.pos = r.pos, r.pos, end, end, end
	if refs {
		return htmlText, true
	}
	return htmlRaw, true
}

// AppendPath implements scan.Locator.
func (r *htmlReader) AppendPath(dst []byte) []byte {
	if r.tag != "" {
		dst = appendPointer(append(dst, "//"...), []byte(r.tag))
		dst = append(strconv.AppendInt(append(dst, '['), int64(r.index), 10), ']')
	}
	switch r.tok {
	case htmlAttr:
		dst = appendPointer(append(dst, "/@"...), r.data[r.name0:r.name1])
	case htmlNote:
		dst = append(dst, "/comment()"...)
	default:
	}
	return dst
}

func (htmlFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	r := htmlReader{data: d.data}
	f := scan.Field{At: &r}
	for n := 0; ; n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		tok := r.next()
		f.Value = d.data[r.in0:r.in1]
		switch tok {
		case htmlEnd:
			return nil
		case htmlText, htmlRaw:
			f.Kind = scan.KindText
		case htmlAttr:
			f.Kind = scan.KindAttribute
		case htmlNote:
			f.Kind = scan.KindComment
		}
		if blank(f.Value) {
			continue
		}
		if (tok == htmlText || tok == htmlAttr) && bytes.IndexByte(f.Value, '&') >= 0 {
			f.Value = []byte(html.UnescapeString(string(f.Value)))
		}
		f.Span = scan.Span{Start: int64(r.start), End: int64(r.end)}
		if !yield(&f) {
			return nil
		}
	}
}

// edits implements fielder.
func (htmlFormat) edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error) {
	r := htmlReader{data: d.data}
	var patches []patch
	for n := 0; len(edits) > 0; n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		tok := r.next()
		if tok == htmlEnd {
			return nil, fmt.Errorf("%w: bytes %d to %d", errEdit, edits[0].Span.Start, edits[0].Span.End)
		}
		if int64(r.start) != edits[0].Span.Start || int64(r.end) != edits[0].Span.End {
			continue
		}
		patches = append(patches, htmlPatch(&r, tok, &edits[0]))
		edits = edits[1:]
	}
	return patches, nil
}

func htmlPatch(r *htmlReader, tok htmlToken, e *scan.Edit) patch {
	p := patch{start: int64(r.start), end: int64(r.end)}
	value := string(e.Value)
	switch {
	case e.Op == scan.EditDrop && tok == htmlAttr:
		p.start = int64(r.name0)
		for p.start > 0 && isHTMLSpace(r.data[p.start-1]) {
			p.start--
		}
	case e.Op == scan.EditDrop:
	case tok == htmlAttr:
		if e.Op == scan.EditNull {
			value = ""
		}
		p.with = scan.Bytes(`"` + html.EscapeString(value) + `"`)
		if r.start == r.name1 { // it had no value
			p.with = scan.Bytes(`="` + html.EscapeString(value) + `"`)
		}
	case e.Op == scan.EditNull:
	case tok == htmlRaw:
		p.with = scan.Bytes(strings.ReplaceAll(value, "</", `<\/`))
	case tok == htmlNote:
		p.with = scan.Bytes("<!--" + strings.ReplaceAll(string(noDashes([]byte(value))), ">", "&gt;") + "-->")
	default:
		p.with = scan.Bytes(html.EscapeString(value))
	}
	return p
}

// rawRange implements fielder: base64 inside of a value that has references is found behind them.
func (htmlFormat) rawRange(raw []byte, from, to int) (int, int) {
	i := 0
	if len(raw) > 0 && (raw[0] == '"' || raw[0] == '\'') {
		i = 1
	}
	return refRange(raw, i, from, to, func(p []byte) (int, int) {
		if p[0] != '&' {
			return 0, 0
		}
		semi := bytes.IndexByte(p[:min(len(p), 40)], ';')
		if semi < 0 {
			return 0, 0
		}
		plain := html.UnescapeString(string(p[:semi+1]))
		if plain == string(p[:semi+1]) {
			return 0, 0
		}
		return len(plain), semi + 1
	})
}

// style implements fielder.
func (htmlFormat) style(_ []byte, w io.Writer) io.Writer { return w }
