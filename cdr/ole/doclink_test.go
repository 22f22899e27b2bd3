package ole

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"icapd/cdr/kit"
)

// linked returns a picture that is in a file, with a copy or without.
func linked(name string, copied bool) []byte {
	le := binary.LittleEndian
	b := append([]byte(nil), make([]byte, picfHead)...)
	le.PutUint16(b[4:], picfHead)
	le.PutUint16(b[6:], picfShapeFile)
	le.PutUint16(b[28:], 1440)
	le.PutUint16(b[30:], 720)
	b = append(append(b, byte(len(name))), name...)
	b = append(b, 0x0F, 0, 0x04, 0xF0, 4, 0, 0, 0, 'a', 'r', 't', 's')
	if copied {
		b = append(b, 0, 0, 0x1E, 0xF0, 0, 0, 0, 0)
	}
	le.PutUint32(b, uint32(len(b)))
	return b
}

// A picture that is elsewhere, and that the document has a copy of, becomes one of the document.
func TestCopiedPicture(t *testing.T) {
	data := linked(`\\host\CANARY.png`, true)
	w := &wordDocument{d: &document{job: kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), root: root(stream("Data", data))}}
	if at := w.blankPicture(0); int(at) != len(data) {
		t.Fatalf("it is at %d, not %d", at, len(data))
	}
	out := w.d.root.find("Data").data
	le := binary.LittleEndian
	own := out[len(data):]
	if bytes.Contains(out, []byte("CANARY")) || int(le.Uint32(own)) != len(own) || le.Uint16(own[6:]) != picfShape || !bytes.HasSuffix(data, own[picfHead:]) {
		t.Errorf("%q", out)
	}
}

// A picture that is in a file leaves a blank of its size; one beside the document that it has a copy of stays.
func TestLinkedPicture(t *testing.T) {
	const name = `\\host\CANARY.png`
	first, second := linked(name, false), linked("beside.png", true)
	data := append(bytes.Clone(first), second...)
	w := &wordDocument{d: &document{job: kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), root: root(stream("Data", data))}}
	if at := w.blankPicture(uint32(len(first))); at != noPicture {
		t.Errorf("the copy went: %d", at)
	}
	if at := w.blankPicture(uint32(len(data))); at != noPicture {
		t.Errorf("a picture behind the end: %d", at)
	}
	if at := w.blankPicture(0); int(at) != len(data) {
		t.Fatalf("the blank is at %d, not %d", at, len(data))
	}
	out := w.d.root.find("Data").data
	if bytes.Contains(out[:len(first)], []byte("CANARY")) || !bytes.Equal(out[len(first):len(data)], second) {
		t.Errorf("%q", out)
	}
	blank := out[len(data):]
	le := binary.LittleEndian
	if int(le.Uint32(blank)) != len(blank) || le.Uint16(blank[6:]) != 8 || le.Uint16(blank[8:]) != 2540 || le.Uint16(blank[28:]) != 1440 || le.Uint16(blank[30:]) != 720 {
		t.Errorf("%x", blank[:picfHead])
	}
	if plain := plainMetafile(blank[picfHead:]); !bytes.Equal(plain, blank[picfHead:]) {
		t.Errorf("no metafile: %x", blank[picfHead:])
	}
}

// An object of Word 97 may have been shown in another size than its own.
func TestShownSize(t *testing.T) {
	meta := append([]byte{8, 0, 0x68, 6, 0x3E, 1, 0, 0}, metafile(0x0103)...)
	shown := make([]byte, 100)
	le := binary.LittleEndian
	le.PutUint16(shown, 100)
	le.PutUint16(shown[10:], 8)
	for i, v := range []uint32{0x668, 0x13E, 1240, 240} {
		le.PutUint32(shown[12+4*i:], v)
	}
	for _, tt := range []struct {
		name       string
		shown      []byte
		wide, high uint16
	}{
		{"as Word says", shown, 1240, 240},
		{"cut off", shown[:25], 929, 180},
		{"of another object", append(bytes.Clone(shown[:12]), make([]byte, 88)...), 929, 180},
	} {
		p := inlinePicture(meta)
		resize(p, tt.shown)
		if wide, high := le.Uint16(p[28:]), le.Uint16(p[30:]); wide != tt.wide || high != tt.high {
			t.Errorf("%s: %d x %d", tt.name, wide, high)
		}
	}
}

// A picture of which the document has only the name of a file leaves a blank.
func TestNamedPicture(t *testing.T) {
	const name = "file:///CANARY.png"
	data := make([]byte, picfHead)
	le := binary.LittleEndian
	le.PutUint16(data[4:], picfHead)
	le.PutUint16(data[6:], picfFile)
	data = slices.Concat(data, []byte{byte(len(name))}, []byte(name))
	le.PutUint32(data, uint32(len(data)))
	w := &wordDocument{d: &document{job: kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), root: root(stream("Data", data))}}
	if at := w.blankPicture(0); int(at) != len(data) {
		t.Fatalf("the blank is at %d, not %d", at, len(data))
	}
	if out := w.d.root.find("Data").data; bytes.Contains(out, []byte("CANARY")) {
		t.Errorf("%q", out)
	}
}
