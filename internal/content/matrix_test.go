package content

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"icapd/internal/body"
)

// claimed are types that are known by the word of the sender only, and so stand outside of all others.
var claimed = map[string]string{
	"multipart/mixed": "multipart/mixed; boundary=qqq", "multipart/related": "multipart/related; boundary=qqq",
	"csv": "text/csv", "sse": "text/event-stream", "form": "application/x-www-form-urlencoded", "msgpack": "application/msgpack",
}

// readOnly are the containers of the matrix that wrappers has not: most of them are opened and never written. One
// returns "" for content that it cannot hold.
func readOnly() []wrapper {
	plain := func(f func(s string) string) func(*testing.T, string) string {
		return func(_ *testing.T, s string) string { return f(s) }
	}
	std, raw := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	multipart := func(kind, path string) wrapper {
		return wrapper{"multipart/" + kind, plain(func(s string) string {
			return "--qqq\r\nContent-Type: text/plain\r\n\r\nhello\r\n--qqq\r\nContent-Type: application/octet-stream\r\n" +
				"Content-Transfer-Encoding: base64\r\nContent-ID: <p@x>\r\nContent-Disposition: attachment; filename=p.bin\r\n\r\n" + std([]byte(s)) + "\r\n--qqq--\r\n"
		}), path}
	}
	return []wrapper{
		{"ar", plain(func(s string) string { return arOf(file{"x.txt", "odd"}, file{"a.bin", s}) }), "/a.bin"},
		{"cpio", plain(func(s string) string { return cpioOf(file{"d/c.bin", s}) }), "/d/c.bin"},
		{"deb", func(t *testing.T, s string) string {
			t.Helper()
			return arOf(file{"debian-binary", "2.0\n"}, file{"data.tar.xz", streamOf(t, typeXz, tarOf(t, file{"./usr/b.bin", s}))})
		}, "/data.tar.xz/data.tar/./usr/b.bin"},
		{"rpm", func(t *testing.T, s string) string {
			t.Helper()
			header := "\x8e\xad\xe8\x01" + strings.Repeat("\x00", 12)
			return "\xed\xab\xee\xdb\x03\x00" + strings.Repeat("\x00", 90) + header + header + streamOf(t, typeZstd, cpioOf(file{"./r.bin", s}))
		}, "/payload(zstd)/r.bin"},
		{"tnef", plain(func(s string) string { return tnefOf(file{"a.bin", s}) }), "/a.bin"},
		{"cab", plain(func(s string) string { return cabOf(1, file{"c.bin", s}) }), "/c.bin"},
		{"cab, stored", plain(func(s string) string { return cabOf(0, file{"c.bin", s}) }), "/c.bin"},
		{"iso", plain(func(s string) string { return isoOf(file{"I.BIN", s}) }), "/I.BIN"},
		{"rar", plain(rarOf), "/r.bin"},
		{"7z", plain(sevenOf), "/s.bin"},
		{"compress", plain(short(lzwOf, 200)), "(compress)"},
		{"OLE2", plain(short(func(s string) string { return oleOf(file{"\x01Ole10Native", ole10("o.bin", s)}) }, 50_000)), "/Ole10Native/o.bin"},
		{"msg", func(t *testing.T, s string) string {
			t.Helper()
			if len(s) > 50_000 {
				return ""
			}
			pad := "" // streams of the builder are not short
			for i := range 200 {
				pad += fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)}))
			}
			return oleOf(file{"__substg1.0_37010102", zipOf(t, file{"pad", pad}, file{"m.bin", s})})
		}, "/__substg1.0_37010102/m.bin"},
		{"pdf", func(t *testing.T, s string) string {
			t.Helper()
			return pdfOf(t, s)
		}, "/object2(file)"},
		{"uuencode", func(t *testing.T, s string) string {
			t.Helper()
			return uuOf(t, "u.bin", s)
		}, "/u.bin(uu)"},
		{"docx", func(t *testing.T, s string) string {
			t.Helper()
			return zipOf(t, file{"[Content_Types].xml", `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
				file{"word/embeddings/e.bin", s})
		}, "/word/embeddings/e.bin"},
		multipart("mixed", "/p.bin"), multipart("related", "/p.bin"),
		{"json base64url", plain(func(s string) string { return `{"a":{"b":"` + raw([]byte(s)) + `"}}` }), "/a/b(base64)"},
		{"json hex", plain(func(s string) string { return `[0,"` + hex.EncodeToString([]byte(s)) + `"]` }), "/1(hex)"},
		{"ndjson", plain(func(s string) string { return "{\"n\":1}\n{\"f\":\"" + std([]byte(s)) + "\"}\n{\"n\":2}\n" }), "/1/f(base64)"},
		{"sse", plain(func(s string) string { return "event: m\ndata: {\"f\":\"" + std([]byte(s)) + "\"}\n\ndata: {}\n\n" }), "/0/data/f(base64)"},
		{"form", plain(func(s string) string { return "a=1&f=" + url.QueryEscape(std([]byte(s))) + "&z=2" }), "/f(base64)"},
		{"csv", plain(func(s string) string { return "id,file,note\n1," + std([]byte(s)) + ",x\n2,,y\n3,,z\n" }), "/1/1(base64)"},
		{"text", plain(func(s string) string {
			return "There is a file in here:\n\n" + std([]byte(s)) + "\n\nand that is all.\n"
		}), "(base64)"},
		{"html data URI", plain(func(s string) string {
			return "<!doctype html><html><body><p>x</p><a href=\"data:application/octet-stream;base64," + std([]byte(s)) + "\">y</a></body></html>"
		}), "//a[1]/@href(base64)"},
		{"xml CDATA", plain(func(s string) string {
			return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><f><![CDATA[` + std([]byte(s)) + `]]></f></s:Body></s:Envelope>`
		}), "/s:Envelope/s:Body/f(base64)"},
		{"msgpack", plain(func(s string) string {
			if utf8.ValidString(s) && !hasControls([]byte(s)) && !knownMagic([]byte(s)) {
				return "" // text in a byte string is a field, not an item
			}
			return "\x82\xa1a\x01\xa1f\xc6" + string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
		}), "/f(bytes)"},
		{"utf-16 json", plain(func(s string) string {
			out := "\xff\xfe"
			for _, c := range []byte(`{"f":"` + std([]byte(s)) + `"}`) {
				out += string([]byte{c, 0})
			}
			return out
		}), "(utf-8)/f(base64)"},
		{"bzip2", plain(golden(map[string]string{
			eicar():    "QlpoOTFBWSZTWYZSy9MAAB8egCZ6BoBvZd9dAAIgAEiKaaAwg09IxqeieoRT1GhkZNGEwjT01N4ovxyQiAlQh+sHQQz7k5qim8zkxhLmdsm1AaIuqgzvsygDz1oZkBD3+LuSKcKEhDKWXpg=",
			matrixText: "QlpoOTFBWSZTWZcB8EkAAAyZgEBhgAUuL95AIAB0Cqk0GTQDTTQSiQ0ZqaD9U9QrLNcCAo721o2lQNpEgIQdOrgpICyc+gieVy5LTOEUiVrbGkLk643ZlNyh+LuSKcKEhLgPgkg=",
		})), "(bzip2)"},
		{"lzma", plain(golden(map[string]string{
			eicar():    "XQAAgAD//////////wAsDUXiI0s4Cf4kLFtLNpAx3EskNbYy368xTDzfzzpLdXPli8h+ibOAXveUH42pwx76SWwF/IQFWnH8ObqSZYuXQ6fdeFCXv//EGKAA",
			matrixText: "XQAAgAD//////////wAeHMhnVbtj2LI970NQdDTgrHwRncUQlXxXmUIBXDMoCSzVqALxYBuXnuk9aoIbU3VQqaIwFYGtf2qgz/U1f//65zAA",
		})), "(lzma)"},
	}
}

