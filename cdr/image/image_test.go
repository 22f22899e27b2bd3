package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	stdimage "image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

const canary = "canary-7f1e55"

func picture() *stdimage.Paletted {
	m := stdimage.NewPaletted(stdimage.Rect(0, 0, 40, 30), color.Palette{color.White, color.Black, color.RGBA{R: 200, A: 255}})
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7 % 3)
	}
	return m
}

func encode(tb testing.TB, kind string) []byte {
	tb.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "image/png":
		err = png.Encode(&b, picture())
	case "image/jpeg":
		err = jpeg.Encode(&b, picture(), nil)
	case "image/gif":
		err = gif.EncodeAll(&b, &gif.GIF{Image: []*stdimage.Paletted{picture(), picture()}, Delay: []int{1, 1}})
	case "image/bmp":
		err = bmp.Encode(&b, picture())
	case "image/tiff":
		err = tiff.Encode(&b, picture(), nil)
	case "image/webp":
		b.Write(webpLossless())
	case "image/x-icon":
		b.Write(icon(encode(tb, "image/png")))
	}
	if err != nil || b.Len() == 0 {
		tb.Fatalf("%s: %d bytes, %v", kind, b.Len(), err)
	}
	return b.Bytes()
}

// webpLossless is a picture of 1 x 1 pixel in VP8L: five Huffman codes of one symbol each, written by hand after
// RFC 9649, section 3.
func webpLossless() []byte {
	var w bitWriter
	w.put(0x2f, 8)
	w.put(0, 14) // width - 1
	w.put(0, 14) // height - 1
	w.put(0, 1)  // no alpha
	w.put(0, 3)  // version
	w.put(0, 1)  // no transform
	w.put(0, 1)  // no colour cache
	w.put(0, 1)  // no meta prefix codes
	for range 5 {
		w.put(1, 1) // a simple code
		w.put(0, 1) // of one symbol
		w.put(0, 1) // that is one bit long
		w.put(0, 1) // and is 0
	}
	return riff("VP8L", w.bytes())
}

type bitWriter struct {
	out  []byte
	acc  uint64
	bits uint
}

func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << w.bits
	w.bits += n
	for w.bits >= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
		w.bits -= 8
	}
}

func (w *bitWriter) bytes() []byte {
	if w.bits > 0 {
		return append(w.out, byte(w.acc))
	}
	return w.out
}

func riff(chunks ...any) []byte {
	out := []byte("RIFF\x00\x00\x00\x00WEBP")
	for i := 0; i < len(chunks); i += 2 {
		body := chunks[i+1].([]byte)
		out = append(out, chunks[i].(string)...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(body)))
		out = append(out, body...)
		if len(body)&1 == 1 {
			out = append(out, 0)
		}
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func icon(p []byte) []byte {
	out := []byte{0, 0, 1, 0, 1, 0, 40, 30, 0, 0, 1, 0, 32, 0}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(p)))
	out = binary.LittleEndian.AppendUint32(out, 22)
	return append(out, p...)
}

func pngWith(p []byte, name, body string) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(chunk, name+body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE([]byte(name+body)))
	return bytes.Join([][]byte{p[:33], chunk, p[33:]}, nil)
}

