// Package rtf makes Rich Text Format documents (version 1.9.1 of the specification) safe. It reads tokens and copies
// them; groups that embed, fetch or run something are left out, and what readers show in their place (\result,
// \fldrslt) stays. Every other byte is written as it was.
package rtf

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/lenient"
)

// Format is the kit.Format for RTF.
type Format struct{}

// Types implements kit.Format.
func (Format) Types() []string { return []string{"text/rtf", "application/rtf"} }

// Disarm implements kit.Handler.
func (Format) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data, ok := lenient.RTF(doc.Data)
	if !ok {
		return kit.Result{}, kit.Corrupt("no RTF header")
	}
	w := walker{ctx: ctx, job: job, in: data, out: make([]byte, 0, len(data))}
	if err := w.run(); err != nil {
		return kit.Result{}, err
	}
	if !w.changed {
		return kit.Result{}, nil
	}
	return kit.Result{Data: w.out}, nil
}

// The vectors of RTF, as reports name them.
const (
	vectorObject     = "ole-object"
	vectorFieldBuilt = "field-built"
	vectorData       = "object-data"
	vectorTemplate   = "remote-template"
	vectorMailMerge  = "mail-merge"
	vectorDataStore  = "data-store"
	vectorLinkValue  = "linked-property"
	vectorPassword   = "password-hash"
	vectorSmartTag   = "smart-tag"
	vectorHTMLTag    = "html-tag"
	vectorUnknown    = "unknown-destination"
	vectorBinary     = "binary-data"
	vectorTrailing   = "trailing-data"
	vectorPicture    = "picture"
	vectorLink       = "link-scheme"
	vectorMacro      = "form-macro"     // the macro that a form field runs, or the data that names it
	vectorFont       = "embedded-font"  // a font program, or the place of one
	vectorShape      = "linked-picture" // a shape's picture that is fetched
	vectorComment    = "metafile-comment"
	vectorTheme      = "theme-data" // a package that is not just a theme
)

// forbidden are control words that make their group go, wherever they stand in it: exploits put words in front of
// them to hide from scanners that look at the first word only.
var forbidden = map[string]string{
	"objdata": vectorData, "objupdate": vectorObject, "objocx": vectorObject, "objhtml": vectorObject,
	"template": vectorTemplate, "mailmerge": vectorMailMerge, "mmconnectstr": vectorMailMerge,
	"mmquery": vectorMailMerge, "mmconnectstrdata": vectorMailMerge, "mmdatasource": vectorMailMerge,
	"datastore": vectorDataStore, "linkval": vectorLinkValue, "passwordhash": vectorPassword,
	"xmlopen": vectorSmartTag, "htmltag": vectorHTMLTag, "mhtmltag": vectorHTMLTag, "nextgraphic": vectorData,
	"nextfile": vectorTemplate, "filetbl": vectorData, "ffentrymcr": vectorMacro, "ffexitmcr": vectorMacro,
	"datafield": vectorMacro, "fontemb": vectorFont, "fontfile": vectorFont,
}

// frame is a group that is open.
type frame struct {
	at    int    // where it begins in the output
	words int    // control words so far
	star  bool   // it began with \*
	dest  string // its first control word
	drop  string // why it goes, "" if it stays

	object bool // \object: only the result stays
	field  bool // \field
	result span // of a \result or \fldrslt group that was closed inside

	sink     *text    // where text goes to: of the field or link around it; nil for nowhere
	own      *text    // the instruction of this field, or the target of this link
	more     []*text  // further instructions of this field, each by itself
	unicode  int      // how many characters stand in for a \u
	property property // of a shape: \sp
	picture  *picture
}

type span struct{ from, to int }

type walker struct {
	ctx     context.Context
	job     *kit.Job
	in, out []byte
	pos     int
	stack   []frame
	changed bool
	skip    skips
}

func (w *walker) run() error {
	for steps := 0; ; steps++ {
		if steps%4096 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		if w.pos >= len(w.in) {
			return kit.Corrupt("%d groups are not closed", len(w.stack))
		}
		var err error
		switch c := w.in[w.pos]; c {
		case '{':
			err = w.open()
		case '}':
			if err = w.close(); err == nil && len(w.stack) == 0 {
				w.tail()
				return nil
			}
		case '\\':
			err = w.control()
		default:
			w.plain()
		}
		if err != nil {
			return err
		}
	}
}

func (w *walker) top() *frame { return &w.stack[len(w.stack)-1] }

func (w *walker) copy(to int) {
	w.out = append(w.out, w.in[w.pos:to]...)
	w.pos = to
}

func (w *walker) open() error {
	if len(w.stack) >= w.job.Limits.RTFDepth {
		return kit.Limit("depth", "%d groups inside each other", len(w.stack))
	}
	f := frame{at: len(w.out), unicode: 1}
	if len(w.stack) > 0 {
		f.sink, f.unicode = w.top().sink, w.top().unicode
	}
	w.skip.words = 0 // a brace ends what stands in for a character, in one of the readings
	w.stack = append(w.stack, f)
	w.copy(w.pos + 1)
	return nil
}

