package markup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
	"icapd/scan"
)

// HTML is the kit.Format for HTML and XHTML. It reads tokens as browsers do (WHATWG HTML, section 13.2.5). Elements
// in which other rules of reading hold (foreign content, raw text other than style and title) are left out, so that
// no reader finds in the output what this one did not.
type HTML struct{}

// Types implements kit.Format.
func (HTML) Types() []string { return []string{"text/html", "application/xhtml+xml"} }

// Field implements kit.Field.
func (HTML) Field() bool { return true }

// Disarm implements kit.Handler.
func (HTML) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data, back, err := kit.DecodeText(doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	data, recoded := fromUTF7(data)
	if err := countAttributes(data); err != nil {
		return kit.Result{}, err
	}
	w := htmlWalk{ctx: ctx, job: job, in: data, mail: strings.HasPrefix(doc.Path, "mail:"), book: doc.Path == BookPath}
	if recoded {
		w.remove(vectorEncoding, "document")
	}
	if bytes.IndexByte(data, 0) >= 0 { // some readers skip it, also in the middle of a name
		w.in = bytes.ReplaceAll(data, []byte{0}, nil)
		w.remove(vectorNUL, "document")
	}
	if err := w.expand(ctx); err != nil {
		return kit.Result{}, err
	}
	if err := w.run(ctx); err != nil {
		return kit.Result{}, err
	}
	if !w.changed {
		return kit.Result{}, nil
	}
	return kit.Result{Data: back(w.out)}, nil
}

// subset matches a document type that declares something: to browsers it ends at the first >, to readers of XML, which
// may read the same bytes, at its bracket.
var subset = pattern.MustCompile(`(?i)<!doctype[^>]*\[`)

// expand puts the texts of its own entities into XHTML, and into XML that looks like HTML. What is no XML has none.
func (w *htmlWalk) expand(ctx context.Context) error {
	if !subset.Match(w.in[:min(len(w.in), 64<<10)]) {
		return nil
	}
	out, changed, err := expanded(ctx, w.job, w.in)
	var gap *scan.Gap
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &gap) && gap.Reason == scan.ReasonLimit:
		return err
	case err == nil && changed:
		w.in, w.changed = out, true
	}
	return nil
}

type htmlWalk struct {
	ctx     context.Context
	job     *kit.Job
	in, out []byte
	mail    bool // part of a mail: pictures are not fetched
	book    bool // page of an e-book: style sheets beside it belong to it
	changed bool

	skip      string // name of the element that is left out with its content, "" if none is
	skipDepth int    // how many elements of that name are open
	style     bool   // the next text is a style sheet
	title     bool   // the next text is the title of a drawing

	foreign []string // elements that are open in a drawing or formula, that itself first; nil outside of one

	objects  []openObject
	prefixes map[string]bool // of names that are HTML's own to who reads the page as XML

	raw         []byte           // the token at hand; room for the next one
	attrs, kept []html.Attribute // of the tag at hand; likewise
}

func (w *htmlWalk) remove(vector, where string) {
	w.changed = true
	w.job.Removed(vector, where, kit.ActionRemoved, "")
}

func (w *htmlWalk) run(ctx context.Context) error {
	z := html.NewTokenizer(bytes.NewReader(w.in))
	w.prefixes = pagePrefixes(w.in)
	w.out = make([]byte, 0, len(w.in))
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		kind := z.Next()
		if kind == html.ErrorToken {
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return kit.Corrupt("HTML: %w", err)
			}
			if raw := z.Raw(); len(raw) > 0 { // an open tag at the end is nothing to a browser
				w.remove(vectorComment, "unfinished tag")
			}
			return nil
		}
		w.token(kind, z)
	}
}

func (w *htmlWalk) token(kind html.TokenType, z *html.Tokenizer) {
	w.raw = append(w.raw[:0], z.Raw()...) // reading the parts of a token changes it
	raw := w.raw
	if w.skip != "" {
		w.skipped(kind, z)
		return
	}
	switch kind {
	case html.TextToken:
		w.text(raw)
	case html.StartTagToken, html.SelfClosingTagToken:
		w.style, w.title = false, false
		w.tag(kind, z, raw)
	case html.EndTagToken:
		w.style, w.title = false, false
		w.endTag(z, raw)
	case html.CommentToken:
		w.comment(raw)
	case html.DoctypeToken:
		if bytes.IndexByte(raw, '[') >= 0 {
			w.remove(vectorDoctype, "document type")
			return
		}
		w.out = append(w.out, raw...)
	case html.ErrorToken:
	}
}

