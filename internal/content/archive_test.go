package content

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"icapd/scan"
)

// file is a member of an archive that a test builds.
type file struct{ name, data string }

func zipOf(tb testing.TB, files ...file) string {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC), Comment: "c"}
		if f.name == "mimetype" {
			h.Method = zip.Store
		}
		m, err := w.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = io.WriteString(m, f.data)
	}
	_ = w.SetComment("the end")
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func tarOf(tb testing.TB, files ...file) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o644, ModTime: time.Unix(1e9, 0), Uname: "u"}); err != nil {
			tb.Fatal(err)
		}
		_, _ = io.WriteString(w, f.data)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// streamOf compresses with the writer of a format.
func streamOf(tb testing.TB, typ, data string) string {
	tb.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch typ {
	case typeGzip:
		z := gzip.NewWriter(&b)
		z.Name = "named.txt"
		w = z
	case typeZstd:
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	case typeLz4:
		w = lz4.NewWriter(&b)
	case typeXz:
		w, err = xz.NewWriter(&b)
	}
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = io.WriteString(w, data)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

const prose = "A member of an archive with some lines of prose in it, long enough to be compressed. "

func TestZip(t *testing.T) {
	data := zipOf(t, file{"mimetype", "x/y"}, file{"dir/", ""}, file{"dir/a.txt", strings.Repeat(prose, 20)}, file{"b.json", `{"k":"v"}`},
		file{"in.zip", zipOf(t, file{"deep.txt", prose})})
	tree := openTree(t, []byte(data), Hints{})
	want := []string{
		"body application/zip", "body/mimetype text/plain", "body/dir/a.txt text/plain", "body/b.json application/json",
		"body/in.zip application/zip", "body/in.zip/deep.txt text/plain",
	}
	if got := paths(t, tree); !slices.Equal(got, want) || len(tree.Gaps()) > 0 || len(tree.Findings()) > 0 {
		t.Fatalf("got %q, gaps %v, findings %+v", got, tree.Gaps(), tree.Findings())
	}
	for _, change := range []string{"/mimetype", "/a.txt", "/deep.txt", "/b.json"} {
		got, err := rebuildText(t, data, Hints{}, swap(change, strings.Repeat("changed ", 50)))
		if err != nil {
			t.Fatal(err)
		}
		checkZip(t, data, got, change, strings.Repeat("changed ", 50))
	}
}

// checkZip compares two archives with the standard library: order, names, times, comments, and contents but
// the one that changed, which may be a member's member.
func checkZip(t *testing.T, before, after, change, with string) {
	t.Helper()
	a, err := zip.NewReader(strings.NewReader(before), int64(len(before)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := zip.NewReader(strings.NewReader(after), int64(len(after)))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.File) != len(b.File) || a.Comment != b.Comment {
		t.Fatalf("%d members became %d", len(a.File), len(b.File))
	}
	for i := range a.File {
		x, y := a.File[i], b.File[i]
		if x.Name != y.Name || !x.Modified.Equal(y.Modified) || x.Comment != y.Comment || x.Method != y.Method {
			t.Errorf("%+v became %+v", x.FileHeader, y.FileHeader)
		}
		old, fresh := unzipAll(t, x), unzipAll(t, y)
		switch {
		case strings.HasSuffix(x.Name, ".zip"):
			checkZip(t, old, fresh, change, with)
		case strings.HasSuffix("/"+x.Name, change):
			if fresh != with {
				t.Errorf("%s: %q", x.Name, fresh)
			}
		case old != fresh:
			t.Errorf("%s changed", x.Name)
		}
	}
}

func unzipAll(t *testing.T, f *zip.File) string {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(f.Name, err)
	}
	return string(data)
}

func TestZipRename(t *testing.T) {
	data := zipOf(t, file{"d/a.docm", prose}, file{"z.txt", "end"})
	got, err := rebuildText(t, data, Hints{}, func(_ context.Context, it *scan.Item) (rep scan.Replacement, err error) {
		if it.Name == "a.docm" {
			rep.Blob, rep.Name = scan.Bytes("x"), "a.docx"
		}
		return rep, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(strings.NewReader(got), int64(len(got)))
	if err != nil || r.File[0].Name != "d/a.docx" || unzipAll(t, r.File[0]) != "x" || unzipAll(t, r.File[1]) != "end" {
		t.Fatal(err, got)
	}
}

// hasGap reports whether a tree has a gap of that reason, with a path that ends so.
func hasGap(tree *Tree, suffix string, reason scan.Reason, limit string) bool {
	return slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool {
		return g.Reason == reason && g.Limit == limit && strings.HasSuffix(g.Path, suffix)
	})
}

func rules(tree *Tree) (out []string) {
	for _, f := range tree.Findings() {
		out = append(out, f.Rule)
	}
	return out
}

// TestPrinterBag has the cabinet of a printer driver of Windows, whose one name is no place, and such that are.
func TestPrinterBag(t *testing.T) {
	for name, want := range map[string]bool{"//Uncompressed-Data//": false, "//Uncompressed-Data//x": true, "//uncompressed-data//": true, "/etc/passwd": true} {
		tree := openTree(t, []byte("settings of a printer\x00"+cabOf(1, file{name, prose})), Hints{})
		if got := paths(t, tree); len(got) < 3 || slices.Contains(rules(tree), "path-traversal") != want {
			t.Error(name, got, rules(tree))
		}
	}
}

func TestZipHazards(t *testing.T) {
	good := zipOf(t, file{"a.txt", prose}, file{"b.txt", prose})
	flip := func(s string, at int, bits byte) string {
		p := []byte(s)
		p[at] ^= bits
		return string(p)
	}
	central := strings.Index(good, zipCentralSig)
	for name, c := range map[string]struct {
		data, rule string
		gap        scan.Reason
		items      int
	}{
		"traversal":   {data: zipOf(t, file{"../../etc/passwd", "x"}), rule: "path-traversal", items: 2},
		"backslash":   {data: zipOf(t, file{`..\evil.exe`, "x"}), rule: "path-traversal", items: 2},
		"drive":       {data: zipOf(t, file{`C:/x`, "x"}), rule: "path-traversal", items: 2},
		"bidi":        {data: zipOf(t, file{"invoice\u202etxt.exe", "x"}), rule: "entry-name", items: 2},
		"duplicate":   {data: zipOf(t, file{"a.TXT", "x"}, file{"A.txt", "y"}), rule: "duplicate-entry", items: 3},
		"dot in path": {data: zipOf(t, file{"d/a.txt", "x"}, file{"./d. /a.txt", "y"}), rule: "duplicate-entry", items: 3},
		"mismatch":    {data: strings.Replace(good, "a.txt", "q.txt", 1), rule: "zip-mismatch", items: 3},
		"trailing":    {data: good + "more", rule: "zip-foreign-bytes", items: 4},
		"leading":     {data: "PK\x03\x04junk" + good, rule: "zip-foreign-bytes", items: 3},
		"encrypted":   {data: flip(good, central+8, 1), gap: scan.ReasonEncrypted, items: 2},
		"truncated":   {data: good[:central-3], gap: scan.ReasonCorrupt, items: 3},
		"bad data":    {data: flip(good, 60, 0xff), gap: scan.ReasonCorrupt, items: 2},
		"bad crc":     {data: flip(good, central+16, 1), gap: scan.ReasonCorrupt, items: 3},
		"method":      {data: flip(flip(good, central+10, 0x40), 8, 0x40), gap: scan.ReasonUnsupported, items: 2},
		"no end":      {data: good[:len(good)-30], gap: scan.ReasonCorrupt, items: 3},
		"short dir":   {data: strings.Replace(good, zipCentralSig, "XXXX", 1), gap: scan.ReasonCorrupt, items: 1},
		"lost header": {data: strings.Replace(good, zipLocalSig+"\x14\x00\x08\x00\x08\x00", "PK\x03\x04\x14\x00\x08\x00\x09\x00", 1), rule: "zip-mismatch", items: 3},
	} {
		tree := openTree(t, []byte(c.data), Hints{})
		items := paths(t, tree)
		if len(items) != c.items {
			t.Errorf("%s: items %q, gaps %v", name, items, tree.Gaps())
		}
		if c.rule != "" && !slices.Contains(rules(tree), c.rule) {
			t.Errorf("%s: findings %q", name, rules(tree))
		}
		if c.gap != 0 && !hasGap(tree, "", c.gap, "") {
			t.Errorf("%s: gaps %v", name, tree.Gaps())
		}
	}
}

func TestTar(t *testing.T) {
	data := tarOf(t, file{"a.txt", prose}, file{"d/b.json", `{"k":"v"}`}, file{strings.Repeat("long/", 40) + "c.txt", prose + "c"})
	tree := openTree(t, []byte(data), Hints{})
	got := paths(t, tree)
	if len(got) != 4 || got[2] != "body/d/b.json application/json" || len(tree.Gaps()) > 0 {
		t.Fatalf("%q %v", got, tree.Gaps())
	}
	for _, change := range []string{"/a.txt", "/b.json", "/c.txt"} {
		with := strings.Repeat("changed ", 100)
		got, err := rebuildText(t, data, Hints{}, swap(change, with))
		if err != nil {
			t.Fatal(err)
		}
		a, b := tar.NewReader(strings.NewReader(data)), tar.NewReader(strings.NewReader(got))
		for {
			x, err := a.Next()
			y, err2 := b.Next()
			if errors.Is(err, io.EOF) && errors.Is(err2, io.EOF) {
				break
			}
			if err != nil || err2 != nil || x.Name != y.Name || !x.ModTime.Equal(y.ModTime) || x.Uname != y.Uname {
				t.Fatal(err, err2, x, y)
			}
			old, _ := io.ReadAll(a)
			fresh, _ := io.ReadAll(b)
			if want := string(old); strings.HasSuffix(x.Name, change[1:]) && string(fresh) != with || !strings.HasSuffix(x.Name, change[1:]) && string(fresh) != want {
				t.Errorf("%s: %s is %q", change, x.Name, fresh)
			}
		}
	}
	tree = openTree(t, []byte(data[:len(data)-2000]), Hints{})
	if paths(t, tree); !hasGap(tree, "body", scan.ReasonCorrupt, "") {
		t.Errorf("truncated: %v", tree.Gaps())
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../../x"})
	_ = w.WriteHeader(&tar.Header{Name: "/dev/sda", Typeflag: tar.TypeBlock})
	_ = w.Close()
	tree = openTree(t, b.Bytes(), Hints{})
	paths(t, tree)
	if got := rules(tree); !slices.Equal(got, []string{"archive-link", "path-traversal", "archive-device"}) {
		t.Errorf("findings %q", got)
	}
}

// TestPackedNames has what a compressed file is called inside, which must not depend on who packed it.
func TestPackedNames(t *testing.T) {
	for ext, p := range packedNames {
		if again, ok := packedNames[p.gzip]; p.gzip != "" && (!ok || again.inside != p.inside) {
			t.Errorf("%s has %q in it, and as %s %q", ext, p.inside, p.gzip, again.inside)
		}
	}
	data := streamOf(t, typeZstd, prose)
	for name, want := range map[string]string{"a.js.BZ": "a.js", "a.taz": "a.tar", "a.tar.zst": "a.tar", "a.svgz": "a.svg", "a.js": "", "": ""} {
		tree := openTree(t, []byte(data), Hints{Name: name})
		paths(t, tree)
		if got := tree.root.kids[0].item.Name; got != want {
			t.Errorf("in %q is %q, want %q", name, got, want)
		}
	}
}

func TestStreams(t *testing.T) {
	for _, typ := range []string{typeGzip, typeZstd, typeLz4, typeXz} {
		data := streamOf(t, typ, prose)
		tree := openTree(t, []byte(data), Hints{Name: "x.txt." + typ[len(typ)-2:]})
		got := paths(t, tree)
		if len(got) != 2 || !strings.HasSuffix(got[1], " text/plain") || len(tree.Gaps()) > 0 {
			t.Fatalf("%s: %q %v", typ, got, tree.Gaps())
		}
		suffix := strings.TrimSuffix(strings.TrimPrefix(got[1], "body"), " text/plain")
		out, err := rebuildText(t, data, Hints{}, swap(suffix, "changed"))
		if suffix[0] != '/' && err != nil {
			t.Fatal(typ, err)
		}
		if suffix[0] == '(' {
			again := openTree(t, []byte(out), Hints{})
			paths(t, again)
			if got := string(contents(t, again.root.kids[0].item.Blob)); got != "changed" {
				t.Errorf("%s: rebuilt to %q", typ, got)
			}
		}
		tree = openTree(t, []byte(data[:len(data)-5]), Hints{})
		if paths(t, tree); !slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool { return g.Reason == scan.ReasonCorrupt }) {
			t.Errorf("%s truncated: %v", typ, tree.Gaps())
		}
	}
	if tree := openTree(t, []byte(streamOf(t, typeGzip, prose)), Hints{}); paths(t, tree)[1] != "body/named.txt text/plain" {
		t.Error("the name in gzip's header is lost")
	}
}

// overlapZip makes an archive whose entries all name one member, as zip bombs do.
func overlapZip(tb testing.TB, entries int, packed []byte, size int) []byte {
	tb.Helper()
	var b bytes.Buffer
	sum := crc32.ChecksumIEEE(make([]byte, size))
	local := func(sig, extra string) []byte {
		h := []byte(sig)
		h = append(h, extra...)
		h = binary.LittleEndian.AppendUint16(h, 20)
		h = append(h, 0, 0, 8, 0, 0, 0, 0x21, 0)
		h = binary.LittleEndian.AppendUint32(h, sum)
		h = binary.LittleEndian.AppendUint32(h, uint32(len(packed)))
		h = binary.LittleEndian.AppendUint32(h, uint32(size))
		return binary.LittleEndian.AppendUint16(h, 1)
	}
	b.Write(local(zipLocalSig, ""))
	b.Write([]byte{0, 0, 'a'})
	b.Write(packed)
	start := b.Len()
	for range entries {
		b.Write(local(zipCentralSig, "\x14\x00"))
		b.Write(make([]byte, 12+4))
		b.WriteByte('a')
	}
	size = b.Len() - start
	b.WriteString(zipEndSig + "\x00\x00\x00\x00")
	for _, v := range []int{entries, entries} {
		_ = binary.Write(&b, binary.LittleEndian, uint16(v))
	}
	_ = binary.Write(&b, binary.LittleEndian, []uint32{uint32(size), uint32(start)})
	b.Write([]byte{0, 0})
	return b.Bytes()
}

func deflateZeros(tb testing.TB, size int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = io.CopyN(w, zeros{}, int64(size))
	_ = w.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBombs holds that hostile archives end soon and are never without a gap.
func TestBombs(t *testing.T) {
	packed := deflateZeros(t, 16<<20)
	layers := zipOf(t, file{"0.bin", string(make([]byte, 4<<20))})
	for i := range 6 { // 42.zip: every layer has sixteen of the next
		var files []file
		for j := range 16 {
			files = append(files, file{fmt.Sprintf("%d-%d.zip", i, j), layers})
		}
		layers = zipOf(t, files...)
	}
	deep := zipOf(t, file{"x.txt", prose})
	for range 20 {
		deep = zipOf(t, file{"n.zip", deep})
	}
	var many []file
	for i := range 12_000 {
		many = append(many, file{fmt.Sprintf("%d.txt", i), "x"})
	}
	for name, c := range map[string]struct {
		data   string
		reason scan.Reason
		limit  string
	}{
		"overlap": {string(overlapZip(t, 5000, packed, 16<<20)), scan.ReasonCorrupt, ""},
		"zeros":   {string(overlapZip(t, 1, packed, 16<<20)), scan.ReasonLimit, "ratio"},
		"42":      {layers, scan.ReasonLimit, "ratio"},
		"deep":    {deep, scan.ReasonLimit, LimitDepth},
		"entries": {zipOf(t, many...), scan.ReasonLimit, LimitEntries},
	} {
		start := cpuTime(t)
		tree := openTree(t, []byte(c.data), Hints{})
		items := paths(t, tree)
		took := cpuTime(t) - start
		if !hasGap(tree, "", c.reason, c.limit) {
			t.Errorf("%s: gaps %v", name, tree.Gaps())
		}
		if took > 2*time.Second && !raceEnabled {
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%s: %d bytes, %d items, %d gaps, %d MB unpacked, %v", name, len(c.data), len(items), len(tree.Gaps()), tree.budget.Used()>>20, took)
	}
}

func FuzzZip(f *testing.F) {
	f.Add([]byte(zipOf(f, file{"a.txt", prose}, file{"d/b.json", `{"a":1}`})))
	f.Add([]byte(zipOf(f)))
	f.Add(overlapZip(f, 3, deflateZeros(f, 1000), 1000))
	f.Add([]byte(zip64Of(true, file{"a.txt", prose}, file{"d/b.json", `{"a":1}`})))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzTree(t, append([]byte("PK\x03\x04")[:min(4, len(data))], data[min(4, len(data)):]...), Hints{})
	})
}

func FuzzTar(f *testing.F) {
	f.Add([]byte(tarOf(f, file{"a.txt", prose}, file{strings.Repeat("n", 200), "{}"})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 262 {
			copy(data[257:], "ustar")
		}
		fuzzTree(t, data, Hints{})
	})
}

func FuzzStream(f *testing.F) {
	for _, typ := range []string{typeGzip, typeZstd, typeLz4, typeXz} {
		f.Add([]byte(streamOf(f, typ, prose)))
	}
	f.Add([]byte("BZh91AY&SY"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzTree(t, data, Hints{}) })
}