// close ends a group and decides what is left of it.
func (w *walker) close() error {
	f := *w.top()
	w.copy(w.pos + 1)
	w.stack = w.stack[:len(w.stack)-1]
	w.skip.words = 0 // a brace ends what stands in for a character, in one of the readings
	if err := w.judge(&f); err != nil {
		return err
	}
	if f.drop == "" {
		w.note(&f)
		return nil
	}
	if len(w.stack) == 0 {
		return kit.Corrupt("the whole document is a %s", f.drop)
	}
	w.changed = true
	action := kit.ActionRemoved
	kept := w.out[f.result.from:f.result.to]
	if f.field && f.drop == kit.VectorFieldMacro && len(bytes.Trim(bytes.TrimPrefix(kept, []byte(`{\fldrslt`)), "{} \r\n")) == 0 {
		kept = w.buttonText(&f, kept)
	}
	if len(kept) > 0 {
		action = kit.ActionNeutralised
	}
	w.job.Removed(f.drop, "group \\"+location(&f), action, "")
	w.out = append(w.out[:f.at], kept...)
	if len(kept) > 0 && w.top().object { // a result inside an object inside a result
		w.top().result = span{f.at, len(w.out)}
	}
	return nil
}

// buttonText returns what a button shows that stands in the text of a document, instead of a result that is not there: the words
// in its instruction.
func (w *walker) buttonText(f *frame, result []byte) []byte {
	text, _, _, ok := kit.MacroButtonText(string(f.own.b))
	if !ok || w.inField() || strings.ContainsFunc(text, func(r rune) bool { return r > '~' || strings.ContainsRune(`{}\`, r) }) {
		return result
	}
	return []byte("{" + text + "}")
}

func location(f *frame) string {
	switch {
	case f.object:
		return "object"
	case f.field:
		return "field"
	}
	return f.dest
}

// judge decides about a group that is now known whole.
func (w *walker) judge(f *frame) error {
	switch {
	case f.drop == vectorDataStore && f.words == 1 && w.job.Mode == kit.ModeDisarm && emptyStore(w.out[f.at:]):
		f.drop = ""
	case f.drop == vectorMacro && f.dest == "datafield" && f.words == 1 && w.job.Mode == kit.ModeDisarm && plainDataField(w.out[f.at:]):
		f.drop = ""
	case f.drop != "":
		f.result = span{}
	case f.object:
		f.drop = vectorObject
	case f.field && f.own != nil:
		f.drop = fieldVector(f.own)
		for _, t := range f.more {
			if f.drop == "" {
				f.drop = fieldVector(t)
			}
		}
	case f.own != nil && f.dest == "fldinst" && !w.inField(): // an instruction without its field
		f.drop = fieldVector(f.own)
	case f.own != nil && f.dest == "hlsrc" && !f.own.safeLink():
		f.drop = vectorLink
		if len(w.stack) > 0 && w.top().dest == "hl" { // its place in the target, and its name, say nothing without it
			w.top().drop = vectorLink
		}
	case f.own != nil && f.dest == "propname" && f.own.any(kit.LoadsProgram):
		f.drop = vectorLinkValue
		if len(w.stack) > 0 && w.top().dest == "userprops" { // its value stands beside it
			w.top().drop = vectorLinkValue
		}
	case f.own != nil && f.dest == "hlinkbase" && !f.own.blank() && !f.own.safeLink():
		f.drop = vectorLink
	case f.dest == "sp" && f.property.acts():
		f.drop = vectorShape
	case f.dest == "colorschememapping" && !plainScheme(w.out[f.at:]), f.dest == "themedata" && !plainTheme(w.out[f.at:]):
		f.drop = vectorTheme
	case f.star && !known(f.dest) && !isListTag(w.out[f.at:]) && !isView(w.out[f.at:]):
		f.drop = vectorUnknown
	case f.picture != nil && f.picture.frame == len(w.stack)+1:
		return w.judgePicture(f)
	}
	return nil
}

func (w *walker) inField() bool {
	for i := range w.stack {
		if w.stack[i].field {
			return true
		}
	}
	return false
}

// note tells the group around about one that stays.
func (w *walker) note(f *frame) {
	if len(w.stack) == 0 {
		return
	}
	parent := w.top()
	here := span{f.at, len(w.out)}
	switch {
	case f.dest == "result" && parent.object, f.dest == "fldrslt" && parent.field:
		parent.result = here
	case parent.result == span{} && f.result != span{} && (parent.field || parent.object):
		parent.result = f.result
	}
}

// tail looks at what follows the document's last brace.
func (w *walker) tail() {
	if rest := w.in[w.pos:]; len(bytes.Trim(rest, "\x00\r\n\t }")) > 0 {
		w.changed = true
		w.job.Removed(vectorTrailing, "after the last brace", kit.ActionRemoved, "")
		return
	}
	w.copy(len(w.in))
}

// control handles a control word or symbol.
func (w *walker) control() error {
	if len(w.stack) == 0 || w.pos+1 >= len(w.in) {
		return kit.Corrupt("the document ends in a control word")
	}
	f := w.top()
	switch c := w.in[w.pos+1]; {
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return w.word()
	case c == '\'':
		if w.pos+4 > len(w.in) {
			return kit.Corrupt("the document ends in a character code")
		}
		if b, err := hex.DecodeString(string(w.in[w.pos+2 : w.pos+4])); err == nil {
			w.gather(b[0])
		}
		w.copy(w.pos + 4)
	case c == '*':
		f.star = f.star || f.words == 0
		w.copy(w.pos + 2)
	default:
		switch c {
		case '\\', '{', '}':
			w.gather(c)
		case '~', '\r', '\n':
			w.gather(' ')
		}
		w.copy(w.pos + 2)
	}
	return nil
}

// word handles a control word with its number.
func (w *walker) word() error {
	end := w.pos + 1
	for end < len(w.in) && (w.in[end]|0x20 >= 'a' && w.in[end]|0x20 <= 'z') {
		end++
	}
	name := string(w.in[w.pos+1 : end])
	number, has, end := parseNumber(w.in, end)
	if end < len(w.in) && w.in[end] == ' ' {
		end++
	}
	if name == "bin" && has && number > 0 {
		return w.binary(end, number)
	}
	w.meaning(strings.ToLower(name), number)
	w.copy(end)
	return nil
}

func parseNumber(in []byte, at int) (n int, has bool, end int) {
	end = at
	negative := end < len(in) && in[end] == '-'
	if negative {
		end++
	}
	digits := end
	for end < len(in) && in[end] >= '0' && in[end] <= '9' {
		if n < 1<<40 {
			n = n*10 + int(in[end]-'0')
		}
		end++
	}
	if end == digits {
		return 0, false, at
	}
	if negative {
		n = -n
	}
	return n, true, end
}

// meaning notes what a control word says about its group.
func (w *walker) meaning(name string, number int) {
	f := w.top()
	f.words++
	if f.words == 1 {
		f.dest = name
	}
	w.skip.word()
	if vector := forbidden[name]; vector != "" && f.drop == "" {
		f.drop = vector
		if name != "objdata" && name != "template" && w.inObject() {
			f.drop = "" // the object goes as a whole; its result stays
		}
		return
	}
	switch name {
	case "object":
		f.object = true
	case "field":
		f.field = true
		if f.sink != nil && f.sink.blank() {
			f.sink.built = true
		}
	case "fldinst", "hlsrc", "hlinkbase", "propname", "sn", "sv":
		w.instruction(f, name)
	case "fldrslt":
		if i := w.field(); i >= 0 {
			f.sink = w.outerSink(i) // the result of a nested field is part of the instruction around that
		}
	case "uc":
		f.unicode = max(number, 0)
	case "u":
		w.skip = skips{f.unicode, f.unicode}
		f.sink.add([]byte(string(rune(uint16(number))))...) //nolint:gosec // G115: \u takes a signed 16-bit number
	case "pict":
		f.picture = &picture{frame: len(w.stack), data: -1}
	case "pngblip":
		f.picture.is("image/png")
	case "jpegblip":
		f.picture.is("image/jpeg")
	case "emfblip", "wmetafile":
		f.picture.is(kindMetafile)
	case "macpict", "pmmetafile", "dibitmap", "wbitmap":
		f.picture.is(kindPlain)
	default:
		f.sink.add(characters[name]...)
	}
}

func (w *walker) inObject() bool {
	for i := range w.stack {
		if w.stack[i].object {
			return true
		}
	}
	return false
}

// field returns the innermost open field, -1 if there is none.
func (w *walker) field() int {
	for i, f := range slices.Backward(w.stack) {
		if f.field {
			return i
		}
	}
	return -1
}

func (w *walker) outerSink(field int) *text {
	if field == 0 {
		return nil
	}
	return w.stack[field-1].sink
}

// binary handles \binN, after which N bytes are data whatever they look like.
func (w *walker) binary(data, n int) error {
	if n > len(w.in)-data {
		return kit.Corrupt("binary data of %d bytes is longer than the document", n)
	}
	if p := w.around(); p != nil {
		p.begin(len(w.out))
		p.binary = append(p.binary, w.in[data:data+n]...)
		w.copy(data + n)
		return nil
	}
	w.changed = true
	w.job.Removed(vectorBinary, "\\bin", kit.ActionRemoved, "")
	w.pos = data + n
	return nil
}

// plain copies text up to the next token.
func (w *walker) plain() {
	end := w.pos
	for end < len(w.in) && w.in[end] != '{' && w.in[end] != '}' && w.in[end] != '\\' {
		end++
	}
	if len(w.stack) > 0 {
		f := w.top()
		if f.picture != nil {
			f.picture.hex(len(w.out), w.in[w.pos:end])
		}
		if f.sink != nil {
			for _, c := range w.in[w.pos:end] {
				if c != '\r' && c != '\n' {
					w.gather(c)
				}
			}
		}
	}
	w.copy(end)
}
