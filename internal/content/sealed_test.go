package content

import (
	"archive/tar"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/ulikunitz/xz/lzma"

	"icapd/scan"
)

func packedBy(w io.WriteCloser, b *bytes.Buffer, s string) string {
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func deflateOf(s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	return packedBy(w, &b, s)
}

func zlibbed(s string) string {
	var b bytes.Buffer
	return packedBy(zlib.NewWriter(&b), &b, s)
}

// pgpPacketOf is a packet in the new form, in pieces if they may be.
func pgpPacketOf(tag byte, s string, pieces bool) string {
	out := string([]byte{0xc0 | tag})
	for pieces && len(s) > 32 {
		out += string([]byte{224 + 5}) + s[:32]
		s = s[32:]
	}
	return out + "\xff" + string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func tlv(tag byte, s string) string {
	return string([]byte{tag, 0x84}) + string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func endless(tag byte, s string) string { return string([]byte{tag, 0x80}) + s + "\x00\x00" }

func cmsOf(s string, pieces bool) string {
	oid := func(n byte) string { return "\x06\x09" + string(cmsOID) + string([]byte{n}) }
	octets, wrap := tlv(4, s), tlv
	if pieces {
		octets, wrap = endless(0x24, tlv(4, s[:5])+tlv(4, s[5:])), endless
	}
	signed := tlv(2, "\x01") + tlv(0x31, "") + wrap(0x30, oid(1)+wrap(0xa0, octets)) + tlv(0x31, "")
	return wrap(0x30, oid(2)+wrap(0xa0, wrap(0x30, signed)))
}

func httpOf(head, s string) string {
	return "HTTP/1.1 200 OK\r\nServer: x\r\n" + head + "\r\n\r\n" + s
}

func warcOf(blocks ...string) string {
	out := ""
	for _, b := range blocks {
		out += fmt.Sprintf("WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(b), b)
	}
	return out
}

func frameOf(flags byte, s string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(s)))) + s
}

func protoOf(s string) string {
	return "\x0a\x02id\x12" + string(binary.AppendUvarint(nil, uint64(len(s)))) + s
}

// sealedRows are containers of which each has a path to what is in it.
func sealedRows(tb testing.TB) []blindRow {
	tb.Helper()
	plain := func(f func(s string) string) func(*testing.T, string) string {
		return func(_ *testing.T, s string) string { return f(s) }
	}
	numbers := func(s string) string {
		var out []string
		for _, c := range []byte(s) {
			out = append(out, fmt.Sprint(c))
		}
		return strings.Join(out, ", ")
	}
	literal := func(s string, pieces bool) string {
		return pgpPacketOf(pgpLiteral, "b\x05a.bin\x00\x00\x00\x00"+s, pieces)
	}
	return []blindRow{
		{name: "OpenPGP literal", wrap: plain(func(s string) string { return literal(s, false) }), path: "/a.bin"},
		{name: "OpenPGP in pieces", wrap: plain(func(s string) string { return literal(s, true) }), path: "/a.bin"},
		{name: "OpenPGP zip", wrap: plain(func(s string) string {
			return pgpPacketOf(pgpCompressed, "\x01"+deflateOf(literal(s+prose+prose, false)), false)
		}), path: "(compressed)/a.bin"},
		{name: "OpenPGP zlib", wrap: plain(func(s string) string { return pgpPacketOf(pgpCompressed, "\x02"+zlibbed(literal(s, false)), true) }), path: "(compressed)/a.bin"},
		{name: "OpenPGP armor", wrap: plain(func(s string) string {
			return "-----BEGIN PGP MESSAGE-----\nComment: x\n\n" + base64.StdEncoding.EncodeToString([]byte(literal(s, false))) + "\n=abcd\n-----END PGP MESSAGE-----\n"
		}), path: "(armor)/a.bin"},
		{name: "CMS, DER", wrap: plain(func(s string) string { return cmsOf(s, false) }), path: "(content)"},
		{name: "CMS, BER", wrap: plain(func(s string) string { return cmsOf(s, true) }), path: "(content)"},
		{name: "HTTP", wrap: plain(func(s string) string { return httpOf("Content-Type: x/y", s) }), path: "/body"},
		{name: "HTTP, chunked and packed", wrap: plain(func(s string) string {
			z := zlibbed(s)
			return httpOf("Transfer-Encoding: chunked\r\nContent-Encoding: deflate", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(z), z))
		}), path: "/body"},
		{name: "WARC", wrap: plain(func(s string) string {
			return warcOf(httpOf("A: b", "x"), httpOf(fmt.Sprintf("Content-Length: %d", len(s)), s))
		}), path: "/record2/body"},
		{name: "gRPC, packed", claimed: "application/grpc", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return frameOf(0, protoOf("plain")) + frameOf(1, streamOf(t, typeGzip, protoOf(s+"\x00")))
		}, path: "(frame 2)/2(bytes)"},
		{name: "gRPC-Web as text", claimed: "application/grpc-web-text", wrap: plain(func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(frameOf(0, protoOf(s+"\x00")))) + base64.StdEncoding.EncodeToString([]byte(frameOf(0x80, "grpc-status:0\r\n")))
		}), path: "(base64)/2(bytes)"},
		{name: "JSON numbers", claimed: typeJSON, wrap: plain(func(s string) string { return `{"a":[1,2],"b":{"type":"Buffer","data":[` + numbers(s) + `]}}` }), path: "(numbers)"},
		{name: "script numbers", wrap: plain(func(s string) string { return "new Uint8Array([" + numbers(s) + "]);" }), path: "(numbers)"},
		{name: "OneNote", wrap: plain(func(s string) string {
			return "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d" + strings.Repeat("\x00", 100) + string(oneNoteFile) + le64(len(s)) + le32(0) + le64(0) + s
		}), path: "/file1"},
		{name: "snappy", wrap: plain(func(s string) string {
			var b bytes.Buffer
			return packedBy(s2.NewWriter(&b, s2.WriterSnappyCompat()), &b, s)
		}), path: "(snappy-framed)"},
		{name: "DEFLATE in base64", claimed: typeForm, wrap: plain(func(s string) string {
			return "SAMLRequest=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString([]byte(deflateOf(s+prose+prose))))
		}), path: "/SAMLRequest(base64)(deflate)"},
		{name: "streams in unknown bytes", wrap: plain(func(s string) string { return "\x01\x02\x03x" + zlibbed("x") + "\xff\xfe" + zlibbed(s) }), path: "(stream at 19)"},
		{name: "more streams than items", wrap: plain(func(s string) string { return "\x01\x02" + strings.Repeat(zlibbed("x"), maxStreams+1) + zlibbed(s) }), path: "(streams)"},
		{name: "a packed file with a mark in unknown bytes", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "\x01\x02\x03x\xff" + streamOf(t, typeXz, s)
		}, path: "(stream at 5)"},
		{name: "a packed file in sound", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "ID3\x03\x00\x00\x00\x00\x7f\x7fGEOB\x00\x00\x00\xff\x00\x00\x00" + streamOf(t, typeGzip, s) + "\xff\xfb\x90\x00"
		}, path: "(stream at 21)"},
		{name: "a packed file in a program of WebAssembly", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "\x00asm\x01\x00\x00\x00\x00\x7f\x01x" + streamOf(t, typeZstd, s)
		}, path: "(stream at 12)"},
		{name: "a packed file behind the mark of wide text", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "\xff\xfe" + streamOf(t, typeGzip, s)
		}, path: "(stream at 2)"},
		{name: "tar in unknown bytes", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return "\x01\x02\x03x\xff" + tarOf(t, file{"a.bin", s})
		}, path: "(at 5)/a.bin"},
		{name: "tar behind what is none", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return tarOf(t, file{"b", "x"}) + strings.Repeat("junk", 128) + tarOf(t, file{"a.bin", s})
		}, path: "(behind)/a.bin"},
		{name: "packed cpio behind cpio", wrap: func(t *testing.T, s string) string {
			t.Helper()
			return cpioOf(file{"b", "x"}) + strings.Repeat("\x00", 300) + streamOf(t, typeXz, cpioOf(file{"a.bin", s}))
		}, path: "(behind)(xz)/a.bin"},
		{name: "a file that a PDF does not call one", wrap: plain(func(s string) string {
			z, names := zlibbed(s), zlibbed("1 0 <</Type/Filespec/EF<</F 7 0 R/UF 7 0 R>>>>")
			return fmt.Sprintf("%%PDF-1.5\n7 0 obj\n<</Params<</Size 9>>/Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream\nendobj\n"+
				"8 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream\nendobj\n", len(z), z, len(names), names)
		}), path: "/object7(file)"},
		{name: "serialised objects", wrap: plain(func(s string) string {
			return "\xac\xed\x00\x05t\x00\x80" + base64.StdEncoding.EncodeToString([]byte(s)) + "\x00"
		}), path: "(text)(base64)"},
		{name: "pax comment", wrap: func(t *testing.T, s string) string {
			t.Helper()
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			err := w.WriteHeader(&tar.Header{Name: "a", PAXRecords: map[string]string{"X.comment": base64.StdEncoding.EncodeToString([]byte(s))}})
			if err != nil {
				t.Fatal(err)
			}
			return packedBy(w, &b, "")
		}, path: "/a(pax X.comment)(base64)"},
	}
}

