package rtf

import (
	"encoding/hex"
	"errors"

	"icapd/cdr/kit"
	"icapd/scan"
)

// picture is the data of a \pict group.
type picture struct {
	frame  int    // depth of its group
	kind   string // media type, "" if it is not one that can be looked into
	data   int    // where the data begins in the output, -1 if there is none yet
	digits []byte // hexadecimal
	binary []byte // or as it is, after \bin
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
	if p.kind == "" {
		return
	}
	for i, c := range text {
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' {
			p.begin(at + i)
			p.digits = append(p.digits, c)
		}
	}
}

// judgePicture hands a PNG or JPEG to its own handler. The other kinds (metafiles, bitmaps) have no parts that act
// in RTF, and stay.
func (w *walker) judgePicture(f *frame) error {
	p := f.picture
	if p.kind == "" || p.data < 0 {
		return nil
	}
	data := p.binary
	if data == nil {
		data = make([]byte, len(p.digits)/2)
		if _, err := hex.Decode(data, p.digits[:len(p.digits)/2*2]); err != nil {
			return kit.Corrupt("picture data: %w", err)
		}
	}
	if err := w.job.Entry(); err != nil {
		return err
	}
	r, err := w.job.Recurse(w.ctx, kit.Document{Data: data, Type: p.kind, Path: "\\pict"})
	var gap *scan.Gap
	switch {
	case errors.As(err, &gap) && gap.Reason == scan.ReasonCorrupt:
		f.drop = vectorPicture // nobody can say what it is
		return nil
	case err != nil:
		return err
	case !r.Changed():
		return nil
	}
	w.changed = true
	w.out = append(w.out[:p.data], hex.EncodeToString(r.Data)...)
	w.out = append(w.out, '}')
	return nil
}
