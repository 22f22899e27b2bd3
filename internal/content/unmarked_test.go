package content

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"icapd/scan"

	"github.com/andybalholm/brotli"
	"github.com/ulikunitz/xz/lzma"
)

func brotliOf(s string, level int) string {
	var b bytes.Buffer
	return packedBy(brotli.NewWriterLevel(&b, level), &b, s)
}

func lzma2Of(tb testing.TB, s string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := lzma.NewWriter2(&b)
	if err != nil {
		tb.Fatal(err)
	}
	return packedBy(w, &b, s)
}

// inLines breaks text into lines, each with something in front.
func inLines(s string, line int, front string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(line, len(s))
		b.WriteString(front + s[:n] + "\n")
		s = s[n:]
	}
	return b.String()
}

// decimals are bytes as numbers.
func decimals(s string) string {
	var out []byte
	for i := range len(s) {
		out = fmt.Appendf(out, "%d,", s[i])
	}
	return string(bytes.TrimRight(out, ","))
}

// unmarkedRows are layers that nothing but their structure tells.
func unmarkedRows(tb testing.TB) []blindRow {
	tb.Helper()
	plain := func(f func(s string) string) func(t *testing.T, s string) string {
		return func(_ *testing.T, s string) string { return f(s) }
	}
	b64, b32 := base64.StdEncoding.EncodeToString, base32.StdEncoding.EncodeToString
	zip := func(s string) string { return zipOf(tb, file{"e", s + prose}) }
	rows := []blindRow{
		{name: "LZMA2", wrap: plain(func(s string) string { return lzma2Of(tb, s+prose) }), path: "(lzma2)"},
		{name: "LZMA2 that does not get smaller", wrap: plain(func(s string) string { return lzma2Of(tb, s) }), path: "(lzma2)"},
		{name: "flash", wrap: plain(func(s string) string {
			z := lzmaOf(tb, s+prose)
			return "ZWS\x0d" + le32(len(s+prose)+8) + le32(len(z)-13) + z[:5] + z[13:]
		}), path: "(lzma)"},
		{name: "base32 in lines", wrap: plain(func(s string) string { return inLines(b32([]byte(s)), 64, "") }), path: "(base32)"},
		{name: "base32 in small letters", claimed: typeJSON, wrap: plain(func(s string) string { return `{"a":"` + strings.ToLower(b32([]byte(s))) + `"}` }), path: "/a(base32)"},
		{name: "base32 in a text", wrap: plain(func(s string) string { return "the file is " + b32([]byte(s+"  ")) + " and no more" }), path: "(base32)"},
		{name: "base64 behind a word", wrap: plain(func(s string) string { return "\x01\x02\xff\xfeabc" + b64([]byte(zip(s))) + "\x00\x01" }), path: "(base64)/e"},
		{name: "base64 in bytes", wrap: plain(func(s string) string { return "\x01\x02\xff\xfe" + b64([]byte(s)) + "\x00\x01" }), path: "(base64)"},
		{name: "brotli in a field", claimed: typeJSON, wrap: plain(func(s string) string {
			return `{"a":"` + b64([]byte(brotliOf(strings.Join(strings.SplitAfter(eicar(), ""), prose[:9])+s, 5))) + `"}`
		}), path: "/a(base64)(br)"},
		{name: "a form without a claim", wrap: plain(func(s string) string {
			return "a=1&f=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(b64([]byte(streamOf(tb, typeXz, s))))
		}), path: "/f(base64)(xz)"},
		{name: "quoted-printable lines of base64", wrap: plain(func(s string) string {
			return "x\n" + strings.ReplaceAll(inLines(b64([]byte(zip(s))), 75, ""), "\n", "=\n") + "\n."
		}), path: "(base64)/e"},
		{name: "a text behind a letter", wrap: plain(func(s string) string { return "\x01\x02\xff\xfex" + b64([]byte(prose+s)) + "\x00\x01" }), path: "(base64)"},
		{name: "gRPC in base64", wrap: plain(func(s string) string { return b64([]byte(frameOf(0, protoOf(zip(s))))) }), path: "(base64)/2(bytes)/e"},
		{name: "short, indented lines in XML", wrap: plain(func(s string) string {
			return "<?xml version=\"1.0\"?><a><b>\n" + inLines(b64([]byte(s)), 20, "    ") + "  </b></a>"
		}), path: "/a/b(base64)"},
		{name: "armor of a file", wrap: plain(func(s string) string {
			return "-----BEGIN PGP ARMORED FILE-----\nComment: x\n\n" + b64([]byte(pgpPacketOf(pgpLiteral, "b\x05a.bin\x00\x00\x00\x00"+s, false))) + "\n=abcd\n-----END PGP ARMORED FILE-----\n"
		}), path: "(armor)/a.bin"},
		{name: "numbers in a page", wrap: plain(func(s string) string { return "<html><script>var b=[" + decimals(s) + "]</script>" }), path: "(numbers)"},
		{name: "more rows of numbers", wrap: plain(func(s string) string {
			return `{"a":[` + strings.Repeat("["+decimals(prose[:70])+"],", maxRare) + "[" + decimals(s) + "]]}"
		}), path: "(more numbers)"},
		{name: "a long dictionary in PDF", wrap: plain(func(s string) string {
			return fmt.Sprintf("%%PDF-1.5\n7 0 obj\n<</Type/EmbeddedFile/X(%s)/Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream\nendobj\n",
				strings.Repeat("x", 9000), len(zlibbed(s)), zlibbed(s))
		}), path: "/object7(file)"},
		{name: "escaped names in PDF", wrap: plain(func(s string) string {
			return fmt.Sprintf("%%PDF-1.5\n7 0 obj\n<</Type/Em#62eddedFile/Length %d/Fil#74er/Flate#44ecode>>\nstream\n%s\nendstream\nendobj\n", len(zlibbed(s)), zlibbed(s))
		}), path: "/object7(file)"},
		{name: "deflate, and more behind it", wrap: plain(func(s string) string {
			return "x\x9c" + zlibbed(strings.Repeat(prose, 3))[2:] + zip(s)
		}), path: "(behind)/e"},
	}
	for level := range 12 {
		rows = append(rows, blindRow{name: fmt.Sprintf("brotli %d", level), wrap: plain(func(s string) string { return brotliOf(s+prose, level) }), path: "(br)"})
	}
	return rows
}