func TestSealed(t *testing.T) {
	for _, r := range sealedRows(t) {
		tree := checkRow(t, r)
		res, err := tree.Rebuild(t.Context(), swap(r.path, "it was changed, and can be read"))
		switch {
		case strings.HasPrefix(r.name, "OpenPGP "), strings.HasPrefix(r.name, "CMS, "):
			found := false
			again := openTree(t, contents(t, res.Blob), Hints{})
			for it := range again.Items(t.Context()) {
				found = found || string(contents(t, it.Blob)) == "it was changed, and can be read"
			}
			if err != nil || !found || len(again.Gaps()) > 0 {
				t.Errorf("%s: %v, %q, %v", r.name, err, paths(t, again), again.Gaps())
			}
		case r.name != "HTTP" && r.name != "OpenPGP" && !errors.Is(err, ErrCannotRebuild):
			t.Errorf("%s: rebuilt: %v", r.name, err)
		}
	}
}

// checkRow walks through what a row builds, and holds that the payload is where it says.
func checkRow(t *testing.T, r blindRow) *Tree {
	t.Helper()
	tree := openTree(t, []byte(r.wrap(t, eicar())), Hints{ContentType: r.claimed})
	found := false
	for it := range tree.Items(t.Context()) {
		found = found || it.Path == "body"+r.path && bytes.Contains(contents(t, it.Blob), []byte(eicar()))
	}
	if !found || len(tree.Gaps()) > 0 {
		t.Errorf("%s: %q, gaps %v", r.name, paths(t, tree), tree.Gaps())
	}
	return tree
}

