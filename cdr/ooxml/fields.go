package ooxml

import (
	"strconv"
	"strings"

	"icapd/cdr/kit"
)

// field is a field of a word processing document (ECMA-376 part 1, section 17.16): between its begin and separate
// marks stands what it does, between separate and end what it shows. Both are spread over any number of runs, and
// may hold further fields.
type field struct {
	instructing bool // between begin and separate
	texts       [4]strings.Builder
	pieces      []span // marks and instruction: what goes if the field must not stay
	shown       []span // result; part of the instruction around it, if there is one
	result      strings.Builder
	mixed       bool // the instruction has branches, of which readers take one
	built       bool // its name comes out of another field
	whole       bool // it begins and ends in this part

	paragraph int // where the paragraph begins in which its result does, -1 if it is not there
	from, to  int // where the runs of the result begin, and those behind it
}

// The readings of an instruction.
const (
	readAll     = iota // with what is in it, results of nested fields included
	readLive           // without tracked deletions
	readDynamic        // with a mark for each nested field
	readBroken         // like readLive, with a space for each end of a paragraph or line, and for each tab
)

// nestedMark stands for what a nested field will say.
const nestedMark = "\u2042"

// maxInstruction bounds what is kept of an instruction or a result.
const maxInstruction = 64 << 10

func (f *field) add(reading int, s string) {
	if f.texts[reading].Len() < maxInstruction {
		f.texts[reading].WriteString(s)
	}
}

func (w *walk) topField() *field {
	if n := len(w.fields); n > 0 {
		return w.fields[n-1]
	}
	return nil
}

// startFieldChar handles the three marks of a field.
func startFieldChar(w *walk, t *kit.XMLToken, e *element) bool {
	kind := ""
	for a := range t.Attrs {
		if a.Local() == "fldCharType" {
			kind = strings.TrimSpace(a.Value())
		}
	}
	start := t.Start
	run, paragraph := w.runAt()
	mark := func(w *walk, _ *element, end *kit.XMLToken) {
		piece := span{start, end.End}
		switch kind {
		case "begin":
			const most = 200 // fields inside of each other
			if len(w.fields) < most {
				w.fields = append(w.fields, &field{instructing: true, pieces: []span{piece}, paragraph: -1})
			}
		case "separate":
			if f := w.topField(); f != nil {
				f.pieces = append(f.pieces, piece)
				f.instructing = false
				f.from, f.paragraph = run, paragraph
			}
		case "end":
			if f := w.topField(); f != nil && paragraph == f.paragraph {
				f.to = run
			}
			w.endField(piece)
		}
	}
	e.end = mark
	return false
}

// runAt returns where the run begins that is open, and the paragraph that it is in; -1 if it is in something else.
func (w *walk) runAt() (run, paragraph int) {
	r, p := w.parent(1), w.parent(2)
	if r == nil || p == nil || !r.is(w, "r") || !p.is(w, "p") {
		return 0, -1
	}
	return r.start, p.start
}

// startFieldText notes an element with text of an instruction.
func startFieldText(w *walk, t *kit.XMLToken, e *element) bool {
	f := w.topField()
	instruction := t.Local() != "t" && t.Local() != "delText"
	switch {
	case f == nil && !instruction:
		return false
	case f == nil:
		f = &field{instructing: true, paragraph: -1}
	}
	stray := f != w.topField()
	if !f.instructing && !instruction {
		f.shown = append(f.shown, span{t.Start, t.End})
	}
	start := t.Start
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		deleted := e.deleted || e.local == "delInstrText" || e.local == "delText"
		text := elementText(w.data[start:end.End])
		f.say(text, deleted, f.instructing || instruction)
		piece := span{start, end.End}
		if f.instructing || instruction {
			f.pieces = append(f.pieces, piece)
		} else {
			f.shown[len(f.shown)-1] = piece
		}
		if stray {
			w.judgeField(f)
		}
	}
	return false
}

func startRunText(w *walk, t *kit.XMLToken, e *element) bool {
	if w.p.kind.family != familyWord || len(w.fields) == 0 {
		return false
	}
	return startFieldText(w, t, e)
}

// startFieldPicture notes what is drawn inside of an instruction, where nobody sees it.
func startFieldPicture(w *walk, t *kit.XMLToken, e *element) bool {
	f := w.topField()
	if f == nil || !f.instructing {
		return false
	}
	start := t.Start
	e.end = func(_ *walk, _ *element, end *kit.XMLToken) {
		f.pieces = append(f.pieces, span{start, end.End})
	}
	return false
}

func startDeleted(_ *walk, _ *kit.XMLToken, e *element) bool {
	e.deleted = true
	return false
}

// say adds text to a field.
func (f *field) say(text string, deleted, instruction bool) {
	if !instruction {
		if f.result.Len() < maxInstruction && !deleted {
			f.result.WriteString(text)
		}
		return
	}
	f.add(readAll, text)
	if !deleted {
		f.add(readLive, text)
		f.add(readDynamic, text)
		f.add(readBroken, text)
	}
}

// startBreak notes that the words of an instruction end: by a paragraph, a line or a tab.
func startBreak(w *walk, _ *kit.XMLToken, _ *element) bool {
	if f := w.topField(); f != nil && f.instructing {
		f.add(readBroken, " ")
	}
	return false
}

// elementText returns the character data of an element without markup inside.
func elementText(raw []byte) string {
	x := kit.NewXML(raw, 64)
	var b strings.Builder
	for {
		t, err := x.Next()
		if err != nil {
			return b.String()
		}
		switch t.Kind {
		case kit.XMLText:
			b.WriteString(kit.XMLUnescape(raw[t.Start:t.End]))
		case kit.XMLCDATA:
			b.Write(raw[t.Start+9 : t.End-3])
		default: // elements and comments say nothing
		}
	}
}

