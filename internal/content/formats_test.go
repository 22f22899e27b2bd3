package content

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"icapd/internal/body"
	"icapd/scan"
)

func le16(v int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func le32(v int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }

func arOf(files ...file) string {
	b := &strings.Builder{}
	b.WriteString("!<arch>\n")
	for _, f := range files {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", f.name+"/", 0, 0, 0, "100644", len(f.data), f.data)
		if len(f.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func cpioOf(files ...file) string {
	b := &strings.Builder{}
	for i, f := range append(files, file{"TRAILER!!!", ""}) {
		mode := 0o100644
		fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", i, mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0, f.name)
		b.WriteString(strings.Repeat("\x00", -b.Len()&3))
		b.WriteString(f.data)
		b.WriteString(strings.Repeat("\x00", -b.Len()&3))
	}
	return b.String()
}

func tnefOf(files ...file) string {
	b := &strings.Builder{}
	b.WriteString("\x78\x9f\x3e\x22\x01\x00")
	attr := func(id int, data string) {
		b.WriteString("\x02" + le32(id) + le32(len(data)) + data + "\x00\x00")
	}
	for _, f := range files {
		attr(tnefAttachRend, "\x01\x00")
		attr(tnefAttachData, f.data)
		attr(tnefAttachTitle, f.name+"\x00")
	}
	return b.String()
}

// cabOf makes a cabinet with one folder.
func cabOf(method int, files ...file) string {
	all := ""
	for _, f := range files {
		all += f.data
	}
	dir := ""
	offset := 0
	for _, f := range files {
		dir += le32(len(f.data)) + le32(offset) + le16(0) + le16(0) + le16(0) + le16(0x20) + f.name + "\x00"
		offset += len(f.data)
	}
	blocks, n, last := "", 0, ""
	for ; all != ""; n++ {
		part := all[:min(len(all), 1<<15)]
		all = all[len(part):]
		data := part
		if method == 1 {
			var z bytes.Buffer
			w, _ := flate.NewWriterDict(&z, 6, []byte(last))
			_, _ = w.Write([]byte(part))
			_ = w.Close()
			data, last = "CK"+z.String(), part
		}
		blocks += le32(0) + le16(len(data)) + le16(len(part)) + data
	}
	const head, folder = 36, 8
	body := dir + blocks
	return "MSCF" + le32(0) + le32(head+folder+len(body)) + le32(0) + le32(head+folder) + le32(0) + "\x03\x01" + le16(1) + le16(len(files)) + le16(0) + le16(0) + le16(0) +
		le32(head+folder+len(dir)) + le16(n) + le16(method) + body
}

func isoOf(files ...file) string {
	record := func(name string, sector, size, flags int) string {
		r := "\x00" + le32(sector) + "\x00\x00\x00\x00" + le32(size) + "\x00\x00\x00\x00" + strings.Repeat("\x00", 7) + string(rune(flags)) + "\x00\x00" + "\x01\x00\x00\x01" + string(rune(len(name))) + name
		r += strings.Repeat("\x00", (len(r)+1)&1)
		return string(rune(len(r)+1)) + r
	}
	pad := func(s string) string { return s + strings.Repeat("\x00", -len(s)&(isoSector-1)) }
	dir, data := record("\x00", 18, isoSector, 2)+record("\x01", 18, isoSector, 2), ""
	for _, f := range files {
		dir += record(f.name+";1", 19+len(data)/isoSector, len(f.data), 0)
		data += pad(f.data)
	}
	pvd := "\x01CD001\x01" + strings.Repeat("\x00", 149) + record("\x00", 18, isoSector, 2)
	return strings.Repeat("\x00", 16*isoSector) + pad(pvd) + pad("\xffCD001\x01") + pad(dir) + data
}

// oleOf makes a compound file of version 3 with streams of at least 4096 bytes, so that there is no mini stream.
func oleOf(files ...file) string {
	const sector = 512
	fat := []int{-3, -2} // the FAT itself and the directory
	entry := func(name string, kind, child, right, start, size int) string {
		u := utf16.Encode([]rune(name))
		s := ""
		for _, c := range u {
			s += le16(int(c))
		}
		s += strings.Repeat("\x00", 64-len(s))
		return s + le16(2*len(u)+2) + string([]byte{byte(kind), 1}) + le32(-1) + le32(right) + le32(child) + strings.Repeat("\x00", 36) + le32(start) + le32(size) + le32(0)
	}
	dir, data := entry("Root Entry", 5, 1, -1, -2, 0), ""
	for i, f := range files {
		right := i + 2
		if i == len(files)-1 {
			right = -1
		}
		dir += entry(f.name, 2, -1, right, len(fat), len(f.data))
		sectors := (len(f.data) + sector - 1) / sector
		for j := range sectors {
			next := len(fat) + 1
			if j == sectors-1 {
				next = -2
			}
			fat = append(fat, next)
		}
		data += f.data + strings.Repeat("\x00", sectors*sector-len(f.data))
	}
	dir += strings.Repeat("\x00", sector-len(dir))
	table := ""
	for i := range sector / 4 {
		v := -1
		if i < len(fat) {
			v = fat[i]
		}
		table += le32(v)
	}
	head := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 16) + le16(0x3e) + le16(3) + le16(0xfffe) + le16(9) + le16(6) + strings.Repeat("\x00", 6) +
		le32(0) + le32(1) + le32(1) + le32(0) + le32(4096) + le32(-2) + le32(0) + le32(-2) + le32(0) + le32(0)
	return head + strings.Repeat("\xff", sector-len(head)) + table + dir + data
}

func pdfOf(tb testing.TB, data string) string {
	tb.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write([]byte(data))
	_ = w.Close()
	return fmt.Sprintf("%%PDF-1.7\n1 0 obj <</Type/Filespec/F(at\\(t.txt)/EF<</F 2 0 R>>>> endobj\n2 0 obj <</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\r\n%s\r\nendstream endobj\n"+
		"3 0 obj <</Type /ObjStm /Filter [/ASCIIHexDecode] /Length 3 0 R>> stream\n%x>\nendstream\nendobj\ntrailer <<>>\n%%%%EOF\n", z.Len(), z.String(), "<</S/JavaScript/JS(app.alert\\(1\\))>>")
}

// vbaModule is a module stream: its source in one raw chunk.
func vbaModule(source string) string {
	source = "\x00" + source // flags: eight literals
	packed := ""
	for i := 1; i < len(source); i += 8 {
		packed += "\x00" + source[i:min(i+8, len(source))]
	}
	return strings.Repeat("\x11", 4096) + "\x01" + le16(0xb000|(len(packed)-1)) + packed
}

func ole10(name, data string) string {
	p := le16(2) + name + "\x00C:\\" + name + "\x00" + "\x00\x00\x03\x00" + le32(4) + "tmp\x00" + le32(len(data)) + data
	return le32(len(p)) + p + strings.Repeat("\x00", max(0, 4096-len(p)))
}

func uuOf(tb testing.TB, name, data string) string {
	tb.Helper()
	var b bytes.Buffer
	if err := encodeUU(tb.Context(), &b, scan.Bytes(data), coding{brk: "\n", fileName: name, fileMode: "644"}); err != nil {
		tb.Fatal(err)
	}
	return "some words\n" + b.String() + "`\nend\nmore words\n"
}

func lzwOf(data string) string { // nine bits a code, cleared before they run out
	out, bits, have := []byte("\x1f\x9d\x90"), 0, 0
	for _, c := range []byte(data) {
		bits |= int(c) << have
		for have += 9; have >= 8; have -= 8 {
			out = append(out, byte(bits))
			bits >>= 8
		}
	}
	return string(append(out, byte(bits)))
}

// TestContainers opens one of each and finds the text inside.
func TestContainers(t *testing.T) {
	text := prose + "end of it"
	long := strings.Repeat(prose, 60)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, c := range []struct{ name, data, path, want string }{
		{"ar", arOf(file{"x.txt", "odd"}, file{"a.txt", text}), "/a.txt", text},
		{"cpio", cpioOf(file{"x.txt", "odd"}, file{"d/a.txt", text}), "/d/a.txt", text},
		{"tnef", tnefOf(file{"x.txt", "odd"}, file{"a.txt", text}), "/a.txt", text},
		{"cab", cabOf(0, file{"x.txt", long + long}, file{"a.txt", text}), "/a.txt", text},
		{"cab mszip", cabOf(1, file{"x.txt", long + long}, file{"a.txt", text}), "/a.txt", text},
		{"iso", isoOf(file{"X.TXT", "odd"}, file{"A.TXT", text}), "/A.TXT", text},
		{"ole", oleOf(file{"One", long}, file{"Two", long + "2"}), "/Two", long + "2"},
		{"ole package", oleOf(file{"\x01Ole10Native", ole10("a.txt", text)}), "/Ole10Native/a.txt", text},
		{"ole macro", oleOf(file{"Module1", vbaModule("Attribute VB_Name = \"x\"\r\nShell")}), "/Module1(vba)", "Attribute VB_Name = \"x\"\r\nShell"},
		{"pdf", pdfOf(t, text), "/object2(file)", text},
		{"pdf actions", pdfOf(t, text), "/object3(objects)", `<</S/JavaScript/JS(app.alert\(1\))>>`},
		{"uu", uuOf(t, "a.txt", text), "/a.txt(uu)", text},
		{".Z", lzwOf(text), "(compress)", text},
		{"7z", read("lzma2.7z"), "/a.txt", prose},
		{"7z ppmd", read("ppmd.7z"), "/d/b.json", `{"k":"v"}`},
		{"7z copy", read("copy.7z"), "/a.txt", prose},
		{"bzip2", read("a.txt.bz2"), "(bzip2)", prose},
		{"lzma", read("a.txt.lzma"), "(lzma)", prose},
		{"sfx", pe() + zipOf(t, file{"a.txt", text}), "/a.txt", text},
	} {
		tree := openTree(t, []byte(c.data), Hints{})
		found := false
		for it := range tree.Items(t.Context()) {
			if it.Path == "body"+c.path {
				found = strings.TrimSpace(string(contents(t, it.Blob))) == strings.TrimSpace(c.want)
				if !found {
					t.Errorf("%s: %q", c.name, contents(t, it.Blob))
				}
			}
		}
		if !found || len(tree.Gaps()) > 0 {
			t.Errorf("%s: %q, gaps %v", c.name, paths(t, tree), tree.Gaps())
		}
		if c.name == "uu" || c.name == "tnef" {
			continue
		}
		res, err := tree.Rebuild(t.Context(), swap(c.path, "x"))
		var re *RebuildError
		if kind := repacked(c.name); kind != "" {
			if err != nil || res.Type != kind {
				t.Errorf("%s: rebuild %v of type %q", c.name, err, res.Type)
			}
			continue
		}
		if c.name != "sfx" && (!errors.As(err, &re) || !errors.Is(err, ErrCannotRebuild)) {
			t.Errorf("%s: rebuild %v", c.name, err)
		}
	}
}

// repacked is the type that a container becomes which is read and not written, "" if it cannot be changed.
func repacked(name string) string {
	switch strings.Fields(strings.TrimSuffix(name, ", stored"))[0] {
	case "7z", "cab", "rar", "ar", "deb", "cpio", "rpm", "iso":
		return typeZip
	case ".Z", "compress", "bzip2", "lzma":
		return typeGzip
	}
	return ""
}

func TestUURebuild(t *testing.T) {
	data := uuOf(t, "a.txt", prose)
	got, err := rebuildText(t, data, Hints{}, swap("(uu)", prose+prose))
	if err != nil || got != uuOf(t, "a.txt", prose+prose) {
		t.Errorf("%v %s", err, got)
	}
}

func TestEncrypted(t *testing.T) {
	for _, name := range []string{"enc.7z", "enchead.7z"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		tree := openTree(t, data, Hints{})
		if got := paths(t, tree); len(got) != 1 || !hasGap(tree, "", scan.ReasonEncrypted, "") {
			t.Errorf("%s: %q %v", name, got, tree.Gaps())
		}
	}
	tree := openTree(t, []byte(oleOf(file{"EncryptedPackage", strings.Repeat("x", 5000)})), Hints{})
	if paths(t, tree); !hasGap(tree, "EncryptedPackage", scan.ReasonEncrypted, "") {
		t.Error(tree.Gaps())
	}
	word := "\xec\xa5" + strings.Repeat("\x00", 9) + "\x01" + strings.Repeat("\x00", 5000)
	excel := "\x09\x08\x04\x00\x00\x06\x05\x00\x2f\x00\x02\x00\x00\x00" + strings.Repeat("\x00", 5000)
	ppt := strings.Repeat("\x00", 12) + "\xdf\xc4\xd1\xf3" + strings.Repeat("\x00", 5000)
	for name, data := range map[string]string{
		"word": oleOf(file{"WordDocument", word}), "excel": oleOf(file{"Workbook", excel}), "powerpoint": oleOf(file{"Current User", ppt}),
		"excel, not in front": oleOf(file{"BOOK", excel[:8] + strings.Repeat("\x5c\x00\x70\x00"+strings.Repeat(" ", 0x70), 20) + excel[8:]}),
		"odf":                 zipOf(t, file{"META-INF/manifest.xml", "<m:manifest xmlns:m='x'><m:encryption-data/></m:manifest>"}),
		"pgp":                 "-----BEGIN PGP MESSAGE-----\n\njA0EBwMCxxxxxxxxxxxxxxxxxxxxxxxx\n=xxxx\n-----END PGP MESSAGE-----\n", "smime": "\x30\x82\x10\x00" + "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" + strings.Repeat("\x00", 20),
	} {
		tree := openTree(t, []byte(data), Hints{})
		if paths(t, tree); !hasGap(tree, "", scan.ReasonEncrypted, "") {
			t.Errorf("%s: %v", name, tree.Gaps())
		}
	}
	tree = openTree(t, []byte(oleOf(file{"Workbook", excel[:8] + "\x0a\x00\x00\x00" + excel[8:]})), Hints{}) // behind the globals it says nothing
	if paths(t, tree); hasGap(tree, "", scan.ReasonEncrypted, "") {
		t.Error(tree.Gaps())
	}
	tree = openTree(t, []byte("\x1f\x8b\x08garbage"), Hints{})
	if paths(t, tree); !hasGap(tree, "", scan.ReasonCorrupt, "") {
		t.Error(tree.Gaps())
	}
	for _, s := range []string{"MSWIM\x00\x00\x00", "xar!\x00\x1c", "\x00\x00-lh5-" + strings.Repeat("x", 30)} {
		tree = openTree(t, []byte(s), Hints{})
		if paths(t, tree); !hasGap(tree, "body", scan.ReasonUnsupported, "") {
			t.Errorf("%q: %v", s, tree.Gaps())
		}
	}
}

func TestPacked(t *testing.T) {
	msg := "\x82\xa1a\x93\x01\xa3x y\xd9\x03<b>\xa2bb\xc4\x04\x00\xff\x00\x01"
	cbor := "\xa2\x61a\x83\x01\x63x y\x78\x03<b>\x62bb\x44\x00\xff\x00\x01"
	want := "K /a=a\nS /a/1=x y\nS /a/2=<b>\nK /bb=bb\n"
	for claim, data := range map[string]string{"application/msgpack": msg, "application/cbor": cbor} {
		got, err := rootFields(t, data, claim)
		if err != nil || summary(got) != want {
			t.Errorf("%s: %v\n%s", claim, err, summary(got))
		}
		long := strings.Repeat("n", 300)
		out, err := rebuildText(t, data, Hints{ContentType: claim}, editAll("/a/2", scan.KindString, scan.EditSet, long))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := rootFields(t, out, claim); err != nil || summary(again) != strings.Replace(want, "<b>", long, 1) {
			t.Errorf("%s: %v\n%s", claim, err, summary(again))
		}
		out, err = rebuildText(t, data, Hints{ContentType: claim}, editAll("/a/1", scan.KindString, scan.EditDrop, ""))
		if again, ferr := rootFields(t, out, claim); err != nil || ferr != nil || summary(again) != strings.Replace(want, "S /a/1=x y\n", "", 1) {
			t.Errorf("%s: %v %v\n%s", claim, err, ferr, summary(again))
		}
		if _, err := rootFields(t, data[:len(data)-1], claim); scan.GapFrom("", "", err).Reason != scan.ReasonCorrupt {
			t.Errorf("%s truncated: %v", claim, err)
		}
	}
	in := zipOf(t, file{"a.txt", prose})
	bin := "\x81\xa1f\xc5" + string(binary.BigEndian.AppendUint16(nil, uint16(len(in)))) + in
	tree := openTree(t, []byte(bin), Hints{ContentType: "application/msgpack"})
	if got := paths(t, tree); len(got) != 3 || got[2] != "body/f(bytes)/a.txt text/plain" {
		t.Fatalf("%q %v", got, tree.Gaps())
	}
	res, err := tree.Rebuild(t.Context(), swap("/a.txt", "changed"))
	if err != nil {
		t.Fatal(err)
	}
	again := openTree(t, contents(t, res.Blob), Hints{ContentType: "application/msgpack"})
	for it := range again.Items(t.Context()) {
		if it.Name == "a.txt" && string(contents(t, it.Blob)) != "changed" {
			t.Errorf("%q", contents(t, it.Blob))
		}
	}
	proto := "\x08\x96\x01\x12\x07testing\x1a\x07\x0a\x05inner"
	got, err := rootFields(t, proto, "application/x-protobuf")
	if err != nil || summary(got) != "S /2=testing\nS /3/1=inner\n" {
		t.Errorf("protobuf: %v\n%s", err, summary(got))
	}
	got, err = rootFields(t, "\x00\x00\x00\x00"+string(rune(len(proto)))+proto, "application/grpc")
	if err != nil || summary(got) != "S /2=testing\nS /3/1=inner\n" {
		t.Errorf("gRPC: %v\n%s", err, summary(got))
	}
	if _, err := rebuildText(t, proto, Hints{ContentType: "application/x-protobuf"}, editAll("/2", 0, scan.EditSet, "x")); !errors.Is(err, ErrCannotRebuild) {
		t.Errorf("protobuf was written: %v", err)
	}
}

func FuzzContainers(f *testing.F) {
	for _, s := range []string{
		arOf(file{"a.txt", prose}), cpioOf(file{"a.txt", prose}), tnefOf(file{"a.txt", prose}), cabOf(1, file{"a.txt", prose}), isoOf(file{"A", prose})[15*isoSector:],
		oleOf(file{"\x01Ole10Native", ole10("a", prose)}, file{"M", vbaModule("Attribute VB")}), pdfOf(f, prose), uuOf(f, "x", prose), lzwOf(prose), "Rar!\x1a\x07\x01\x00\x33\x92",
		"\xed\xab\xee\xdb" + strings.Repeat("\x00", 92) + "\x8e\xad\xe8\x01" + strings.Repeat("\x00", 12),
	} {
		f.Add([]byte(s))
	}
	names, _ := filepath.Glob("testdata/*.*")
	if len(names) < 7 {
		f.Fatal("the samples are gone")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzTree(t, data, Hints{}) })
}

func FuzzPacked(f *testing.F) {
	f.Add([]byte("\x82\xa1a\x93\x01\xa3x y\xd9\x03<b>\xa2bb\xc4\x04\x00\xff\x00\x01"), uint8(0))
	f.Add([]byte("\xa2\x61a\x83\x01\x63x y\x78\x03<b>\x62bb\x44\x00\xff\x00\x01"), uint8(1))
	f.Add([]byte("\xbf\x61a\x9f\xff\xff"), uint8(1))
	f.Add([]byte("\x08\x96\x01\x12\x07testing\x1a\x07\x0a\x05inner"), uint8(2))
	types := []string{typeMsgPack, typeCBOR, typeProto}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		typ := types[int(which)%len(types)]
		fuzzTree(t, data, Hints{ContentType: typ})
		if typ != typeProto {
			fuzzFielder(t, data, typ)
		}
	})
}

