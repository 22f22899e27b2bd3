package integration

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"icapd/icap"
	"icapd/integration/lab"
)

// zipOf is a zip of entries with these contents.
func zipOf(t *testing.T, names []string, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, name := range names {
		e, err := w.Create(name)
		if err == nil {
			_, err = e.Write(contents[i%len(contents)])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fortyTwo is built like 42.zip: five layers of sixteen archives each, and zeros at the bottom; 64 TiB in all.
func fortyTwo(t *testing.T) []byte {
	t.Helper()
	layer := zipOf(t, []string{"0.bin"}, make([]byte, 64<<20))
	for i := range 5 {
		var names []string
		for j := range 16 {
			names = append(names, fmt.Sprintf("lib %d-%x.zip", i, j))
		}
		layer = zipOf(t, names, layer)
	}
	return layer
}

// overlapping has one piece of data, and thousands of entries that all say it is theirs.
func overlapping(t *testing.T) []byte {
	t.Helper()
	one := zipOf(t, []string{"a.bin"}, make([]byte, 16<<20))
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	dir := int(binary.LittleEndian.Uint32(one[end+16:]))
	entry, trailer := one[dir:end], bytes.Clone(one[end:])
	const n = 5000
	binary.LittleEndian.PutUint16(trailer[8:], n)
	binary.LittleEndian.PutUint16(trailer[10:], n)
	binary.LittleEndian.PutUint32(trailer[12:], uint32(n*len(entry)))
	return append(append(bytes.Clone(one[:dir]), bytes.Repeat(entry, n)...), trailer...)
}

// zeros is a gzip member of 10 GiB of zeros: the same MiB, packed once, ten thousand times. Nobody gets to the end,
// where the sum is wrong.
func zeros(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	mib := make([]byte, 1<<20)
	at := []int{0}
	for range 3 { // from the second on they are alike
		if _, err := w.Write(mib); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		at = append(at, b.Len())
	}
	first, again := b.Bytes()[:at[1]], b.Bytes()[at[1]:at[2]]
	if !bytes.Equal(again, b.Bytes()[at[2]:at[3]]) {
		t.Fatal("a MiB of zeros is not packed like the one before it")
	}
	out := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"), first...)
	out = append(out, bytes.Repeat(again, 10<<10-1)...)
	return append(out, "\x03\x00........"...)
}

// quineGzip is a gzip file that unpacks to itself, quineZip a zip whose one entry is the zip.
func quineGzip(t *testing.T) []byte {
	t.Helper()
	return quine(t, func(uint32, int) []byte { return []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff") },
		func(sum uint32, size int) []byte {
			return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, sum), uint32(size))
		})
}

func quineZip(t *testing.T) []byte {
	t.Helper()
	const name = "r.zip"
	fields := func(sum uint32, size int) []byte { // from "version needed" on, as both headers have it
		b := []byte("\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00")
		b = binary.LittleEndian.AppendUint32(b, sum)
		packed := size - 30 - 46 - 22 - 2*len(name)
		b = binary.LittleEndian.AppendUint32(b, uint32(packed))
		b = binary.LittleEndian.AppendUint32(b, uint32(size))
		return append(b, byte(len(name)), 0, 0, 0)
	}
	return quine(t, func(sum uint32, size int) []byte {
		return append(append([]byte("PK\x03\x04"), fields(sum, size)...), name...)
	}, func(sum uint32, size int) []byte {
		b := append(append([]byte("PK\x01\x02\x14\x00"), fields(sum, size)...), make([]byte, 14)...)
		b = append(append(b, name...), "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
		b = binary.LittleEndian.AppendUint32(b, uint32(46+len(name)))
		b = binary.LittleEndian.AppendUint32(b, uint32(size-22-46-len(name)))
		return append(b, 0, 0)
	})
}

// quine makes a file that is prefix, a DEFLATE stream, and suffix, where the stream yields the whole file. The stream
// is a program of two instructions: lit(n) prints the n bytes behind it, and rep(n) prints again what was printed
// last. Each line prints what is to be printed next, and what follows from that is the next line.
func quine(t *testing.T, prefix, suffix func(sum uint32, size int) []byte) []byte {
	t.Helper()
	const group = 30 // bytes of the groups below, each of which is repeated as a whole
	build := func(sum uint32, size int) []byte {
		p, s := prefix(sum, size), append([]byte("\x01\x00\x00\xff\xff"), suffix(sum, size)...)
		repP, repG, repS := rep(t, len(p)+5), rep(t, group), rep(t, len(s)+10)
		litP, litG, litS, lit0, lit5, lit10 := lit(len(p)+5), lit(group), lit(len(s)+10), lit(0), lit(5), lit(10)
		return bytes.Join([][]byte{
			p,
			litP, p, litP,
			repP,
			lit10, repP,
			lit5, lit10, lit0,
			litG, repP, lit5, lit10, lit0, litG,
			repG,
			litG, repG, litG, repG, litG,
			repG,
			litG, repG, lit0, lit0, lit0, litS,
			repG, lit0, lit0, lit0,
			litS, repS, s,
			repS,
			s,
		}, nil)
	}
	size := len(build(0, 0))
	return fixSum(t, func(sum uint32) []byte { return build(sum, size) })
}

// lit is the head of a stored block of n bytes: five bytes.
func lit(n int) []byte {
	return []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}
}

// rep is ten bytes that repeat the last n: a block with fixed codes, and an empty stored one up to the next byte.
func rep(t *testing.T, n int) []byte {
	t.Helper()
	for _, parts := range [][]int{{n}, {n / 2, n - n/2}} {
		for empty := range 3 {
			var w bits
			w.low(2, 3) // not the last block, fixed codes
			for _, length := range parts {
				w.copy(length, n)
			}
			w.low(0, 7)
			for range empty {
				w.low(2, 3)
				w.low(0, 7)
			}
			if w.n+3 > 40 && w.n+3 <= 48 {
				w.low(0, 48-w.n)
				return append(w.b, 0, 0, 0xff, 0xff)
			}
		}
	}
	t.Fatalf("no ten bytes repeat %d", n)
	return nil
}

// bits packs as RFC 1951 section 3.1.1 says.
type bits struct {
	b []byte
	n int
}

func (w *bits) low(v, n int) {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// code is a Huffman code, whose first bit is its highest.
func (w *bits) code(v, n int) {
	for i := n - 1; i >= 0; i-- {
		w.low(v>>i&1, 1)
	}
}

// copy is a length of 3 to 114 and a distance, in the fixed codes (RFC 1951 sections 3.2.5 and 3.2.6).
func (w *bits) copy(length, distance int) {
	step := func(v, width int) (high, extra, low int) { // v in steps that double with each width of them
		for extra = 0; v >= 2*width<<extra; extra++ {
		}
		return extra*width + v>>extra, extra, v & (1<<extra - 1)
	}
	high, extra, low := step(length-3, 4)
	w.code(high+1, 7)
	w.low(low, extra)
	high, extra, low = step(distance-1, 2)
	w.code(high, 5)
	w.low(low, extra)
}

// fixSum finds the sum for which build's bytes have that sum. CRC-32 is linear in each bit, so this is 32 equations.
func fixSum(t *testing.T, build func(sum uint32) []byte) []byte {
	t.Helper()
	of := func(sum uint32) uint32 { return crc32.ChecksumIEEE(build(sum)) ^ sum }
	zero := of(0)
	var rows [32]uint64 // bit i: what bit i of the sum changes; and above that, which bit that is
	for i := range rows {
		rows[i] = uint64(of(1<<i)^zero) | 1<<(32+i)
	}
	want := uint64(zero)
	for bit, row := 0, 0; bit < 32; bit++ {
		for i := row; i < 32; i++ {
			if rows[i]>>bit&1 == 0 {
				continue
			}
			rows[row], rows[i] = rows[i], rows[row]
			for j := range rows {
				if j != row && rows[j]>>bit&1 == 1 {
					rows[j] ^= rows[row]
				}
			}
			if want>>bit&1 == 1 {
				want ^= rows[row]
			}
			row++
			break
		}
	}
	out := build(uint32(want >> 32))
	if uint32(want) != 0 || crc32.ChecksumIEEE(out) != uint32(want>>32) {
		t.Fatal("no sum fits")
	}
	return out
}

// TestQuines: they are what they say.
func TestQuines(t *testing.T) {
	g := quineGzip(t)
	r, err := gzip.NewReader(bytes.NewReader(g))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(r); err != nil || !bytes.Equal(out, g) {
		t.Errorf("gzip: %d bytes unpack to %d, %v", len(g), len(out), err)
	}
	z := quineZip(t)
	zr, err := zip.NewReader(bytes.NewReader(z), int64(len(z)))
	if err != nil {
		t.Fatal(err)
	}
	e, err := zr.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(e); err != nil || !bytes.Equal(out, z) {
		t.Errorf("zip: %d bytes unpack to %d, %v", len(z), len(out), err)
	}
}

// TestBombs: what unpacks to more than there is room or time for is blocked as unscannable, with little work and in
// little memory.
func TestBombs(t *testing.T) {
	const memory, work = 150 << 20, 2 * time.Second
	i := bareIcapd(t, "")
	client := &icap.Client{}
	defer client.Close()
	for _, c := range []struct {
		name, coding string
		data         []byte
		limit        string // of the gaps' limits; or a reason
	}{
		{"42.zip", "", fortyTwo(t), "ratio"},
		{"overlapping", "", overlapping(t), "corrupt"},
		{"quine.gz", "", quineGzip(t), "depth"},
		{"quine.gz as coding", "gzip", quineGzip(t), "depth"},
		{"quine.zip", "", quineZip(t), "depth"},
		{"10 GiB of zeros", "", zeros(t), "ratio"},
		{"10 GiB of zeros as coding", "gzip", zeros(t), "ratio"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := i.ResetPeak(); err != nil {
				t.Fatal(err)
			}
			before, err := i.CPU()
			if err != nil {
				t.Fatal(err)
			}
			fields := []icap.Field{{Name: "Content-Type", Value: "application/octet-stream"}}
			if c.coding != "" {
				fields = append(fields, icap.Field{Name: "Content-Encoding", Value: c.coding})
			}
			mark := fmt.Sprintf("bomb=%d.", asked.Add(1))
			start := time.Now()
			resp, err := client.Do(t.Context(), &icap.ClientRequest{
				Method: icap.MethodRespmod, URL: i.URL("respmod"), Preview: 4096,
				HTTPRequest:  icap.NewRequestHead("GET", "http://api.test/?"+mark, icap.Field{Name: "Host", Value: "api.test"}),
				HTTPResponse: icap.NewResponseHead(200, fields...),
				Body:         bytes.NewReader(c.data),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			took := time.Since(start)
			if verdict := resp.Header.Get("X-ICAPD-Verdict"); err != nil || resp.HTTPResponse.Status() != 403 || verdict != "unscannable" && verdict != "malicious" {
				t.Errorf("HTTP %d, %s, %v", resp.HTTPResponse.Status(), verdict, err)
			}
			after, err := i.CPU()
			if err != nil {
				t.Fatal(err)
			}
			m, err := i.Memory()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes: answered in %v, with %v of work, peak %d MiB resident", len(c.data), took.Round(time.Millisecond), after-before, m.Peak>>20)
			// Others work on this machine: the clock on the wall is theirs, too.
			if after-before >= work || m.Peak >= memory {
				t.Errorf("%v of work, %d MiB resident", after-before, m.Peak>>20)
			}
			a, err := i.WaitAudit(t.Context(), func(a *lab.Audit) bool { return strings.Contains(a.URL, mark) })
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, g := range a.Gaps {
				found = found || g.Limit == c.limit || g.Reason == c.limit
			}
			if !found {
				t.Errorf("no gap %s: %s", c.limit, a.Line)
			}
		})
	}
}
