package content

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"icapd/scan"
)

// blindRow is something that an audit with other writers' containers came upon: the payload must be found in it.
type blindRow struct {
	name, claimed string
	wrap          func(t *testing.T, s string) string
	path          string
}

func blindRows() []blindRow {
	plain := func(f func(s string) string) func(*testing.T, string) string {
		return func(_ *testing.T, s string) string { return f(s) }
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	zlibOf := func(s string) string {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	mail := func(body string) string {
		return "From: a@b.c\r\nTo: c@d.e\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" + body
	}
	part := func(s string) string {
		return "--B\r\nContent-Type: application/octet-stream; name=p.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + s + "\r\n"
	}
	wide := func(s string, zero int) string {
		var out []byte
		for _, u := range utf16.Encode([]rune(s)) {
			c := make([]byte, zero+1)
			c[0] = byte(u)
			out = append(out, c...)
		}
		return string(out)
	}
	program := "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00PE\x00\x00" + strings.Repeat("\x90", 500)
	return []blindRow{
		{name: "program with a 7z", wrap: plain(func(s string) string { return program + sevenOf(s) }), path: "(at 568)/s.bin"},
		{name: "program with a rar", wrap: plain(func(s string) string { return program + rarOf(s) }), path: "(at 568)/r.bin"},
		{name: "program with a cabinet", wrap: plain(func(s string) string { return program + cabOf(1, file{"c.bin", s}) }), path: "(at 568)/c.bin"},
		{name: "script with a zip", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "#!/bin/sh\nexec unzip $0\n" + zipOf(t, file{"z.bin", s})
		}, path: "/z.bin"},
		{name: "script with a tar.gz", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "#!/bin/sh\ntail -n +3 $0 | tar xz\n" + streamOf(t, typeGzip, tarOf(t, file{"t.bin", s}))
		}, path: "(at 33)/named.txt/t.bin"},
		{name: "page with a zip", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "<html><body>hello</body></html>\n" + zipOf(t, file{"z.bin", s})
		}, path: "/z.bin"},
		{name: "unknown bytes with a zip", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "Cr24\x03\x00\x00\x00" + zipOf(t, file{"z.bin", s})
		}, path: "/z.bin"},
		{name: "zip in front of a zip", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return zipOf(t, file{"z.bin", s}) + zipOf(t, file{"x.txt", "x"})
		}, path: "(in front)/z.bin"},
		{name: "gzip behind a zip", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return zipOf(t, file{"x.txt", "x"}) + streamOf(t, typeGzip, s)
		}, path: "(behind)/named.txt"},
		{name: "zip with two methods", wrap: func(t *testing.T, s string) string {
			t.Helper()
			z := []byte(zipOf(t, file{"z.bin", s}))
			clear(z[bytes.LastIndex(z, []byte(zipCentralSig))+10:][:2])
			binary.LittleEndian.PutUint32(z[bytes.LastIndex(z, []byte(zipCentralSig))+24:], binary.LittleEndian.Uint32(z[bytes.LastIndex(z, []byte(zipCentralSig))+20:]))
			return string(z)
		}, path: "/z.bin(by its local header)"},
		{name: "tar behind a tar", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return tarOf(t, file{"x.txt", "x"}) + tarOf(t, file{"t.bin", s})
		}, path: "(behind)/t.bin"},
		{name: "old cpio", wrap: plain(func(s string) string { return oldCPIOOf(binary.LittleEndian, s) }), path: "/o.bin"},
		{name: "old cpio of other machines", wrap: plain(func(s string) string { return oldCPIOOf(binary.BigEndian, s) }), path: "/o.bin"},
		{name: "zlib", wrap: plain(zlibOf), path: "(zlib)"},
		{name: "binary property list", wrap: plain(func(s string) string { return bplistOf("\x4f\x12"+be32(len(s))+s, "\x53key") }), path: "/1"},
		{name: "base64 in a binary property list", wrap: plain(func(s string) string { return bplistOf("\x5f\x12"+be32(len(b64(s)))+b64(s), "\x53key") }), path: "/strings(base64)"},
		{name: "AppleDouble", wrap: plain(func(s string) string {
			return "\x00\x05\x16\x07\x00\x02\x00\x00" + strings.Repeat("\x00", 16) + "\x00\x01" + be32(2) + be32(38) + be32(len(s)) + s
		}), path: "/resources"},
		{name: "object in RTF", wrap: plain(func(s string) string {
			return `{\rtf1 {\object\objemb{\*\objclass Package}{\*\objdata ` + lines(hex.EncodeToString([]byte(s)), 64, "\r\n") + "}}}"
		}), path: "/object1"},
		{name: "OLE 1 object in RTF", wrap: plain(func(s string) string {
			o := le32(0x501) + le32(2) + le32(8) + "Package\x00" + le32(0) + le32(0) + le32(len(s)) + s
			return `{\rtf1 {\object\objemb{\*\objdata ` + hex.EncodeToString([]byte(o)) + "}}}"
		}), path: "/object1/native"},
		{name: "picture in RTF, binary", wrap: plain(func(s string) string { return `{\rtf1 {\pict\pngblip\bin` + itoa(len(s)) + " " + s + "}}" }), path: "/object1"},
		{name: "second message of a mailbox", wrap: plain(func(s string) string {
			one := "From a@b.c Mon Jan  1 00:00:00 2024\n"
			return one + "From: a@b.c\nTo: c@d.e\nSubject: x\n\nhello\n\n" + one + strings.ReplaceAll(mail(part(lines(b64(s), 76, "\r\n"))+"--B--\r\n"), "\r\n", "\n")
		}), path: "/message2/p.bin"},
		{name: "part behind the last boundary", wrap: plain(func(s string) string {
			return mail("--B\r\n\r\nhello\r\n--B--\r\n" + part(lines(b64(s), 76, "\r\n")) + "--B--\r\n")
		}), path: "/epilogue/p.bin"},
		{name: "part in front of the first boundary", wrap: plain(func(s string) string {
			return mail("This is a multi-part message.\r\n\r\n" + lines(b64(s), 76, "\r\n") + "\r\n--B\r\n\r\nhello\r\n--B--\r\n")
		}), path: "/preamble(base64)"},
		{name: "base64 behind its padding", wrap: plain(func(s string) string {
			return mail(part(b64(s[:7])+"\r\n"+lines(b64(s[7:]), 76, "\r\n")) + "--B--\r\n")
		}), path: "/p.bin(behind the padding)"},
		{name: "XML text in pieces", wrap: plain(func(s string) string {
			e := b64(s)
			return `<?xml version="1.0"?><a><b>` + e[:20] + "<![CDATA[" + e[20:40] + "]]><!-- x -->" + e[40:] + "</b></a>"
		}), path: "/a/b(base64)"},
		{name: "event in several lines", claimed: "text/event-stream", wrap: plain(func(s string) string {
			return "data: {\"x\":1}\n\ndata: " + lines(b64(s), 76, "\ndata: ") + "\n\ndata: {}\n\n"
		}), path: "/1/data(base64)"},
		{name: "YAML block", claimed: "application/yaml", wrap: plain(func(s string) string {
			return "a: 1\nf: !!binary |\n  " + lines(b64(s), 76, "\n  ") + "\nz: 2\n"
		}), path: "/3(base64)"},
		{name: "YAML quotes over lines", claimed: "application/yaml", wrap: plain(func(s string) string {
			return "a: 1\nf: \"" + lines(b64(s), 76, "\\\n  ") + "\"\nz: 2\n"
		}), path: "/2(base64)"},
		{name: "CBOR string in pieces", claimed: "application/cbor", wrap: plain(func(s string) string {
			return "\xbf\x61f\x5f\x45" + s[:5] + "\x5a" + be32(len(s)-5) + s[5:] + "\xff\xff"
		}), path: "/f(bytes)"},
		{name: "CBOR without a claim", wrap: plain(func(s string) string { return "\xa1\x61f\x5a" + be32(len(s)) + s }), path: "/f(bytes)"},
		{name: "MessagePack without a claim", wrap: plain(func(s string) string { return "\x81\xa1f\xc6" + be32(len(s)) + s }), path: "/f(bytes)"},
		{name: "extension of MessagePack", claimed: "application/msgpack", wrap: plain(func(s string) string { return "\x91\xc9" + be32(len(s)) + "\x05" + s }), path: "/0(bytes)"},
		{name: "Protocol Buffers without a claim", wrap: plain(func(s string) string {
			return "\x0a\x05hello\x10\x07\x1a" + string(binary.AppendUvarint(nil, uint64(len(s)))) + s + "\x22\x03end"
		}), path: "/3(bytes)"},
		{name: "file in a form", claimed: "application/x-www-form-urlencoded", wrap: plain(func(s string) string {
			return "a=1&f=%" + strings.ToUpper(lines(hex.EncodeToString([]byte(s)), 2, "%"))
		}), path: "/f(bytes)"},
		{name: "JSON in UTF-32 without a mark", wrap: plain(func(s string) string { return wide(`{"f":"`+b64(s)+`"}`, 3) }), path: "(utf-8)/f(base64)"},
		{name: "text in UTF-16 without a mark", wrap: plain(func(s string) string { return wide("hello, this is it:\n\n"+b64(s)+"\n\nbye\n", 1) }), path: "(utf-8)(base64)"},
		{name: "table in UTF-16 without a mark", claimed: "text/csv", wrap: plain(func(s string) string { return wide("id,file\n1,"+b64(s)+"\n2,\n", 1) }), path: "(utf-8)/1/1(base64)"},
		{name: "XML in EBCDIC", wrap: func(t *testing.T, s string) string {
			t.Helper()
			out, err := charmap.CodePage037.NewEncoder().String(`<?xml version="1.0" encoding="IBM037"?><a><f>` + b64(s) + `</f></a>`)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}, path: "(utf-8)/a/f(base64)"},
		{name: "hex in lines", wrap: plain(func(s string) string { return lines(hex.EncodeToString([]byte(s)), 64, "\n") + "\n" }), path: "(hex)"},
		{name: "hex with colons", wrap: plain(func(s string) string { return `{"f":"` + lines(hex.EncodeToString([]byte(s)), 2, ":") + `"}` }), path: "/f(hex)"},
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(dst []byte, n int) []byte {
	if n >= 10 {
		dst = appendInt(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

// oldCPIOOf is an archive of the old binary format with one file.
func oldCPIOOf(o binary.AppendByteOrder, s string) string {
	entry := func(name string, mode uint16, data string) string {
		var h []byte
		size := len(data)
		for _, v := range []uint16{0o070707, 0, 0, mode, 0, 0, 1, 0, 0, 0, uint16(len(name) + 1), uint16(size >> 16), uint16(size)} {
			h = o.AppendUint16(h, v)
		}
		out := string(h) + name + "\x00"
		out += strings.Repeat("\x00", len(out)%2) + data
		return out + strings.Repeat("\x00", len(out)%2)
	}
	return entry("o.bin", 0o100644, s) + entry("TRAILER!!!", 0, "")
}

// bplistOf is a property list with a map of one name and a value.
func bplistOf(value, key string) string {
	const head = "bplist00"
	objects := []string{"\xd1\x02\x01", value, key}
	out, table := head, ""
	for _, o := range objects {
		table += be32(len(out))
		out += o
	}
	at := len(out)
	return out + table + "\x00\x00\x00\x00\x00\x00\x04\x01" + be32(0) + be32(len(objects)) + be32(0) + be32(0) + be32(0) + be32(at)
}

// TestBlind puts a zip with EICAR into each, and through two content codings.
func TestBlind(t *testing.T) {
	rows := blindRows()
	for i := range rows {
		row := &rows[i]
		t.Run(row.name, func(t *testing.T) {
			payload := zipOf(t, file{"a.bin", eicar()}, file{"b.txt", strings.Repeat("quite another file, with some text in it. ", 9)})
			data, path := row.wrap(t, payload), "body"+row.path+"/a.bin"
			for _, coding := range []string{"", "gzip"} {
				blindFind(t, data, Hints{ContentType: row.claimed, ContentEncoding: coding}, path)
			}
			tree := openTree(t, []byte(data), Hints{ContentType: row.claimed})
			defer tree.Close()
			fresh := zipOf(t, file{"c.txt", "there is nothing bad in here any more"})
			res, err := tree.Rebuild(t.Context(), swap(row.path, fresh))
			switch {
			case errors.Is(err, ErrCannotRebuild):
			case err != nil || !res.Changed:
				t.Error(res.Changed, err)
			default:
				again := openTree(t, contents(t, res.Blob), Hints{ContentType: row.claimed})
				defer again.Close()
				if all := paths(t, again); !slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(p, "body"+row.path+"/c.txt ") }) {
					t.Errorf("rebuilt: %q, gaps %v", all, again.Gaps())
				}
			}
		})
	}
	if len(rows) < 30 {
		t.Fatal(len(rows), "rows")
	}
}

// blindFind is matrixFind where the same bytes may be there a second time, in another reading.
func blindFind(t *testing.T, data string, hints Hints, path string) {
	t.Helper()
	if hints.ContentEncoding != "" {
		data = encode(t, hints.ContentEncoding, data)
	}
	tree := openTree(t, []byte(data), hints)
	defer tree.Close()
	var all []string
	for it := range tree.Items(t.Context()) {
		if all = append(all, it.Path); it.Path == path && string(contents(t, it.Blob)) == eicar() {
			return
		}
	}
	t.Errorf("%s is not there: %q, gaps %v", path, all, tree.Gaps())
}

// TestVolumes holds that one volume of several is not taken for something whole.
func TestVolumes(t *testing.T) {
	z := []byte("some bytes in the middle of an archive of several files" + strings.Repeat("\x01\x02", 50) + zipEndSig + strings.Repeat("\x00", 18))
	z[len(z)-zipEndLen+4] = 1
	tree := openTree(t, z, Hints{})
	defer tree.Close()
	for range tree.Items(t.Context()) {
	}
	if gaps := tree.Gaps(); len(gaps) != 1 || !errors.Is(gaps[0].Err, errVolume) {
		t.Error(gaps)
	}
}

// FuzzInside walks through what both tables build, with the claims that they make.
func FuzzInside(f *testing.F) {
	claims := []string{"", "text/event-stream", "application/yaml", "application/cbor", "application/msgpack", "application/x-www-form-urlencoded", "text/csv"}
	const payload = "PK\x03\x04 a payload that is long enough to be seen, and no more than that, so that seeds are small"
	t := &testing.T{}
	seeds := 0
	for _, row := range blindRows() {
		if strings.Contains(row.name, "zip") || strings.Contains(row.name, "tar") {
			continue // their builders need a test of their own
		}
		f.Add([]byte(row.wrap(t, payload)), uint8(max(0, slices.Index(claims, row.claimed))))
		seeds++
	}
	for _, row := range textRows() {
		text := row.text(base64.StdEncoding.EncodeToString([]byte(payload)), hex.EncodeToString([]byte(payload)))
		f.Add([]byte(text), uint8(max(0, slices.Index(claims, row.claimed))))
		seeds++
	}
	if seeds < 40 {
		f.Fatal(seeds, "seeds")
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		fuzzTree(t, data, Hints{ContentType: claims[int(which)%len(claims)]})
	})
}

