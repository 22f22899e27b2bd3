package content

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	pngs "image/png"
	"slices"
	"strings"
	"testing"

	"icapd/scan"

	"github.com/ulikunitz/xz/lzma"
)

// lzipOf is a file of one member (the Lzip manual, "File format").
func lzipOf(tb testing.TB, s string) string {
	tb.Helper()
	alone := lzmaOf(tb, s)
	return "LZIP\x01\x17" + alone[13:] + strings.Repeat("\x00", lzipTrailer)
}

func lzmaOf(tb testing.TB, s string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{DictCap: 8 << 20, EOSMarker: true}.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	return packedBy(w, &b, s)
}

// elfOf is a program of one segment and one section, of either width and order of bytes.
func elfOf(wide bool, order binary.ByteOrder) string {
	word, class, data := 4, byte(1), byte(1)
	if wide {
		word, class = 8, 2
	}
	if order == binary.BigEndian {
		data = 2
	}
	num := func(v int) []byte {
		p := make([]byte, word)
		if wide {
			order.PutUint64(p, uint64(v))
		} else {
			order.PutUint32(p, uint32(v))
		}
		return p
	}
	half := func(v ...int) (out []byte) {
		for _, x := range v {
			out = append(out, 0, 0)
			order.PutUint16(out[len(out)-2:], uint16(x))
		}
		return out
	}
	four := func(v int) []byte { p := make([]byte, 4); order.PutUint32(p, uint32(v)); return p }
	head, entry := 28+3*word, 8+6*word
	if wide {
		entry = 56
	}
	table, section := head+12, 16+6*word
	code := table + entry + section
	p := slices.Concat([]byte("\x7fELF"), []byte{class, data, 1}, make([]byte, 9), half(2, 62), four(1), num(0), num(table), num(table+entry), four(0),
		half(head, entry, 1, section, 1, 0))
	p = append(p, make([]byte, table-len(p))...)
	if wide {
		p = slices.Concat(p, four(1), four(5), num(code), num(0), num(0), num(32), num(32), num(1))
	} else {
		p = slices.Concat(p, four(1), num(code), num(0), num(0), num(32), num(32), four(5), num(1))
	}
	p = slices.Concat(p, four(0), four(1), num(0), num(0), num(code+8), num(40), four(0), four(0), num(1), num(0))
	return string(p) + strings.Repeat("\x90", 48)
}

// peOf is a program of one section, with a signature behind it.
func peOf(signature int) string {
	head := make([]byte, 64+24+240+40)
	copy(head, "MZ")
	le := binary.LittleEndian
	le.PutUint32(head[60:], 64)
	copy(head[64:], "PE\x00\x00\x64\x86")
	le.PutUint16(head[64+6:], 1)
	le.PutUint16(head[64+20:], 240)
	opt := head[88:]
	le.PutUint16(opt, 0x20b)
	sec := head[88+240:]
	le.PutUint32(sec[16:], 64)
	le.PutUint32(sec[20:], uint32(len(head)))
	if signature > 0 {
		le.PutUint32(opt[96+16+32:], uint32(len(head)+64))
		le.PutUint32(opt[96+16+36:], uint32(signature))
	}
	return string(head) + strings.Repeat("\xcc", 64) + strings.Repeat("S", signature)
}

// pictures are small ones of each kind.
func pictures(tb testing.TB) map[string]string {
	tb.Helper()
	img := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.Black, color.White})
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i / 7 % 2)
	}
	out := map[string]string{"riff": "RIFF\x1c\x00\x00\x00WEBPVP8 \x10\x00\x00\x00" + strings.Repeat("\xaa", 16)}
	var p, g, j bytes.Buffer
	for _, err := range []error{pngs.Encode(&p, img), gif.Encode(&g, img, nil), jpeg.Encode(&j, img, nil)} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	out["png"], out["gif"], out["jpeg"] = p.String(), g.String(), j.String()
	return out
}

