package pdf

import (
	"cmp"
	"slices"

	"icapd/cdr/kit"
)

// keyRole decides about one entry of a dictionary.
func (w *walker) keyRole(d *dict, key name, r role) role {
	if r == roleField {
		r = roleAnnot
	}
	switch r {
	case roleFree:
		return roleData
	case roleXObjects:
		return roleXObject
	case roleFonts:
		return roleFont
	case roleInfo, roleFileData:
		return r
	case roleDestTree, roleFileTree:
		return w.treeRole(d, key, r)
	default:
	}
	if vector, ok := forbidden[key]; ok && (vector != vectorEmbedded || key == "AF" || !w.keepFiles()) {
		switch v := d.get(key); {
		case w.isNull(v):
		case vector == vectorEmbedded && w.noTree(v):
			w.mark(v)
		default:
			w.found(vector, kit.ActionRemoved, "")
		}
		return roleDrop
	}
	if key == "Schema" && d.has("NS") && !w.isNull(d.get(key)) { // of a namespace of structure elements: a file that is elsewhere
		w.found(vectorFileURL, kit.ActionRemoved, string(key))
		return roleDrop
	}
	if vector := w.disguised(d.get(key), key, r); vector != "" {
		w.found(vector, kit.ActionRemoved, string(key))
		return roleDrop
	}
	if vector, ok := quiet[r][key]; ok {
		if vector == vectorSignature && key == "Perms" {
			w.signed = w.signed || w.isSigned(d.get(key))
		}
		w.leave(vector, d.get(key))
		return roleDrop
	}
	if role, ok := w.special(d, key, r); ok {
		return role
	}
	keys, listed := schema[r]
	if role, ok := keys[key]; ok {
		return role
	}
	if r == roleStamp || r == roleFile {
		return roleDrop
	}
	if w.unfit(d.get(key), key, r) {
		return roleDrop
	}
	if listed && r != roleStruct && w.f.job.Mode == kit.ModeRebuild {
		w.found(vectorUnknownKey, kit.ActionRemoved, string(key))
		return roleDrop
	}
	if role, ok := dataKeys[key]; ok && !listed {
		return role
	}
	return roleData
}

// noTree reports whether a name tree has no names. FPDF and what was made after it write one for the attachments of every
// document.
func (w *walker) noTree(v object) bool {
	d, ok := w.f.resolve(v).(*dict)
	if !ok {
		return false
	}
	for _, e := range d.entries {
		if a, ok := w.f.resolve(e.value).(array); !ok || len(a) > 0 || e.key != "Names" && e.key != "Kids" {
			return false
		}
	}
	return true
}

// unfit takes out what has a key that the specification does not know where nothing but what it knows may stand, or
// where it holds data.
func (w *walker) unfit(v object, key name, r role) bool {
	vector := exclusive[r]
	if r == rolePages || r == roleCatalog {
		if !w.carriesPrivately(v) {
			return false
		}
		vector = cmp.Or(w.active(w.f.resolve(v)), vectorUnknownKey)
	}
	if vector == "" {
		return false
	}
	if !w.isNull(v) {
		w.found(vector, kit.ActionRemoved, string(key))
	}
	return true
}

func (w *walker) treeRole(d *dict, key name, r role) role {
	switch key {
	case "Kids", "Names":
		return r
	case "Limits":
		return roleData
	}
	if d.has("Kids") || d.has("Names") {
		return roleData
	}
	return treeValue(r) // the old form: a dictionary of destinations
}

func (w *walker) isNull(v object) bool { return w.f.resolve(v) == nil }

// mark notes that everything below a value is known: it is left out together with it. What acts is not.
func (w *walker) mark(v object) {
	for todo := []object{v}; len(todo) > 0; {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if r, ok := v.(ref); ok {
			if v = w.f.get(r.num); w.isReached(r.num) || w.active(v) != "" {
				continue
			}
			w.reach(r.num)
		}
		switch v := v.(type) {
		case ref:
			todo = append(todo, v)
		case array:
			todo = append(todo, v...)
		case *dict:
			todo = append(todo, v.list()...)
		case *stream:
			todo = append(todo, v.dict.list()...)
		}
	}
}

// leave leaves a value out: quietly, unless something in it acts.
func (w *walker) leave(vector string, v object) {
	if active := w.active(v); active != "" {
		w.found(active, kit.ActionRemoved, vector)
		return
	}
	w.drop(vector, "")
	w.mark(v)
}