// TestWeakMark has files whose first bytes can be read as an object of OLE 1, too: they must not hide behind that.
func TestWeakMark(t *testing.T) {
	zeros := make([]byte, 512)
	gz := []byte("\x1f\x8b\x08\x00\x02\x00\x00\x00\xc8\x00") // time and flags are the sender's choice
	block := append(slices.Clone(zeros[:205]), 1)
	block = append(block, zeros[:306]...) // 512 bytes, as they are
	gz = append(append(gz, 0, 0, 2, 0xff, 0xfd), block...)
	gz = append(gz, 1, byte(len(eicar())), 0, ^byte(len(eicar())), 0xff)
	gz = append(gz, eicar()...)
	sum := crc32.ChecksumIEEE(append(slices.Clone(block), eicar()...))
	gz = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(gz, sum), uint32(len(block)+len(eicar())))
	program := append([]byte("MZ\x90\x00\x02\x00\x00\x00\x04\x00\x00\x00"), zeros...)
	program[24] = 1
	for want, data := range map[string][]byte{typeGzip: gz, typePE: program} {
		if at, size := ole1Data(data); at == 0 || size == 0 {
			t.Errorf("%s: the sample is no object of OLE 1", want)
		}
		tree := New(Options{}).Open(&scan.Message{}, scan.Bytes(data), Hints{})
		defer tree.Close()
		var types []string
		found := false
		for it := range tree.Items(t.Context()) {
			types = append(types, it.Type)
			b, err := it.Blob.Bytes()
			found = found || err == nil && it.Path == "body(gzip)" && bytes.Contains(b, []byte(eicar()))
		}
		if types[0] != want || len(types) < 2 {
			t.Errorf("a %s is taken for %q", want, types)
		}
		if want == typeGzip && (!found || len(tree.Gaps()) > 0) {
			t.Errorf("gzip is not unpacked: %q, gaps %v", types, tree.Gaps())
		}
	}
}

