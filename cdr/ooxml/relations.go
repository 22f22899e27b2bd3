package ooxml

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"icapd/cdr/kit"
)

// relations are the relationships of one source.
type relations struct {
	part    *part // that holds them, nil if there is none
	list    []*relation
	byID    map[string]*relation
	changed bool
	owner   *part // nil for the package itself
}

// relation is one relationship.
type relation struct {
	id, typ, target string // as written, references resolved
	short           string // last segment of the type, lower case
	mode            string
	external        bool
	to              *part // nil if external or not there
	from            *relations

	dead  bool // is not written; what points there must go
	blank bool // an image that is not fetched: a blank one stands in its place
	used  bool // the blank one is needed
}

// isRelations reports whether a part holds relationships, and whose: "" for the package itself.
func isRelations(fold string) (source string, ok bool) {
	dir, file := path.Split(fold)
	dir = strings.TrimSuffix(dir, "/")
	if path.Base(dir) != "_rels" || !strings.HasSuffix(file, ".rels") {
		return "", false
	}
	source = strings.TrimPrefix(path.Join(strings.TrimSuffix(strings.TrimSuffix(dir, "_rels"), "/"), strings.TrimSuffix(file, ".rels")), "/")
	return source, true
}

// maxRelations bounds the relationships of a package. Excel takes 65,530 links a sheet.
const maxRelations = 100_000

// maxListing is how many bytes a part of relationships or of types may be long, unpacked: 300 for each that there may be.
const maxListing = 32 << 20

// short checks that before the part is unpacked.
func (at *part) short() error {
	if at.entry != nil && at.entry.Size > maxListing {
		return kit.Limit("part_bytes", "%.80q is longer than %d bytes", at.name, maxListing)
	}
	return nil
}

// relationTag is the name of their elements, which no part has elsewhere as often.
const relationTag = "Relationship"

func (p *pack) readRelations(at *part) error {
	source, ok := isRelations(at.fold)
	if !ok {
		return nil
	}
	rels := &p.root
	if source != "" {
		owner := p.index[source]
		if owner == nil {
			return nil // of a part that is not there: an orphan
		}
		rels = &owner.rels
	}
	if err := at.short(); err != nil {
		return err
	}
	text, err := p.text(at)
	if err != nil {
		return err
	}
	if bytes.Count(text, []byte(relationTag)) > 2*maxRelations { // each may have an end tag
		return kit.Limit("parts", "more than %d relationships", maxRelations)
	}
	rels.part, rels.byID = at, map[string]*relation{}
	err = p.eachTagOf(text, func(t *kit.XMLToken) {
		if t.Local() != "Relationship" {
			return
		}
		if p.relations++; p.relations > maxRelations {
			return
		}
		r := &relation{from: rels}
		for a := range t.Attrs {
			switch strings.ToLower(a.Local()) {
			case "id":
				r.id = a.Value()
			case "type":
				r.typ = strings.TrimSpace(a.Value())
			case "target":
				r.target = strings.TrimSpace(a.Value())
			case "targetmode":
				r.mode = a.Value()
			}
		}
		r.external = strings.EqualFold(strings.TrimSpace(r.mode), "external")
		r.short = strings.ToLower(path.Base(strings.TrimRight(r.typ, "/")))
		rels.list = append(rels.list, r)
		rels.byID[r.id] = r
	})
	if err == nil && p.relations > maxRelations {
		return kit.Limit("parts", "more than %d relationships", maxRelations)
	}
	rels.changed = at.plain != nil // written without its document type
	return err
}

// resolve finds the parts that internal relationships lead to. Targets that leave the package are dead.
func (p *pack) resolve(rels *relations, dir string) error {
	seen := map[string]bool{}
	for _, r := range rels.list {
		if seen[r.id] {
			return kit.Corrupt("two relationships with the same id %.40q", r.id)
		}
		seen[r.id] = true
		if r.external {
			continue
		}
		target, _, _ := strings.Cut(foldName(r.target), "#")
		switch {
		case target == "":
			continue
		case hasScheme(target), strings.HasPrefix(target, "//"):
			r.external = true // whatever its mode says: readers differ
			continue
		case !strings.HasPrefix(target, "/"):
			target = "/" + dir + "/" + target
			if leaves(target) {
				r.external = true
				continue
			}
		}
		r.to = p.index[foldName(strings.TrimPrefix(path.Clean(target), "/"))]
		if r.to != nil {
			r.to.in = append(r.to.in, r)
		}
	}
	return nil
}

// leaves reports whether a path goes above its root.
func leaves(target string) bool {
	depth := 0
	for seg := range strings.SplitSeq(target, "/") {
		switch seg {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

func hasScheme(s string) bool {
	i := strings.IndexAny(s, ":/?#")
	return i > 0 && s[i] == ':'
}

// reachable returns the parts that relationships lead to. With alive, dead relationships and dropped parts lead
// nowhere.
func (p *pack) reachable(alive bool) map[*part]bool {
	seen := map[*part]bool{}
	var queue []*part
	visit := func(rels *relations) {
		if rels.part != nil {
			seen[rels.part] = true
		}
		for _, r := range rels.list {
			if r.to != nil && !seen[r.to] && (!alive || !r.dead && !r.to.drop) {
				seen[r.to] = true
				queue = append(queue, r.to)
			}
		}
	}
	visit(&p.root)
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		visit(&next.rels)
		for _, to := range next.sources {
			if !seen[to] && (!alive || !to.drop) {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	if p.types != nil {
		seen[p.types] = true
	}
	return seen
}

func (p *pack) finishRelations(rels *relations) {
	dirty := rels.changed
	for _, r := range rels.list {
		if r.blank && !r.dead {
			if r.dead = !r.used; r.used {
				r.target, r.mode, r.to = "/"+p.blankImage().name, "", p.blankImage()
			}
			dirty = true
		}
		if r.to != nil && r.to.drop && !r.dead {
			r.dead = true
		}
		if r.to != nil && r.to.newName != "" && !r.dead {
			r.target, dirty = "/"+r.to.newName, true
		}
		dirty = dirty || r.dead
	}
	if !dirty {
		return
	}
	if rels.part == nil { // the first relationships of this part
		dir, file := path.Split(rels.owner.name)
		rels.part = &part{name: dir + "_rels/" + file + ".rels", mime: "application/vnd.openxmlformats-package.relationships+xml"}
		p.add(rels.part)
	}
	var b bytes.Buffer
	b.WriteString(xmlHeader + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for _, r := range rels.list {
		if r.dead {
			continue
		}
		b.WriteString(`<Relationship Id="` + escape(r.id) + `" Type="` + escape(r.typ) + `" Target="` + escape(r.target) + `"`)
		if r.mode != "" {
			b.WriteString(` TargetMode="` + escape(r.mode) + `"`)
		}
		b.WriteString("/>")
	}
	b.WriteString("</Relationships>")
	rels.part.data = b.Bytes()
	rels.part.drop = false
}

// relate adds a relationship and returns its id.
func (rels *relations) relate(typ string, to *part) string {
	id := "rIdStatic1"
	for n := 2; rels.byID[id] != nil; n++ {
		id = "rIdStatic" + strconv.Itoa(n)
	}
	r := &relation{id: id, typ: typ, target: "/" + to.name, short: path.Base(typ), to: to, from: rels}
	rels.list = append(rels.list, r)
	if rels.byID == nil {
		rels.byID = map[string]*relation{}
	}
	rels.byID[id] = r
	rels.changed = true
	to.in = append(to.in, r)
	return id
}
