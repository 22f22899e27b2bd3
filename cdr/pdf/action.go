package pdf

import (
	"bytes"
	"slices"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// maxNext is how many actions may follow one: people make chains of two or three.
const maxNext = 50

// action copies an action that may stay; nil if it may not. Actions are written where they are used, so that none is
// written that nothing was asked about. seen are the objects of the chain so far.
func (w *walker) action(d *dict, r role, seen map[int]bool) *dict {
	s := w.nameOf(d, "S")
	if s == "" && !slices.ContainsFunc([]name{"URI", "JS", "F", "N", "Win", "Next"}, d.has) {
		return nil // empty: some writers leave such things
	}
	if vector := w.judgeAction(d, s, r); vector != "" {
		w.found(vector, kit.ActionNeutralised, w.describe(d))
		return nil
	}
	w.checkKeys(d)
	out := newDict(entry{"Type", name("Action")}, entry{"S", s})
	for _, e := range d.entries {
		if vector := forbidden[e.key]; vector != "" {
			w.found(vector, kit.ActionRemoved, "")
		}
		kr, ok := actionKeys[s][e.key]
		if !ok {
			if e.key != "Next" && !w.isNull(e.value) && (actingKeys[e.key] || w.active(w.f.resolve(e.value)) != "") {
				w.found(vectorUnknownKey, kit.ActionRemoved, string(e.key))
			}
			continue
		}
		w.inAction = true
		if v, ok := w.copy(e.value, kr); ok {
			out.set(e.key, v)
		}
		w.inAction = false
	}
	if next := w.next(d.get("Next"), seen); len(next) > 0 {
		out.set("Next", next)
	}
	return out
}

// actionKeys are the keys of the actions that may stay. The type of an action is written anew, and what follows it
// is judged by itself.
var actionKeys = map[name]map[name]role{
	"GoTo":  {"D": roleDest, "SD": roleData},
	"URI":   {"URI": roleData, "IsMap": roleData},
	"Named": {"N": roleData},
}

// actingKeys are keys by which other actions name a file or a program. One that stays has no use for them, but readers
// that go by the keys and not by the kind may.
var actingKeys = map[name]bool{"F": true, "UF": true, "Win": true, "Mac": true, "Unix": true, "FS": true}

// judgeAction returns the vector of an action that cannot stay.
func (w *walker) judgeAction(d *dict, s name, r role) string {
	vector, known := actionVectors[s]
	switch {
	case !known:
		return vectorUnknownAction
	case vector != "":
		return vector
	case r == roleOpen && (s != "GoTo" || d.has("Next")):
		return vectorOpenAction
	case s == "URI":
		if u, ok := w.f.resolve(d.get("URI")).(text); !ok || !safeURI(u) || w.f.job.Switches.Links == kit.ChoiceRemove {
			return vectorLink
		}
	case s == "Named":
		switch w.nameOf(d, "N") {
		case "NextPage", "PrevPage", "FirstPage", "LastPage":
		default:
			return vectorNamed
		}
	}
	return ""
}

// next copies the actions that follow one. An action that comes again ends the chain.
func (w *walker) next(v object, seen map[int]bool) array {
	var out array
	visit := func(v object) {
		num := 0
		if r, ok := v.(ref); ok {
			num = r.num
		}
		d, ok := w.f.resolve(v).(*dict)
		if !ok {
			return
		}
		w.reach(num)
		if num != 0 && seen[num] || len(seen) > maxNext {
			w.found(vectorActionLoop, kit.ActionRemoved, "")
			return
		}
		if num == 0 {
			num = -len(seen) - 1
		}
		seen[num] = true
		if a := w.action(d, roleAction, seen); a != nil {
			out = append(out, a)
		}
	}
	if r, ok := v.(ref); ok {
		w.reach(r.num)
	}
	if a, ok := w.f.resolve(v).(array); ok {
		for _, v := range a {
			visit(v)
		}
		return out
	}
	visit(v)
	return out
}

// describe says in one line what an action wanted.
func (w *walker) describe(d *dict) string {
	for _, key := range []name{"URI", "N", "F"} {
		switch v := w.f.resolve(d.get(key)).(type) {
		case text:
			return plain(v)
		case name:
			return string(v)
		}
	}
	return string(w.nameOf(d, "S"))
}

// safeURI judges a link. The string should be ASCII; in UTF-16 it is read, too, because readers do.
func safeURI(s text) bool { return len(s) > 0 && kit.SafeLink(plain(s)) }

// plain decodes a text string (section 7.9.2.2) well enough to judge and to show it.
func plain(s text) string {
	little := bytes.HasPrefix(s, []byte{0xff, 0xfe})
	if !little && !bytes.HasPrefix(s, []byte{0xfe, 0xff}) {
		return string(bytes.TrimPrefix(s, []byte("\xef\xbb\xbf")))
	}
	var units []uint16
	for i := 2; i+1 < len(s); i += 2 {
		a, b := s[i], s[i+1]
		if little {
			a, b = b, a
		}
		units = append(units, uint16(a)<<8|uint16(b))
	}
	return string(utf16.Decode(units))
}
