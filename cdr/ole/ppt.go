package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/cdr/kit"
)

// Record types of [MS-PPT] 2.13.24 that are looked at.
const (
	pptVBAInfo      = 0x03FF
	pptExObjList    = 0x0409
	pptExObjRef     = 0x0BC1
	pptExOleAtom    = 0x0FC3
	pptString       = 0x0FBA
	pptExOleEmbed   = 0x0FCC
	pptExOleLink    = 0x0FCE
	pptExLinkAtom   = 0x0FD3
	pptExLink       = 0x0FD7
	pptExControl    = 0x0FEE
	pptInteractive  = 0x0FF2
	pptAction       = 0x0FF3
	pptUserEdit     = 0x0FF5
	pptCurrentUser  = 0x0FF6
	pptExMedia      = 0x1004
	pptExVideo      = 0x1005
	pptExAVI        = 0x1006
	pptExMCI        = 0x1007
	pptExMIDI       = 0x100D
	pptExCD         = 0x100E
	pptExWAV        = 0x100F
	pptExWAVLink    = 0x1010
	pptOleStorage   = 0x1011
	pptPersist      = 0x1772
	pptCrypt        = 0x2F14
	artClientData   = 0xF011
	artShape        = 0xF00A
	tokenEncrypted  = 0xF3D1C4DF
	pptHeader       = 8
	maxPPTDepth     = 100
	shapeIsOLE      = 0x0010
	actionLink      = 4
	actionsKnown    = 7
	persistCountBit = 20
)

// show is a presentation at work. Records are a tree; those on top are found by their offsets, which are corrected
// when the tree is written.
type show struct {
	d       *document
	data    []byte
	changed bool

	objects map[uint32]string // by number: why an external object goes
	moved   map[uint32]uint32 // offsets of records on top, old to new
	gone    map[uint32]bool   // offsets of records on top that are not written
	alive   map[int]bool      // offsets that the edits lead to

	cutObjects bool // embedded objects go: their shapes become pictures
}

func disarmSlides(d *document) error {
	e := d.root.find("PowerPoint Document")
	s := &show{d: d, data: e.data, objects: map[uint32]string{}, moved: map[uint32]uint32{}, gone: map[uint32]bool{}}
	user := d.root.find("Current User")
	if user == nil || len(user.data) < 20 {
		return kit.Corrupt("a presentation without its current user")
	}
	if binary.LittleEndian.Uint32(user.data[12:]) == tokenEncrypted {
		return kit.Encrypted("the presentation is encrypted")
	}
	if err := d.pictures(); err != nil {
		return err
	}
	d.cutUser(user)
	pieces, err := s.pieces(binary.LittleEndian.Uint32(user.data[16:]))
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if !p.record {
			continue
		}
		if err := s.find(s.data[p.from:p.to], 0); err != nil {
			return err
		}
	}
	out, err := s.rewrite(pieces)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	e.data = out
	user.data = append([]byte(nil), user.data...)
	return s.relocate(user.data[16:])
}

// pptRecord reads a record; children says that it is made of records. Some of what newer programs keep for themselves
// says so of a package, which it is not.
func pptRecord(b []byte) (kind uint16, instance uint16, children bool, body []byte, err error) {
	if len(b) < pptHeader {
		return 0, 0, false, nil, kit.Corrupt("a presentation's record is cut off")
	}
	le := binary.LittleEndian
	v := le.Uint16(b)
	n := int64(le.Uint32(b[4:]))
	if n > int64(len(b)-pptHeader) {
		return 0, 0, false, nil, kit.Corrupt("record %#x of the presentation is longer than what it is in", le.Uint16(b[2:]))
	}
	body = b[pptHeader : pptHeader+n]
	return le.Uint16(b[2:]), v >> 4, v&0xF == 0xF && !bytes.HasPrefix(body, []byte(packageHead)), body, nil
}