// TestMembersBehind holds that all members of a packed file are read, as the tools do that unpack it.
func TestMembersBehind(t *testing.T) {
	member := func(s string) string { // the Lzip manual, "File format"
		var b bytes.Buffer
		w, err := lzma.WriterConfig{DictCap: 1 << 12, EOSMarker: true}.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return "LZIP\x01\x0c" + b.String()[13:] + strings.Repeat("\x00", lzipTrailer)
	}
	tree := openTree(t, []byte(member("one, ")+member("two, ")+member(eicar())+"rest"), Hints{})
	var got string
	for it := range tree.Items(t.Context()) {
		if it.Path == "body(lzip)" {
			got = string(contents(t, it.Blob))
		}
	}
	if got != "one, two, "+eicar() || len(tree.Gaps()) > 0 {
		t.Errorf("%q, gaps %v", got, tree.Gaps())
	}
}

// TestToldByLines holds that streams of events and of JSON need no claim, and that a byte order mark hides nothing.
func TestToldByLines(t *testing.T) {
	for data, want := range map[string]string{
		"event: x\ndata: {\"a\":\ndata: 1}\n\ndata: y\n\n": typeSSE, ":c\r\n\r\nid: 1\r\ndata: z\r\n\r\n": typeSSE,
		"data: 1\nid: 2\n": typeText, "data: 1\n\nother: 2\n": typeText,
		"\xef\xbb\xbf{\"a\":1}\r\n{\"a\":2}\r\n": typeNDJSON,
	} {
		tree := openTree(t, []byte(data), Hints{})
		for it := range tree.Items(t.Context()) {
			if it.Path == "body" && it.Type != want {
				t.Errorf("%q is %s", data, it.Type)
			}
		}
	}
}