// fronts are files behind whose end readers do not look.
func fronts(tb testing.TB) map[string]struct{ claimed, data string } {
	tb.Helper()
	text := strings.Repeat("a line of a text that is long enough\n", 100)
	type front = struct{ claimed, data string }
	out := map[string]front{
		"text": {"", text}, "html": {"", "<html><p>" + text}, "csv": {typeCSV, strings.ReplaceAll(text, " ", ",")},
		"yaml": {typeYAML, strings.ReplaceAll(text, "a line", "a: line")}, "events": {"", strings.Repeat("data: "+text[:36]+"\n\n", 100)},
		"rtf": {"", `{\rtf1 ` + text + "}"}, "pdf": {"", "%PDF-1.4\n" + text + "%%EOF\n"},
		"tar": {"", tarOf(tb, file{"a", text})}, "cab": {"", cabOf(1, file{"a", text})}, "iso": {"", isoOf(file{"A", text})},
		"lzip": {"", lzipOf(tb, text)}, "lzma": {"", lzmaOf(tb, text)},
		"http, chunked": {"", httpOf("Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\nA: b\r\n\r\n", len(text), text))},
		"elf":           {"", elfOf(true, binary.LittleEndian)}, "elf, 32": {"", elfOf(false, binary.LittleEndian)}, "elf, big": {"", elfOf(true, binary.BigEndian)},
		"pe": {"", peOf(0)}, "pe, signed": {"", peOf(100)},
	}
	for name, p := range pictures(tb) {
		out[name] = front{"", p}
	}
	return out
}

// TestBehind: what stands behind the end of a file is looked into, whatever the file is.
func TestBehind(t *testing.T) {
	packed := map[string]string{
		"gzip": streamOf(t, typeGzip, eicar()+prose), "xz": streamOf(t, typeXz, eicar()+prose), "zip": zipOf(t, file{"e", eicar() + prose}),
		"tar": tarOf(t, file{"e.gz", streamOf(t, typeGzip, eicar()+prose)}), "7z": sevenOf(eicar() + prose), "cab": cabOf(1, file{"e", eicar() + prose}),
	}
	cases := 0
	for name, f := range fronts(t) {
		before := openTree(t, []byte(f.data), Hints{ContentType: f.claimed})
		if items := paths(t, before); len(before.Gaps()) > 0 || slices.ContainsFunc(items, func(s string) bool { return strings.Contains(s, "behind") }) {
			t.Errorf("%s alone: %q, %v", name, items, before.Gaps())
		}
		for kind, p := range packed {
			tree := openTree(t, []byte(f.data+"\n\n"+p), Hints{ContentType: f.claimed})
			found := false
			for it := range tree.Items(t.Context()) {
				found = found || it.Depth > 0 && bytes.Contains(contents(t, it.Blob), []byte(eicar()))
			}
			if cases++; !found {
				t.Errorf("%s behind %s: %q, gaps %v", kind, name, paths(t, tree), tree.Gaps())
			}
		}
	}
	if cases < 100 {
		t.Error(cases, "cases")
	}
}

// TestGivenUp: a search that ends before the data does is a gap, whatever it searched for.
func TestGivenUp(t *testing.T) {
	rar := unhexed(t, "526172211a0700cf907300000d000000000000006a756e6b")
	zstd := "\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00zzz"
	empty := "7z\xbc\xaf\x27\x1c\x00\x04" + le32(int(crcOf(make([]byte, 20)))) + strings.Repeat("\x00", 20)
	xz := "\xfd7zXZ\x00\x00\x01\x69\x22\xde\x36zzzz"
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"archives":                {strings.Repeat(empty, maxInner+1), true},
		"as many as are opened":   {strings.Repeat(empty, maxInner), false},
		"archives without an end": {strings.Repeat(rar, maxOpenInner+1), true},
		"marks":                   {strings.Repeat(zstd, maxMarkTries+moreMarks), true},
		"not too many marks":      {strings.Repeat(zstd, maxMarkTries), false},
		"costly marks":            {strings.Repeat(xz, maxCostly+1), true},
		"not too many of them":    {strings.Repeat(xz, maxCostly), false},
	} {
		tree := openTree(t, []byte("\x01\x02\x80"+c.data+"\xff"), Hints{})
		items := paths(t, tree)
		if hasGap(tree, "body", scan.ReasonLimit, LimitEntries) != c.want {
			t.Errorf("%s: %d items, %v", name, len(items), tree.Gaps())
		}
	}
}