// find is the first walk: it gathers the objects and links that go.
func (s *show) find(b []byte, depth int) error {
	if depth > maxPPTDepth {
		return kit.Limit("depth", "%d records inside each other", depth)
	}
	if err := s.d.ctx.Err(); err != nil {
		return err
	}
	for len(b) > 0 {
		kind, _, children, body, err := pptRecord(b)
		if err != nil {
			return err
		}
		b = b[pptHeader+len(body):]
		switch kind {
		case pptCrypt:
			return kit.Encrypted("the presentation is encrypted")
		case pptUserEdit:
			if len(body) >= 32 {
				return kit.Encrypted("the presentation is encrypted")
			}
		case pptExOleEmbed, pptExOleLink, pptExControl:
			s.object(body, objectVectors[kind])
			continue
		case pptExLink:
			s.link(body)
			continue
		case pptExAVI, pptExMCI, pptExMIDI, pptExCD, pptExWAV, pptExWAVLink:
			s.media(body)
			continue
		}
		if children {
			if err := s.find(body, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

var objectVectors = map[uint16]string{
	pptExOleEmbed: vectorObject, pptExOleLink: vectorOLELink, pptExControl: vectorControl,
}

// object notes the number of an object that goes.
func (s *show) object(body []byte, vector string) {
	eachRecord(body, func(kind, _ uint16, b []byte) {
		if kind == pptExOleAtom && len(b) >= 12 {
			s.objects[binary.LittleEndian.Uint32(b[8:])] = vector
			s.cutObjects = true
		}
	})
}

// link notes the number of a hyperlink that goes.
func (s *show) link(body []byte) {
	number, target, place, odd := uint32(0), "", "", false
	eachRecord(body, func(kind, instance uint16, b []byte) {
		switch {
		case kind == pptExLinkAtom && len(b) >= 4:
			number = binary.LittleEndian.Uint32(b)
		case kind == pptString && instance == 1:
			target = strings.TrimRight(utf16Text(b), "\x00")
		case kind == pptString && instance == 3:
			place = strings.TrimRight(utf16Text(b), "\x00")
		case kind == pptString && instance != 0: // none that a link has
			odd = true
		}
	})
	if odd || !kit.SafeLink(target) || !kit.SafePlace(place) || s.d.dropLinks() && target != "" {
		s.objects[number] = vectorLink
	}
}

// media notes the number of a film or sound that is outside of the presentation.
func (s *show) media(body []byte) {
	if number, linked := mediaOf(body); linked {
		s.objects[number] = vectorMedia
	}
}

// mediaOf returns the number of a film or sound, and whether a path leads to it. Films have both in a record of
// their own.
func mediaOf(body []byte) (number uint32, linked bool) {
	eachRecord(body, func(kind, _ uint16, in []byte) {
		switch {
		case kind == pptExMedia && len(in) >= 4:
			number = binary.LittleEndian.Uint32(in)
		case kind == pptString && len(in) > 0:
			linked = true
		case kind == pptExVideo:
			eachRecord(in, func(kind, _ uint16, in []byte) {
				switch {
				case kind == pptExMedia && len(in) >= 4:
					number = binary.LittleEndian.Uint32(in)
				case kind == pptString && len(in) > 0:
					linked = true
				}
			})
		}
	})
	return number, linked
}

// eachRecord calls f for the records in a body, as far as they are whole.
func eachRecord(b []byte, f func(kind, instance uint16, body []byte)) {
	for len(b) >= pptHeader {
		kind, instance, _, body, err := pptRecord(b)
		if err != nil {
			return
		}
		f(kind, instance, body)
		b = b[pptHeader+len(body):]
	}
}

// rewrite is the second walk: it copies what stays. It returns nil if that is everything.
func (s *show) rewrite(pieces []pptPiece) ([]byte, error) {
	out := make([]byte, 0, len(s.data))
	type place struct{ kind, from, to int }
	var fix []place
	for _, p := range pieces {
		whole := s.data[p.from:p.to]
		if !p.record {
			if blank(whole) {
				out = append(out, whole...)
			} else {
				s.removed(vectorSlack, "between records", kit.ActionRemoved)
			}
			continue
		}
		kind, _, _, _, err := pptRecord(whole)
		if err != nil {
			return nil, err
		}
		if kind == pptOleStorage {
			s.removed(vectorObject, "ExternalOleObjectStg", kit.ActionRemoved)
			s.gone[uint32(p.from)] = true //nolint:gosec // G115: a stream's length
			continue
		}
		if !s.alive[p.from] && kind != pptUserEdit && kind != pptPersist {
			s.removed(vectorRecord, "record that no edit has", kit.ActionRemoved)
			s.gone[uint32(p.from)] = true //nolint:gosec // G115: likewise
			continue
		}
		at := len(out)
		s.moved[uint32(p.from)] = uint32(at) //nolint:gosec // G115: likewise
		if out, err = s.copy(out, whole, 0); err != nil {
			return nil, err
		}
		if kind == pptUserEdit || kind == pptPersist {
			fix = append(fix, place{int(kind), at, len(out)})
		}
	}
	if !s.changed {
		return nil, nil
	}
	return s.finish(out, func(f func(kind, from, to int) error) error {
		for _, p := range fix {
			if err := f(p.kind, p.from, p.to); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *show) removed(vector, location, action string) {
	s.changed = true
	s.d.removed(vector, location, action, "")
}

// finish corrects the offsets in the records that have some. Entries of objects that went lead to the record of the
// persist directory itself, which is no object.
func (s *show) finish(out []byte, each func(func(kind, from, to int) error) error) ([]byte, error) {
	le := binary.LittleEndian
	err := each(func(kind, from, to int) error {
		body := out[from+pptHeader : to]
		if kind == pptUserEdit {
			if len(body) < 16 {
				return kit.Corrupt("the record of an edit is cut off")
			}
			if le.Uint32(body[8:]) != 0 {
				if err := s.relocate(body[8:]); err != nil {
					return err
				}
			}
			return s.relocate(body[12:])
		}
		for len(body) >= 4 {
			n := int(le.Uint32(body) >> persistCountBit)
			body = body[4:]
			if 4*n > len(body) {
				return kit.Corrupt("the directory of the presentation is cut off")
			}
			for range n {
				if s.gone[le.Uint32(body)] {
					le.PutUint32(body, uint32(from)) //nolint:gosec // G115: a stream's length
				} else if err := s.relocate(body); err != nil {
					return err
				}
				body = body[4:]
			}
		}
		return nil
	})
	return out, err
}

// relocate corrects one offset.
func (s *show) relocate(field []byte) error {
	to, ok := s.moved[binary.LittleEndian.Uint32(field)]
	if !ok {
		return kit.Corrupt("an offset in the presentation leads to no record")
	}
	binary.LittleEndian.PutUint32(field, to)
	return nil
}

// copy writes a record without what goes of it.
func (s *show) copy(out, whole []byte, depth int) ([]byte, error) {
	kind, _, children, body, err := pptRecord(whole)
	if err != nil {
		return nil, err
	}
	if depth > maxPPTDepth {
		return nil, kit.Limit("depth", "%d records inside each other", depth)
	}
	if s.drop(kind, body) {
		return out, nil
	}
	at := len(out)
	out = append(out, whole[:pptHeader]...)
	children = children && kind != artOptions || kind == pptTagData && areRecords(body)
	if !children {
		out = append(out, body...)
		s.numbers(kind, out[at:])
		return out, nil
	}
	noText := kind == pptInteractive && s.nameless(body)
	acts := noText && s.badAction(body)
	for len(body) > 0 {
		inner, _, _, in, err := pptRecord(body)
		if err != nil {
			return nil, err
		}
		n := pptHeader + len(in)
		if noText && inner == pptString && len(in) > 0 { // the name of the macro
			if s.changed = true; !acts {
				s.removed(vectorMacroName, "InteractiveInfo", kit.ActionRemoved)
			}
			body = body[n:]
			continue
		}
		if out, err = s.copy(out, body[:n], depth+1); err != nil {
			return nil, err
		}
		body = body[n:]
	}
	binary.LittleEndian.PutUint32(out[at+4:], uint32(len(out)-at-pptHeader)) //nolint:gosec // G115: not longer than before
	return out, nil
}

// numbers edits a record that is not made of records, in place.
func (s *show) numbers(kind uint16, whole []byte) {
	s.edit(kind, whole[pptHeader:])
	if !isArtTable(kind) {
		return
	}
	if cut := s.d.drawings(whole, "drawing"); cut != nil {
		copy(whole, cut)
		s.changed = true
	}
}

// drop says of a record whether it goes.
func (s *show) drop(kind uint16, body []byte) bool {
	le := binary.LittleEndian
	vector, action := "", kit.ActionRemoved
	switch kind {
	case pptVBAInfo:
		eachRecord(body, func(_, _ uint16, b []byte) {
			if !blank(b[:min(len(b), 8)]) { // a storage of macros, and whether there are some
				vector = vectorVBA
			}
		})
	case pptOleStorage:
		vector = vectorObject
	case pptExOleEmbed, pptExOleLink, pptExControl:
		vector = objectVectors[kind]
	case pptExLink:
		number := uint32(0)
		eachRecord(body, func(kind, _ uint16, b []byte) {
			if kind == pptExLinkAtom && len(b) >= 4 {
				number = le.Uint32(b)
			}
		})
		vector, action = s.objects[number], kit.ActionNeutralised
	case pptExAVI, pptExMCI, pptExMIDI, pptExCD, pptExWAV, pptExWAVLink:
		if _, linked := mediaOf(body); linked {
			vector = vectorMedia
		}
	case pptExObjRef:
		if len(body) >= 4 && s.objects[le.Uint32(body)] != "" {
			s.changed = true
			return true
		}
		vector = s.misplaced(kind, body)
	default:
		vector = s.misplaced(kind, body)
	}
	if vector == "" {
		return false
	}
	s.removed(vector, "record", action)
	return true
}

// actionVectors are the actions of a click that may not stay ([MS-PPT] 2.8.7).
var actionVectors = map[byte]string{1: vectorAction, 2: vectorProgram, 5: vectorOLEAction, 6: vectorMedia}

// action returns why what a click does may not stay, "" if it may.
func (s *show) action(body []byte) string {
	if len(body) < 12 {
		return ""
	}
	if vector := actionVectors[body[8]]; vector != "" {
		return vector
	}
	if number := binary.LittleEndian.Uint32(body[4:]); number != 0 && s.objects[number] != "" {
		return s.objects[number]
	}
	if body[8] > actionsKnown {
		return vectorAction
	}
	return ""
}

func (s *show) badAction(body []byte) bool {
	bad := false
	eachRecord(body, func(kind, _ uint16, b []byte) { bad = bad || kind == pptAction && s.action(b) != "" })
	return bad
}

// nameless reports whether a click does nothing that needs a name: that of a macro goes with the action, and nothing but the
// start of a show has another one.
func (s *show) nameless(body []byte) bool {
	named := false
	eachRecord(body, func(kind, _ uint16, b []byte) {
		named = named || kind == pptAction && s.action(b) == "" && len(b) > 8 && b[8] == pptNamedShow
	})
	return !named
}

// edit changes a record without children in place; its length stays.
func (s *show) edit(kind uint16, body []byte) {
	le := binary.LittleEndian
	switch {
	case kind == pptAction && len(body) >= 12:
		vector := s.action(body)
		if vector == "" {
			return
		}
		s.removed(vector, "InteractiveInfoAtom", kit.ActionNeutralised)
		clear(body[4:11])
		if len(body) > 12 {
			body[12] = 0xFF // no link
		}
	case kind == pptSoundData:
		s.sound(body)
	case kind == artShape && len(body) >= 8 && s.cutObjects:
		if f := le.Uint32(body[4:]); f&shapeIsOLE != 0 {
			le.PutUint32(body[4:], f&^shapeIsOLE)
		}
	}
}
