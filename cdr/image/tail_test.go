package image

import (
	"bytes"
	"compress/zlib"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math/rand/v2"
	"testing"

	"icapd/cdr/kit"
)

// noise is a picture that packs badly, of so many pixels a side.
func noise(side int) *image.Paletted {
	p := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.Black, color.White, color.Gray{9}, color.Gray{99}})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p.Pix {
		p.Pix[i] = uint8(r.IntN(4))
	}
	return p
}

func packedGIF(tb testing.TB, side int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, noise(side), nil); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func packedPNG(tb testing.TB, side int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, noise(side)); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestBehindPixels puts a word behind the pixels of pictures, where only who unpacks them sees their end.
func TestBehindPixels(t *testing.T) {
	const word = "zqbehindpixels"
	idat := func(data []byte, edit func([]byte) []byte) []byte {
		at := bytes.LastIndex(data, []byte("IDAT")) - 4
		_, body, end, err := pngChunk(data, at)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{data[:at], pngChunkOf("IDAT", edit(bytes.Clone(body))), data[end:]}, nil)
	}
	unpacked := func(b []byte) []byte {
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if _, err := raw.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		return raw.Bytes()
	}
	stored := func(raw []byte) []byte { // so that the word can be seen
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
		_, _ = w.Write(raw)
		_ = w.Close()
		return b.Bytes()
	}
	lzw := func(data []byte, edit func(blocks []byte) []byte) []byte { // of the last frame, whose sub-blocks go up to the trailer
		at := 13 + gifTable(data[10])
		if data[at] != ',' {
			t.Fatalf("a block %#x", data[at])
		}
		at += 10 + gifTable(data[at+9]) + 1
		blocks := data[at : len(data)-2]
		return bytes.Join([][]byte{data[:at], edit(bytes.Clone(blocks)), {0, ';'}}, nil)
	}
	for what, c := range map[string]struct {
		data   []byte
		clean  []byte
		disarm func(context.Context, *kit.Job, []byte) ([]byte, error)
		decode func([]byte) (image.Image, error)
	}{
		"png, behind the stream": {idat(packedPNG(t, 40), func(b []byte) []byte { return append(b, word...) }), packedPNG(t, 40), disarmPNG, decodePNG},
		"png, a large one":       {idat(packedPNG(t, 900), func(b []byte) []byte { return append(b, word+word...) }), packedPNG(t, 900), disarmPNG, decodePNG},
		"png, more rows":         {idat(packedPNG(t, 40), func(b []byte) []byte { return stored(append(unpacked(b), word...)) }), packedPNG(t, 40), disarmPNG, decodePNG},
		"png, a chunk more":      {idat(packedPNG(t, 40), func(b []byte) []byte { return append(append(b, 0), word...) }), packedPNG(t, 40), disarmPNG, decodePNG},
		"gif, behind the end":    {lzw(packedGIF(t, 40), func(b []byte) []byte { return append(append(b, byte(len(word))), word...) }), packedGIF(t, 40), disarmGIF, decodeGIF},
		"gif, a large one":       {lzw(packedGIF(t, 600), func(b []byte) []byte { return append(append(b, byte(2*len(word))), word+word...) }), packedGIF(t, 600), disarmGIF, decodeGIF},
	} {
		if !bytes.Contains(c.data, []byte(word)) {
			t.Fatalf("%s: the word is not in it", what)
		}
		want, err := c.decode(c.clean)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		out, err := c.disarm(t.Context(), newJob(), c.data)
		if err != nil || out == nil || bytes.Contains(out, []byte(word)) {
			t.Errorf("%s: %d bytes, %v", what, len(out), err)
			continue
		}
		got, err := c.decode(out)
		if err != nil || !bytes.Equal(got.(*image.Paletted).Pix, want.(*image.Paletted).Pix) {
			t.Errorf("%s: another picture, %v", what, err)
		}
		if again, err := c.disarm(t.Context(), newJob(), out); again != nil || err != nil {
			t.Errorf("%s: a second time: %v", what, err)
		}
	}
}

// TestPixelsStay holds pictures with nothing behind their pixels to staying as they are.
func TestPixelsStay(t *testing.T) {
	for side := range 70 {
		for what, c := range map[string]struct {
			data   []byte
			disarm func(context.Context, *kit.Job, []byte) ([]byte, error)
		}{"png": {packedPNG(t, 3*side+1), disarmPNG}, "gif": {packedGIF(t, 3*side+1), disarmGIF}} {
			if out, err := c.disarm(t.Context(), newJob(), c.data); out != nil || err != nil {
				t.Errorf("%s of %d: changed, %v", what, side, err)
			}
		}
	}
}

func decodePNG(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }

func decodeGIF(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }

func FuzzBehindPixels(f *testing.F) {
	f.Add([]byte("\x02\x44\x01"), 2, int64(1))
	f.Add([]byte("\x8c\x2d\x99\x87\x2a\x1c\xdc\x33\xa0\x02\x75\xec\x95\xfa\xa8\xde\x60\x8c\x04\x91\x4c\x01"), 2, int64(100))
	f.Fuzz(func(t *testing.T, data []byte, width int, pixels int64) {
		if kept := gifEnd(data, width, pixels); len(kept) > len(data)+1 {
			t.Fatal(len(kept), len(data))
		}
	})
}

func newJob() *kit.Job {
	return kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, func(*kit.Document) kit.Handler { return nil })
}
