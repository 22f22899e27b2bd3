package canary

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"
)

func picture() *image.Paletted {
	p := image.NewPaletted(image.Rect(0, 0, 24, 16), color.Palette{color.White, color.Black, color.RGBA{R: 200, A: 255}})
	for i := range p.Pix {
		p.Pix[i] = byte(i % 3)
	}
	return p
}

func pngChunk(kind, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind+data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(kind+data)))
}

func jpegSegment(marker byte, data string) []byte {
	return slices.Concat([]byte{0xFF, marker}, binary.BigEndian.AppendUint16(nil, uint16(len(data)+2)), []byte(data))
}

func imageRows(tb testing.TB) (rows []row) {
	tb.Helper()
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			tb.Fatal(err)
		}
		return b.Bytes()
	}
	p := encoded(func(b *bytes.Buffer) error { return png.Encode(b, picture()) })
	j := encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(), nil) })
	g := encoded(func(b *bytes.Buffer) error { return gif.Encode(b, picture(), nil) })
	add := func(ext, what string, make func(c string) []byte) {
		rows = append(rows, row{what: what, ext: ext, make: make})
	}
	between := func(data []byte, at int, piece func(c string) []byte) func(c string) []byte {
		return func(c string) []byte { return slices.Concat(data[:at], piece(c), data[at:]) }
	}
	in := func(data string) func(string) string {
		return func(c string) string { return strings.ReplaceAll(data, "CANARY", c) }
	}
	for what, chunk := range map[string][2]string{
		"text": {"tEXt", "Comment\x00<?php CANARY ?>"}, "compressed text": {"zTXt", "Comment\x00\x00ZLIB"}, "international text": {"iTXt", "Comment\x00\x00\x00\x00\x00CANARY"}, "private chunk": {"prVt", "CANARY"}, "private chunk, not to be copied": {"prVT", "<script>CANARY</script>"}, "unknown chunk": {"cAny", "MZ CANARY"}, "digital signature": {"dSIG", "CANARY"},
		"description in XMP":  {"iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:description>CANARY</dc:description></x:xmpmeta>"},
		"description in EXIF": {"eXIf", "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02\x00\x00\x00\x0d\x00\x00\x00\x1a\x00\x00\x00\x00CANARY\x00"}, "time that is too long": {"tIME", "CANARY"},
	} {
		add("png", what, between(p, 33, func(c string) []byte {
			return pngChunk(chunk[0], strings.ReplaceAll(in(chunk[1])(c), "ZLIB", deflate(c)))
		}))
		add("png", what+" after the pixels", between(p, len(p)-12, func(c string) []byte {
			return pngChunk(chunk[0], strings.ReplaceAll(in(chunk[1])(c), "ZLIB", deflate(c)))
		}))
	}
	for what, tail := range map[string]string{"bytes": "CANARY", "archive": "PK\x03\x04CANARY", "program": "MZ\x90\x00CANARY", "page": "<html><script>CANARY</script></html>"} {
		for ext, data := range map[string][]byte{"png": p, "jpg": j, "gif": g, "webp": webp(""), "bmp": bmp()} {
			add(ext, what+" behind the end", between(data, len(data), func(c string) []byte { return []byte(in(tail)(c)) }))
		}
	}
	add("png", "bytes behind the pixels, in their chunk", func(c string) []byte {
		at := bytes.Index(p, []byte("IDAT")) - 4
		end := at + 12 + int(binary.BigEndian.Uint32(p[at:]))
		return slices.Concat(p[:at], pngChunk("IDAT", string(p[at+8:end-4])+c), p[end:])
	})
	add("png", "frame of no animation", between(p, len(p)-12, func(c string) []byte { return pngChunk("fdAT", "\x00\x00\x00\x00"+c) }))
	add("gif", "bytes behind the pixels, in their blocks", between(g, len(g)-2, func(c string) []byte { return append([]byte{byte(len(c))}, c...) }))
	for what, seg := range map[string]struct {
		marker byte
		data   string
	}{
		"comment": {0xFE, "<?php CANARY"}, "application 13": {0xED, "CANARY"}, "application 9": {0xE9, "CANARY"}, "application 10": {0xEA, "<script>CANARY</script>"}, "application 15": {0xEF, "CANARY"}, "another picture": {0xE2, "MPF\x00CANARY"}, "application 8": {0xE8, "SPIFF\x00CANARY"},
		"description in EXIF": {0xE1, "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02\x00\x00\x00\x0d\x00\x00\x00\x1a\x00\x00\x00\x00CANARY\x00"},
		"packet of XMP":       {0xE1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x='adobe:ns:meta/' x:a='CANARY'/>"}, "IPTC": {0xED, "Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x12\x1c\x02\x78\x00\x0cCANARY\x00"},
		"second JFIF header": {0xE0, "JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00CANARY"}, "behind the colours": {0xEE, "Adobe\x00\x64\x00\x00\x00\x00\x00CANARY"}, "reserved": {0xC8, "CANARY"},
	} {
		add("jpg", what, between(j, 2, func(c string) []byte { return jpegSegment(seg.marker, in(seg.data)(c)) }))
	}
	add("jpg", "bytes between segments", between(j, 2, func(c string) []byte { return []byte("\xff\xff\xff" + string(jpegSegment(0xFE, c))[1:]) }))
	add("gif", "comment", between(g, len(g)-1, func(c string) []byte { return []byte("\x21\xfe\x0c" + c + "\x00") }))
	add("gif", "plain text", between(g, len(g)-1, func(c string) []byte {
		return []byte("\x21\x01\x0c" + strings.Repeat("\x00", 12) + "\x0c" + c + "\x00")
	}))
	add("gif", "application", between(g, len(g)-1, func(c string) []byte { return []byte("\x21\xff\x0bEVILAPP1.0x\x0c" + c + "\x00") }))
	add("gif", "unknown extension", between(g, len(g)-1, func(c string) []byte { return []byte("\x21\x77\x0c" + c + "\x00") }))
	add("webp", "unknown chunk", func(c string) []byte { return webp("eviL", c) })
	add("webp", "two chunks", func(c string) []byte { return webp("abcd", c, "EXEC", "MZ"+c) })
	add("bmp", "between head and pixels", func(c string) []byte {
		b := bmp()
		out := slices.Concat(b[:54], []byte(c), b[54:])
		binary.LittleEndian.PutUint32(out[10:], 54+uint32(len(c)))
		binary.LittleEndian.PutUint32(out[2:], uint32(len(out)))
		return out
	})
	add("tiff", "unknown tag", func(c string) []byte { return tiff(c, 65000) })
	add("tiff", "JPEG tables of another kind", func(c string) []byte { return tiff(c, 347) })
	add("tiff", "bytes of no directory", func(c string) []byte { return append(tiff("x", 65000), c...) })
	return rows
}