// TestOldWorkbooks holds that sheets without a compound file around them are told: only what disarms them knows them.
func TestOldWorkbooks(t *testing.T) {
	for data, want := range map[string]bool{
		"\x09\x04\x06\x00\x00\x04\x40\x00\x00\x00\x18\x00\x02\x00\x20\x00\x0a\x00\x00\x00":   true,
		"\x09\x00\x04\x00\x02\x00\x10\x00\x42\x00\x02\x00\xe4\x04\x0a\x00\x00\x00":           true,
		"\x09\x08\x10\x00\x00\x06\x05\x00" + strings.Repeat("\x00", 12) + "\x0a\x00\x00\x00": true,
		"\x09\x04\x06\x00\x00\x04\x41\x00\x00\x00\x18\x00\x02\x00\x20\x00\x0a\x00\x00\x00":   false,
		"\x09\x04\x06\x00\x00\x04\x40\x00\x00\x00\x18\x20\x02\x00\x20\x00\x0a\x00\x00\x00":   false,
	} {
		if isOldWorkbook([]byte(data)) != want {
			t.Errorf("%q: %v", data, !want)
		}
	}
}

// TestSealedGaps are what cannot be looked into: never clean.
func TestSealedGaps(t *testing.T) {
	sealed := "\x04\x09\x03\x08saltsalt\x60" + strings.Repeat("\x99", 40)
	oid := "\x06\x0b" + string(cmsSealed)
	for name, data := range map[string]string{
		"OpenPGP": pgpPacketOf(pgpSymmetric, sealed, false), "openssl": "Salted__" + strings.Repeat("\x00\x99", 32),
		"CMS":  tlv(0x30, oid+tlv(0xa0, tlv(0x30, strings.Repeat("\x05\x00", 20)))),
		"disk": strings.Repeat("\x00", 446) + "\x80\x01\x01\x00\x83" + strings.Repeat("\x00", 59) + "\x55\xaa" + strings.Repeat("\x00", 4096), "virtual disk": strings.Repeat("\x00", 1024) + "conectix" + strings.Repeat("\x00", 504),
		"WARC": "WARC/1.0\r\nContent-Length: 99\r\n\r\nx", "HTTP": httpOf("Content-Length: 99", "x"),
		"CMS that is cut": cmsOf(eicar(), false)[:60], "OpenPGP that is cut": pgpPacketOf(pgpLiteral, "b\x05a.bin\x00\x00\x00\x00hello hello", false) + "\x01",
	} {
		tree := openTree(t, []byte(data), Hints{})
		if all := paths(t, tree); len(tree.Gaps()) == 0 {
			t.Errorf("%s: %q", name, all)
		}
	}
}

func TestHTTPRebuild(t *testing.T) {
	data := httpOf("Content-Length: 5\r\nX: y", "hello")
	tree := openTree(t, []byte(data), Hints{})
	res, err := tree.Rebuild(t.Context(), swap("/body", "hello again"))
	if got := string(contents(t, res.Blob)); err != nil || got != httpOf("Content-Length: 11\r\nX: y", "hello again") {
		t.Errorf("%v %q", err, got)
	}
}

// TestHTTPFields holds that a head is no text with line ends in it, which would be an attack.
func TestHTTPFields(t *testing.T) {
	tree := openTree(t, []byte(httpOf("Location: /x", "hello")), Hints{})
	var got []string
	for it := range tree.Items(t.Context()) {
		if it.Type == typeHTTP {
			_ = it.Fields(t.Context(), func(f *scan.Field) bool {
				got = append(got, f.Path()+"="+string(f.Value))
				return true
			})
		}
	}
	if s := strings.Join(got, ";"); s != "/start-line=HTTP/1.1 200 OK;/server=x;/location=/x" {
		t.Error(s)
	}
}

func FuzzSealed(f *testing.F) {
	t := &testing.T{}
	for _, r := range sealedRows(f) {
		f.Add(r.claimed, []byte(r.wrap(t, eicar())))
	}
	f.Fuzz(func(t *testing.T, claimed string, data []byte) {
		fuzzTree(t, data, Hints{ContentType: claimed})
	})
}
