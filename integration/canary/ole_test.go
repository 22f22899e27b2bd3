package canary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"
	"image/png"
	"maps"
	"slices"
	"strings"
	"testing"
)

func le16(v ...int) (b []byte) {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return b
}

func le32(v ...int) (b []byte) {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b
}

// olePart adds rows of one kind of compound file.
type oleMaker struct {
	tb    testing.TB
	kind  string
	rows  []row
	shown []string
}

func (m *oleMaker) add(what string, f func(c *cfb, word string)) {
	kind := m.kind
	m.rows = append(m.rows, row{what: what, ext: kind, shown: m.shown, make: func(word string) []byte {
		c := openCompound(m.tb, kind)
		f(c, word)
		return c.write()
	}})
}

// everywhere adds what any compound document can carry.
func (m *oleMaker) everywhere(project string) {
	for what, path := range map[string][]string{
		"VBA module":               {project, "VBA", "ThisDocument"},
		"VBA module, lower case":   {strings.ToLower(project), "vba", "module1"},
		"VBA project stream":       {project, "VBA", "_VBA_PROJECT"},
		"user form":                {project, "UserForm1", "o"},
		"VBA in an odd place":      {"Stuff", "VBA", "dir"},
		"package":                  {"ObjectPool", "_1234567890", "\x01Ole10Native"},
		"package, at the root":     {"\x01Ole10Native"},
		"object":                   {"MBD0018A3F2", "CONTENTS"},
		"equation":                 {"ObjectPool", "_1234567891", "Equation Native"},
		"control":                  {"ObjectPool", "_1234567892", "\x03OCXDATA"},
		"controls of a sheet":      {"Ctls"},
		"unknown stream":           {"CANARY-stream"},
		"unknown storage":          {"Hidden", "Deep", "payload"},
		"link of an object":        {"ObjectPool", "_1234567893", "\x01Ole"},
		"toolbars":                 {"XCB"},
		"signature that is none":   {"_signatures"},
		"signatures that are none": {"_xmlsignatures", "1"},
		"embedded document's body": {"MBD00000001", "Workbook"},
	} {
		m.add(what, func(c *cfb, word string) {
			p := slices.Clone(path)
			for i := range p {
				p[i] = strings.ReplaceAll(p[i], "CANARY", word)
			}
			c.put([]byte(strings.Repeat("x", 40)+word+strings.Repeat("y", 40)), p...)
		})
	}
	for what, tail := range map[string]string{"bytes behind the file": "CANARY", "archive behind the file": "PK\x03\x04CANARY"} {
		m.rows = append(m.rows, row{what: what, ext: m.kind, shown: m.shown, make: func(word string) []byte {
			data := append(openCompound(m.tb, m.kind).write(), make([]byte, sector)...)
			return append(data, strings.ReplaceAll(tail, "CANARY", word)...)
		}})
	}
	m.add("large unknown stream", func(c *cfb, word string) { c.put([]byte(strings.Repeat(word, 1000)), "payload") })
}

const pageURL = "https://www.example.org/page"

