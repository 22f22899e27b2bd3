package pdf

import (
	"bytes"
	"math"
	"slices"

	"icapd/cdr/kit"
)

// walker copies what may stay, from the catalog on.
type walker struct {
	f       *file
	objects []object      // the output: object n+1 is objects[n]
	index   map[visit]int // what was met already in a role after its first
	queue   []visit
	here    int // number of the object in hand
	changed bool
	signed  bool // a signature would not hold

	depth    int  // of copy in itself
	inAction bool // the entries of an action are being copied
	strays   int  // characters between objects that should not be there
	dropped  []note
	dropIdx  map[note]int
	levels   map[int]int // how deep nodes of the page tree stand
	root     object
	info     object
}

// visit is an object in the role in which something refers to it. An object that is met in two roles is written twice.
type visit struct {
	num  int
	role role
}

// outRef is a reference in the output.
type outRef int

func newWalker(f *file) *walker {
	return &walker{f: f, index: map[visit]int{}, dropIdx: map[note]int{}, levels: map[int]int{}}
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
	for _, t := range slices.Concat(w.f.old, []*dict{w.f.trailer}) {
		w.checkKeys(t)
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
	pages, _ := w.written(w.dictOf(w.root).get("Pages")).(*dict)
	if _, ok := w.written(pages.get("Kids")).(array); !ok {
		return kit.Corrupt("PDF without pages")
	}
	w.here = 0
	return nil
}

func (w *walker) trailerKey(e entry) {
	if w.here = 0; !trailerKeys[e.key] && !isNumber(e.value) {
		w.found(vectorTrailer, kit.ActionRemoved, string(e.key))
	}
}

// written follows a reference in the output.
func (w *walker) written(v object) object {
	if r, ok := v.(outRef); ok {
		return w.objects[r-1]
	}
	return v
}

func (w *walker) dictOf(v object) *dict {
	d, _ := w.written(v).(*dict)
	return d
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
	n := w.number(v)
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
	if w.depth++; w.depth > 4*maxNesting { // the parser and the roles see to it that this cannot be
		w.f.fail(0, kit.Limit("depth", "more than %d PDF values inside each other", 4*maxNesting))
	}
	defer func() { w.depth-- }()
	if w.f.fatal != nil {
		return nil, false
	}
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
			if w.inAction { // the page that it leads to is an action, which may lead here
				w.found(vectorActionLoop, kit.ActionRemoved, "")
				return nil, false
			}
			w.reach(num)
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
			a := w.array(o, r)
			if isOne(a, o) {
				return v, true
			}
			return a, true
		}
	}
	return w.refer(visit{num, r}), true
}

// maxPageLevels bounds the levels of the page tree: writers make a handful, and each takes room in every list of nodes.
const maxPageLevels = 1000

// refer returns the number in the output, and has the object copied if that was not yet asked for.
func (w *walker) refer(v visit) outRef {
	n := w.number(v)
	if n == 0 {
		if v.role == rolePages {
			level := w.levels[w.here] + 1
			if w.levels[v.num] = level; level > maxPageLevels {
				w.f.fail(0, kit.Limit("depth", "more than %d nodes of the page tree inside each other", maxPageLevels))
			}
		}
		w.objects = append(w.objects, nil)
		n = len(w.objects)
		w.setNumber(v, n)
		w.reach(v.num)
		w.queue = append(w.queue, v)
	}
	return outRef(n)
}

// number returns the number in the output of what was met already, 0 if it was not. The first role of an object is noted
// where the object is: most have one.
func (w *walker) number(v visit) int {
	if s := w.f.xref[v.num]; s != nil && s.out != 0 && s.role == v.role {
		return int(s.out)
	}
	return w.index[v]
}

func (w *walker) setNumber(v visit, n int) {
	if s := w.f.xref[v.num]; s != nil && s.out == 0 && n <= math.MaxInt32 {
		s.out, s.role = int32(n), v.role //nolint:gosec // G115: just checked
		return
	}
	w.index[v] = n
}

// reach notes that an object of the input is used.
func (w *walker) reach(num int) {
	if s := w.f.xref[num]; s != nil {
		s.reached = true
	}
}

func (w *walker) isReached(num int) bool {
	s := w.f.xref[num]
	return s != nil && s.reached
}

// array copies the elements. Where the elements are things of their own, the ones that go leave no hole. An array of which all
// stays as it is, is its own copy.
func (w *walker) array(a array, r role) array {
	var out array // nil while there is no difference
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
		if out == nil {
			if ok && isSame(v, c) {
				continue
			}
			out = append(make(array, 0, len(a)), a[:i]...)
		}
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
	if out == nil {
		return a
	}
	return out
}

// isSame reports whether the copy of a value is the value itself.
func isSame(v, c object) bool {
	switch v := v.(type) {
	case boolean, integer, real, name, text:
		return true // copy hands them on
	case array:
		c, ok := c.(array)
		return ok && isOne(v, c)
	case *dict:
		return c == object(v)
	}
	return false
}

// isOne reports whether two arrays are one.
func isOne(a, b array) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

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

// dict copies the entries that may stay. A dictionary of which all stays as it is, is its own copy: documents may have
// millions of small ones.
func (w *walker) dict(d *dict, r role) *dict {
	w.checkKeys(d)
	var out *dict // nil while there is no difference
	if r == roleStamp || r == roleCatalog {
		out = &dict{entries: make([]entry, 0, len(d.entries)+2)}
	}
	if r == roleStamp {
		out.set("Type", name("Annot"))
		out.set("Subtype", name("Stamp"))
	}
	for i, e := range d.entries {
		v, ok := w.entry(d, e, r)
		if out == nil {
			if ok && isSame(e.value, v) {
				continue
			}
			out = &dict{entries: append(make([]entry, 0, len(d.entries)), d.entries[:i]...)}
		}
		if ok {
			out.entries = append(out.entries, entry{e.key, v})
		}
	}
	if out == nil {
		return d
	}
	w.finish(out, r)
	return out
}

// entry copies the value of an entry; false if it goes.
func (w *walker) entry(d *dict, e entry, r role) (object, bool) {
	kr := w.keyRole(d, e.key, r)
	if kr == roleDrop || e.value == nil {
		return nil, false
	}
	if kr == roleInfo && w.active(w.f.resolve(e.value)) != "" {
		w.found(vectorHidden, kit.ActionRemoved, "an action in the document information")
		return nil, false
	}
	v, ok := w.copy(e.value, kr)
	return v, ok && (kr != roleInfo || isScalar(v))
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
