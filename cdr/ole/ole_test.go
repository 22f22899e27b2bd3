package ole

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"icapd/cdr/kit"
	"icapd/cdr/markup"
	"icapd/cdr/rtf"
)

// run disarms a document with the handlers that messages need.
func run(tb testing.TB, data []byte, switches kit.Switches) ([]byte, *kit.Job, error) {
	tb.Helper()
	job := kit.NewJob(kit.ModeDisarm, switches, kit.Limits{}, func(d *kit.Document) kit.Handler {
		switch d.Type {
		case "text/html":
			return markup.HTML{}
		case "text/rtf":
			return rtf.Format{}
		case "application/x-ole-storage", "application/msword", "application/vnd.ms-excel":
			return Format{}
		}
		return nil
	})
	r, err := Format{}.Disarm(tb.Context(), job, kit.Document{Data: data, Type: "application/x-ole-storage"})
	return r.Data, job, err
}

// survives says in which form the canary is in some bytes, "" if it is not.
func survives(b []byte) string {
	fold := bytes.ToLower(b)
	for form, c := range map[string][]byte{
		"text": []byte(canary), "UTF-16": wide(canary), "hex": []byte(hex.EncodeToString([]byte(canary))),
		"base64": []byte(strings.ToLower(base64.StdEncoding.EncodeToString([]byte(canary)))),
	} {
		if bytes.Contains(fold, c) {
			return form
		}
	}
	return ""
}