func oleRows(tb testing.TB) []row {
	tb.Helper()
	m := &oleMaker{tb: tb, kind: "doc", shown: sentences}
	m.everywhere("Macros")
	code := `HYPERLINK "` + pageURL + `"`
	for what, with := range map[string]string{
		"DDEAUTO": `DDEAUTO cmd "/k CANARY"`, "DDE": `dde "excel" CANARY`, "INCLUDEPICTURE": `INCLUDEPICTURE "//CANARY/a.png"`, "INCLUDETEXT": `INCLUDETEXT "\\CANARY\a"`,
		"LINK": `LINK Word.Document.8 CANARY`, "IMPORT": `IMPORT "CANARY"`, "DATABASE": `DATABASE \d "CANARY"`, "MACROBUTTON": `MACROBUTTON CANARY x`, "file": `HYPERLINK "file:///CANARY"`,
		"javascript": `HYPERLINK "javascript:CANARY"`, "share": `HYPERLINK "\\CANARY\share"`, "RD": `RD "CANARY"`, "ADDIN": `ADDIN CANARY`, "PRINT": `PRINT CANARY`,
	} {
		m.add("field "+what, func(c *cfb, word string) { c.swap("WordDocument", code, strings.ReplaceAll(with, "CANARY", word)) })
	}
	m.add("address in the data of a link", func(c *cfb, word string) { c.swap("Data", pageURL, "file:///"+word) })

	all := m.rows

	m = &oleMaker{tb: tb, kind: "xls", shown: sentences}
	m.everywhere("_VBA_PROJECT_CUR")
	m.add("link, file", func(c *cfb, word string) { c.swap("Workbook", pageURL, "file:///"+word) })
	m.add("link, javascript", func(c *cfb, word string) { c.swap("Workbook", pageURL, "javascript:"+word) })
	m.add("link, share", func(c *cfb, word string) { c.swap("Workbook", pageURL, `\\`+word+`\x`) })
	for what, body := range map[string]func(w string) []byte{
		"DDE supporting book": func(w string) []byte { return record(0x1AE, le16(0), text16("cmd\x03/c "+w)) },
		"OLE supporting book": func(w string) []byte { return record(0x1AE, le16(0), text16("Package\x03\x01"+w)) },
		"external workbook": func(w string) []byte {
			return record(0x1AE, le16(1), text16("\x01\x05https://"+w+".example/b.xls"), text16("S"))
		},
		"external workbook, UNC":        func(w string) []byte { return record(0x1AE, le16(1), text16("\x01\x01@"+w+"\x03b.xls"), text16("S")) },
		"unknown record of the globals": func(w string) []byte { return record(0x7777, []byte(w)) },
		"routing slip":                  func(w string) []byte { return append(record(0xB8, []byte(w)), record(0xB9, []byte(w))...) },
		"place of components":           func(w string) []byte { return record(0x80B, make([]byte, 20), text16("https://"+w)) },
		"text of no query":              func(w string) []byte { return record(0xCD, text16("SELECT "+w)) },
		"references to nothing":         func(w string) []byte { return record(0x17, []byte(w)) },
		"connection":                    func(w string) []byte { return record(0x876, make([]byte, 12), text16("ODBC;"+w)) },
		"project object":                func(w string) []byte { return append(record(0xD3), record(0x1BA, text16(w))...) },
		"text of a query":               func(w string) []byte { return append(record(0xDC, le16(1, 0, 0, 0, 0, 0)), record(0xCD, text16(w))...) },
		"web query": func(w string) []byte {
			return append(record(0xDC, le16(4, 0, 0, 0, 0, 0)), record(0xCD, text16("https://"+w))...)
		},
	} {
		m.add(what, func(c *cfb, word string) { c.put(inGlobals(c.tb, c.get("Workbook"), body(word)), "Workbook") })
	}
	for what, body := range map[string]func(w string) []byte{
		"record nobody knows":    func(w string) []byte { return record(0x7778, []byte(w)) },
		"settings of no printer": func(w string) []byte { return record(0x4D, le16(0), []byte(w)) },
		"feature of no kind":     func(w string) []byte { return record(0x872, make([]byte, 12), []byte(w)) },
		"formula of a name not there": func(w string) []byte {
			return formulaRecord(slices.Concat([]byte{0x23}, le32(99), stringToken(w), []byte{0x42, 2, 255, 0}))
		},
		"query table": func(w string) []byte {
			return append(record(0x1AD, le16(0, 0, 0, 0, 0), text16("q")), record(0xCD, text16("ODBC;"+w))...)
		},
		"formula of CALL": func(w string) []byte {
			return formulaRecord(slices.Concat(stringToken("kernel32"), stringToken(w), stringToken("J"), []byte{0x22, 3, 150, 0}))
		},
		"formula of EXEC": func(w string) []byte { return formulaRecord(slices.Concat(stringToken(w), []byte{0x22, 1, 110, 0})) },
		"formula of HYPERLINK": func(w string) []byte {
			return formulaRecord(slices.Concat(stringToken("file:///"+w), stringToken("x"), []byte{0x42, 2, 103, 1}))
		},
	} {
		m.add(what, func(c *cfb, word string) { c.put(atEnd(c.tb, c.get("Workbook"), body(word)), "Workbook") })
	}
	m.add("cache of no pivot table", func(c *cfb, word string) { c.put(record(0xC6, []byte(word)), "_SX_DB_CUR", "0001") })
	m.add("revisions that are none", func(c *cfb, word string) { c.put([]byte(word), "Revision Log") })
	m.add("published lists", func(c *cfb, word string) { c.put([]byte(word), "List Data") })
	m.add("XLM sheet", func(c *cfb, word string) {
		run := formulaRecord(slices.Concat(stringToken(word), []byte{0x22, 1, 110, 0}))
		c.put(moreSheet(c.tb, c.get("Workbook"), 1, 0x40, run), "Workbook")
	})
	m.add("very hidden XLM sheet that opens itself", func(c *cfb, word string) {
		run := formulaRecord(slices.Concat(stringToken(word), []byte{0x22, 1, 110, 0}))
		stream := moreSheet(c.tb, c.get("Workbook"), 1|2<<8, 0x40, run)
		name := record(0x18, le16(0x21), []byte{0, 1}, le16(0, 0, 0), []byte{0, 0, 0, 0, 0, 1})
		c.put(inGlobals(c.tb, stream, name), "Workbook")
	})
	m.add("VBA module sheet", func(c *cfb, word string) {
		c.put(moreSheet(c.tb, c.get("Workbook"), 6<<8, 0x06, record(0x1BA, text16(word))), "Workbook")
	})
	all = append(all, m.rows...)

	m = &oleMaker{tb: tb, kind: "ppt", shown: sentences}
	m.everywhere("_VBA_PROJECT_CUR")
	m.add("link, file", func(c *cfb, word string) { c.swap(deckStream, pageURL, "file:///"+word) })
	m.add("link, vbscript", func(c *cfb, word string) { c.swap(deckStream, pageURL, "vbscript:"+word) })
	m.add("text for indexing", func(c *cfb, word string) { c.put([]byte(word), "Text_Content") })
	m.add("bytes behind the last edit", func(c *cfb, word string) { c.put(append(slices.Clone(c.get(deckStream)), word...), deckStream) })
	m.add("object of a later edit", func(c *cfb, word string) {
		c.edit(atomOf(0x10, 0, 0x1011, append(le32(len(word)), word...)))
	})
	m.add("macros of a later edit", func(c *cfb, word string) {
		c.edit(atomOf(0x10, 1, 0x1011, append(le32(4096), strings.Repeat(word, 300)...)))
	})
	m.pictures()
	all = append(all, m.rows...)
	return append(all, msgRows(tb)...)
}

