package pdf

import (
	"bytes"
	"slices"

	"icapd/cdr/kit"
)

// walker copies what may stay, from the catalog on.
type walker struct {
	f       *file
	objects []object      // the output: object n+1 is objects[n]
	index   map[visit]int // what was met already
	queue   []visit
	here    int // number of the object in hand
	changed bool
	signed  bool // a signature would not hold
	dropped []note
	dropIdx map[note]int
	reached map[int]bool // objects of the input that are used
	root    object
	info    object
	waiting bool // the only page tells to wait for XFA
}

// visit is an object in the role in which something refers to it. An object that is met in two roles is written twice.
type visit struct {
	num  int
	role role
}

// outRef is a reference in the output.
type outRef int

func newWalker(f *file) *walker {
	return &walker{f: f, index: map[visit]int{}, reached: map[int]bool{}, dropIdx: map[note]int{}}
}

// found notes something that cannot stay, so that the document must be written anew.
func (w *walker) found(vector, action, detail string) {
	w.changed = true
	if vector == vectorEmbedded && w.f.job.Switches.EmbeddedFiles == kit.ChoiceBlock && w.f.fatal == nil {
		w.f.fatal = kit.Blocked("a document with embedded files")
	}
	w.f.job.Removed(vector, at(w.here), action, detail)
}

// drop notes something that is left out if the document is written anew for another reason.
func (w *walker) drop(vector, detail string) {
	n := note{Vector: vector, Location: at(w.here), Action: kit.ActionRemoved, Detail: detail}
	if _, ok := w.dropIdx[n]; ok || len(w.dropped) > 1000 {
		return
	}
	w.dropIdx[n] = len(w.dropped)
	w.dropped = append(w.dropped, n)
}

func (w *walker) run() error {
	if err := w.form(); err != nil {
		return err
	}
	for _, e := range w.f.trailer.entries {
		w.trailerKey(e)
	}
	for _, t := range w.f.old {
		for _, e := range t.entries {
			w.trailerKey(e)
		}
	}
	w.root = w.indirect(w.f.trailer.get("Root"), roleCatalog)
	if info := w.f.trailer.get("Info"); info != nil {
		if w.f.job.Switches.StripMetadata {
			w.found(vectorMetadata, kit.ActionRemoved, "document information")
		} else {
			w.info = w.indirect(info, roleInfo)
		}
	}
	for n := 0; len(w.queue) > 0; n++ {
		if n%256 == 0 && w.f.ctx.Err() != nil {
			return w.f.ctx.Err()
		}
		v := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if err := w.object(v); err != nil {
			return err
		}
		if w.f.fatal != nil {
			return w.f.fatal
		}
	}
	if r, ok := w.root.(outRef); !ok || w.objects[r-1] == nil {
		return kit.Corrupt("PDF without a catalog")
	}
	w.here = 0
	return nil
}

func (w *walker) trailerKey(e entry) {
	if w.here = 0; !trailerKeys[e.key] && !isNumber(e.value) {
		w.found(vectorTrailer, kit.ActionRemoved, string(e.key))
	}
}

// indirect copies a value that must be an object of its own.
func (w *walker) indirect(v object, r role) object {
	c, _ := w.copy(v, r)
	if d, ok := c.(*dict); ok {
		w.objects = append(w.objects, d)
		return outRef(len(w.objects))
	}
	return c
}

// isNumber reports whether a value is a number, or a string that is one or a version: what writers put beside the
// trailer's keys, and what holds nothing.
func isNumber(v object) bool {
	switch v := v.(type) {
	case integer, real:
		return true
	case text:
		return len(v) <= 16 && len(bytes.Trim(v, "0123456789.")) == 0
	}
	return false
}

// object copies the object of a visit.
func (w *walker) object(v visit) error {
	w.here = v.num
	n := w.index[v]
	var err error
	switch o := w.f.get(v.num).(type) {
	case *dict:
		w.objects[n-1] = w.dict(o, v.role)
	case *stream:
		w.objects[n-1], err = w.stream(o, v.role)
	case array:
		w.objects[n-1] = w.array(o, v.role)
	default:
		w.objects[n-1], _ = w.copy(o, v.role)
	}
	return err
}

