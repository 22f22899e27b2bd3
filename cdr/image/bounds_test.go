package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// icons is an icon with n lines in its directory, which all lead to the same picture.
func icons(n int, picture []byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0, 0, 1, 0}, uint16(n))
	for range n {
		b = append(b, 1, 1, 0, 0, 1, 0, 32, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(picture)))
		b = binary.LittleEndian.AppendUint32(b, uint32(6+16*n))
	}
	return append(b, picture...)
}

// stripped is a TIFF of pages that share the tables of their strips, each of which is most of the file. It has a tag that
// nobody knows.
func stripped(pages, strips int) []byte {
	le := binary.LittleEndian
	const entries = 6
	size := 2 + 12*entries + 4
	tables := 8 + pages*size
	b := le.AppendUint32([]byte("II*\x00"), 8)
	for page := range pages {
		b = le.AppendUint16(b, entries)
		for _, e := range [entries][3]int{{256, 1, 1}, {257, 1, strips}, {273, strips, tables}, {278, 1, 1}, {279, strips, tables + 4*strips}, {60000, 1, 1}} {
			b = le.AppendUint16(le.AppendUint16(b, uint16(e[0])), 4)
			b = le.AppendUint32(le.AppendUint32(b, uint32(e[1])), uint32(e[2]))
		}
		next := 8 + (page+1)*size
		if page == pages-1 {
			next = 0
		}
		b = le.AppendUint32(b, uint32(next))
	}
	for range strips {
		b = le.AppendUint32(b, 8)
	}
	for range strips {
		b = le.AppendUint32(b, uint32(4*strips))
	}
	return b
}

// TestIconShared: lines that lead to one picture still do when it had to be changed. A file of a megabyte could become one of
// gigabytes.
func TestIconShared(t *testing.T) {
	const lines = 60_000
	in := icons(lines, pngWith(encode(t, "image/png"), "tEXt", "Comment\x00"+strings.Repeat(canary, 2000)))
	out, _, err := run(t, "image/x-icon", in, kit.Switches{})
	if err != nil || len(out) == 0 || bytes.Contains(out, []byte(canary)) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if len(out) >= len(in) {
		t.Errorf("%d bytes became %d", len(in), len(out))
	}
	for i := range lines {
		if line := out[6+16*i+8 : 6+16*i+16]; !bytes.Equal(line, out[14:22]) {
			t.Fatalf("line %d leads elsewhere", i)
		}
	}
}

// TestWork: what a small file could make of itself, or take of the processor's time, is a limit that names itself.
func TestWork(t *testing.T) {
	overlapping := icons(400, pngWith(encode(t, "image/png"), "tEXt", strings.Repeat("\x00", 20_000)))
	overlapping = append(overlapping, make([]byte, 400)...)
	for i := range 400 {
		size := overlapping[6+16*i+8:]
		binary.LittleEndian.PutUint32(size, binary.LittleEndian.Uint32(size)+uint32(i))
	}
	png, gif := encode(t, "image/png"), encode(t, "image/gif")
	table := 13 + gifTable(gif[10])
	chunk := func(name string, body []byte) []byte { return riff(name, body)[12:] }
	cases := []struct {
		name, mediaType, limit string
		data                   []byte
	}{
		{"pictures that overlap", "image/x-icon", "work", overlapping},
		{"strips that share bytes", "image/tiff", "work", stripped(1, 2000)},
		{"pages that share tables", "image/tiff", "work", stripped(20, 2000)},
		{"frames", "image/png", "frames", slices.Concat(png[:33], pngChunkOf("acTL", make([]byte, 8)), bytes.Repeat(pngChunkOf("fcTL", make([]byte, 26)), maxFrames+1), png[33:])},
		{"frames", "image/gif", "frames", slices.Concat(gif[:table], bytes.Repeat([]byte{0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0}, maxFrames+1), gif[table:])},
		{"frames", "image/webp", "frames", riffOf(bytes.Repeat(chunk("ANMF", make([]byte, 24)), maxFrames+1))},
	}
	for _, c := range cases {
		_, _, err := run(t, c.mediaType, c.data, kit.Switches{})
		var gap *scan.Gap
		if !errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != c.limit {
			t.Errorf("%s in %s: %v", c.name, c.mediaType, err)
		}
	}
	w := webpWalk{job: kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), size: 30}
	lossless := chunk("VP8L", webpLossless()[20:])
	if _, err := w.check(lossless); err != nil {
		t.Error(err)
	}
	var gap *scan.Gap
	w.decoded = 2*maxLossless + framesLossless*w.size
	if _, err := w.check(lossless); !errors.As(err, &gap) || gap.Limit != "pixels" {
		t.Errorf("one more pixel: %v", err)
	}
}

// riffOf is a WebP file of these chunks.
func riffOf(chunks []byte) []byte {
	b := append([]byte("RIFF\x00\x00\x00\x00WEBP"), chunks...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// BenchmarkIcons has ten thousand pictures of some bytes each.
func BenchmarkIcons(b *testing.B) {
	const n = 10_000
	picture := encode(b, "image/png")
	data := icons(n, picture)
	for i := range n {
		binary.LittleEndian.PutUint32(data[6+16*i+12:], uint32(6+16*n+i*len(picture)))
	}
	data = append(data, bytes.Repeat(picture, n-1)...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if out, _, err := run(b, "image/x-icon", data, kit.Switches{}); err != nil || out != nil {
			b.Fatal(len(out), err)
		}
	}
}