func FuzzEmbedded(f *testing.F) {
	f.Add([]byte(document), uint8(0))
	f.Add([]byte("\x00\x01\x02"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, how uint8) {
		text := base64.StdEncoding.EncodeToString(data)
		switch how % 4 {
		case 1:
			text = base64.RawURLEncoding.EncodeToString(data)
		case 2:
			text = fmt.Sprintf("%x", data)
		case 3:
			text = string(data)
		}
		c, ok := findCoding([]byte(text))
		if !ok {
			return
		}
		if slices.Contains([]int{1}, int(how%4)) && c.bare == (len(data)%3 == 0) && c.url {
			t.Fatalf("padding of %q: %+v", text, c)
		}
		fuzzTree(t, []byte(`{"v":"data:x;base64,`+strings.Map(jsonSafe, text)+`"}`), Hints{ContentType: typeJSON})
	})
}

func jsonSafe(r rune) rune {
	if r < 0x20 || r == '"' || r == '\\' {
		return 'x'
	}
	return r
}

// TestOLEShared: streams that are made of the same sectors are a limit before they are as much work as thousands of files.
func TestOLEShared(t *testing.T) {
	data := []byte(oleOf(file{"One", strings.Repeat("some text ", 4000)}, file{"Two", "x"}, file{"Three", "x"}))
	const directory, entry, place = 1024, 128, 116
	for i := 2; i <= 3; i++ {
		copy(data[directory+i*entry+place:][:8], data[directory+entry+place:])
	}
	tree := openTree(t, data, Hints{})
	for range tree.Items(t.Context()) { // the gaps are of interest
	}
	gaps := tree.Gaps()
	if len(gaps) != 1 || gaps[0].Reason != scan.ReasonLimit || gaps[0].Limit != body.LimitRatio {
		t.Fatalf("%v", gaps)
	}
}