// packed packs a text by zlib.
func packed(tb testing.TB, s string) string {
	tb.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func jpegWith(p []byte, marker byte, body string) []byte {
	seg := []byte{0xff, marker}
	seg = binary.BigEndian.AppendUint16(seg, uint16(len(body)+2))
	return bytes.Join([][]byte{p[:2], seg, []byte(body), p[2:]}, nil)
}

func gifWith(p []byte, label byte, first, second string) []byte {
	ext := []byte{0x21, label, byte(len(first))}
	ext = append(ext, first...)
	if second != "" {
		ext = append(ext, byte(len(second)))
		ext = append(ext, second...)
	}
	ext = append(ext, 0)
	at := 13 + gifTable(p[10])
	return bytes.Join([][]byte{p[:at], ext, p[at:]}, nil)
}

func bmpWithGap(p []byte) []byte {
	at := binary.LittleEndian.Uint32(p[10:])
	out := bytes.Join([][]byte{p[:at], []byte(canary + "pad"), p[at:]}, nil)
	binary.LittleEndian.PutUint32(out[10:], at+uint32(len(canary)+3))
	return out
}

// tiffWithTag appends a directory entry to the last page, by moving the directory to the end of the file.
func tiffWithTag(p []byte, tag uint16, value string) []byte {
	le := binary.LittleEndian
	at := int(le.Uint32(p[4:]))
	n := int(le.Uint16(p[at:]))
	out := bytes.Clone(p)
	entry := le.AppendUint16(nil, tag)
	entry = le.AppendUint16(entry, 2)
	entry = le.AppendUint32(entry, uint32(len(value)))
	entry = le.AppendUint32(entry, uint32(len(out)))
	out = append(out, value...)
	if len(out)&1 == 1 {
		out = append(out, 0)
	}
	le.PutUint32(out[4:], uint32(len(out)))
	out = le.AppendUint16(out, uint16(n+1))
	out = append(out, p[at+2:at+2+12*n]...)
	out = append(out, entry...)
	out = append(out, 0, 0, 0, 0)
	clear(out[at : at+2+12*n+4])
	return out
}

func run(tb testing.TB, kind string, data []byte, s kit.Switches) ([]byte, *kit.Job, error) {
	tb.Helper()
	for _, f := range Formats() {
		for _, name := range f.Types() {
			if name == kind {
				job := kit.NewJob(kit.ModeDisarm, s, kit.Limits{}, func(*kit.Document) kit.Handler { return nil })
				before := bytes.Clone(data)
				r, err := f.Disarm(tb.Context(), job, kit.Document{Data: data, Type: kind})
				if !bytes.Equal(before, data) {
					tb.Fatal("the input was written to")
				}
				return r.Data, job, err
			}
		}
	}
	tb.Fatalf("nobody makes %s safe", kind)
	return nil, nil, nil
}

var kinds = []string{"image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp", "image/x-icon"}

func TestCleanStaysAsItIs(t *testing.T) {
	for _, kind := range kinds {
		out, job, err := run(t, kind, encode(t, kind), kit.Switches{StripMetadata: true})
		if err != nil || out != nil || len(job.Removals()) != 0 {
			t.Errorf("%s: %d bytes, %v, %v", kind, len(out), err, job.Removals())
		}
	}
}

// Blanks that fill the last block of a file stay, as long as nothing else has to change.
func TestFillStays(t *testing.T) {
	for _, kind := range []string{"png", "jpeg", "gif"} {
		data := slices.Concat(encode(t, "image/"+kind), make([]byte, 100))
		if out, job, err := run(t, "image/"+kind, data, kit.Switches{}); err != nil || out != nil {
			t.Errorf("%s: %v %v", kind, err, job.Removals())
		}
	}
}

// A canary in what must go is in no byte of the output, the pixels are the same, and a second pass finds nothing.
func TestCanaries(t *testing.T) {
	p, j, g, b, f, w := encode(t, kinds[0]), encode(t, kinds[1]), encode(t, kinds[2]), encode(t, kinds[3]), encode(t, kinds[4]), encode(t, kinds[5])
	strip := kit.Switches{StripMetadata: true}
	tests := []struct {
		name, kind, vector string
		data               []byte
		switches           kit.Switches
	}{
		{"png text", "image/png", vectorComment, pngWith(p, "tEXt", "Comment\x00"+canary), kit.Switches{}},
		{"png international text", "image/png", vectorComment, pngWith(p, "iTXt", "Title\x00\x00\x00\x00\x00"+canary), kit.Switches{}},
		{"png unknown chunk", "image/png", vectorUnknown, pngWith(p, "caNa", canary), kit.Switches{}},
		{"png trailing", "image/png", vectorTrailing, append(bytes.Clone(p), canary...), kit.Switches{}},
		{"png archive in a profile", "image/png", vectorForeign, pngWith(p, "iCCP", "PK\x03\x04"+canary), kit.Switches{}},
		{"png packed data for a profile", "image/png", vectorUnknown, pngWith(p, "iCCP", "x\x00\x00"+canary), kit.Switches{}},
		{"png bomb for a profile", "image/png", vectorUnknown, pngWith(p, "iCCP", canary+"\x00\x00"+packed(t, strings.Repeat("\x00", 36)+"acsp"+strings.Repeat("\x00", maxProfile))), kit.Switches{}},
		{"png xmp", "image/png", vectorMetadata, pngWith(p, "iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+canary), strip},
		{"png exif", "image/png", vectorMetadata, pngWith(p, "eXIf", canary), strip},
		{"png words behind a number", "image/png", vectorUnknown, pngWith(p, "gAMA", "\x00\x00\xb1\x8f"+canary), kit.Switches{}},
		{"png words for sizes", "image/png", vectorUnknown, pngWith(p, "pHYs", canary), kit.Switches{}},
		{"png words for a palette", "image/png", vectorUnknown, pngWith(p, "sPLT", canary), kit.Switches{}},
		{"png calibration in words", "image/png", vectorUnknown, pngWith(p, "pCAL", canary), kit.Switches{}},
		{"png words in the end", "image/png", vectorUnknown, append(bytes.Clone(p[:len(p)-12]), pngWith(p[:33], "IEND", canary)[33:]...), kit.Switches{}},
		{"jpeg words behind a number", "image/jpeg", vectorUnknown, jpegWith(j, 0xdc, canary), kit.Switches{}},
		{"jpeg words for a thumbnail", "image/jpeg", vectorUnknown, jpegWith(j, 0xe0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x05\x01"+canary+"xx"), kit.Switches{}},
		{"jpeg words between the tags", "image/jpeg", vectorMetadata, jpegWith(j, 0xe1, "Exif\x00\x00"+string(exif(map[uint16]string{0x0110: "NIKON D60"}))+canary), kit.Switches{}},
		{"jpeg comment", "image/jpeg", vectorComment, jpegWith(j, jpegCOM, canary), kit.Switches{}},
		{"jpeg unknown segment", "image/jpeg", vectorUnknown, jpegWith(j, 0xe7, canary), kit.Switches{}},
		{"jpeg bytes between segments", "image/jpeg", vectorHidden, slices.Insert(bytes.Clone(j), 2, []byte(canary)...), kit.Switches{}},
		{"jpeg bytes behind what is no marker", "image/jpeg", vectorHidden, slices.Insert(bytes.Clone(j), 2, append([]byte{0xff, 0xff, 0}, canary...)...), kit.Switches{}},
		{"jpeg unknown APP1", "image/jpeg", vectorUnknown, jpegWith(j, 0xe1, canary), kit.Switches{}},
		{"jpeg reserved marker", "image/jpeg", vectorUnknown, jpegWith(j, 0xf3, canary), kit.Switches{}},
		{"jpeg trailing after fill", "image/jpeg", vectorTrailing, append(append(bytes.Clone(j), 0, 0, 0), canary...), kit.Switches{}},
		{"jpeg trailing", "image/jpeg", vectorTrailing, append(bytes.Clone(j), canary...), kit.Switches{}},
		{"jpeg script in EXIF", "image/jpeg", vectorForeign, jpegWith(j, 0xe1, "Exif\x00\x00<script>"+canary), kit.Switches{}},
		{"jpeg xmp", "image/jpeg", vectorMetadata, jpegWith(j, 0xe1, "http://ns.adobe.com/xap/1.0/\x00"+canary), strip},
		{"jpeg exif", "image/jpeg", vectorMetadata, jpegWith(j, 0xe1, "Exif\x00\x00"+canary), strip},
		{"jpeg more pictures", "image/jpeg", vectorPictures, jpegWith(j, 0xe2, "MPF\x00"+canary), kit.Switches{}},
		{"gif comment", "image/gif", vectorComment, gifWith(g, 0xfe, canary, ""), kit.Switches{}},
		{"gif plain text", "image/gif", vectorComment, gifWith(g, 0x01, "123456789012", canary), kit.Switches{}},
		{"gif application", "image/gif", vectorUnknown, gifWith(g, 0xff, "CANARYAPP10", canary), kit.Switches{}},
		{"gif false loop", "image/gif", vectorUnknown, gifWith(g, 0xff, "NETSCAPE2.0", canary+canary), kit.Switches{}},
		{"gif trailing", "image/gif", vectorTrailing, append(bytes.Clone(g), canary...), kit.Switches{}},
		{"bmp trailing", "image/bmp", vectorTrailing, append(bytes.Clone(b), canary...), kit.Switches{}},
		{"bmp gap", "image/bmp", vectorHidden, bmpWithGap(b), kit.Switches{}},
		{"tiff trailing", "image/tiff", vectorHidden, append(bytes.Clone(f), canary...), kit.Switches{}},
		{"tiff unknown tag", "image/tiff", vectorUnknown, tiffWithTag(f, 50000, canary), kit.Switches{}},
		{"tiff text", "image/tiff", vectorMetadata, tiffWithTag(f, 270, canary), strip},
		{"webp trailing", "image/webp", vectorTrailing, append(bytes.Clone(w), canary...), kit.Switches{}},
		{"webp unknown chunk", "image/webp", vectorUnknown, riff("VP8L", w[20:], "CANA", []byte(canary)), kit.Switches{}},
		{"tiff profile that is none", "image/tiff", vectorUnknown, tiffWithTag(f, 34675, canary), kit.Switches{}},
		{"tiff directory of words", "image/tiff", vectorUnknown, tiffWithTag(f, 330, "\x01\x00\x00\x00"+canary+"xxx"), kit.Switches{}},
		{"webp words behind the head", "image/webp", vectorHidden, riff("VP8X", append(make([]byte, 10), canary...), "VP8L", w[20:]), kit.Switches{}},
		{"webp profile that is none", "image/webp", vectorUnknown, riff("VP8X", append([]byte{32}, make([]byte, 9)...), "VP8L", w[20:], "ICCP", []byte(canary)), kit.Switches{}},
		{"webp chunk in a frame", "image/webp", vectorUnknown, riff("VP8X", append([]byte{2}, make([]byte, 9)...), "ANIM", make([]byte, 6), "ANMF", append(append(make([]byte, 16), w[12:]...), riff("CANA", []byte(canary+"x"))[12:]...)), kit.Switches{}},
		{"webp exif", "image/webp", vectorMetadata, riff("VP8X", []byte{8, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "VP8L", w[20:], "EXIF", []byte(canary)), strip},
		{"icon trailing", "image/x-icon", vectorHidden, append(icon(p), canary...), kit.Switches{}},
		{"icon with a comment", "image/x-icon", vectorComment, icon(pngWith(p, "tEXt", "Comment\x00"+canary)), kit.Switches{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, job, err := run(t, tt.kind, tt.data, tt.switches)
			if err != nil || out == nil {
				t.Fatalf("%d bytes, %v", len(out), err)
			}
			if bytes.Contains(out, []byte(canary)) {
				t.Error("the canary survived")
			}
			if r := job.Removals(); len(r) != 1 || r[0].Vector != tt.vector {
				t.Errorf("report %+v, want %s", r, tt.vector)
			}
			if again, _, err := run(t, tt.kind, out, tt.switches); err != nil || again != nil {
				t.Errorf("a second pass changed it: %v", err)
			}
			samePixels(t, tt.kind, out)
		})
	}
}

func samePixels(t *testing.T, kind string, out []byte) {
	t.Helper()
	if kind == "image/webp" || kind == "image/x-icon" { // decoded by the second pass
		return
	}
	got, _, err := stdimage.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("the output does not open: %v", err)
	}
	want, _, err := stdimage.Decode(bytes.NewReader(encode(t, kind)))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 30 {
		for x := range 40 {
			if got.At(x, y) != want.At(x, y) {
				t.Fatalf("pixel %d,%d differs", x, y)
			}
		}
	}
}

// Photos keep their orientation when everything else that the camera wrote goes.
func TestOrientationStays(t *testing.T) {
	exif := "Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" +
		"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + "\x0f\x01\x02\x00\x0d\x00\x00\x00\x26\x00\x00\x00" + "\x00\x00\x00\x00" + canary
	out, _, err := run(t, "image/jpeg", jpegWith(encode(t, "image/jpeg"), 0xe1, exif), kit.Switches{StripMetadata: true})
	if err != nil || bytes.Contains(out, []byte(canary)) {
		t.Fatalf("%v", err)
	}
	_, exifData, ok := bytes.Cut(out, []byte("Exif\x00\x00"))
	if !ok || exifOrientation(exifData) != 6 {
		t.Fatal("the orientation went, too")
	}
	if again, _, err := run(t, "image/jpeg", out, kit.Switches{StripMetadata: true}); err != nil || again != nil {
		t.Fatalf("a second pass changed it: %v", err)
	}
}

// What is not whole has no output.
func TestTruncated(t *testing.T) {
	for _, kind := range kinds {
		data := encode(t, kind)
		for _, n := range []int{0, 1, 3, 8, 12, 20, len(data) / 2, len(data) - 1} {
			if out, _, err := run(t, kind, data[:min(n, len(data)-1)], kit.Switches{}); err == nil || out != nil {
				t.Errorf("%s: %d of %d bytes passed", kind, n, len(data))
			}
		}
	}
}

// LibreOffice puts the transparency of a picture behind its pixels, as another bitmap. It stays, and nothing else does.
func TestTransparencyBehindBMP(t *testing.T) {
	const mark = "\x62\x19\x09\x25\x01\x02\xb2\xac\x02"
	b := encode(t, "image/bmp")
	both := slices.Concat(b, []byte(mark), b)
	if out, _, err := run(t, "image/bmp", both, kit.Switches{}); err != nil || out != nil {
		t.Errorf("%v, %d bytes", err, len(out))
	}
	for _, tail := range []string{mark + canary, mark + string(b) + canary, mark + string(b) + mark + string(b), mark, canary} {
		if out, _, err := run(t, "image/bmp", slices.Concat(b, []byte(tail)), kit.Switches{}); err != nil || !bytes.Equal(out, b) {
			t.Errorf("%.20q: %v, %d bytes", tail, err, len(out))
		}
	}
}

// A header of a few bytes must not make anybody allocate gigabytes.
func TestPixelLimit(t *testing.T) {
	p := encode(t, "image/png")
	binary.BigEndian.PutUint32(p[16:], 1<<30)
	binary.BigEndian.PutUint32(p[29:], crc32.ChecksumIEEE(p[12:29]))
	if _, _, err := run(t, "image/png", p, kit.Switches{}); err == nil {
		t.Error("a PNG of 2^30 pixels width passed")
	}
	b := encode(t, "image/bmp")
	binary.LittleEndian.PutUint32(b[18:], 1<<30)
	if _, _, err := run(t, "image/bmp", b, kit.Switches{}); err == nil {
		t.Error("a BMP of 2^30 pixels width passed")
	}
}

// TestPackedPixels: a picture of a few pixels has no room for what unpacks to hundreds of megabytes.
func TestPackedPixels(t *testing.T) {
	for size, want := range map[int]bool{1 << 10: false, 30 << 10: false, 200 << 10: true, 2 << 20: true} {
		p := encode(t, "image/png")
		i := bytes.Index(p, []byte("IDAT")) - 4
		more := make([]byte, 12+size) // another chunk of the same kind, in front of IEND
		binary.BigEndian.PutUint32(more, uint32(size))
		copy(more[4:], "IDAT")
		binary.BigEndian.PutUint32(more[8+size:], crc32.ChecksumIEEE(more[4:8+size]))
		end := i + 12 + int(binary.BigEndian.Uint32(p[i:]))
		p = slices.Concat(p[:end], more, p[end:])
		_, _, err := run(t, "image/png", p, kit.Switches{})
		var g *scan.Gap
		if limit := errors.As(err, &g) && g.Limit == "pixels"; limit != want || !want && err != nil {
			t.Errorf("%d bytes more: %v", size, err)
		}
	}
}

func FuzzDisarm(f *testing.F) {
	for i, kind := range kinds {
		f.Add(i, encode(f, kind))
	}
	f.Add(1, jpegWith(encode(f, "image/jpeg"), 0xe1, "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01"))
	f.Add(4, tiffWithTag(encode(f, "image/tiff"), 330, "abcdefgh"))
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind < 0 || kind >= len(kinds) {
			return
		}
		out, _, err := run(t, kinds[kind], data, kit.Switches{})
		if err != nil || out == nil {
			return
		}
		if again, _, err := run(t, kinds[kind], out, kit.Switches{}); err != nil || again != nil {
			t.Fatalf("a second pass: %v, changed %v", err, again != nil)
		}
	})
}

func BenchmarkPNG(b *testing.B)  { benchmark(b, "image/png") }
func BenchmarkJPEG(b *testing.B) { benchmark(b, "image/jpeg") }

func benchmark(b *testing.B, kind string) {
	b.Helper()
	var buf bytes.Buffer
	m := stdimage.NewRGBA(stdimage.Rect(0, 0, 1500, 1000))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * i >> 3)
	}
	if kind == "image/png" {
		if err := png.Encode(&buf, m); err != nil {
			b.Fatal(err)
		}
	} else if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: 95}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		if _, _, err := run(b, kind, buf.Bytes(), kit.Switches{}); err != nil {
			b.Fatal(err)
		}
	}
}