const matrixText = injected + " and some text around it and some text around it and some text around it and some text around it"

// golden returns what nobody here can write: packed elsewhere, for some contents only.
func golden(packed map[string]string) func(string) string {
	return func(s string) string {
		b, err := base64.StdEncoding.DecodeString(packed[s])
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// short leaves out what a builder is too simple for.
func short(f func(string) string, most int) func(string) string {
	return func(s string) string {
		if len(s) > most {
			return ""
		}
		return f(s)
	}
}

// rarOf is an archive of RAR 4 with one stored entry.
func rarOf(s string) string {
	block := func(kind byte, flags int, fields string) string {
		h := string([]byte{kind}) + le16(flags) + le16(7+len(fields)) + fields
		return le16(int(crc32.ChecksumIEEE([]byte(h))&0xffff)) + h
	}
	n, name := le32(len(s)), "r.bin"
	entry := n + n + "\x03" + le32(int(crc32.ChecksumIEEE([]byte(s)))) + le32(0x5821_3aa5) + "\x14\x30" + le16(len(name)) + le32(0o100644) + name
	return "Rar!\x1a\x07\x00" + block(0x73, 0, strings.Repeat("\x00", 6)) + block(0x74, 0x8000, entry) + s + block(0x7b, 0x4000, "")
}

// sevenOf is a 7z archive with one entry that is copied.
func sevenOf(s string) string {
	number := func(n int) string { return "\xff" + le32(n) + le32(0) }
	name := ""
	for _, c := range "s.bin\x00" {
		name += le16(int(c))
	}
	sum := func(s string) string { return le32(int(crc32.ChecksumIEEE([]byte(s)))) }
	head := "\x01\x04" + "\x06" + number(0) + "\x01\x09" + number(len(s)) + "\x00" + // where the packed stream is
		"\x07\x0b\x01\x00" + "\x01\x01\x00" + "\x0c" + number(len(s)) + "\x0a\x01" + sum(s) + "\x00" + "\x00" + // the folder: one coder, which copies
		"\x05\x01\x11" + number(len(name)+1) + "\x00" + name + "\x00\x00"
	start := le32(len(s)) + le32(0) + le32(len(head)) + le32(0) + sum(head)
	return "7z\xbc\xaf\x27\x1c\x00\x04" + sum(start) + start + s + head
}

// TestMatrixOfAll puts EICAR or an injection into every pair of containers of which TestMatrix has not both, and into
// a triple for each second pair, under every content coding. It must come out, with its path.
func TestMatrixOfAll(t *testing.T) {
	written, all := len(wrappers()), append(wrappers(), readOnly()...)
	codings := []string{"", "gzip", "deflate", "br", "zstd", "gzip, br"}
	cases, left := 0, 0
	look := func(payload, coding string, ws ...wrapper) {
		t.Helper()
		data, path := payload, ""
		for i, w := range slices.Backward(ws) {
			if i > 0 && claimed[w.name] != "" {
				return
			}
			if data = w.wrap(t, data); data == "" {
				left++
				return
			}
			path = w.path + path
		}
		cases++
		matrixFind(t, data, Hints{ContentEncoding: coding, ContentType: claimed[ws[0].name]}, "body"+path, payload)
	}
	for i, a := range all {
		for j, b := range all {
			if i < written && j < written {
				continue
			}
			payload, other := eicar(), matrixText
			if (i+j)%2 == 1 {
				payload, other = other, payload
			}
			look(payload, codings[(i+j)%len(codings)], a, b)
			if (i+j)%2 == 0 {
				look(other, codings[(i*j)%len(codings)], a, b, all[(i+2*j)%len(all)])
			}
		}
	}
	t.Logf("%d containers, %d cases, %d that cannot be built", len(all), cases, left)
	if cases < 1500 || left > cases/5 {
		t.Fatal(cases, "cases,", left, "left out")
	}
}

func matrixFind(t *testing.T, data string, hints Hints, path, payload string) {
	t.Helper()
	for _, c := range body.Codings(hints.ContentEncoding) {
		data = encode(t, c, data)
	}
	tree := openTree(t, []byte(data), hints)
	defer tree.Close()
	var at []string
	for it := range tree.Items(t.Context()) {
		if strings.Contains(string(contents(t, it.Blob)), payload) {
			at = append(at, it.Path)
		}
	}
	if len(at) == 0 || at[len(at)-1] != path || len(tree.Gaps()) > 0 {
		t.Errorf("%q %s: it is at %q, gaps %v", hints.ContentEncoding, path, at, tree.Gaps())
	}
}

// TestReadOnlyIsNotRebuilt holds that what cannot be written says so, and that nothing is left as it was in silence.
func TestReadOnlyIsNotRebuilt(t *testing.T) {
	rebuilt := 0
	for _, w := range readOnly() {
		hints := Hints{ContentType: claimed[w.name]}
		data := w.wrap(t, matrixText)
		if data == "" {
			continue
		}
		tree := openTree(t, []byte(data), hints)
		var all []string
		for it := range tree.Items(t.Context()) {
			all = append(all, it.Path)
		}
		const with = "it was changed, and there is nothing bad in it any more, nothing at all, as anybody can see and read"
		res, err := tree.Rebuild(t.Context(), swap(w.path, with))
		if errors.Is(err, ErrCannotRebuild) {
			continue
		}
		if err != nil || !res.Changed || strings.Contains(string(contents(t, res.Blob)), matrixText) {
			t.Errorf("%s: %q: %v", w.name, all, err)
			continue
		}
		rebuilt++
		if want := repacked(w.name); res.Type != want {
			t.Errorf("%s: it became %q, want %q", w.name, res.Type, want)
		}
		at := w.path
		switch {
		case repacked(w.name) == typeGzip:
			at = "(gzip)"
		case w.name == "rpm":
			at = "/r.bin"
		}
		matrixFind(t, string(contents(t, res.Blob)), hints, "body"+at, with)
	}
	t.Logf("%d of %d can be rebuilt", rebuilt, len(readOnly()))
	if rebuilt < 10 || rebuilt == len(readOnly()) {
		t.Error(rebuilt, "can be rebuilt")
	}
}