// skipped waits for the end of the element that is left out.
func (w *htmlWalk) skipped(kind html.TokenType, z *html.Tokenizer) {
	if kind != html.StartTagToken && kind != html.EndTagToken {
		return
	}
	name, _ := z.TagName()
	if kind == html.EndTagToken && string(name) != w.skip && len(w.foreign) > 0 && string(name) == w.foreign[0] { // what was left out has no end of its own
		w.skip = ""
		w.foreignEnd(string(name), []byte("</"+string(name)+">"))
		return
	}
	if string(name) != w.skip {
		return
	}
	if kind == html.StartTagToken {
		w.skipDepth++
		return
	}
	if w.skipDepth--; w.skipDepth <= 0 {
		w.skip = ""
	}
}

// text copies text; that of a style sheet is cleaned.
func (w *htmlWalk) text(raw []byte) {
	if len(w.foreign) > 0 {
		w.foreignText(raw)
		return
	}
	if !w.style {
		w.out = append(w.out, raw...)
		return
	}
	w.style = false
	css := string(raw)
	if strings.Contains(css, "<!") || conditional.MatchString(css) { // the old way to hide style from older browsers
		trimmed := strings.NewReplacer("<!--", "", "-->", "", "<!", "").Replace(css)
		if conditional.MatchString(css) || strings.Contains(trimmed, "<!") {
			css = trimmed
			w.remove(vectorConditional, "<style>")
		}
	}
	clean, changed := cleanCSS(css, w.book)
	if strings.IndexByte(clean, '<') >= 0 && breaksOut.MatchString(clean) {
		clean, changed = styleMarkup.ReplaceAllString(clean, ""), true
	}
	if changed {
		w.remove(vectorStyle, "<style>")
		clean = strings.ReplaceAll(clean, "</", `<\/`)
	}
	w.out = append(w.out, clean...)
}

// styleMarkup matches tags in a style sheet, where none has a meaning.
var styleMarkup = pattern.MustCompile(`<[A-Za-z/!?][^>]*>?`)

var conditional = pattern.MustCompile(`(?i)<!--\s*\[if|<!\s*\[(?:if|endif)|\[endif\]\s*-->`)

// comment keeps what every reader takes for a comment and nothing else.
func (w *htmlWalk) comment(raw []byte) {
	body, opened := bytes.CutPrefix(raw, []byte("<!--"))
	body, closed := bytes.CutSuffix(body, []byte("-->"))
	switch {
	case bytes.HasPrefix(raw, []byte("<![")) || bytes.IndexByte(raw, '[') >= 0 && conditional.Match(raw): // comments come by the million
		w.remove(vectorConditional, "comment")
	case bytes.HasPrefix(raw, []byte("<?xml ")) && len(w.out) == 0:
		w.out = append(w.out, raw...)
	case bytes.HasPrefix(raw, []byte("<?")):
		w.remove(vectorInstruction, "<?")
	case w.job.Mode == kit.ModeRebuild:
		w.remove(vectorComment, "comment")
	case bytes.HasPrefix(body, []byte("#")): // what a server runs that delivers it (SSI)
		w.remove(vectorInstruction, "<!--#")
	case !opened || !closed || bytes.ContainsAny(body, "<>") || bytes.Contains(body, []byte("--")) || bytes.HasPrefix(body, []byte("-")):
		w.remove(vectorComment, "comment")
	default:
		w.out = append(w.out, raw...)
	}
}

// htmlGone are elements that go with all that is inside of them.
var htmlGone = map[string]string{
	"script": vectorScript, "iframe": vectorFrame, "template": vectorRaw, "noscript": vectorRaw, "xmp": vectorRaw,
	"plaintext": vectorRaw, "noembed": vectorRaw, "noframes": vectorRaw,
	"xml": vectorForeign, "o:oleobject": vectorObject, "portal": vectorFrame, "fencedframe": vectorFrame, "listing": vectorRaw, "comment": vectorRaw,
}