func vectors(job *kit.Job) string {
	var all []string
	for _, r := range job.Removals() {
		if !slices.Contains(all, r.Vector) {
			all = append(all, r.Vector)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

var wideCanary = wide(canary)

const field = "before\x13 %s \x14seen\x15after"

func fieldText(code string) string { return strings.Replace(field, "%s", code, 1) }

// one returns a tree with one document's entries and more.
func one(tb testing.TB, entries []*entry, more ...*entry) []byte {
	tb.Helper()
	return pack(tb, root(append(entries, more...)...))
}

func TestDisarm(t *testing.T) {
	payload := []byte("payload " + canary)
	ref := cat([]byte{0x5A}, le16(0, 3, 2)) // a cell of the first sheet reference
	embedded := container(0xF00D, container(artClientData, atom(pptExObjRef, 0, le32(7))))
	tests := []struct {
		name, vectors string
		data          []byte
	}{
		{"xls nothing", "", xls(t, nil, formulaRecord(number(0), []byte{0x1E, 1, 0}))},
		{"xls vba", "vba", xls(t, rec(recObjProj), rec(recCodeName, text8(canary)), storage("_VBA_PROJECT_CUR", storage("VBA", stream("dir", payload))))},
		{"xls vba by another name", "unknown-stream", xls(t, nil, nil, storage("Stuff", stream("dir", payload)))},
		{"xls object", "ole-object", xls(t, nil, rec(recObj, le16(partCommon, 18), make([]byte, 18), le16(partPicture, len(payload)), payload, le16(0, 0)), storage("MBD0001", stream("\x01Ole10Native", payload)))},
		{"xls control", "activex", xls(t, nil, nil, stream("Ctls", payload))},
		{"xls macro of an object", "object-macro", xls(t, nil, rec(recObj, le16(partCommon, 18), make([]byte, 18), le16(partMacro, len(payload)), payload, le16(0, 0)))},
		{"xls external workbook", "external-workbook", xls(t, cat(supBook("\x01"+canary), xti(0, 0)), formulaRecord(number(0), ref))},
		{"xls dde", "dde", xls(t, cat(supBook("cmd\x03"+canary), xti(0, 0), rec(recExternName, le16(0), payload)), formulaRecord(number(0), cat([]byte{0x39}, le16(0, 1, 0))))},
		{"xls name of an external cell", "external-workbook", xls(t, cat(supBook("\x01"+canary), xti(0, 0), defined(0, canary, ref)), formulaRecord(number(0), cat([]byte{0x43}, le32(1))))},
		{"xls builtin auto name", "auto-macro", xls(t, defined(nameBuiltin, "\x01", stringToken(canary)), nil)},
		{"xls text auto name", "auto-macro", xls(t, defined(0, "aUtO_oPen"+canary, []byte{0x1E, 1, 0}), nil)},
		{"xls macro name", "macro-name", xls(t, defined(nameVBA|nameMacro|nameFunction, canary, nil), nil)},
		{"xls hidden exec", "formula", xls(t, defined(0, "x", cat(stringToken(canary), []byte{0x21}, le16(110))), nil)},
		{"xls call in a cell", "formula", xls(t, nil, formulaRecord(number(0), cat(stringToken(canary), []byte{0x42, 1}, le16(150))))},
		{"xls rtd", "formula", xls(t, nil, formulaRecord(number(0), cat(stringToken(canary), []byte{0x42, 1}, le16(379))))},
		{"xls webservice", "formula", xls(t, defined(nameFunction, "_xlfn.WEBSERVICE", nil), formulaRecord(number(0), cat([]byte{0x23}, le32(1), stringToken("http://"+canary), []byte{0x42, 2}, le16(255))))},
		{"xls hyperlink function", "link-scheme", xls(t, nil, formulaRecord(number(0), cat(stringToken("file:///"+canary), []byte{0x42, 1}, le16(functionLink))))},
		{"xls web hyperlink function", "", xls(t, nil, formulaRecord(number(0), cat(stringToken("https://a.test"), stringToken("go"), []byte{0x42, 2}, le16(functionLink))))},
		{"xls unreadable formula", "formula", xls(t, nil, formulaRecord(number(0), cat([]byte{0xFE}, payload)))},
		{"xls shared formula", "formula", xls(t, nil, cat(formulaRecord(number(0), cat([]byte{tokenExp}, le16(3, 2))),
			rec(recShared, le16(3, 3), []byte{2, 2, 0, 1}, le16(len(stringToken(canary))+4), stringToken(canary), []byte{0x42, 1}, le16(150))))},
		{"xls array formula", "formula", xls(t, nil, cat(formulaRecord(number(0), cat([]byte{tokenExp}, le16(3, 2))),
			rec(recArray, le16(3, 3), []byte{2, 2}, le16(0), le32(0), le16(len(stringToken(canary))+4), stringToken(canary), []byte{0x42, 1}, le16(379))))},
		{"xls formula of an old record", "formula", xls(t, nil, bytes.Replace(formulaRecord(number(0), cat(stringToken(canary), []byte{0x42, 1}, le16(150))), le16(recFormula), le16(0x0406), 1))},
		{"xls conditional format", "formula", xls(t, nil, rec(recCF, []byte{2, 0}, le16(len(stringToken(canary))+4, 0), le32(0), stringToken(canary), []byte{0x42, 1}, le16(150)))},
		{"xls web query", "data-connection", xls(t, nil, cat(rec(recQSI, payload), rec(recDBQueryExt, payload), rec(recExtString, payload)))},
		{"xls connection", "data-connection", xls(t, rec(recDConn, payload), nil)},
		{"xls pivot source", "data-connection", xls(t, cat(rec(recSXStream, payload), rec(recDConRef, payload)), nil, storage("_SX_DB_CUR", stream("0001", payload)))},
		{"xls link", "link-scheme", xls(t, nil, cat(rec(recHLink, le16(0, 0, 0, 0), hlink("file:///"+canary)), rec(recLinkTip, payload)))},
		{"xls web link", "", xls(t, nil, rec(recHLink, le16(0, 0, 0, 0), hlink("https://a.test/")))},
		{"xls link of a shape", "link-scheme", xls(t, nil, rec(recDrawing, []byte("shape"), hlink("\\\\"+canary+"\\x")))},
		{"xls linked picture", "external-image", xls(t, nil, rec(recDrawing, le16(2<<4|3, artOptions), le32(12+2*len(canary)), le16(0xC105), le32(2*len(canary)), le16(0x0106), le32(0xA), wideCanary))},
		{"xls menu", "toolbar-macro", xls(t, nil, rec(recAddMenu, payload))},
		{"xls power query", "unknown-stream", xls(t, nil, nil, storage("MsoDataStore", storage("a", stream("Item", []byte("<DataMashup>"+canary)))))},
		{"xls trailing", "trailing-data", append(xls(t, nil, nil), payload...)},
		{"xls unknown stream", "unknown-stream", xls(t, nil, nil, stream("readme", payload))},

		{"xls unknown record", "unknown-record", xls(t, rec(0x7777, payload), rec(0x7778, payload))},
		{"xls printer", "", xls(t, nil, rec(recPrinter, le16(0), make([]byte, 64), le16(0x0401, 0, 220, 0), make([]byte, 148)))},
		{"xls printer of no kind", "unknown-record", xls(t, nil, rec(recPrinter, le16(0), payload))},
		{"xls routing slip", "mail-routing", xls(t, cat(rec(recRoute, payload), rec(recRouteTo, payload)), nil)},
		{"xls web components", "data-connection", xls(t, rec(recWebOption, payload), nil)},
		{"xls text of no query", "data-connection", xls(t, rec(recSXString, text8(canary)), nil)},
		{"xls sheets of nothing", "unknown-record", xls(t, rec(recExternSheet, payload), nil)},
		{"xls behind the sheets", "unknown-record", xls(t, rec(recExternSheet, le16(0), payload), nil)},
		{"xls long properties", "unknown-record", xls(t, rec(recBookExt, make([]byte, 20), payload), nil)},
		{"xls feature of no kind", "unknown-record", xls(t, nil, rec(recFeature11, make([]byte, 12), payload))},
		{"xls function of no name", "formula", xls(t, nil, formulaRecord(number(0), cat([]byte{0x23}, le32(9), stringToken(canary), []byte{0x42, 2}, le16(255))))},
		{"xls cache of no table", "orphan-stream", xls(t, nil, nil, storage("_SX_DB_CUR", stream("0001", payload)))},
		{"xls cache", "", xls(t, rec(recSXStream, le16(1)), nil, storage("_SX_DB_CUR", stream("0001", rec(0xC6, []byte("x")))))},
		{"xls revisions", "", xls(t, nil, nil, stream("Revision Log", cat(rec(0x0196, []byte("x")), rec(recEOF))))},
		{"xls revisions that are none", "unknown-stream", xls(t, nil, nil, stream("Revision Log", payload))},
		{"xls signature that is none", "unknown-stream", xls(t, nil, nil, stream("_signatures", payload), storage("_xmlsignatures", stream("1", payload)))},

		{"doc nothing", "", doc(t, fieldText("PAGE"))},
		{"doc macros", "vba", doc(t, "text", storage("Macros", storage("VBA", stream("dir", payload)), stream("PROJECT", payload)))},
		{"doc object pool", "ole-object", doc(t, "text", storage("ObjectPool", storage("_1", stream("\x01Ole10Native", payload), stream("\x03OCXDATA", payload))))},
		{"doc dde", "field-dde", doc(t, fieldText("DDEAUTO "+canary+" \"/c calc\""))},
		{"doc dde in UTF-16", "field-dde", one(t, docEntries(fieldText("DDE "+canary), true, nil, nil))},
		{"doc include", "field-include", doc(t, fieldText("INCLUDEPICTURE \"http://"+canary+"\""))},
		{"doc macro button", "field-macro", doc(t, fieldText("MACROBUTTON "+canary+" click"))},
		{"doc macro button without a result", "field-macro", doc(t, "a\x13 MACROBUTTON "+canary+" click \x15z")},
		{"doc button without a macro", "", doc(t, "a\x13 MACROBUTTON NoMacro click \x15z")},
		{"doc built field", "field-built", doc(t, "a\x13\x13 QUOTE 68 68 69 \x14it\x15 "+canary+"\x14seen\x15z")},
		{"doc built DDE", "field-dde", doc(t, "a\x13\x13 QUOTE 68 68 69 \x14DDE\x15 "+canary+"\x14seen\x15z")},
		{"doc nested field", "field-include", doc(t, "a\x13 IF 1=1 \x13 INCLUDETEXT "+canary+" \x14no\x15 \x14seen\x15z")},
		{"doc field without end", "field-dde", doc(t, "a\x13 DDE "+canary)},
		{"doc link", "link-scheme", doc(t, fieldText("HYPERLINK \"file:///"+canary+"\""))},
		{"doc web link", "", doc(t, fieldText("HYPERLINK \"https://a.test/\""))},
		{"doc link in data", "link-scheme", one(t, docEntries("text", false, nil, cat([]byte("x"), hlink("javascript:"+canary))))},
		{"doc template", "remote-template", one(t, docEntries("text", false, map[int][]byte{pairAssoc: sttb("", `\\host\`+canary+`.dot`, "title")}, nil))},
		{"doc ordinary template", "", one(t, docEntries("text", false, map[int][]byte{pairAssoc: sttb("", "Normal.dot", "a/b")}, nil))},
		{"doc toolbars", "toolbar-macro", one(t, docEntries("text", false, map[int][]byte{pairCmds: payload}, nil))},
		{"doc mail merge", "mail-merge", one(t, docEntries("text", false, map[int][]byte{pairODSO: payload}, nil))},
		{"doc second table", "unknown-stream", doc(t, "text", stream("0Table", payload))},
		{"doc ole link", "ole-link", doc(t, "text", stream("\x01Ole", cat(le32(0x02000001, 1), payload)))},
		{"doc link list", "link-scheme", doc(t, "text", stream("\x05DocumentSummaryInformation", linkList("file:///"+canary)))},

		{"ppt nothing", "", ppt(t, nil, click(4, 0))},
		{"ppt object", "ole-object", ppt(t, exObject(pptExOleEmbed, 7, 3), embedded, atom(pptOleStorage, 0, payload))},
		{"ppt link", "ole-link ole-object", ppt(t, exObject(pptExOleLink, 7, 3), embedded, atom(pptOleStorage, 0, payload))},
		{"ppt control", "activex ole-object", ppt(t, exObject(pptExControl, 7, 3), embedded, atom(pptOleStorage, 1, payload))},
		{"ppt vba", "ole-object vba", ppt(t, container(0x07D0, container(pptVBAInfo, atom(0x0400, 0, le32(3, 1, 2)))), nil, atom(pptOleStorage, 0, payload))},
		{"ppt macro", "object-macro", ppt(t, nil, click(1, 0, atom(pptString, 2, wideCanary)))},
		{"ppt program", "action-program link-scheme", ppt(t, exLink(3, `C:\`+canary+`.exe`), click(2, 3))},
		{"ppt object action", "action-ole", ppt(t, nil, click(5, 0))},
		{"ppt media action", "action-media", ppt(t, nil, click(6, 0))},
		{"ppt hyperlink", "link-scheme", ppt(t, exLink(3, "file:///"+canary), click(4, 3))},
		{"ppt web hyperlink", "", ppt(t, exLink(3, "https://a.test/"), click(4, 3))},
		{"ppt film", "action-media", ppt(t, container(pptExObjList, container(pptExAVI, container(pptExVideo, atom(pptExMedia, 0, le32(9, 0)), atom(pptString, 0, wide(`\\host\`+canary))))), nil)},

		{"ppt sound with a path", "action-media", ppt(t, container(pptExObjList, container(pptExWAV, atom(pptExMedia, 0, le32(9, 0)), atom(pptString, 0, wideCanary))), nil)},
		{"ppt unknown record", "unknown-record", ppt(t, atom(0x7EEE, 0, payload), nil)},
		{"ppt numbers of no list", "", ppt(t, cat(pptOf(0xF, 0x1788, atom(0x1789, 0, make([]byte, 44))), atom(0x101D, 0, le32(0))), nil)},
		{"ppt words among them", "unknown-record", ppt(t, cat(atom(0x101D, 0, payload), atom(0x1019, 0, wideCanary)), nil)},
		{"ppt nothing between records", "", ppt(t, nil, nil, cat(atom(0x03EF, 0), make([]byte, 13)))},
		{"ppt bytes between records", "container-slack", ppt(t, nil, nil, cat(atom(0x03EF, 0), make([]byte, 13), le32(0x00010000, 1<<30), payload), atom(0x03EF, 0))},
		{"ppt package of newer programs", "", ppt(t, pptOf(0xF, 0x0428, theme("theme/theme1.xml", "<a/>")), nil)},
		{"ppt package with a program", "ole-package", ppt(t, pptOf(0xF, 0x0428, theme("word/vbaProject.bin", canary)), nil)},
		{"ppt package that leads out", "ole-package", ppt(t, pptOf(0, 0x040E, theme("_rels/.rels", `<Relationships><Relationship Target="`+canary+`" TargetMode="External"/></Relationships>`)), nil)},
		{"ppt package of nothing", "ole-package", ppt(t, pptOf(0, 0x040E, cat([]byte("PK\x03\x04"), payload)), nil)},
		{"ppt text for indexing", "unknown-stream", one(t, pptEntries(nil, nil), stream("Text_Content", payload), stream("Header", payload))},

		{"msg nothing", "", msg(t, props{0x0037001F: "subject", 0x1000001F: "text"})},
		{"msg html", "link-scheme", msg(t, props{0x10130102: `<html><body><a href="javascript:` + canary + `">a</a></body></html>`})},
		{"msg rtf", "object-data ole-object", msg(t, props{0x10090102: string(packRTF([]byte(`{\rtf1{\object{\*\objdata ` + hex.EncodeToString([]byte(canary)) + `}{\result seen}}}`)))})},
		{"msg wrapped html", "", msg(t, props{0x10090102: string(packRTF(wrapHTML([]byte("<html><body><p>seen</p></body></html>"), "1252")))})},
		{"msg wrapped bad html", "script", msg(t, props{0x10090102: string(packRTF(wrapHTML([]byte("<html><body><script>"+canary+"</script><p>seen</p></body></html>"), "1252")))})},
		{"msg program", "attachment", msg(t, nil, attach(props{0x37010102: "MZ" + canary, 0x3707001F: canary + ".exe", 0x37050003: "\x01"}))},
		{"msg text", "", msg(t, nil, attach(props{0x37010102: "plain text", 0x3707001F: "a.txt", 0x37050003: "\x01"}))},
		{"msg unknown attachment", "attachment", msg(t, nil, attach(props{0x37010102: "PK\x03\x04" + canary, 0x3707001F: "a.zip", 0x37050003: "\x01"}))},
		{"msg document attachment", "field-dde", msg(t, nil, attach(props{0x37010102: string(doc(t, fieldText("DDE "+canary))), 0x3707001F: "a.doc", 0x37050003: "\x01"}))},
		{"msg nested", "attachment", msg(t, nil, attach(props{0x37050003: "\x05"}, storage(msgStream+"3701000D", object(24, nil, attach(props{0x37010102: "MZ" + canary, 0x3707001F: "a.txt.exe."}))...)))},
		{"msg object", "ole-object unknown-stream", msg(t, nil, attach(props{0x37050003: "\x06"}, storage(msgStream+"3701000D", stream("CONTENTS", payload))))},
		{"msg by reference", "ole-link", msg(t, nil, attach(props{0x37050003: "\x02", 0x370D001F: `\\host\` + canary}))},
		{"msg sound of a reminder", "remote-file", msg(t, props{0x8005001F: `\\host\` + canary})},
		{"msg property that no list has", "unlisted-property", msg(t, nil, stream(msgStream+"85150102", payload))},
		{"msg form", "form-script", msg(t, props{0x80000102: "script " + canary}, storage(msgNames, stream(msgStream+"00020102", commonSet()), stream(msgStream+"00030102", cat(le32(0x8541), le16(3<<1, 0)))))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			removes(t, tt.data, tt.vectors)
		})
	}
	if len(tests) < 60 {
		t.Fatalf("%d cases only", len(tests))
	}
}

// removes checks that nothing but these vectors is removed, and that the canary is in nothing that comes out: nil if there
// are none.
func removes(t *testing.T, data []byte, want string) (out []byte) {
	t.Helper()
	out, job, err := run(t, data, kit.Switches{})
	if err != nil {
		t.Fatal(err)
	}
	if got := vectors(job); got != want {
		t.Errorf("vectors %q, want %q", got, want)
	}
	if want != "" {
		check(t, out)
	} else if out != nil {
		t.Error("written anew for nothing")
	}
	return out
}

// check looks for the canary in what came out, and disarms it again.
func check(tb testing.TB, out []byte) {
	tb.Helper()
	if form := survives(out); form != "" {
		tb.Errorf("the canary survived as %s", form)
	}
	var look func(e *entry)
	look = func(e *entry) {
		if form := survives(e.data); form != "" {
			tb.Errorf("the canary survived in %q as %s", e.name, form)
		}
		for _, k := range e.kids {
			look(k)
		}
	}
	look(unpack(tb, out))
	again, job, err := run(tb, out, kit.Switches{})
	if err != nil || again != nil {
		tb.Errorf("the second pass: %v, %v", err, job.Removals())
	}
}

// linkList is a property stream with a list of one hyperlink.
func linkList(target string) []byte {
	w := wide(target + "\x00")
	w = append(w, make([]byte, -len(w)&3)...)
	blob := cat(le32(6), le32(3, 0, 3, 0, 3, 0, 3, 0), le32(propertyText16, len(target)+1), w, le32(propertyText16, 0))
	section := cat(le32(0, 1, 2, 16), le32(propertyBlob, len(blob)), blob)
	return cat(le16(0xFFFE, 0), le32(0), make([]byte, 16), le32(1), make([]byte, 16), le32(48), section)
}

func commonSet() []byte {
	g := guid("00062008-0000-0000-C000-000000000046")
	return g[:]
}

// What users saw stays.
func TestVisiblePartsStay(t *testing.T) {
	out, _, err := run(t, doc(t, fieldText("DDE "+canary)), kit.Switches{})
	if err != nil {
		t.Fatal(err)
	}
	w := unpack(t, out).find("WordDocument")
	if want := "before\x13 QUOTE " + strings.Repeat(" ", len(canary)-1) + "\x14seen\x15after"; !bytes.Contains(w.data, []byte(want)) {
		t.Errorf("the text is %q", bytes.Trim(w.data[2048:], "\x00"))
	}
	if table := unpack(t, out).find("1Table"); !bytes.Contains(table.data, []byte{fieldBegin, fieldQuote, fieldSep, 0x3A}) {
		t.Error("the type of the field is what it was")
	}
	if out, _, err = run(t, doc(t, "before\x13DDE "+canary+"\x14\x01\x15after"), kit.Switches{}); err != nil {
		t.Fatal(err)
	}
	w = unpack(t, out).find("WordDocument")
	if want := "before\x13 SHAPE " + strings.Repeat(" ", len(canary)-3) + "\x14\x01\x15after"; !bytes.Contains(w.data, []byte(want)) {
		t.Errorf("the text around a picture is %q", bytes.Trim(w.data[2048:], "\x00"))
	}

	for name, tt := range map[string]struct{ sheet, want []byte }{
		"number": {formulaRecord(number(7), cat([]byte{0x42, 0}, le16(150))), rec(recNumber, le16(3, 2, 15), number(7))},
		"text": {
			cat(formulaRecord(cachedText, cat([]byte{0x42, 0}, le16(150))), rec(recString, text8("seen"))),
			rec(recLabel, le16(3, 2, 15), text8("seen")),
		},
		"boolean": {formulaRecord([]byte{1, 0, 1, 0, 0, 0, 0xFF, 0xFF}, cat([]byte{0x42, 0}, le16(150))), rec(recBoolErr, le16(3, 2, 15), []byte{1, 0})},
		"error":   {formulaRecord([]byte{2, 0, 7, 0, 0, 0, 0xFF, 0xFF}, cat([]byte{0x42, 0}, le16(150))), rec(recBoolErr, le16(3, 2, 15), []byte{7, 1})},
	} {
		out, _, err := run(t, xls(t, nil, tt.sheet), kit.Switches{})
		if err != nil {
			t.Fatal(err)
		}
		w := unpack(t, out).find("Workbook").data
		if !bytes.Contains(w, tt.want) {
			t.Errorf("%s: % x", name, w)
		}
		b, err := readBIFF(w)
		if err != nil || len(b.subs) != 2 || b.find(int(le(w, b.recs[1].at+4))) != b.subs[1].from {
			t.Errorf("%s: the sheet is not where the workbook says: %v", name, err)
		}
	}
}

func le(b []byte, at int) uint32 {
	return uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24
}

func TestMacroSheet(t *testing.T) {
	for name, tt := range map[string]struct {
		bound byte
		kind  int
	}{"macro": {1, substreamMacro}, "only the sheet says": {0, substreamMacro}, "only the table says": {1, substreamSheet}, "module": {6, substreamModule}} {
		w := xlsStream(nil, cat(formulaRecord(number(0), cat(stringToken(canary), []byte{0x21}, le16(110))), rec(recLabel, le16(1, 1, 0), text8("seen"))), tt.bound, tt.kind)
		out, job, err := run(t, pack(t, root(stream("Workbook", w))), kit.Switches{})
		if err != nil || vectors(job) != "xlm-macro" {
			t.Fatal(name, err, vectors(job))
		}
		check(t, out)
	}
}

func TestRefused(t *testing.T) {
	encryptedDoc := docEntries("text", false, nil, nil)
	encryptedDoc[0].data[fibFlags+1] |= 1
	encryptedShow := pptEntries(nil, nil)
	copy(encryptedShow[1].data[12:], le32(tokenEncrypted))
	lostSheet := xlsStream(nil, nil, 0, substreamSheet)
	lostSheet[len(bof(5))+4]++
	for name, tt := range map[string]struct {
		reason string
		data   []byte
	}{
		"encrypted package": {"encrypted", one(t, nil, stream("EncryptedPackage", nil), stream("EncryptionInfo", nil))},
		"obfuscated xls":    {"encrypted", xls(t, rec(recFilePass, le16(0, 1, 1)), nil)},
		"encrypted xls":     {"encrypted", xls(t, rec(recFilePass, le16(1, 1)), nil)},
		"encrypted doc":     {"encrypted", one(t, encryptedDoc)},
		"encrypted ppt":     {"encrypted", one(t, encryptedShow)},
		"nothing known":     {"unsupported", one(t, nil, stream("a", nil))},
		"two documents":     {"unsupported", doc(t, "text", stream("Workbook", nil))},
		"no text":           {"corrupt", one(t, docEntries("text", false, map[int][]byte{pairClx: []byte("xxxxxx")}, nil))},
		"long record":       {"corrupt", xls(t, cat(le16(0x42, 9999)), nil)},
		"lost sheet":        {"corrupt", pack(t, root(stream("Workbook", lostSheet)))},
		"long ppt record":   {"corrupt", ppt(t, cat(le16(0xF, 1), le32(1<<30)), nil)},
		"no list":           {"corrupt", one(t, nil, stream(msgProperties, []byte("short")))},
		"no compound file":  {"unsupported", []byte("text")},
		"cut off":           {"corrupt", doc(t, "text")[:1024]},
	} {
		out, _, err := run(t, tt.data, kit.Switches{})
		if err == nil || out != nil || !strings.HasPrefix(err.Error(), tt.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const xmlSignature = `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>`

func TestSwitches(t *testing.T) {
	if _, _, err := run(t, doc(t, "text"), kit.Switches{Legacy: kit.ChoiceBlock}); err == nil {
		t.Error("an old document passed")
	}
	signed := doc(t, fieldText("DDE x"), storage("_xmlsignatures", stream("1", []byte(xmlSignature))))
	if _, _, err := run(t, signed, kit.Switches{Signed: kit.ChoiceBlock}); err == nil {
		t.Error("a signature was broken")
	}
	if out, job, err := run(t, signed, kit.Switches{}); err != nil || unpack(t, out).find("_xmlsignatures") != nil || len(job.Warnings()) != 1 {
		t.Error(err)
	}
	if out, _, err := run(t, doc(t, "text", storage("_xmlsignatures", stream("1", []byte(xmlSignature)))), kit.Switches{}); err != nil || out != nil {
		t.Error("a signed document without anything in it was written", err)
	}
	for name, data := range map[string][]byte{
		"xls": xls(t, nil, rec(recHLink, le16(0, 0, 0, 0), hlink("https://"+canary+"/"))),
		"doc": doc(t, fieldText("HYPERLINK \"https://"+canary+"/\"")),
		"ppt": ppt(t, exLink(3, "https://"+canary+"/"), click(4, 3)),
	} {
		out, job, err := run(t, data, kit.Switches{Links: kit.ChoiceRemove})
		if err != nil || vectors(job) != vectorLink || survives(out) != "" {
			t.Errorf("%s: %v %q", name, err, vectors(job))
		}
	}
	out, _, err := run(t, doc(t, "text", stream("\x05SummaryInformation", []byte(canary))), kit.Switches{StripMetadata: true})
	if err != nil || survives(out) != "" {
		t.Error("metadata stayed", err)
	}
	mail := msg(t, nil, attach(props{0x37010102: "plain " + canary, 0x3707001F: "a.txt"}))
	if _, _, err := run(t, mail, kit.Switches{EmbeddedFiles: kit.ChoiceBlock}); err == nil {
		t.Error("an attachment passed")
	}
	out, _, err = run(t, mail, kit.Switches{EmbeddedFiles: kit.ChoiceRemove})
	if err != nil {
		t.Fatal(err)
	}
	check(t, out)
	if again, _, err := run(t, out, kit.Switches{EmbeddedFiles: kit.ChoiceRemove}); err != nil || again != nil {
		t.Error("the placeholder was replaced", err)
	}
}

// The container itself hides nothing.
func TestContainer(t *testing.T) {
	clean := doc(t, "text")
	classed := docEntries("text", false, nil, nil)
	r := root(classed...)
	r.class = guid("F20DA720-C02F-11CE-927B-0800095AE340") // a package
	orphan := one(t, docEntries("text", false, nil, nil), stream("zzzzzzzzzzzzzz", []byte(canary)))
	at := bytes.Index(orphan, wide("zzzzzzzzzzzzzz"))
	c := bytes.Clone(orphan)
	for e := 0; e < len(c)-4; e++ { // nothing leads to it any more
		if i := (at - 1024) / dirEntrySize; e >= 1024 && e < 1024+dirEntrySize*5 && (e-1024)%4 == 0 && (e-1024)%dirEntrySize >= 68 && (e-1024)%dirEntrySize < 80 && le(c, e) == uint32(i) {
			copy(c[e:], le32(0xFFFFFFFF))
		}
	}
	for name, tt := range map[string]struct {
		data   []byte
		vector string
	}{
		"class":    {pack(t, r), vectorClass},
		"trailing": {append(bytes.Clone(clean), canary...), vectorTrailing},
		"orphan":   {c, vectorOrphan},
	} {
		out, job, err := run(t, tt.data, kit.Switches{})
		if err != nil || vectors(job) != tt.vector {
			t.Errorf("%s: %v, %q", name, err, vectors(job))
			continue
		}
		check(t, out)
	}
	if out, _, err := run(t, append(clean, '\n'), kit.Switches{}); err != nil || out != nil {
		t.Error("a line end at the end of the file", err)
	}
}

// In rebuild mode a file without anything to remove is written anew, once.
func TestRebuild(t *testing.T) {
	data := doc(t, "text")
	at := bytes.LastIndex(data, []byte("text"))
	copy(data[at+5:], canary) // behind the end of the stream
	rebuild := func(data []byte) []byte {
		job := kit.NewJob(kit.ModeRebuild, kit.Switches{}, kit.Limits{}, nil)
		r, err := Format{}.Disarm(t.Context(), job, kit.Document{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		return r.Data
	}
	out := rebuild(data)
	if out == nil || survives(out) != "" {
		t.Fatal("slack stayed")
	}
	if rebuild(out) != nil {
		t.Error("what was rebuilt is rebuilt again")
	}
}

// Nested fields cannot be made to cost more than their text.
func TestManyFields(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("\x13 DDE x ", 400) + strings.Repeat("y", 1<<20) + strings.Repeat("\x15", 400),
		"\x13 IF " + strings.Repeat("\x13\x15", 1<<19),
		strings.Repeat("\x13", 1000),
		strings.Repeat("\x13 DDE \x15", 200_000),
	} {
		start := time.Now()
		_, _, _ = run(t, doc(t, text), kit.Switches{})
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%v for %.20q", d, text)
		}
	}
}

func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	return [][]byte{
		doc(tb, fieldText("DDEAUTO x")), xls(tb, cat(supBook("\x01x"), xti(0, 0), defined(0, "auto_open", nil)), formulaRecord(number(0), []byte{0x5A, 0, 0, 0, 0, 0, 0})),
		ppt(tb, exLink(3, "file:x"), click(4, 3), atom(pptOleStorage, 0, []byte("x"))),
		msg(tb, props{0x10090102: string(packRTF([]byte(`{\rtf1 x}`))), 0x10130102: "<p>x"}, attach(props{0x37010102: "MZ", 0x3707001F: "a.exe"})),
		one(tb, nil, stream("VisioDocument", []byte("x"))),
	}
}

func FuzzDisarm(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add(oldSheet(true, oldFormula4, oldCell("\x25\x00\x00\x05\x00\x00\x00\x22\x01\x04\x00")))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, _, err := run(t, data, kit.Switches{})
		if err != nil || out == nil {
			return
		}
		for range 3 { // what a record said may only be seen when the one before it is gone
			if out, _, err = run(t, out, kit.Switches{}); err != nil {
				return
			}
			if out == nil {
				return
			}
		}
		t.Fatal("every pass finds more")
	})
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte("\x20\x00\x00\x00\x20\x00\x00\x00LZFu\x00\x00\x00\x00\x03\x00\x0a\x00rcpg125\x42\x32\x0a\xf3"))
	f.Add(packRTF(wrapHTML([]byte("<p>a\n{b}</p>"), "1252")))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if text, err := unpackRTF(newJob(), data); err == nil {
			if html, ok := unwrapHTML(text); ok {
				wrapHTML(cutSettings(html), codePage(text))
			}
		}
	})
}

func FuzzBIFF(f *testing.F) {
	f.Add(xlsStream(cat(supBook("\x01x"), xti(0, 0)), formulaRecord(number(0), []byte{0x5A, 0, 0, 0, 0, 0, 0}), 1, 0x40))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = run(t, pack(t, root(stream("Workbook", data))), kit.Switches{})
	})
}

func FuzzSlides(f *testing.F) {
	e := pptEntries(exLink(3, "file:x"), click(4, 3), atom(pptOleStorage, 0, []byte("x")))
	f.Add(e[0].data, e[1].data)
	f.Fuzz(func(t *testing.T, data, user []byte) {
		_, _, _ = run(t, pack(t, root(stream("PowerPoint Document", data), stream("Current User", user))), kit.Switches{})
	})
}

func FuzzWord(f *testing.F) {
	e := docEntries(fieldText("DDE x"), false, map[int][]byte{pairAssoc: sttb("", `\\a\b`)}, nil)
	f.Add(e[0].data, e[1].data)
	f.Fuzz(func(t *testing.T, main, table []byte) {
		_, _, _ = run(t, pack(t, root(stream("WordDocument", main), stream("1Table", table), stream("0Table", table))), kit.Switches{})
	})
}

func BenchmarkDisarm(b *testing.B) {
	rows := bytes.Repeat(formulaRecord(number(7), []byte{0x1E, 1, 0}), 25_000)
	for name, data := range map[string][]byte{
		"xls": xls(b, rec(recObjProj), rows, storage("_VBA_PROJECT_CUR", storage("VBA", stream("dir", []byte("x"))))),
		"doc": doc(b, strings.Repeat(fieldText("HYPERLINK \"https://a.test/\"")+strings.Repeat("text ", 200), 1000), storage("Macros", stream("x", nil))),
		"ppt": ppt(b, exLink(3, "file:x"), bytes.Repeat(click(4, 3), 20_000)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if out, _, err := run(b, data, kit.Switches{}); err != nil || out == nil {
					b.Fatal(err)
				}
			}
		})
	}
}