// pictures puts the canary into pictures of a presentation, behind their pixels and beside them.
func (m *oleMaker) pictures() {
	var p, j bytes.Buffer
	if err := errors.Join(png.Encode(&p, picture()), jpeg.Encode(&j, picture(), nil)); err != nil {
		m.tb.Fatal(err)
	}
	blip := func(kind, instance, ids int, picture []byte) []byte {
		return atomOf(0, instance, kind, slices.Concat(make([]byte, 16*ids+1), picture))
	}
	clean := blip(0xF01E, 0x6E0, 1, p.Bytes())
	m.add("comment of a picture", func(c *cfb, word string) {
		marked := slices.Concat(p.Bytes()[:33], pngChunk("tEXt", "Comment\x00"+word), p.Bytes()[33:])
		c.put(slices.Concat(blip(0xF01E, 0x6E0, 1, marked), clean), "Pictures")
	})
	m.add("bytes behind a picture", func(c *cfb, word string) {
		c.put(slices.Concat(clean, blip(0xF01D, 0x46B, 2, append(slices.Clone(j.Bytes()), word...))), "Pictures")
	})
}

// ---- BIFF

// record is a BIFF record.
func record(op int, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return slices.Concat(le16(op, len(b)), b)
}

// text16 is a text of wide characters with its length.
func text16(s string) []byte {
	return slices.Concat(le16(len([]rune(s))), []byte{1}, utf16le(s, false))
}

