package ole

import (
	"bytes"
	"encoding/binary"
	"testing"

	"icapd/cdr/kit"
)

// iconMetafile draws a picture of one pixel, half covered, over what is behind it ([MS-EMF] 2.3.1.1).
func iconMetafile(masks string) []byte {
	le := binary.LittleEndian
	record := func(kind uint32, body []byte) []byte {
		return append(le.AppendUint32(le.AppendUint32(nil, kind), uint32(8+len(body))), body...)
	}
	head := make([]byte, 40)
	copy(head, "\x28\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x20\x00")
	if masks != "" {
		head[16] = 3
		head = cat(head, []byte(masks))
	}
	blend := make([]byte, alphaHead-8)
	copy(blend[16:], "\x02\x00\x00\x00\x03\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x00\x80\xFF\x01") // where, how large, how
	for i, v := range []int{alphaHead, len(head), alphaHead + len(head), 4, 1, 1} {
		le.PutUint32(blend[76+4*i:], uint32(v))
	}
	return cat(record(1, make([]byte, 80)), record(emfAlphaBlend, cat(blend, head, []byte{0x10, 0x20, 0x30, 0x80})), record(emfEnd, make([]byte, 12)))
}

// inlineIcon is a picture in a text, packed, as Word has it.
func inlineIcon(metafile []byte) []byte {
	le := binary.LittleEndian
	packed := packMetafile(metafile)
	blip := cat(make([]byte, 16+artBlipHead), packed)
	blip[16+artBlipHead-2] = blipPacked
	blip = cat(le16(artOneDigest<<4, artBlipEMF), le32(len(blip)), blip)
	entry := cat(le16(0x22, artBlipFirst), le32(36+len(blip)), make([]byte, 36), blip)
	shape := cat(le16(0x0F, 0xF004), le32(8), make([]byte, 8))
	out := cat(make([]byte, picfHead), shape, entry)
	le.PutUint32(out, uint32(len(out)))
	le.PutUint16(out[4:], picfHead)
	le.PutUint16(out[6:], picfShape)
	return out
}

func iconDocument(data []byte) *wordDocument {
	return &wordDocument{d: &document{job: kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), root: root(stream("Data", data))}}
}

func TestIconsOnWhite(t *testing.T) {
	const usual, other = "\x00\x00\xFF\x00\x00\xFF\x00\x00\xFF\x00\x00\x00", "\xFF\x00\x00\x00\x00\xFF\x00\x00\x00\x00\xFF\x00"
	for _, masks := range []string{"", usual} {
		in := inlineIcon(iconMetafile(masks))
		w := iconDocument(in)
		at, ok := w.opaque(0)
		if again, _ := w.opaque(0); !ok || int(at) != len(in) || again != at {
			t.Fatalf("the picture is at %d, %v, then at %d", at, ok, again)
		}
		data := w.d.root.find("Data").data
		if !bytes.Equal(data[:len(in)], in) || int(binary.LittleEndian.Uint32(data[at:])) != len(data)-len(in) {
			t.Error("the old picture changed, or the new one has another length than it says")
		}
		emf, _, to := blipMetafile(data[at:], picfHead+16+artEntryHead)
		if to != len(data)-len(in) || !bytes.HasSuffix(emf[:len(emf)-20], []byte{0x8F, 0x9F, 0xAF, 0}) || bytes.Contains(emf, []byte{emfAlphaBlend, 0, 0, 0}) {
			t.Errorf("%x", emf)
		}
		r := emf[88:]
		if want := "\x51\x00\x00\x00"; string(r[:4]) != want || string(r[72:80]) != "\x05\x00\x00\x00\x06\x00\x00\x00" || string(r[24:32]) != "\x02\x00\x00\x00\x03\x00\x00\x00" {
			t.Errorf("the record is %x", r[:alphaHead])
		}
		if _, ok := w.opaque(at); ok {
			t.Error("it is changed again")
		}
	}
	for name, data := range map[string][]byte{
		"other colours": inlineIcon(iconMetafile(other)), "no picture": make([]byte, 200), "nothing": nil,
		"half a picture": inlineIcon(iconMetafile(""))[:150], "no metafile": inlineIcon([]byte("text")),
	} {
		if _, ok := iconDocument(data).opaque(0); ok {
			t.Errorf("%s: changed", name)
		}
	}
}

func FuzzIcons(f *testing.F) {
	f.Add(inlineIcon(iconMetafile("")))
	f.Add(inlineIcon(iconMetafile(""))[:140])
	f.Fuzz(func(t *testing.T, data []byte) {
		w := iconDocument(data)
		if at, ok := w.opaque(0); ok && int(at) != len(data) {
			t.Errorf("at %d of %d", at, len(data))
		}
		flatten(bytes.Clone(data))
	})
}
