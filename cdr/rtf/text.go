package rtf

import (
	"bytes"
	"slices"
	"strings"

	"icapd/cdr/kit"
)

// text gathers an instruction or a link target. What follows \u and stands in for it is no part of it; programs do not
// agree on whether a control word or a brace ends that, so that there are two readings.
type text struct {
	b     []byte // a control word counts, and a brace ends it
	alt   []byte // a control word ends it, and a brace does not
	built bool   // a field stands where the name of the field should be
	whole *text  // what this one is a part of: all instructions of a field
}

// maxInstruction is far more than any field of people has; what is longer is not read but refused.
const maxInstruction = 64 << 10

// add appends to both readings.
func (t *text) add(b ...byte) {
	for ; t != nil; t = t.whole {
		if len(t.b) <= maxInstruction {
			t.b = append(t.b, b...)
		}
		if len(t.alt) <= maxInstruction {
			t.alt = append(t.alt, b...)
		}
	}
}

// any reports whether something holds for one of the readings.
func (t *text) any(holds func(string) bool) bool {
	return holds(string(t.b)) || !bytes.Equal(t.b, t.alt) && holds(string(t.alt))
}

func (t *text) safeLink() bool {
	return !t.any(func(s string) bool { return !kit.SafeLink(s) })
}

func (t *text) blank() bool { return len(bytes.TrimSpace(t.b)) == 0 }

func fieldVector(t *text) string {
	switch {
	case max(len(t.b), len(t.alt)) > maxInstruction:
		return kit.VectorFieldActive
	case t.built:
		return vectorFieldBuilt
	}
	if v := kit.FieldVector(string(t.b)); v != "" || bytes.Equal(t.b, t.alt) {
		return v
	}
	return kit.FieldVector(string(t.alt))
}

// characters are control words that stand for one.
var characters = map[string][]byte{
	"tab": {' '}, "line": {' '}, "par": {' '}, "page": {' '}, "sect": {' '}, "column": {' '}, "lbr": {' '}, "softline": {' '},
	"emspace": {' '}, "enspace": {' '}, "qmspace": {' '}, "cell": {' '}, "row": {' '}, "nestcell": {' '}, "nestrow": {' '},
	"ldblquote": {'"'}, "rdblquote": {'"'}, "lquote": {'\''}, "rquote": {'\''},
	"bullet": []byte("\u2022"), "emdash": []byte("\u2014"), "endash": []byte("\u2013"),
}

// skips are characters that still stand in for a \u, in the two readings of a text.
type skips struct{ words, letters int }

// word notes a control word.
func (s *skips) word() {
	s.words, s.letters = max(s.words-1, 0), 0
}

// gather adds a character to the text around, unless it only stands in for a \u before it.
func (w *walker) gather(c byte) {
	t := w.top().sink
	if w.skip.words > 0 || w.skip.letters > 0 {
		for ; t != nil; t = t.whole {
			if w.skip.words == 0 {
				t.b = append(t.b, c)
			}
			if w.skip.letters == 0 {
				t.alt = append(t.alt, c)
			}
		}
		w.skip = skips{max(w.skip.words-1, 0), max(w.skip.letters-1, 0)}
		return
	}
	t.add(c)
}

// instruction makes the group gather its text, for the field or the property around it if there is one. A field with several
// instructions, of which programs take one or all, is judged by each and by all together.
func (w *walker) instruction(f *frame, name string) {
	t := &text{}
	switch name {
	case "fldinst":
		i := w.field()
		if i < 0 {
			break
		}
		around := &w.stack[i]
		if around.own == nil {
			around.own = t
			break
		}
		t.whole = around.own
		around.more = append(around.more, t)
		f.sink = t
		return
	case "sn", "sv":
		if p := w.property(); p != nil {
			p.note(name, t)
		}
		f.sink = t
		return
	}
	f.own, f.sink = t, t
}

// property is that of a shape: its name and its value.
type property struct{ names, values []*text }

func (p *property) note(word string, t *text) {
	if word == "sn" {
		p.names = append(p.names, t)
	} else {
		p.values = append(p.values, t)
	}
}

// property returns that of the innermost \sp, nil if there is none.
func (w *walker) property() *property {
	for i := range slices.Backward(w.stack) {
		if w.stack[i].dest == "sp" {
			return &w.stack[i].property
		}
	}
	return nil
}

// acts reports whether a property holds a script of a page, the address of who signs, a film or what Word once overflowed on
// (CVE-2010-3333), or names a picture to fetch: one that is somewhere else than a file beside the document. Word writes the
// file name of embedded pictures into the same property.
func (p *property) acts() bool {
	for _, n := range p.names {
		if n.any(func(name string) bool {
			name = strings.ToLower(strings.TrimSpace(name))
			switch {
			case strings.HasPrefix(name, "wzscript"), name == "pfragments", name == "wzsigsetupprovurl", name == "movie":
				return true
			case !fetching[name]:
				return false
			}
			return slices.ContainsFunc(p.values, func(v *text) bool {
				return strings.HasSuffix(name, "name") && len(v.b) > maxInstruction || v.any(func(s string) bool { return strings.ContainsAny(s, `/:\`) })
			})
		}) {
			return true
		}
	}
	return false
}

// fetching are the properties of shapes that name a picture, or the target of a link.
var fetching = map[string]bool{
	"pib": true, "pibname": true, "pibprint": true, "pibprintname": true, "fillblip": true, "fillblipname": true,
	"linefillblip": true, "linefillblipname": true, "metroblob": true, "hyperlink": true,
}