// prefixed matches the declaration of a prefix for names.
var prefixed = pattern.MustCompile(`(?i)\bxmlns:([a-z_][a-z0-9_.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// pagePrefixes returns the prefixes under which a page has elements of HTML, SVG or MathML for who reads it as XML, in lower
// case.
func pagePrefixes(page []byte) map[string]bool {
	if !bytes.Contains(page, []byte("xmlns:")) && !bytes.Contains(page, []byte("XMLNS:")) {
		return nil
	}
	prefixes := map[string]bool{}
	for _, m := range prefixed.FindAllSubmatch(page, 1000) {
		switch space := strings.TrimSpace(html.UnescapeString(string(m[2]) + string(m[3]))); space {
		case "http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML":
			prefixes[strings.ToLower(string(m[1]))] = true
		}
	}
	return prefixes
}

// plainName returns the name of an element as HTML knows it.
func (w *htmlWalk) plainName(name string) string {
	if len(w.prefixes) == 0 {
		return name
	}
	if prefix, local, ok := strings.Cut(name, ":"); ok && w.prefixes[prefix] {
		return local
	}
	return name
}

// htmlUnwrapped are elements that go, while what is inside of them stays.
var htmlUnwrapped = map[string]string{
	"object": vectorObject, "applet": vectorObject, "embed": vectorObject, "param": vectorObject, "frame": vectorFrame,
	"frameset": vectorFrame, "base": vectorBase, "link": vectorImport, "bgsound": vectorFetch, "layer": vectorFrame,
	"ilayer": vectorFrame, "keygen": vectorForm, "isindex": vectorForm, "basefont": "", "command": vectorScript,
	"event-source": vectorFetch, "import": vectorImport,
}

func (w *htmlWalk) endTag(z *html.Tokenizer, raw []byte) {
	nameBytes, more := z.TagName()
	name := w.plainName(string(nameBytes))
	if len(w.foreign) > 0 {
		w.foreignEnd(string(nameBytes), raw)
		return
	}
	switch {
	case isForeign(name): // its start is not here
		w.remove(vectorForeign, "</"+name+">")
	case name == "object" || name == "applet":
		w.endObject()
	case htmlGone[name] != "" || htmlUnwrapped[name] != "" || w.unknown(name):
		return // its start went, too, and was reported
	case name == "form":
		w.out = append(w.out, "</div>"...)
	case name != string(nameBytes):
		w.out = append(w.out, raw...)
	case more || !plainTag(raw) || odd(name):
		w.out = append(w.out, "</"+safeName(name)+">"...)
		w.remove(vectorUnknown, "</"+name+">")
	default:
		w.out = append(w.out, raw...)
	}
}

// plainTag reports whether a tag looks the same to every reader.
func plainTag(raw []byte) bool {
	return bytes.IndexByte(raw[1:], '<') < 0 && bytes.IndexByte(raw, '`') < 0
}

func (w *htmlWalk) tag(kind html.TokenType, z *html.Tokenizer, raw []byte) {
	nameBytes, more := z.TagName()
	full := string(nameBytes)
	name := w.plainName(full)
	attrs, more := w.attributesOf(z, more)
	if len(w.foreign) > 0 && (breakouts[name] || len(w.foreign) > maxForeign) {
		w.endForeign("<" + name + ">")
	}
	if len(w.foreign) > 0 || isForeign(name) {
		if len(w.foreign) > 0 && name != "style" && name != "title" {
			z.NextIsNotRawText()
		}
		w.foreignTag(kind, full, name, attrs, raw, !more && plainTag(raw) && !repeats(raw, attrs))
		return
	}
	if vector, gone := htmlGone[name]; gone {
		w.remove(vector, "<"+name+">")
		w.standIn(name, attrs)
		w.skipBehind(name, full, kind)
		return
	}
	if vector := w.elementVector(name, attrs); vector != "" {
		w.remove(vector, "<"+name+">")
		w.standIn(name, attrs)
		return
	}
	if name == "style" && (full != name || otherStyle(attrs)) { // no style sheet to a reader of HTML, who takes what is in it for markup
		w.remove(vectorStyle, "<"+full+">")
		w.skipBehind(name, full, kind)
		return
	}
	w.style = name == "style" && kind == html.StartTagToken
	kept, changed := w.attributes(name, attrs)
	if !more && repeats(raw, attrs) { // browsers take the first, and others the last
		changed = true
		w.remove(vectorUnknown, "<"+name+"> with an attribute twice")
	}
	out := full
	if name == "form" { // the fields stay to be seen
		out, changed = "div", true
		w.remove(vectorForm, "<form>")
	}
	if !changed && !more && plainTag(raw) && !odd(full) {
		w.out = append(w.out, raw...)
		return
	}
	if !changed {
		w.remove(vectorUnknown, "<"+name+"> that readers take for different things")
	}
	w.out = append(w.out, '<')
	if out = safeName(out); strings.Contains(out, ":") { // who reads it as XML tells upper from lower case
		out = spelled(raw, out)
	}
	w.out = append(w.out, out...)
	w.out = append(w.out, attributeText(kept)...)
	if kind == html.SelfClosingTagToken {
		w.out = append(w.out, " /"...)
	}
	w.out = append(w.out, '>')
}