// copy returns what is written in the place of a value, and false if nothing is.
func (w *walker) copy(v object, r role) (object, bool) {
	num := 0
	for range maxReferences {
		if at, ok := v.(ref); ok {
			num, v = at.num, w.f.get(at.num)
			continue
		}
		break
	}
	switch o := v.(type) {
	case nil, ref, keyword:
		return nil, false
	case boolean, integer, real, name:
		return v, true
	case text:
		if num == 0 {
			return v, true
		}
	case *dict:
		if r = w.judge(o, r); r == roleDrop {
			return nil, false
		}
		if r == roleAction || r == roleOpen {
			w.reached[num] = true
			a := w.action(o, r, map[int]bool{num: true})
			return a, a != nil
		}
		if num == 0 {
			return w.dict(o, r), true
		}
	case *stream:
		if r = w.judgeStream(o, r); r == roleDrop {
			return nil, false
		}
	case array:
		if num == 0 {
			return w.array(o, r), true
		}
	}
	return w.refer(visit{num, r}), true
}

// refer returns the number in the output, and has the object copied if that was not yet asked for.
func (w *walker) refer(v visit) outRef {
	n, ok := w.index[v]
	if !ok {
		w.objects = append(w.objects, nil)
		n = len(w.objects)
		w.index[v] = n
		w.reached[v.num] = true
		w.queue = append(w.queue, v)
	}
	return outRef(n)
}

// array copies the elements. Where the elements are things of their own, the ones that go leave no hole.
func (w *walker) array(a array, r role) array {
	out := make(array, 0, len(a))
	tree := r == roleDestTree || r == roleFileTree
	for i, v := range a {
		er := r
		switch {
		case r == roleDest && i == 0:
			er = rolePages
		case r == roleDest:
			er = roleData
		case r == roleFree, r == roleInfo, r == roleMetadata:
			er = roleData
		case tree && i%2 == 1 && len(a)%2 == 0 && !w.isTreeNode(a):
			er = treeValue(r)
		}
		c, ok := w.copy(v, er)
		switch {
		case ok:
			out = append(out, c)
		case tree && i%2 == 1 && len(out) > 0 && !w.isTreeNode(a):
			out = out[:len(out)-1] // the name goes with its value
		case compact[r]:
		default:
			out = append(out, nil)
		}
	}
	return out
}

// compact are the roles whose arrays are sets of things.
var compact = map[role]bool{
	rolePages: true, roleAnnot: true, roleField: true, roleStruct: false, roleDestTree: true, roleFileTree: true,
}

// isTreeNode reports whether this array is the Kids of a tree's node rather than its names and values.
func (w *walker) isTreeNode(a array) bool {
	_, isText := w.f.resolve(a[0]).(text)
	_, isName := w.f.resolve(a[0]).(name)
	return !isText && !isName
}

func treeValue(r role) role {
	if r == roleFileTree {
		return roleFile
	}
	return roleDest
}

// dict copies the entries that may stay.
func (w *walker) dict(d *dict, r role) *dict {
	out := &dict{entries: make([]entry, 0, len(d.entries)+1)}
	w.checkKeys(d)
	if r == roleStamp {
		out.set("Type", name("Annot"))
		out.set("Subtype", name("Stamp"))
	}
	for _, e := range d.entries {
		kr := w.keyRole(d, e.key, r)
		if kr == roleDrop || e.value == nil {
			continue
		}
		if v, ok := w.copy(e.value, kr); ok && !(kr == roleInfo && !isScalar(v)) {
			out.entries = append(out.entries, entry{e.key, v})
		}
	}
	w.finish(out, r)
	return out
}

// checkKeys notes a dictionary that readers read in different ways.
func (w *walker) checkKeys(d *dict) {
	if d.twice {
		w.found(vectorMalformed, kit.ActionNeutralised, "a key with two values: the last one stays")
	}
}

// finish makes an entry agree with what became of the others.
func (w *walker) finish(out *dict, r role) {
	if r != roleCatalog {
		return
	}
	if m, _ := out.get("PageMode").(name); m == "UseAttachments" && !w.keepFiles() {
		out.set("PageMode", name("UseNone"))
	}
}