func stringToken(s string) []byte { return slices.Concat([]byte{0x17, byte(len(s)), 0}, []byte(s)) }

func formulaRecord(code []byte) []byte {
	return record(0x06, le16(9, 0, 15), make([]byte, 8), le16(0), le32(0), le16(len(code)), code)
}

// inGlobals adds records before the end of a workbook's globals, and moves the sheets that its directory names.
func inGlobals(tb testing.TB, stream, add []byte) []byte {
	tb.Helper()
	stream = slices.Clone(stream)
	for at := 0; at+4 <= len(stream); {
		op, size := binary.LittleEndian.Uint16(stream[at:]), int(binary.LittleEndian.Uint16(stream[at+2:]))
		switch op {
		case 0x85: // BOUNDSHEET8
			pos := binary.LittleEndian.Uint32(stream[at+4:])
			binary.LittleEndian.PutUint32(stream[at+4:], pos+uint32(len(add)))
		case 0x0A:
			return slices.Concat(stream[:at], add, stream[at:])
		}
		at += 4 + size
	}
	tb.Fatal("a workbook without an end of its globals")
	return nil
}

// atEnd adds records before the end of the last sheet.
func atEnd(tb testing.TB, stream, add []byte) []byte {
	tb.Helper()
	last := -1
	for at := 0; at+4 <= len(stream); at += 4 + int(binary.LittleEndian.Uint16(stream[at+2:])) {
		if binary.LittleEndian.Uint16(stream[at:]) == 0x0A {
			last = at
		}
	}
	if last < 0 {
		tb.Fatal("a workbook without an end")
	}
	return slices.Concat(stream[:last], add, stream[last:])
}

// moreSheet adds a sheet of a kind: its state and type as BOUNDSHEET8 has them, and its substream's type.
func moreSheet(tb testing.TB, stream []byte, state, kind int, records []byte) []byte {
	tb.Helper()
	bound := record(0x85, le32(len(stream)+4+4+2+3+len("More")), le16(state&0xFF<<8|state>>8), []byte{4, 0}, []byte("More"))
	binary.LittleEndian.PutUint32(bound[4:], uint32(len(stream)+len(bound)))
	binary.LittleEndian.PutUint16(bound[8:], uint16(state>>8|state&0xFF<<8))
	stream = inGlobals(tb, stream, bound)
	return slices.Concat(stream, record(0x809, le16(0x600, kind, 0x1FAA, 0x7CD), le32(0x80C9, 0x0606)), records, record(0x0A))
}

// ---- PowerPoint

const deckStream = "PowerPoint Document"

func atomOf(version, instance, kind int, body []byte) []byte {
	return slices.Concat(le16(instance<<4|version&0xF, kind), le32(len(body)), body)
}

// edit adds an object to a presentation in the way of a save that only appends: the object, a directory for it, and the
// record of the edit, which the other stream then points to.
func (c *cfb) edit(object []byte) {
	c.tb.Helper()
	stream, user := c.get(deckStream), slices.Clone(c.get("Current User"))
	last := binary.LittleEndian.Uint32(user[16:])
	old := stream[last:]
	next := binary.LittleEndian.Uint32(old[8+20:]) + 1
	objectAt := len(stream)
	stream = slices.Concat(stream, object)
	directoryAt := len(stream)
	stream = slices.Concat(stream, atomOf(0, 0, 0x1772, slices.Concat(le32(1<<20|int(next)), le32(objectAt))))
	editAt := len(stream)
	edit := slices.Clone(old[:8+28])
	binary.LittleEndian.PutUint32(edit[8+8:], last)
	binary.LittleEndian.PutUint32(edit[8+12:], uint32(directoryAt))
	binary.LittleEndian.PutUint32(edit[8+20:], next)
	stream = slices.Concat(stream, edit)
	binary.LittleEndian.PutUint32(user[16:], uint32(editAt))
	c.put(stream, deckStream)
	c.put(user, "Current User")
}