// attributesOf reads the attributes of a tag; more says that there are too many.
func (w *htmlWalk) attributesOf(z *html.Tokenizer, more bool) ([]html.Attribute, bool) {
	attrs := w.attrs[:0]
	for more && len(attrs) < 1000 {
		var k, v []byte
		k, v, more = z.TagAttr()
		attrs = append(attrs, html.Attribute{Key: string(k), Val: string(v)})
	}
	w.attrs = attrs
	return attrs, more
}

// skipBehind leaves out what is in an element that goes.
func (w *htmlWalk) skipBehind(name, full string, kind html.TokenType) {
	if name == "plaintext" || kind == html.StartTagToken {
		w.skip, w.skipDepth = full, 1
	}
}

// otherStyle reports whether the type of a style element is that of something else: no browser takes it for a style sheet.
func otherStyle(attrs []html.Attribute) bool {
	for _, a := range attrs {
		if a.Key == "type" {
			kind, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(a.Val)), ";")
			return kind != "" && kind != "text/css" && kind != "css"
		}
	}
	return false
}

// repeats reports whether a tag is written with more attributes than it has: of those with one name the first counts.
func repeats(raw []byte, attrs []html.Attribute) bool {
	filled := 0
	for _, a := range attrs {
		if a.Val != "" {
			filled++
		}
	}
	if len(attrs) == 0 || bytes.Count(raw, []byte("=")) <= filled {
		return false
	}
	n, has := 0, len(attrs)
	for rest := raw[bytes.IndexAny(raw, " \t\r\n\f/>"):]; ; n++ {
		rest = bytes.TrimLeft(rest, " \t\r\n\f/")
		if len(rest) < 2 {
			return n > has
		}
		end := bytes.IndexAny(rest[1:], " \t\r\n\f/>=") + 1
		if end == 0 {
			return n+1 > has
		}
		rest = bytes.TrimLeft(rest[end:], " \t\r\n\f")
		if len(rest) == 0 || rest[0] != '=' {
			continue
		}
		rest = bytes.TrimLeft(rest[1:], " \t\r\n\f")
		until := " \t\r\n\f>"
		if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
			until, rest = string(rest[:1]), rest[1:]
		}
		if end = bytes.IndexAny(rest, until); end < 0 {
			return n+1 > has
		}
		if until != " \t\r\n\f>" {
			end++
		}
		rest = rest[end:]
	}
}

// attributeText writes attributes such that every reader finds the same in them.
func attributeText(list []html.Attribute) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(" " + safeName(a.Key) + `="` + strings.ReplaceAll(html.EscapeString(a.Val), "`", "&#96;") + `"`)
	}
	return b.String()
}

// odd reports whether an element's name has characters that readers disagree about.
func odd(name string) bool { return safeName(name) != name }

func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == ':', r == '.', r > 0x7f:
			return r
		}
		return 'x'
	}, name)
}

// elementVector says why an element must go while its content stays, "" if it does not.
func (w *htmlWalk) elementVector(name string, attrs []html.Attribute) string {
	if name == "meta" {
		for _, a := range attrs {
			if a.Key != "http-equiv" {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(a.Val)) {
			case "refresh", "set-cookie", "link", "pics-label", "page-enter", "page-exit", "content-security-policy":
				return vectorNavigate
			}
		}
		return ""
	}
	if name == "link" && w.book && linksBookStyle(attrs) {
		return ""
	}
	if w.unknown(name) {
		return vectorUnknown
	}
	return htmlUnwrapped[name]
}

// unknown reports whether an element is none of HTML's, where nothing else is to be written.
func (w *htmlWalk) unknown(name string) bool {
	return w.job.Mode == kit.ModeRebuild && !htmlNames[name] && htmlUnwrapped[name] == ""
}
