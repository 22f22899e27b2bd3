package ooxml

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"icapd/cdr/kit"

	"golang.org/x/net/html"
)

// paragraphs makes paragraphs of a web page or text that a document imports (w:altChunk): what a person would read when
// the program merges it. The page itself is not written, and nothing of it but text, line breaks, and whether text is
// bold, italic, underlined or a heading. The prefix is that of WordprocessingML, with its colon. What is written counts
// as unpacked from the page.
func paragraphs(ctx context.Context, job *kit.Job, data []byte, mime, prefix string) (string, error) {
	text, err := chunkText(data)
	if err != nil {
		return "", err
	}
	c := chunk{p: prefix}
	if mime == "text/plain" {
		for line := range strings.Lines(text) {
			c.text(strings.TrimRight(line, "\r\n"), true)
			c.end()
			if err := c.count(ctx, job, len(data)); err != nil {
				return "", err
			}
		}
		return c.finish(job, len(data))
	}
	return c.page(ctx, job, text, len(data))
}

// page writes the paragraphs of a web page, which came as so many bytes.
func (c *chunk) page(ctx context.Context, job *kit.Job, text string, size int) (string, error) {
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		if err := c.count(ctx, job, size); err != nil {
			return "", err
		}
		switch z.Next() {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) {
				return c.finish(job, size)
			}
			return "", kit.Corrupt("an imported page that cannot be read")
		case html.TextToken:
			if c.hidden == "" {
				c.text(string(z.Text()), c.plain > 0)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			c.open(string(name))
		case html.EndTagToken:
			name, _ := z.TagName()
			c.close(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// count counts what was written so far, and looks at ctx now and then.
func (c *chunk) count(ctx context.Context, job *kit.Job, size int) error {
	if c.turns++; c.turns%1024 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	return job.Unpacked(int64(size), int64(c.out.Len()+c.para.Len()), false)
}

// finish returns the paragraphs, after they were counted for good.
func (c *chunk) finish(job *kit.Job, size int) (string, error) {
	text := c.done()
	return text, job.Unpacked(int64(size), int64(len(text)), true)
}

// chunkText returns the text of a page in UTF-8.
func chunkText(data []byte) (string, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		text, _, err := kit.XMLToUTF8(data)
		return string(text), err
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf8.Valid(data) {
		return string(data), nil
	}
	var b strings.Builder // what is not UTF-8 is mostly Windows-1252, whose letters are those of Latin 1
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String(), nil
}

// chunk writes paragraphs.
type chunk struct {
	out, para strings.Builder
	p         string // prefix

	bold, italic, under, plain int // open elements that say so
	heading                    int // size of the heading that is open, in half points
	hidden                     string
	space                      bool // a blank is due before the next word
	began                      bool // the paragraph has text
	turns                      int
}

// blocks are elements that stand in lines of their own.
var blocks = map[string]bool{
	"p": true, "div": true, "br": false, "li": true, "ul": true, "ol": true, "tr": true, "table": true, "pre": true, "blockquote": true, "hr": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "dl": true, "dt": true, "dd": true, "body": true, "section": true,
	"article": true, "header": true, "footer": true, "address": true, "center": true, "form": true, "fieldset": true, "figure": true, "main": true,
}

// unseen are elements whose text is not shown.
var unseen = map[string]bool{"script": true, "style": true, "title": true, "template": true, "textarea": true, "noscript": true, "iframe": true, "noembed": true, "noframes": true}

// headings are sizes of headings in half points, as browsers show them.
var headings = map[string]int{"h1": 48, "h2": 36, "h3": 28, "h4": 24, "h5": 20, "h6": 16}

func (c *chunk) open(name string) {
	if c.hidden != "" {
		return
	}
	if blocks[name] {
		c.end()
	}
	switch {
	case unseen[name]:
		c.hidden = name
	case name == "br":
		c.run("<" + c.p + "br/>")
	case name == "li":
		c.text("\u2022 ", true)
		c.began = false
	case (name == "td" || name == "th") && c.began:
		c.run("<" + c.p + "tab/>")
	case headings[name] > 0:
		c.heading = headings[name]
	}
	c.nest(name, 1)
}

func (c *chunk) close(name string) {
	if c.hidden != "" {
		if name == c.hidden {
			c.hidden = ""
		}
		return
	}
	if blocks[name] {
		c.end()
	}
	if headings[name] > 0 {
		c.heading = 0
	}
	c.nest(name, -1)
}

// nest counts the open elements that say how text looks.
func (c *chunk) nest(name string, by int) {
	n := (*int)(nil)
	switch name {
	case "b", "strong":
		n = &c.bold
	case "i", "em", "cite":
		n = &c.italic
	case "u", "ins":
		n = &c.under
	case "pre":
		n = &c.plain
	default:
		return
	}
	*n = max(*n+by, 0)
}

// text writes text, with its blanks as they are or as pages show them.
func (c *chunk) text(s string, exact bool) {
	if exact {
		if s = strings.Map(xmlRune, s); s != "" {
			c.run("<" + c.p + `t xml:space="preserve">` + escape(s) + "</" + c.p + "t>")
			c.began = true
		}
		return
	}
	words := strings.Fields(s)
	if len(words) == 0 {
		c.space = c.space || s != "" && c.began
		return
	}
	joined := strings.Join(words, " ")
	if c.began && (c.space || strings.TrimLeft(s, " \t\r\n\f") != s) {
		joined = " " + joined
	}
	c.space = strings.TrimRight(s, " \t\r\n\f") != s
	c.text(joined, true)
}

// xmlRune drops what may not stand in XML.
func xmlRune(r rune) rune {
	if r < ' ' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return r
}

// run writes a run with the properties that are in force.
func (c *chunk) run(content string) {
	c.para.WriteString("<" + c.p + "r>")
	var props strings.Builder
	if c.bold > 0 || c.heading > 0 {
		props.WriteString("<" + c.p + "b/>")
	}
	if c.italic > 0 {
		props.WriteString("<" + c.p + "i/>")
	}
	if size := c.size(); size != "" {
		props.WriteString("<" + c.p + "sz " + c.p + `val="` + size + `"/>`)
	}
	if c.under > 0 {
		props.WriteString("<" + c.p + "u " + c.p + `val="single"/>`)
	}
	if props.Len() > 0 {
		c.para.WriteString("<" + c.p + "rPr>" + props.String() + "</" + c.p + "rPr>")
	}
	c.para.WriteString(content + "</" + c.p + "r>")
}

func (c *chunk) size() string {
	if c.heading == 0 {
		return ""
	}
	return strconv.Itoa(c.heading)
}

// end ends the paragraph that is open.
func (c *chunk) end() {
	c.space, c.began = false, false
	if c.para.Len() == 0 {
		return
	}
	c.out.WriteString("<" + c.p + "p>" + c.para.String() + "</" + c.p + "p>")
	c.para.Reset()
}

// done returns the paragraphs, of which there must be one: a cell may not be empty.
func (c *chunk) done() string {
	c.end()
	if c.out.Len() == 0 {
		return "<" + c.p + "p/>"
	}
	return c.out.String()
}

// startAltChunk puts paragraphs in the place of an imported page: of the first one, where several import the same page.
// A page is rendered once, and references cost nothing, or a few of them would fill the memory.
func startAltChunk(w *walk, t *kit.XMLToken, e *element) bool {
	var at *part
	for a := range t.Attrs {
		if r := w.at.rels.byID[a.Value()]; r != nil && r.to != nil && r.to.page != "" && w.isRelationAttr(&a) {
			at = r.to
		}
	}
	if at == nil || w.err != nil {
		return false
	}
	const longest = 64 // the document chooses the prefix, and it stands in each tag
	name := string(t.Name)
	prefix := name[:strings.IndexByte(name, ':')+1]
	if len(prefix) > longest {
		return true
	}
	text := "<" + prefix + "p/>" // a cell may not be empty
	if at.shown {
		w.remove(vectorAltChunk, "<altChunk>", kit.ActionRemoved, "imports a page once more")
	} else {
		var err error
		if text, err = paragraphs(w.ctx, w.p.job, at.source, at.page, prefix); err != nil {
			w.err = err
			return true
		}
	}
	at.shown, at.source = true, nil
	e.keep = true
	e.end = func(w *walk, e *element, end *kit.XMLToken) { w.edits.replace(e.start, end.End, text) }
	return false
}