// special decides about keys that depend on more than the role.
func (w *walker) special(d *dict, key name, r role) (role, bool) {
	strip := w.f.job.Switches.StripMetadata
	switch {
	case key == "Metadata" && strip:
		w.found(vectorMetadata, kit.ActionRemoved, "XMP")
		return roleDrop, true
	case key == "PieceInfo":
		w.found(vectorPrivate, kit.ActionRemoved, "")
		return roleDrop, true
	case key == "Thumb" && r == rolePages:
		if strip || !w.isThumbnail(d.get(key)) {
			w.found(vectorThumbnail, kit.ActionRemoved, "")
			return roleDrop, true
		}
		return roleXObject, true
	case r == roleXObject && key == "Ref":
		w.found(vectorReference, kit.ActionRemoved, "")
		return roleDrop, true
	case r == roleXObject && (key == "PS" || key == "Level1"):
		w.found(vectorPostScript, kit.ActionRemoved, "")
		return roleDrop, true
	case r == roleCatalog && key == "URI":
		base, _ := w.f.resolve(d.get(key)).(*dict)
		if s, ok := w.f.resolve(base.get("Base")).(text); ok && !safeURI(s) {
			w.found(vectorLink, kit.ActionRemoved, "base address")
			return roleDrop, true
		}
	case r == roleForm && key == "SigFlags":
		return roleDrop, true // the signatures go
	case r == roleData && key == "A" && w.isHiddenAction(d.get(key)):
		return roleAction, true
	}
	return 0, false
}

// judge says in which role a dictionary is copied: the one that it is asked for in, or, where that is none in
// particular, the one that it looks like. What must not be copied is roleDrop.
func (w *walker) judge(d *dict, r role) role {
	switch r {
	case roleFree, roleXObjects, roleFonts, roleResources, roleAppearance, roleNames, roleDestTree, roleInfo, roleFileTree,
		roleFileData, roleCatalog:
		return r
	case roleAction, roleOpen:
		return r
	case roleAnnot, roleField, roleStamp:
		return w.judgeAnnot(d, r)
	case roleDrop:
		return roleDrop
	default:
	}
	t := w.nameOf(d, "Type")
	switch {
	case w.isAction(d) && (r != roleStruct || !d.has("P")):
		return roleAction
	case r == roleFile || t == "Filespec" || t == "F" && d.has("F"):
		return w.judgeFile(d)
	case r != roleData:
		return r
	}
	switch t {
	case "Catalog":
		return roleCatalog
	case "Page", "Pages":
		return rolePages
	case "Annot":
		return w.judgeAnnot(d, roleAnnot)
	case "StructElem", "StructTreeRoot":
		return roleStruct
	case "Font":
		return roleFont
	case "Sig", "DocTimeStamp":
		return w.signature(d)
	case "Rendition", "MediaClip":
		w.found(vectorRendition, kit.ActionRemoved, "")
		return roleDrop
	case "NavNode":
		w.found(vectorPresentation, kit.ActionRemoved, "")
		return roleDrop
	}
	if d.has("ByteRange") && d.has("Contents") {
		return w.signature(d)
	}
	if d.has("Rect") && d.has("Subtype") {
		return w.judgeAnnot(d, roleAnnot)
	}
	return r
}

func (w *walker) signature(d *dict) role {
	w.signed = true
	w.mark(d)
	w.drop(vectorSignature, "")
	return roleDrop
}

// isSigned reports whether permissions are about a signature of the document; usage rights are not.
func (w *walker) isSigned(v object) bool {
	d, _ := w.f.resolve(v).(*dict)
	return d.has("DocMDP")
}

func (w *walker) nameOf(d *dict, key name) name {
	n, _ := w.f.resolve(d.get(key)).(name)
	return n
}

// isAction reports whether a dictionary is an action by its looks. Elements of the structure tree have an S, too.
func (w *walker) isAction(d *dict) bool {
	_, ok := actionVectors[w.nameOf(d, "S")]
	return ok && w.nameOf(d, "Type") != "StructElem"
}

// carriesPrivately reports whether the value of an unknown key of a page or of the catalog holds data: a structure with
// texts or streams in it. Numbers, names and single texts are how programs mark what they wrote.
func (w *walker) carriesPrivately(v object) bool {
	switch v := w.f.resolve(v).(type) {
	case array, *dict:
		return w.carries(v)
	case *stream:
		return true
	}
	return false
}