func isScalar(v object) bool {
	switch v.(type) {
	case boolean, integer, real, name, text, outRef:
		return true
	}
	return false
}

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
	}
	if vector, ok := forbidden[key]; ok && !(w.keepFiles() && vector == vectorEmbedded && key != "AF") {
		if !w.isNull(d.get(key)) {
			w.found(vector, kit.ActionRemoved, "")
		}
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
	if listed && r != roleStruct && w.f.job.Mode == kit.ModeRebuild {
		w.found(vectorUnknownKey, kit.ActionRemoved, string(key))
		return roleDrop
	}
	if role, ok := dataKeys[key]; ok && !listed {
		return role
	}
	return roleData
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

// leave leaves a value out: quietly, unless something in it acts.
func (w *walker) leave(vector string, v object) {
	if active := w.active(v); active != "" {
		w.found(active, kit.ActionRemoved, vector)
		return
	}
	w.drop(vector, "")
}

// special decides about keys that depend on more than the role.
func (w *walker) special(d *dict, key name, r role) (role, bool) {
	strip := w.f.job.Switches.StripMetadata
	switch {
	case key == "Metadata" && strip:
		w.found(vectorMetadata, kit.ActionRemoved, "XMP")
		return roleDrop, true
	case key == "PieceInfo" || key == "LastModified" && strip:
		if strip {
			w.found(vectorPrivate, kit.ActionRemoved, "")
		} else {
			w.leave(vectorPrivate, d.get(key))
		}
		return roleDrop, true
	case key == "Thumb" && r == rolePages:
		if strip {
			w.found(vectorThumbnail, kit.ActionRemoved, "")
		} else {
			w.drop(vectorThumbnail, "")
		}
		return roleDrop, true
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
	case rolePortion, roleThumb, roleDrop:
		return roleDrop
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
		return w.signature()
	case "Rendition", "MediaClip":
		w.found(vectorRendition, kit.ActionRemoved, "")
		return roleDrop
	case "NavNode":
		w.found(vectorPresentation, kit.ActionRemoved, "")
		return roleDrop
	}
	if d.has("ByteRange") && d.has("Contents") {
		return w.signature()
	}
	if d.has("Rect") && d.has("Subtype") {
		return w.judgeAnnot(d, roleAnnot)
	}
	return r
}

func (w *walker) signature() role {
	w.signed = true
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
	case t == "EmbeddedFile":
		w.found(vectorEmbedded, kit.ActionRemoved, "")
		return roleDrop
	case subtype == "PS", w.nameOf(d, "Subtype2") == "PS":
		w.found(vectorPostScript, kit.ActionRemoved, "")
		return roleDrop
	case t == "XRef", t == "ObjStm":
		return roleDrop
	case r == rolePortion, r == roleThumb, r == roleDrop:
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

// stream copies a stream: its entries, and its data as it is.
func (w *walker) stream(s *stream, r role) (object, error) {
	if r == roleMetadata {
		return w.metadata(s)
	}
	if r == roleFileData {
		return w.embedded(s)
	}
	out := &dict{entries: make([]entry, 0, len(s.dict.entries))}
	w.checkKeys(s.dict)
	for _, e := range s.dict.entries {
		if e.key == "Length" || e.key == "DL" || e.key == "Filter" || e.key == "DecodeParms" || e.key == "F" || e.key == "DP" {
			continue
		}
		kr := w.keyRole(s.dict, e.key, r)
		if kr == roleDrop || e.value == nil {
			continue
		}
		if v, ok := w.copy(e.value, kr); ok {
			out.entries = append(out.entries, entry{e.key, v})
		}
	}
	w.filterEntries(s, out)
	return &stream{dict: out, raw: s.raw, crypt: s.crypt}, nil
}

// filterEntries writes the filters without the one that decrypts: the output is not encrypted.
func (w *walker) filterEntries(s *stream, out *dict) {
	var names, parms array
	any := false
	for _, spec := range w.f.filters(s.dict) {
		if spec.name == "Crypt" {
			continue
		}
		names = append(names, spec.name)
		if spec.parms == nil {
			parms = append(parms, nil)
			continue
		}
		any = true
		parms = append(parms, w.dict(spec.parms, roleData))
	}
	switch {
	case len(names) == 1:
		out.set("Filter", names[0])
	case len(names) > 1:
		out.set("Filter", names)
	}
	switch {
	case any && len(names) == 1:
		out.set("DecodeParms", parms[0])
	case any:
		out.set("DecodeParms", parms)
	}
}

func (w *walker) keepFiles() bool {
	c := w.f.job.Switches.EmbeddedFiles
	return c == kit.ChoiceAllow || c == kit.ChoiceSanitise
}

// pages returns the first pages, up to a few.
func (w *walker) pages(most int) []*dict {
	root, _ := w.f.resolve(w.f.trailer.get("Root")).(*dict)
	var found []*dict
	queue := []object{root.get("Pages")}
	for steps := 0; len(queue) > 0 && len(found) < most && steps < 1000; steps++ {
		d, _ := w.f.resolve(queue[0]).(*dict)
		queue = queue[1:]
		switch {
		case d == nil:
		case d.has("Kids"):
			kids := w.f.list(d.get("Kids"))
			queue = slices.Concat(kids[:min(len(kids), 10)], queue)
		default:
			found = append(found, d)
		}
	}
	return found
}