// ---- Outlook

// mail makes a message of its properties and attachments.
func mail(tb testing.TB, props map[uint32]string, attachments ...map[uint32]string) *cfb {
	tb.Helper()
	c := &cfb{tb: tb, root: &dirent{name: "Root Entry", dir: true}}
	put := func(head int, p map[uint32]string, path ...string) {
		list := make([]byte, head)
		for tag, v := range p {
			data, size := []byte(v), len(v)
			if tag&0xFFFF == 0x1F {
				data = utf16le(v, false)
				size = len(data) + 2
			}
			if tag&0xFFFF == 0x03 {
				list = slices.Concat(list, le32(int(tag), 6, int(v[0]), 0))
				continue
			}
			list = slices.Concat(list, le32(int(tag), 6, size, 0))
			c.put(data, append(slices.Clone(path), "__substg1.0_"+strings.ToUpper(hex8(tag)))...)
		}
		c.put(list, append(slices.Clone(path), "__properties_version1.0")...)
	}
	put(32, props)
	for i, a := range attachments {
		put(8, a, "__attach_version1.0_#"+strings.ToUpper(hex8(uint32(i))))
	}
	return c
}

func hex8(n uint32) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 28; i >= 0; i -= 4 {
		b.WriteByte(digits[n>>i&15])
	}
	return b.String()
}

func msgRows(tb testing.TB) (rows []row) {
	tb.Helper()
	const (
		class, subject, body, html, rtf = 0x001A001F, 0x0037001F, 0x1000001F, 0x10130102, 0x10090102
		data, name, method              = 0x37010102, 0x3707001F, 0x37050003
	)
	text := strings.Join(sentences, " ")
	base := func(more map[uint32]string) map[uint32]string {
		p := map[uint32]string{class: "IPM.Note", subject: "A letter", body: text}
		maps.Copy(p, more)
		return p
	}
	add := func(what string, f func(word string) *cfb) {
		rows = append(rows, row{what: what, ext: "msg", shown: sentences, make: func(word string) []byte { return f(word).write() }})
	}
	file := func(n, content string) map[uint32]string {
		return map[uint32]string{name: n, data: content, method: "\x01"}
	}
	add("program attached", func(w string) *cfb { return mail(tb, base(nil), file("a.exe", "MZ\x90\x00"+w)) })
	add("script attached", func(w string) *cfb { return mail(tb, base(nil), file("a.js", "var a = '"+w+"'")) })
	add("shortcut attached", func(w string) *cfb {
		return mail(tb, base(nil), file("a.lnk", "L\x00\x00\x00\x01\x14\x02\x00"+strings.Repeat("\x00", 60)+w))
	})
	add("document with macros attached", func(w string) *cfb {
		p := openPackage(tb, "docx")
		p.add(wordDoc, msRels+"vbaProject", "word/vbaProject.bin", vba, cfbHead+"CANARY")
		return mail(tb, base(nil), file("a.docx", string(p.bytes(w))))
	})
	add("scripted HTML", func(w string) *cfb {
		return mail(tb, base(map[uint32]string{html: "<html><body><p>" + text + "</p><script>" + w + "</script></body></html>"}))
	})
	add("compressed RTF with an object, stored", func(w string) *cfb {
		r := `{\rtf1 ` + text + `{\object\objemb{\*\objdata 0105` + hexOf(w) + `}}}`
		return mail(tb, base(map[uint32]string{rtf: string(slices.Concat(le32(len(r)+12, len(r)), []byte("MELA"), le32(0), []byte(r)))}))
	})
	add("unknown stream", func(w string) *cfb {
		c := mail(tb, base(nil))
		c.put([]byte(w), "payload")
		return c
	})
	return rows
}