// TestDecoys has an archive without files in front of another one.
func TestDecoys(t *testing.T) {
	empty := make([]byte, 32)
	copy(empty, "7z\xbc\xaf\x27\x1c\x00\x04")
	binary.LittleEndian.PutUint32(empty[8:], crc32.ChecksumIEEE(empty[12:]))
	data := slices.Concat([]byte("MZ\x90\x00"), make([]byte, 100), empty, empty)
	n := &node{item: &scan.Item{Blob: scan.Bytes(data)}}
	if found := findInner(n).found; len(found) != 2 || found[0].n != 32 || found[1].off != 136 {
		t.Errorf("found %+v", found)
	}
	// Of RAR nobody knows where it ends, and it may stand in front of what was found before it.
	rar := make([]byte, 40)
	copy(rar, "Rar!\x1a\x07\x00")
	rar[9], rar[12] = 0x73, 13
	binary.LittleEndian.PutUint16(rar[7:], uint16(crc32.ChecksumIEEE(rar[9:7+13])))
	for _, lead := range []int{104, 5*(innerWindow-16) - 60, 5 * (innerWindow - 16), 5*(innerWindow-16) + 8} { // once, wherever windows meet
		data = slices.Concat(make([]byte, lead), rar, rar, empty)
		n = &node{item: &scan.Item{Blob: scan.Bytes(data)}}
		var at []int64
		for _, s := range findInner(n).found {
			at = append(at, s.off-int64(lead))
		}
		if slices.Sort(at); !slices.Equal(at, []int64{0, 40, 80}) {
			t.Errorf("behind %d bytes: found at %v", lead, at)
		}
	}
}