// endField judges the field that ends, and tells the one around it what it says.
func (w *walk) endField(piece span) {
	f := w.topField()
	if f == nil {
		return
	}
	f.pieces, f.whole = append(f.pieces, piece), true
	w.fields = w.fields[:len(w.fields)-1]
	w.judgeField(f)
	outer := w.topField()
	switch {
	case outer == nil:
		return
	case !outer.instructing:
		outer.shown = append(outer.shown, f.shown...)
		outer.say(f.result.String(), false, false)
		return
	}
	outer.pieces = append(append(outer.pieces, f.pieces...), f.shown...)
	outer.nested(f)
}

// nested adds what a field in the instruction says to it.
func (f *field) nested(inner *field) {
	if strings.TrimSpace(f.texts[readLive].String()) == "" {
		f.built = true
	}
	value := inner.result.String()
	if quoted, ok := quoteText(inner.texts[readLive].String()); ok {
		value = quoted
	}
	f.add(readAll, inner.result.String())
	f.add(readLive, value)
	f.add(readBroken, value)
	if _, ok := quoteText(inner.texts[readLive].String()); ok {
		f.add(readDynamic, value)
		return
	}
	f.add(readDynamic, nestedMark)
}

// quoteText evaluates a QUOTE field: literal text, and numbers that stand for characters.
func quoteText(instruction string) (string, bool) {
	words := strings.Fields(instruction)
	if len(words) == 0 || !strings.EqualFold(words[0], "QUOTE") {
		return "", false
	}
	var b strings.Builder
	for _, word := range words[1:] {
		n, err := strconv.ParseInt(strings.ToLower(strings.Trim(word, `"`)), 0, 32)
		if err == nil && n > 0 && n < 0x110000 {
			b.WriteRune(rune(n))
			continue
		}
		b.WriteString(strings.Trim(word, `"`))
	}
	return b.String(), true
}

// judgeField takes a field apart that must not stay; what it shows stays.
func (w *walk) judgeField(f *field) {
	vector := ""
	for i := range f.texts {
		if v := kit.FieldVector(f.texts[i].String()); v != "" && vector == "" {
			vector = v
		}
	}
	if vector == "" && (f.built || f.mixed && f.texts[readAll].Len() > 0) {
		vector = vectorField
	}
	if vector == "" && w.p.job.Switches.Links == kit.ChoiceRemove && isWebLink(f.texts[readLive].String()) {
		vector = vectorLinkPolicy
	}
	if vector == "" {
		return
	}
	w.remove(vector, "field", kit.ActionNeutralised, strings.TrimSpace(f.texts[readAll].String()))
	shown := w.buttonText(f)
	for i, s := range f.pieces {
		w.edits.replace(s.from, s.to, shown)
		if i == 0 {
			shown = ""
		}
	}
	w.bookmark(f)
}

// buttonText returns a run's text with what a button shows that stands in the text of a document: it has no result, but words
// in its instruction. That must be in one piece, or in several runs of one reading.
func (w *walk) buttonText(f *field) string {
	outer := w.topField()
	all := f.texts[readAll].String()
	text, _, _, ok := kit.MacroButtonText(all)
	prefix, known := w.prefixOf(wordSpace, wordSpaceStrict)
	if !ok || !known || !f.whole || f.built || f.mixed || f.result.Len() > 0 || outer != nil && outer.instructing || all != f.texts[readLive].String() || all != f.texts[readDynamic].String() {
		return ""
	}
	return "<" + prefix + `:t xml:space="preserve">` + escape(text) + "</" + prefix + ":t>"
}

// bookmark makes a hidden bookmark of what a field shows: programs measure the text of a field by itself, and that of a
// bookmark, so that lines stay as long as they were.
func (w *walk) bookmark(f *field) {
	const first = 1 << 30 // documents number theirs from the beginning
	prefix, ok := w.prefixOf(wordSpace, wordSpaceStrict)
	if !ok || f.paragraph < 0 || f.to <= f.from {
		return
	}
	id := strconv.Itoa(first + w.p.bookmarks)
	w.p.bookmarks++
	w.edits.insert(f.from, "<"+prefix+":bookmarkStart "+prefix+`:id="`+id+`" `+prefix+`:name="_field`+id+`"/>`)
	w.edits.insert(f.to, "<"+prefix+":bookmarkEnd "+prefix+`:id="`+id+`"/>`)
}

const (
	wordSpace       = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
	wordSpaceStrict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
)

func isWebLink(instruction string) bool {
	words := strings.Fields(instruction)
	return len(words) > 1 && strings.EqualFold(words[0], "HYPERLINK") && words[1] != `\l`
}

// endFields judges what the part leaves open.
func (w *walk) endFields() {
	for len(w.fields) > 0 {
		f := w.topField()
		w.fields = w.fields[:len(w.fields)-1]
		w.judgeField(f)
	}
}

// startFieldSimple is a field in one element: its instruction is an attribute, its content what it shows.
func startFieldSimple(w *walk, t *kit.XMLToken, e *element) bool {
	instruction := ""
	for a := range t.Attrs {
		if a.Local() == "instr" {
			instruction = a.Value()
		}
	}
	if f := w.topField(); f != nil && f.instructing && strings.TrimSpace(f.texts[readLive].String()) == "" {
		f.built = true
	}
	vector := kit.FieldVector(instruction)
	if vector == "" && w.p.job.Switches.Links == kit.ChoiceRemove && isWebLink(instruction) {
		vector = vectorLinkPolicy
	}
	if vector == "" {
		return false
	}
	w.remove(vector, "<fldSimple>", kit.ActionNeutralised, instruction)
	e.unwrap = true
	return t.Kind == kit.XMLEmpty
}