func TestUnmarked(t *testing.T) {
	for _, r := range unmarkedRows(t) {
		checkRow(t, r)
	}
}

// TestHazardKinds: a thousand findings of one kind leave out none of another.
func TestHazardKinds(t *testing.T) {
	files := make([]file, 0, maxHazards+10)
	for range maxHazards + 5 {
		files = append(files, file{"a", "x"})
	}
	tree := openTree(t, []byte(tarOf(t, append(files, file{"../../x", "x"})...)), Hints{})
	paths(t, tree)
	got := rules(tree)
	if !slices.Contains(got, "path-traversal") || len(got) > maxHazards+1 {
		t.Errorf("%d findings", len(got))
	}
}

// TestModules: the source of a macro behind another one is looked at.
func TestModules(t *testing.T) {
	for count, want := range map[int]bool{1: true, maxModules - 1: true, maxModules + 1: false} {
		data := strings.Repeat(literals("Attribute x\n"), count) + literals("Attribut "+eicar())
		tree := openTree(t, []byte(oleOf(file{"M", "x" + strings.Repeat(" ", 5000) + data})), Hints{})
		found := false
		for it := range tree.Items(t.Context()) {
			found = found || strings.Contains(it.Path, "(vba") && bytes.Contains(contents(t, it.Blob), []byte(eicar()))
		}
		if limit := slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool { return g.Limit == LimitEntries }); found != want || limit == want {
			t.Errorf("%d in front: found %v, %v", count, found, tree.Gaps())
		}
	}
}

// literals is the source of a macro in one chunk without copies (MS-OVBA, section 2.4.1).
func literals(source string) string {
	chunk := ""
	for len(source) > 0 {
		n := min(8, len(source))
		chunk += "\x00" + source[:n]
		source = source[n:]
	}
	return "\x01" + le16(0xb000|len(chunk)-1) + chunk
}

// FuzzUnmarked walks through what the table builds.
func FuzzUnmarked(f *testing.F) {
	t := &testing.T{}
	for _, r := range unmarkedRows(f) {
		f.Add(r.claimed, []byte(r.wrap(t, eicar())))
	}
	f.Fuzz(func(t *testing.T, claimed string, data []byte) {
		if size := lzma2Size(data); size < 0 {
			t.Errorf("LZMA2 of %d bytes", size)
		}
		fuzzTree(t, data, Hints{ContentType: claimed})
	})
}

// BenchmarkTried is what it costs to see that bytes of an unknown kind are none of what has no mark.
func BenchmarkTried(b *testing.B) {
	data := make([]byte, 1<<20)
	for i := range len(data) / 8 {
		binary.LittleEndian.PutUint64(data[8*i:], uint64(i+1)*0x9e3779b97f4a7c15)
	}
	w := New(Options{})
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		openAll(b, w, data)
	}
}
