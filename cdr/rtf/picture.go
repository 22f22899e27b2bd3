package rtf

import (
	"encoding/hex"
	"errors"
	"strings"

	"icapd/cdr/kit"
	"icapd/scan"
)

// The kinds of pictures that are not a media type with a handler.
const (
	kindMetafile = "metafile" // Windows, enhanced
	kindPlain    = "bitmap"   // a device's own, OS/2, QuickDraw: rows of numbers
)

// picture is the data of a \pict group.
type picture struct {
	frame  int    // depth of its group
	kind   string // media type or one of the kinds above, "" as long as no control word says it
	data   int    // where the data begins in the output, -1 if there is none yet
	digits []byte // hexadecimal
	binary []byte // or as it is, after \bin
	group  bool   // the data has a group of its own inside of the picture's
}

func (p *picture) is(kind string) {
	if p != nil {
		p.kind = kind
	}
}

func (p *picture) begin(at int) {
	if p.data < 0 {
		p.data = at
	}
}

// hex takes what looks like data from plain text in the group.
func (p *picture) hex(at int, text []byte) {
	if p.kind == kindPlain {
		return
	}
	for i, c := range text {
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' {
			p.begin(at + i)
			p.digits = append(p.digits, c)
		}
	}
}

// shown is what the data of a picture is, by its bytes. Readers look at them, too: programs call any picture \pngblip.
func shown(data []byte, claimed string) string {
	if kit.Metafile(data) {
		return kindMetafile
	}
	if t := kit.Sniff(data); strings.HasPrefix(t, "image/") {
		return t
	}
	return claimed
}

// judgePicture hands a picture to its own handler, and cleans metafiles. Bitmaps of devices have no parts that act,
// and stay; data that neither its bytes nor a control word name is not a picture.
func (w *walker) judgePicture(f *frame) error {
	p := f.picture
	if p.kind == kindPlain || p.data < 0 {
		return nil
	}
	if p.binary != nil && len(p.digits) > 0 { // one of them is not the picture
		f.drop = vectorPicture
		return nil
	}
	data := p.binary
	if data == nil {
		data = make([]byte, len(p.digits)/2)
		if _, err := hex.Decode(data, p.digits[:len(p.digits)/2*2]); err != nil {
			return kit.Corrupt("picture data: %w", err)
		}
	}
	kind := shown(data, p.kind)
	switch kind {
	case kindMetafile:
		w.judgeMetafile(f, data)
		return nil
	case "":
		f.drop = vectorPicture
		return nil
	}
	if err := w.job.Entry(); err != nil {
		return err
	}
	r, err := w.job.Recurse(w.ctx, kit.Document{Data: data, Type: kind, Path: "\\pict"})
	var gap *scan.Gap
	switch {
	case errors.As(err, &gap) && (gap.Reason == scan.ReasonCorrupt || gap.Reason == scan.ReasonUnsupported):
		f.drop = vectorPicture // nobody can say what it is
		return nil
	case err != nil:
		return err
	case !r.Changed():
		return nil
	}
	w.replace(p, r.Data)
	return nil
}

// replace writes other data into the picture whose group was just closed.
func (w *walker) replace(p *picture, data []byte) {
	w.changed = true
	w.out = append(w.out[:p.data], hex.EncodeToString(data)...)
	if p.group {
		w.out = append(w.out, '}')
	}
	w.out = append(w.out, '}')
}

// around returns the picture that the data after \bin belongs to: that of the group, or of the group around one that has
// nothing else in it. It returns nil if there is none.
func (w *walker) around() *picture {
	f := w.top()
	if f.picture != nil && f.picture.frame > 0 {
		return f.picture
	}
	if f.star || f.words > 1 || f.dest != "" && f.dest != "bin" || len(w.stack) < 2 {
		return nil
	}
	p := w.stack[len(w.stack)-2].picture
	if p == nil || p.frame != len(w.stack)-1 || p.data >= 0 {
		return nil
	}
	p.group = true
	return p
}

// judgeMetafile takes the comments out of a metafile. One whose records are not whole is drawn by no reader past the
// place where they break; nobody can say what the rest is, and the picture goes.
func (w *walker) judgeMetafile(f *frame, data []byte) {
	out, ok := kit.CleanMetafile(w.ctx, w.job, data)
	switch {
	case !ok:
		f.drop = vectorPicture
	case len(out) != len(data):
		w.job.Removed(vectorComment, "\\pict", kit.ActionRemoved, "")
		w.replace(f.picture, out)
	}
}