// disguised returns why the value of a key that often is harmless is not what it should be, "" if it is.
func (w *walker) disguised(v object, key name, r role) string {
	switch {
	case r == roleForm && key == "CO": // fields in the order in which scripts calculate them
		if slices.ContainsFunc(w.f.list(v), func(v object) bool { _, isRef := v.(ref); return !isRef }) {
			return vectorAdditional
		}
	case r == roleAnnot && (key == "RC" || key == "RV"):
		if !w.safeRichText(v) {
			return vectorRichText
		}
	case r == roleAnnot && key == "SV":
		if w.hasAddress(v) {
			return vectorSeed
		}
	case r == roleAnnot && key == "ExData": // what a comment in a 3D scene is about, or where on a map: readers show the comment without
		if w.isNull(v) {
			return ""
		}
		return vector3D
	case r == roleNames && key == "AP" && w.f.job.Mode == kit.ModeRebuild: // appearances that only scripts ask for
		if !w.isNull(v) && !w.noTree(v) {
			return vectorTemplates
		}
	case r == roleStruct && key == "A":
		if w.oddAttributes(v) {
			return vectorUnknownKey
		}
	case r == roleDest && key == "SD":
		if _, ok := w.f.resolve(v).(array); !ok {
			return vectorUnknownKey
		}
	}
	return ""
}

// oddAttributes reports whether attributes of the structure tree that are about layout, lists, tables or printed fields
// hold dictionaries: theirs are numbers, names, texts and arrays of these (section 14.8.5).
func (w *walker) oddAttributes(v object) bool {
	return slices.ContainsFunc(w.f.list(v), func(v object) bool {
		d, ok := w.f.resolve(v).(*dict)
		if !ok || !slices.Contains([]name{"Layout", "List", "Table", "PrintField"}, w.nameOf(d, "O")) {
			return false
		}
		return slices.ContainsFunc(d.entries, func(e entry) bool {
			_, isDict := w.f.resolve(e.value).(*dict)
			return isDict
		})
	})
}

// isHiddenAction reports whether the value of a key that elsewhere is an action has none of an action's types, but what
// actions are made of.
func (w *walker) isHiddenAction(v object) bool {
	d, ok := w.f.resolve(v).(*dict)
	if !ok || d.has("S") || d.has("O") {
		return false
	}
	return slices.ContainsFunc([]name{"URI", "JS", "F", "Win", "Unix", "Mac", "Next"}, d.has)
}

// hasAddress reports whether the seed value of a signature names a server that is asked when somebody signs, for the
// time or for a certificate (section 12.7.5.5).
func (w *walker) hasAddress(v object) bool {
	seed, _ := w.f.resolve(v).(*dict)
	for _, key := range []name{"Cert", "TimeStamp"} {
		if part, _ := w.f.resolve(seed.get(key)).(*dict); !w.isNull(part.get("URL")) {
			return true
		}
	}
	return false
}

// judgeStream is judge for streams.
func (w *walker) judgeStream(s *stream, r role) role {
	d := s.dict
	subtype, t := w.nameOf(d, "Subtype"), w.nameOf(d, "Type")
	_, short := w.f.resolve(d.get("F")).(name)
	switch {
	case d.has("F") && !short, d.has("FFilter"), d.has("FDecodeParms"):
		w.found(vectorExternal, kit.ActionRemoved, "")
		return roleDrop
	case r == roleFileData:
		return r
	case r == roleInfo: // a title is a string
		w.found(vectorMetadata, kit.ActionRemoved, "a stream in the document information")
		return roleDrop
	case t == "EmbeddedFile":
		w.found(vectorEmbedded, kit.ActionRemoved, "")
		return roleDrop
	case subtype == "PS", w.nameOf(d, "Subtype2") == "PS":
		w.found(vectorPostScript, kit.ActionRemoved, "")
		return roleDrop
	case t == "XRef", t == "ObjStm":
		return roleDrop
	case r == roleDrop:
		return roleDrop
	case t == "3D", subtype == "U3D", subtype == "PRC":
		w.found(vector3D, kit.ActionRemoved, "")
		return roleDrop
	case t == "Sound":
		w.found(vectorSound, kit.ActionRemoved, "")
		return roleDrop
	case r == roleMetadata, t == "Metadata", subtype == "XML":
		if w.f.job.Switches.StripMetadata {
			w.found(vectorMetadata, kit.ActionRemoved, "XMP")
			return roleDrop
		}
		return roleMetadata
	case subtype == "Form", subtype == "Image", r == roleXObject, r == roleXObjects, d.has("PatternType"):
		return w.judgeImage(s)
	}
	return roleData
}
