package pdf

import (
	"bytes"
	"slices"
	"unicode"

	"icapd/cdr/kit"
)

// judgeAnnot says what becomes of an annotation or field: it stays, its appearance stays as a stamp, or it goes.
func (w *walker) judgeAnnot(d *dict, r role) role {
	if r == roleStamp {
		return r
	}
	subtype := w.nameOf(d, "Subtype")
	if w.isSignedField(d) {
		w.signed = true
		w.mark(d.get("V"))
		if r == roleField || subtype != "Widget" {
			w.drop(vectorSignature, "")
			return roleDrop
		}
		w.drop(vectorSignature, "the appearance stays")
		return w.stamp(d)
	}
	if subtype == "" && r == roleAnnot && d.has("Rect") && !slices.ContainsFunc([]name{"FT", "T", "Kids", "Parent"}, d.has) { // of no kind, and no field
		subtype = "none"
	}
	if subtype == "" || r == roleField && subtype == "Widget" {
		return roleAnnot
	}
	vector, known := annotVectors[subtype]
	switch {
	case !known:
		vector = vectorUnknownAnnot
	case subtype == "FileAttachment" && w.keepFiles():
		return roleAnnot
	case vector == "":
		return roleAnnot
	}
	out := w.stamp(d)
	if r == roleField {
		out = roleDrop // a stamp is no field; the page has it, if anything
	}
	action := kit.ActionNeutralised
	if out == roleDrop {
		action = kit.ActionRemoved
	}
	w.found(vector, action, string(subtype))
	return out
}

// stamp returns roleStamp if there is an appearance that can stay.
func (w *walker) stamp(d *dict) role {
	ap, _ := w.f.resolve(d.get("AP")).(*dict)
	if w.isNull(ap.get("N")) {
		return roleDrop
	}
	return roleStamp
}

// isSignedField reports whether a field, or the field that this is a widget of, holds a signature.
func (w *walker) isSignedField(d *dict) bool {
	isSig, value := false, false
	for range maxReferences {
		if t := w.nameOf(d, "FT"); t != "" {
			isSig = isSig || t == "Sig"
		}
		if v, ok := w.f.resolve(d.get("V")).(*dict); ok && v != nil {
			value = true
		}
		parent, ok := w.f.resolve(d.get("Parent")).(*dict)
		if !ok || isSig && value {
			break
		}
		d = parent
	}
	return isSig && value
}

// judgeFile says what becomes of a file specification.
func (w *walker) judgeFile(d *dict) role {
	if w.keepFiles() && d.has("EF") && w.nameOf(d, "FS") != "URL" {
		return roleFile
	}
	switch {
	case d.has("EF"), d.has("RF"):
		w.found(vectorEmbedded, kit.ActionRemoved, w.fileName(d))
	default:
		w.found(vectorFileURL, kit.ActionRemoved, w.fileName(d))
	}
	return roleDrop
}

func (w *walker) fileName(d *dict) string {
	for _, key := range []name{"UF", "F", "Unix", "DOS", "Mac"} {
		if s, ok := w.f.resolve(d.get(key)).(text); ok {
			return plain(s)
		}
	}
	return ""
}

// embedded disarms an embedded file in its place. What cannot be made safe becomes an empty file.
func (w *walker) embedded(s *stream) (*stream, error) {
	if w.f.job.Switches.EmbeddedFiles == kit.ChoiceAllow {
		out := &stream{dict: newDict(entry{"Type", name("EmbeddedFile")}), raw: s.raw, crypt: s.crypt}
		w.filterEntries(s, out.dict)
		return out, nil
	}
	data, err := w.f.decode(s)
	if err != nil {
		return nil, err
	}
	res, err := w.f.job.Recurse(w.f.ctx, kit.Document{Data: data, Type: kit.Sniff(data), Path: at(w.here)})
	if w.f.ctx.Err() != nil {
		return nil, w.f.ctx.Err()
	}
	out := &stream{dict: newDict(entry{"Type", name("EmbeddedFile")})}
	switch {
	case err != nil:
		w.found(vectorEmbedded, kit.ActionRemoved, err.Error())
		return out, nil
	case !res.Changed():
		out.raw, out.crypt = s.raw, s.crypt
		w.filterEntries(s, out.dict)
		return out, nil
	}
	w.found(vectorEmbedded, kit.ActionRecursed, "")
	out.raw = new(deflater).deflate(res.Data)
	out.dict.set("Filter", name("FlateDecode"))
	return out, nil
}

// form looks at the document's form: one that is only a shell around XFA has nothing left to show without it.
func (w *walker) form() error {
	root, _ := w.f.resolve(w.f.trailer.get("Root")).(*dict)
	form, _ := w.f.resolve(root.get("AcroForm")).(*dict)
	if w.isNull(form.get("XFA")) {
		return nil
	}
	pages := w.pages(2)
	if len(pages) != 1 {
		return nil
	}
	needs, _ := w.f.resolve(root.get("NeedsRendering")).(boolean)
	said := w.letters(pages[0])
	resources, _ := w.f.resolve(pages[0].get("Resources")).(*dict) // a scanned page says nothing, and shows it
	empty := len(said) == 0 && len(w.f.list(form.get("Fields"))) == 0 && w.isNull(resources.get("XObject"))
	if bool(needs) && !w.showsFields(pages[0]) || empty || bytes.Contains(said, []byte("pleasewait")) {
		return kit.Unsupported("a PDF that is only a shell around an XFA form")
	}
	return nil
}

// showsFields reports whether a page has fields that are drawn: such a page is the form, for readers without XFA.
func (w *walker) showsFields(page *dict) bool {
	return slices.ContainsFunc(w.f.list(page.get("Annots")), func(v object) bool {
		d, _ := w.f.resolve(v).(*dict)
		return w.nameOf(d, "Subtype") == "Widget" && w.stamp(d) == roleStamp
	})
}

// letters returns the letters that a page shows, in lower case and without what is between them. Those pages that
// stand for an XFA form say "Please wait".
func (w *walker) letters(page *dict) []byte {
	letters := make([]byte, 0, 256)
	for _, c := range w.f.list(page.get("Contents")) {
		s, ok := w.f.resolve(c).(*stream)
		if !ok {
			continue
		}
		data, err := w.f.decode(s)
		if err != nil {
			continue
		}
		p := &parser{data: data}
		for len(letters) < 1<<16 && p.pos < len(data) {
			letters = appendLetters(letters, p)
		}
	}
	return letters
}

// appendLetters reads one token of a page and adds the letters of the strings in it.
func appendLetters(letters []byte, p *parser) []byte {
	v, err := p.object()
	if err != nil {
		p.pos++
		return letters
	}
	parts, ok := v.(array)
	if !ok {
		parts = array{v}
	}
	for _, v := range parts {
		s, _ := v.(text)
		for _, c := range s {
			if r := unicode.ToLower(rune(c)); r >= 'a' && r <= 'z' {
				letters = append(letters, byte(r))
			}
		}
	}
	return letters
}
