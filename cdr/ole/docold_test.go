package ole

import (
	"bytes"
	"encoding/binary"
	"maps"
	"testing"

	"icapd/cdr/kit"
)

// oldDoc builds a document of Word 6: a block, a text, and its tables behind it, all in one stream.
func oldDoc(tb testing.TB, text string, flags int, pairs map[int][]byte, more ...*entry) []byte {
	tb.Helper()
	le := binary.LittleEndian
	var marks []int
	var fields []byte
	for i, c := range []byte(text) {
		if c >= fieldBegin && c <= fieldEnd {
			marks, fields = append(marks, i), append(fields, c, 0x3A)
		}
	}
	const textAt = 0x300
	body := []byte(text)
	if flags&oldWide != 0 {
		body = wide(text)
	}
	all := map[int][]byte{pairFields: cat(le32(append(marks, len(text))...), fields), pairCmds: {0xFF, 0x40}}
	if flags&flagComplex != 0 { // two pieces, as a save that only appends leaves them
		half := len(text) / 2
		at := half * len(body) / len(text)
		all[pairClx] = cat([]byte{2}, le32(28), le32(0, half, len(text)), le16(0), le32(textAt), le16(0, 0), le32(textAt+at), le16(0))
	}
	maps.Copy(all, pairs)
	main := make([]byte, textAt, 2*pageSize)
	le.PutUint16(main, oldMagic)
	le.PutUint16(main[2:], oldFirst)
	le.PutUint16(main[fibFlags:], uint16(flags))
	le.PutUint32(main[oldText:], textAt)
	le.PutUint32(main[oldText+4:], uint32(textAt+len(body)))
	le.PutUint32(main[oldCounts:], uint32(len(text)))
	main = append(main, body...)
	for n := range oldPairCount {
		if v := all[n]; len(v) > 0 {
			le.PutUint32(main[oldPair(n):], uint32(len(main)))
			le.PutUint32(main[oldPair(n)+4:], uint32(len(v)))
			main = append(main, v...)
		}
	}
	return pack(tb, root(append(more, stream("WordDocument", main))...))
}

// oldSttb builds a table of texts of bytes.
func oldSttb(texts ...string) []byte {
	var b []byte
	for _, s := range texts {
		b = cat(b, []byte{byte(len(s))}, []byte(s))
	}
	return cat(le16(len(b)+2), b)
}

func TestOldWord(t *testing.T) {
	payload := []byte(canary)
	assoc := func(template string) map[int][]byte {
		return map[int][]byte{pairAssoc: oldSttb("", template, "title", "a/b")}
	}
	tests := []struct {
		name, vectors string
		data          []byte
	}{
		{"nothing", "", oldDoc(t, fieldText("PAGE"), 0, nil)},
		{"nothing, in pieces", "", oldDoc(t, fieldText("PAGE"), flagComplex, nil)},
		{"dde", "field-dde", oldDoc(t, fieldText("DDEAUTO "+canary+" \"/c calc\""), 0, nil)},
		{"dde in pieces", "field-dde", oldDoc(t, fieldText("DDEAUTO "+canary+" \"/c calc\""), flagComplex, nil)},
		{"include, 16 bits", "field-include", oldDoc(t, fieldText("INCLUDETEXT "+canary), oldWide, nil)},
		{"include, 16 bits, pieces", "field-include", oldDoc(t, fieldText("INCLUDETEXT "+canary), oldWide|flagComplex, nil)},
		{"macro button", "field-macro", oldDoc(t, fieldText("MACROBUTTON "+canary+" click"), 0, nil)},
		{"ordinary template", "", oldDoc(t, "text", 0, assoc("NORMAL.DOT"))},
		{"template", "remote-template", oldDoc(t, "text", 0, assoc(`\\host\`+canary))},
		{"mail merge", "mail-merge", oldDoc(t, "text", 0, map[int][]byte{pairPms: payload})},
		{"objects", "ole-object", oldDoc(t, "text", 0, nil, storage("ObjectPool", storage("_1", stream("\x01Ole10Native", payload))))},
		{"stream of nobody", "unknown-stream", oldDoc(t, "text", 0, nil, stream("0Table", payload))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := removes(t, tt.data, tt.vectors)
			if out == nil {
				return
			}
			if w := unpack(t, out).find("WordDocument"); !bytes.Contains(w.data, []byte("text")) && !bytes.Contains(w.data, []byte("seen")) && !bytes.Contains(w.data, wide("seen")) {
				t.Error("the text is gone")
			}
		})
	}
}

// The type of a field that does nothing any more says so, and its result is kept.
func TestOldWordFieldType(t *testing.T) {
	out, _, err := run(t, oldDoc(t, fieldText("DDE "+canary), 0, nil), kit.Switches{})
	if err != nil {
		t.Fatal(err)
	}
	if w := unpack(t, out).find("WordDocument"); !bytes.Contains(w.data, []byte{fieldBegin, fieldQuote, fieldSep, 0x3A}) {
		t.Error("the type of the field is what it was")
	}
}

// A picture whose file is elsewhere is not asked for.
func TestOldWordLinkedPicture(t *testing.T) {
	picture := cat(le32(58+len(canary)+4), le16(58, 94), make([]byte, 50), []byte(`\\h\`+canary))
	data := oldDoc(t, "text\x01", 0, map[int][]byte{pairAssoc: picture, pairChpx: cat(le32(0x300, 0x305), le16(4))})
	root := unpack(t, data)
	main := root.find("WordDocument")
	at := binary.LittleEndian.Uint32(main.data[oldPair(pairAssoc):])
	clear(main.data[oldPair(pairAssoc):][:8])
	page := make([]byte, pageSize)
	copy(page, cat(le32(0x300, 0x305), []byte{100}))
	copy(page[200:], cat([]byte{6, oldPicture, 4}, le32(int(at))))
	page[pageSize-1] = 1
	main.data = cat(main.data, make([]byte, 4*pageSize-len(main.data)), page)
	out, job, err := run(t, pack(t, root), kit.Switches{})
	if err != nil || vectors(job) != "external-image" {
		t.Fatalf("%v, vectors %q", err, vectors(job))
	}
	check(t, out)
}

// Macros of these versions are not taken out: the document is refused. So is one that is encrypted or damaged.
func TestOldWordRefused(t *testing.T) {
	beyond := oldDoc(t, "text", 0, nil)
	root := unpack(t, beyond)
	binary.LittleEndian.PutUint32(root.find("WordDocument").data[oldText+4:], 1<<20)
	for name, data := range map[string][]byte{
		"macros":              oldDoc(t, "text", 0, map[int][]byte{pairCmds: cat([]byte{0xFF, 1}, le16(1), []byte(canary))}),
		"encrypted":           oldDoc(t, "text", flagCrypt, nil),
		"text that is not in": pack(t, root),
	} {
		if out, _, err := run(t, data, kit.Switches{}); err == nil {
			t.Errorf("%s: %d bytes came out", name, len(out))
		}
	}
}

func FuzzOldWord(f *testing.F) {
	f.Add(unpack(f, oldDoc(f, fieldText("DDE x"), 0, map[int][]byte{pairAssoc: oldSttb("", `\\a\b`)})).find("WordDocument").data)
	f.Add(unpack(f, oldDoc(f, fieldText("INCLUDETEXT x"), oldWide|flagComplex, nil)).find("WordDocument").data)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = run(t, pack(t, root(stream("WordDocument", data))), kit.Switches{})
	})
}