// TestManyMarks: a file among hundreds of streams, and behind hundreds of archives, is opened.
func TestManyMarks(t *testing.T) {
	zip := zipOf(t, file{"e", eicar() + prose})
	seven := "7z\xbc\xaf\x27\x1c\x00\x04" + le32(int(crcOf(make([]byte, 20)))) + strings.Repeat("\x00", 20)
	var others []string
	for _, typ := range []string{typeZstd, typeLz4, typeGzip} {
		others = append(others, strings.Repeat(streamOf(t, typ, prose)+"\x00\x01", 3*maxStreams)+streamOf(t, typ, zip)+"\x00"+streamOf(t, typ, prose))
	}
	others = append(others, strings.Repeat(seven, maxInner-2)+cabOf(1, file{"c.zip", zip}))
	for i, s := range others {
		tree := openTree(t, []byte("\x01\x02\x80"+s), Hints{})
		found := false
		for it := range tree.Items(t.Context()) {
			found = found || bytes.Contains(contents(t, it.Blob), []byte(eicar()))
		}
		if !found || slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool { return g.Reason == scan.ReasonLimit }) {
			t.Errorf("%d: %d items, %v", i, len(paths(t, tree)), tree.Gaps())
		}
	}
}

func crcOf(p []byte) uint32 {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(p)
	_ = z.Close()
	return binary.LittleEndian.Uint32(b.Bytes()[b.Len()-8:])
}

// TestRarEnds: an archive of RAR ends where its last block does, and what it cannot tell goes on to the end.
func TestRarEnds(t *testing.T) {
	const rar5, end5 = "526172211a070100c51a3332030100001de86afe0602020500000068656c6c6f", "1d77565103050400"
	const rar4, end4 = "526172211a0700cf907300000d00000000000000050274008020000500000000000000000000000000000000000000000000000068656c6c6f", "c43d7b00400700"
	whole5, whole4 := unhexed(t, rar5+end5), unhexed(t, rar4+end4)
	for name, c := range map[string]struct {
		data string
		size int
		open bool
	}{
		"version 5":                {whole5 + "rest", len(whole5), false},
		"version 5 without an end": {unhexed(t, rar5) + "rest and more of it", len(rar5)/2 + 19, true},
		"version 4":                {whole4 + "rest", len(whole4), false},
		"version 4 without an end": {unhexed(t, rar4) + "rest and more of it", len(rar4)/2 + 19, true},
		"neither":                  {"Rar!\x1a\x07\x02\x00" + strings.Repeat("\x00", 60), 0, false},
		"a wrong checksum":         {"Rar!\x1a\x07\x00" + strings.Repeat("\x73", 60), 0, false},
	} {
		size, open := innerRar(scan.Bytes(c.data), 0)
		if int(size) != c.size || open != c.open {
			t.Errorf("%s: %d bytes of %d, open %v", name, size, len(c.data), open)
		}
	}
}

func unhexed(tb testing.TB, s string) string {
	tb.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(p)
}

// FuzzBehind looks for the ends of files.
func FuzzBehind(f *testing.F) {
	for _, c := range fronts(f) {
		f.Add(c.claimed, []byte(c.data+"\n\n"+streamOf(f, typeGzip, eicar())))
	}
	f.Fuzz(func(t *testing.T, claimed string, data []byte) {
		b := scan.Bytes(data)
		if end := fileEnd(b, data[:min(len(data), sniffBytes)]); end < 0 {
			t.Errorf("an end at %d", end)
		}
		if size, _ := innerRar(b, 0); size < 0 || size > b.Size() {
			t.Errorf("an archive of %d bytes in %d", size, b.Size())
		}
		fuzzTree(t, data, Hints{ContentType: claimed})
	})
}
