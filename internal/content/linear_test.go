package content

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"icapd/scan"
)

// sharedPlist is a binary property list of count strings, each of which goes on to the end of all of them.
func sharedPlist(count int) string {
	out := []byte("bplist00")
	table := len(out) + 6*count
	for range count {
		out = append(out, 0x5f, 0x12)
		out = binary.BigEndian.AppendUint32(out, uint32(table-len(out)-4))
	}
	for i := range count {
		out = binary.BigEndian.AppendUint32(out, uint32(8+6*i))
	}
	tail := make([]byte, 32)
	tail[6], tail[7] = 4, 1
	binary.BigEndian.PutUint64(tail[8:], uint64(count))
	binary.BigEndian.PutUint64(tail[24:], uint64(table))
	return string(append(out, tail...))
}

// TestLinear gives each parser a megabyte of what could make it slow.
func TestLinear(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	uri := "data:x/y;base64,QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo "
	keys := &strings.Builder{}
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(keys, `"k%d":0,`, i)
	}
	for name, c := range map[string]struct{ claim, data string }{
		"json brackets":    {typeJSON, fill("[")},
		"json objects":     {typeJSON, fill(`{"":`)},
		"json quotes":      {typeJSON, fill(`"`)},
		"json escapes":     {typeJSON, `"` + fill(`\u0041`) + `"`},
		"json same keys":   {typeJSON, `{` + fill(`"a":0,`) + `"a":0}`},
		"json many keys":   {typeJSON, `{` + keys.String() + `"z":0}`},
		"json data URIs":   {typeJSON, `["` + fill(uri) + `"]`},
		"json escaped":     {typeJSON, `["\n` + fill(uri) + `"]`},
		"json arrays":      {typeJSON, `[` + fill(`[[[]]],`) + `0]`},
		"xml elements":     {typeXML, fill("<a>")},
		"xml attributes":   {typeXML, "<a " + fill("b='' ") + "/>"},
		"xml siblings":     {typeXML, "<a>" + fill("<b/>") + "</a>"},
		"xml entities":     {typeXML, "<a>" + fill("&lt;") + "</a>"},
		"xml ampersands":   {typeXML, "<a>" + fill("&") + "</a>"},
		"xml comments":     {typeXML, "<a>" + fill("<!---->") + "</a>"},
		"xml doctype":      {typeXML, "<!DOCTYPE a [" + fill("<!--") + "]>"},
		"html lt":          {typeHTML, fill("<")},
		"html tags":        {typeHTML, fill("<a")},
		"html comments":    {typeHTML, fill("<!--")},
		"html script":      {typeHTML, "<script>" + fill("</")},
		"html attributes":  {typeHTML, "<a " + fill("b= ")},
		"form percent":     {typeForm, "a=" + fill("%25")},
		"form amps":        {typeForm, fill("a&")},
		"csv quotes":       {typeCSV, fill(`"`)},
		"csv commas":       {typeCSV, fill(",x")},
		"sse lines":        {typeSSE, fill("data: {}\n\n")},
		"ndjson":           {typeNDJSON, fill("{\n")},
		"yaml":             {typeYAML, fill("a: 'b\n")},
		"text base64":      {typeText, fill("QUJD")},
		"text base64 line": {typeText, "x\n" + fill(strings.Repeat("Q", 60)+"\n.\n")},
		"text alphabets":   {typeText, "x " + fill("A+-")},
		"text parts":       {typeText, "x " + fill(strings.Repeat("Q", 41)+"+-")},
		"text URIs, runs":  {typeText, fill("data:x/y,%41AAAAAAAAAAAA ") + fill(strings.Repeat("Q", 41)+" ")},
		"bplist strings":   {"", sharedPlist(size / 10)},
		"text begin":       {typeText, fill("begin 644 x\n")},
		"text uu":          {typeText, fill("begin 644 x\n`\nend\n")},
		"multipart":        {"multipart/form-data; boundary=b", fill("--b\r\n")},
		"multipart alike":  {"multipart/form-data; boundary=b", "--b\r\n" + fill("\r\n--bb")},
		"mail headers":     {typeMail, fill("From: x\r\n")},
		"mail folded":      {typeMail, "From: x\r\n" + fill(" y\r\n")},
		"pdf streams":      {"", "%PDF-1.4 /ObjStm " + fill("stream ")},
		"pdf objects":      {"", "%PDF-1.4 " + fill("1 0 obj <</EmbeddedFile>>stream\nendstream\n")},
		"zip locals":       {"", fill("PK\x03\x04" + strings.Repeat("\x00", 26))},
		"zip ends":         {"", "PK\x03\x04" + fill("PK\x05\x06")},
		"msgpack":          {"application/msgpack", fill("\x91")},
		"cbor":             {"application/cbor", fill("\x9f")},
		"protobuf":         {"application/x-protobuf", fill("\x0a\x00")},
		"zlib marks":       {"", "\x01\x02" + fill("\x78\x9c\xff\xff")},
		"letters x":        {"", "\x01\x02" + fill("x\x00")},
		"gzip marks":       {"", "\x01\x02" + fill("\x1f\x8b\x08\x00")},
		"gzip, no header":  {"", "\x01\x02" + fill("\x1f\x8b\x08QUJD")},
		"bzip2 headers":    {"multipart/form-data; boundary=b", fill("--b\r\n\r\nBZh9BZh9BZh9BZh9BZh9\r\n")},
		"data URIs, short": {typeText, "x " + fill("data:;base64,")},
		"streams":          {"", "\x01\x02" + fill(zlibbed("x"))},
		"deflate":          {"", fill("\x02\x01")},
		"numbers":          {typeJSON, "[" + fill("1,") + "1]"},
		"numbers, short":   {typeJSON, "[" + fill("1,2,3,[4],") + "1]"},
		"ascii85":          {typeText, fill("<~")},
		"escapes":          {typeText, fill(`\x41` + "A")},
		"quoted-printable": {typeText, "=\n" + fill("=41=")},
		"percent escapes":  {typeJSON, "[" + fill(`"%41%41%41%41%41%41%41%41%41",`) + "1]"},
		"decoded values":   {typeJSON, "[" + fill(`"\u0041\\aaaaaaaaaaaaaaaaaaaaaaaa",`) + "1]"},
		"URIs in queries":  {typeText, fill("base64%2CQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo ")},
		"data URI lines":   {typeText, "data:;base64," + fill("\n")},
		"WARC":             {"", fill("WARC/1.0\n\n")},
		"WARC heads":       {"", fill("WARC/1.\n")},
		"http":             {"", "HTTP/1.1 200 OK\n" + fill("a: b\n")},
		"OpenPGP":          {"", "\xcb\x10b\x01a\x00\x00\x00\x00012345678" + fill("\xcb\x00")},
		"BER":              {"", "\x30\x80\x06\x09" + string(cmsOID) + "\x02" + fill("\xa0\x80")},
		"octets":           {"", "\x30\x80\x06\x09" + string(cmsOID) + "\x01\xa0\x80\x24\x80" + fill("\x04\x01a")},
		"OneNote":          {"", "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d" + fill(string(oneNoteFile)+le64(0)+le32(0)+le64(0))},
		"gRPC":             {"application/grpc", fill("\x80\x00\x00\x00\x01a")},
		"zstd marks":       {"", "\x01\x02" + fill("\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00zzz")},
		"zstd in zstd":     {"", "\x01\x02" + fill("\x28\xb5\x2f\xfd\x84\x00\xff\xff\x00\x02\x00\x08"+strings.Repeat("A", 64))},
		"xz marks":         {"", "\x01\x02" + fill("\xfd7zXZ\x00\x00\x01\x69\x22\xde\x36")},
		"7z heads":         {"", "\x01\x02" + fill("7z\xbc\xaf\x27\x1c\x00\x04"+le32(0))},
		"tar marks":        {"", "\x01\x02" + fill("ustar0000")},
		"png chunks":       {"", "\x89PNG\r\n\x1a\n" + fill("\x00\x00\x00\x00tEXt\x00\x00\x00\x00")},
		"gif blocks":       {"", "GIF89a\x01\x00\x01\x00\x00\x00\x00" + fill("\x21\xfe\x01a\x00")},
		"jpeg marks":       {"", "\xff\xd8\xff\xfe\x00\x02" + fill("\xff\xd0\xff\xfe\x00\x02")},
		"rtf groups":       {"", "{\\rtf1" + fill("{}")},
		"text, then bytes": {typeText, strings.Repeat("a ", 2000) + "\x00\xff" + fill("\x1f\x8b\x08\x00")},
		"records":          {"", "SQLite format 3\x00" + fill("0123456789abcdef\x00")},
		"utf-16":           {typeText, "\xff\xfe" + fill("<\x00")},
	} {
		start := cpuTime(t)
		tree := New(Options{}).Open(&scan.Message{}, scan.Bytes(c.data), Hints{ContentType: c.claim})
		n := 0
		for it := range tree.Items(t.Context()) {
			n++
			if it.Fields != nil {
				_ = it.Fields(t.Context(), func(*scan.Field) bool { return true })
			}
		}
		for _, g := range tree.Gaps() {
			if g.Reason == scan.ReasonPanic {
				t.Errorf("%s: %v", name, g.Err)
			}
		}
		tree.Close()
		took := cpuTime(t) - start
		if took > 100*time.Millisecond {
			t.Logf("%s: %d items, %v a megabyte", name, n, took)
		}
		if took > 1500*time.Millisecond && !raceEnabled {
			t.Errorf("%s: %d items took %v", name, n, took)
		}
	}
}