// webp is a picture of one pixel, with further chunks by name and data.
func webp(chunks ...string) []byte {
	chunk := func(kind string, data []byte) []byte {
		b := slices.Concat([]byte(kind), le32(len(data)), data)
		return append(b, make([]byte, len(data)&1)...)
	}
	// VP8L: a signature, width and height less one, and an image of one color.
	body := chunk("VP8L", []byte{0x2F, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xFE, 0x07, 0})
	for i := 0; i+1 < len(chunks); i += 2 {
		body = append(body, chunk(chunks[i], []byte(chunks[i+1]))...)
	}
	return slices.Concat([]byte("RIFF"), le32(len(body)+4), []byte("WEBP"), body)
}

func bmp() []byte {
	const width, height = 4, 3
	pixels := make([]byte, width*3*height)
	return slices.Concat([]byte("BM"), le32(54+len(pixels), 0, 54, 40, width, height), le16(1, 24), le32(0, len(pixels), 2835, 2835, 0, 0), pixels)
}

// tiff is a picture of one strip with one tag more.
func tiff(c string, tag int) []byte {
	const width, height = 4, 3
	pixels := make([]byte, width*height)
	at := 8 + len(pixels)
	var dir []byte
	entry := func(tag, kind, count, value int) {
		dir = slices.Concat(dir, le16(tag, kind), le32(count, value))
	}
	entry(256, 3, 1, width)
	entry(257, 3, 1, height)
	entry(258, 3, 1, 8)
	entry(259, 3, 1, 1)
	entry(262, 3, 1, 1)
	entry(273, 4, 1, 8)
	entry(277, 3, 1, 1)
	entry(278, 3, 1, height)
	entry(279, 4, 1, len(pixels))
	n := 10
	if tag < 65000 {
		entry(tag, 7, len(c), at+2+12*n+4)
	} else {
		entry(tag, 2, len(c), at+2+12*n+4)
	}
	return slices.Concat([]byte("II*\x00"), le32(at), pixels, le16(n), dir, le32(0), []byte(c))
}
