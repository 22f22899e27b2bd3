package canary

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"
)

// recordRows put the canary into records, properties and streams of the binary formats that programs know, and in which they expect
// something else.
func recordRows(tb testing.TB) []row {
	tb.Helper()
	return slices.Concat(slideRecords(tb), messageRecords(tb), containerRows(tb), sheetRecords(tb), wordRecords(tb))
}

// shapeTable is a table of properties of a shape ([MS-ODRAW] 2.2.9): numbers, and values of bytes.
func shapeTable(kind int, properties ...any) []byte {
	var table, values []byte
	for i := 0; i+1 < len(properties); i += 2 {
		number, _ := properties[i].(int)
		switch v := properties[i+1].(type) {
		case int:
			table = slices.Concat(table, le16(number), le32(v))
		case []byte:
			table = slices.Concat(table, le16(number|0x8000), le32(len(v)))
			values = append(values, v...)
		}
	}
	return atomOf(3, len(properties)/2, kind, append(table, values...))
}

// shapeValues are values of shapes that nothing is drawn by.
func shapeValues(word string) map[string][]byte {
	wide := utf16le(word+"\x00", false)
	return map[string][]byte{
		"script of a shape":                shapeTable(0xF00B, 0x038E, wide),
		"package of a shape":               shapeTable(0xF122, 0x03A9, []byte("PK\x03\x04"+word)),
		"picture of a filling elsewhere":   shapeTable(0xF00B, 0x0187, utf16le(`\\h\`+word, false), 0x0188, 0x0A),
		"picture of a line elsewhere":      shapeTable(0xF121, 0x01C6, utf16le(`\\h\`+word, false), 0x01C7, 0x0A),
		"picture elsewhere, third table":   shapeTable(0xF122, 0x0105, utf16le(`\\h\`+word, false), 0x0106, 0x0A),
		"picture of a shape that is none":  shapeTable(0xF00B, 0x0104, []byte(word+word)),
		"number of a shape nobody knows":   shapeTable(0xF00B, 0x03F0, []byte(word)),
		"address for a line for signature": shapeTable(0xF122, 0x0788, wide),
	}
}

func slideRecords(tb testing.TB) []row {
	tb.Helper()
	m := &oleMaker{tb: tb, kind: "ppt", shown: sentences}
	text := func(instance int, s string) []byte { return atomOf(0, instance, 0x0FBA, utf16le(s, false)) }
	tag := func(name string, data ...[]byte) []byte {
		return atomOf(15, 0, 0x1388, atomOf(15, 0, 0x138A, append(text(0, name), atomOf(0, 0, 0x138B, slices.Concat(data...))...)))
	}
	sound := func(data string) []byte {
		return atomOf(15, 0, 0x07E4, atomOf(15, 0, 0x07E6, append(text(0, "s"), atomOf(0, 0, 0x07E7, []byte(data))...)))
	}
	for what, body := range map[string]func(w string) []byte{
		"record between two ranges":       func(w string) []byte { return atomOf(0, 0, 0x1387, []byte(w)) },
		"record of drawings nobody knows": func(w string) []byte { return atomOf(0, 0, 0xF1FF, []byte(w)) },
		"theme that is none":              func(w string) []byte { return atomOf(0, 0, 0x040E, []byte("PK\x03\x04"+w)) },
		"tag of somebody":                 func(w string) []byte { return tag("SOMEBODY", []byte(w)) },
		"record in a tag":                 func(w string) []byte { return tag("___PPT10", atomOf(0, 0, 0x7777, []byte(w))) },
		"publishing as a web page":        func(w string) []byte { return tag("___PPT9", atomOf(15, 0, 0x177D, text(0, `\\h\`+w))) },
		"broadcast":                       func(w string) []byte { return tag("___PPT9", atomOf(15, 0, 0x177E, text(0, w))) },
		"envelope":                        func(w string) []byte { return tag("___PPT9", atomOf(0, 0, 0x1785, []byte(w))) },
		"routing slip":                    func(w string) []byte { return atomOf(0, 0, 0x0406, []byte(w)) },
		"program for a sound":             func(w string) []byte { return sound("MZ\x90\x00" + w) },
		"bytes behind a sound":            func(w string) []byte { return sound("RIFF\x04\x00\x00\x00WAVE" + w) },
		"name of a macro without an action": func(w string) []byte {
			return atomOf(15, 0, 0x0FF2, append(atomOf(0, 0, 0x0FF3, make([]byte, 16)), text(2, w)...))
		},
		"bytes behind an action": func(w string) []byte {
			return atomOf(15, 0, 0x0FF2, atomOf(0, 0, 0x0FF3, append(make([]byte, 16), w...)))
		},
		"address of a link by its number": func(w string) []byte {
			return atomOf(15, 0, 0x0409, atomOf(15, 0, 0x0FD7, slices.Concat(atomOf(0, 0, 0x0FD3, le32(77)), text(0, "x"), text(2, "javascript:"+w))))
		},
		"place of a link": func(w string) []byte {
			return atomOf(15, 0, 0x0409, atomOf(15, 0, 0x0FD7, slices.Concat(atomOf(0, 0, 0x0FD3, le32(78)), text(1, pageURL), text(3, `\\h\`+w))))
		},
	} {
		m.add(what, func(c *cfb, word string) { c.edit(atomOf(15, 0, 0x03F0, body(word))) })
	}
	for what := range shapeValues("") {
		m.add(what, func(c *cfb, word string) { c.edit(atomOf(15, 0, 0x03F0, shapeValues(word)[what])) })
	}
	m.add("record that no edit has", func(c *cfb, word string) {
		c.put(append(slices.Clone(c.get(deckStream)), atomOf(15, 0, 0x03F0, text(0, word))...), deckStream)
	})
	m.add("text behind the current user", func(c *cfb, word string) { c.put(append(slices.Clone(c.get("Current User")), word...), "Current User") })
	m.add("no picture among the pictures", func(c *cfb, word string) { c.put(atomOf(0, 0, 0x7777, []byte(word)), "Pictures") })
	return m.rows
}

func messageRecords(tb testing.TB) (rows []row) {
	tb.Helper()
	const class, body, html8, html16, html, rtf = 0x001A001F, 0x1000001F, 0x1013001E, 0x1013001F, 0x10130102, 0x10090102
	text := strings.Join(sentences, " ")
	add := func(what string, f func(c *cfb, word string), more func(word string) map[uint32]string) {
		rows = append(rows, row{what: what, ext: "msg", shown: sentences, make: func(word string) []byte {
			p := map[uint32]string{class: "IPM.Note", body: text}
			if more != nil {
				maps.Copy(p, more(word))
			}
			c := mail(tb, p, map[uint32]string{0x3707001F: "a.txt", 0x37010102: "a text", 0x37050003: "\x01"})
			if f != nil {
				f(c, word)
			}
			return c.write()
		}})
	}
	page := func(w string) string {
		return "<html><body><p>" + text + "</p><script>" + w + "</script></body></html>"
	}
	add("second body in HTML, one byte a character", nil, func(w string) map[uint32]string { return map[uint32]string{html: page(""), html8: page(w)} })
	add("second body in HTML, wide", nil, func(w string) map[uint32]string { return map[uint32]string{html: page(""), html16: page(w)} })
	stored := func(s string) string {
		return string(slices.Concat(le32(len(s)+12, len(s)), []byte("MELA"), le32(0), []byte(s)))
	}
	add("bytes behind the RTF", nil, func(w string) map[uint32]string { return map[uint32]string{rtf: stored(`{\rtf1 `+text+`}`) + w} })
	add("HTML before it was in a mail of parts", nil, func(w string) map[uint32]string {
		return map[uint32]string{rtf: stored(`{\rtf1\ansi\fromhtml1 {\*\mhtmltag84 <script>` + w + `</script>}{\*\htmltag64 <p>}` + text + `}`)}
	})
	for what, path := range map[string][]string{
		"property that is not listed":               {"__substg1.0_65430102"},
		"property that an attachment does not list": {"__attach_version1.0_#00000000", "__substg1.0_37020102"},
		"table of names that is none":               {"__nameid_version1.0", "__substg1.0_10990102"},
		"text that is not listed":                   {"__substg1.0_0E58001F"},
	} {
		add(what, func(c *cfb, word string) { c.put([]byte(word), path...) }, nil)
	}
	add("bytes behind the list of properties", func(c *cfb, word string) {
		c.put(append(slices.Clone(c.get("__properties_version1.0")), word...), "__properties_version1.0")
	}, nil)
	rows = append(rows, row{what: "icon of an attachment that is none", ext: "msg", shown: sentences, make: func(word string) []byte {
		file := map[uint32]string{0x3707001F: "a.txt", 0x37010102: "a text", 0x37050003: "\x01", 0x37090102: word}
		return mail(tb, map[uint32]string{class: "IPM.Note", body: text}, file).write()
	}})
	return rows
}

// containerRows put the canary where no reader of a compound file looks, and into streams that every document may have.
func containerRows(tb testing.TB) (rows []row) {
	tb.Helper()
	for _, kind := range []string{"doc", "xls", "ppt"} {
		m := &oleMaker{tb: tb, kind: kind, shown: sentences}
		for what, f := range map[string]func(b []byte, word string) []byte{
			"class in the header":        func(b []byte, word string) []byte { copy(b[8:24], word+word); return b },
			"free sector":                func(b []byte, word string) []byte { return freeSector(b, word) },
			"free sector with a program": func(b []byte, word string) []byte { return freeSector(b, "MZ\x90\x00"+word) },
			"unused entry of the DIFAT":  func(b []byte, word string) []byte { copy(b[512-len(word):512], word); return b },
		} {
			if kind == "ppt" && strings.HasPrefix(what, "free") {
				continue // its table is full
			}
			m.rows = append(m.rows, row{what: what, ext: kind, shown: sentences, make: func(word string) []byte { return f(openCompound(tb, kind).write(), word) }})
		}
		class := func(tail string) []byte {
			return slices.Concat(le32(-131071, 0x0A03, -1), make([]byte, 16), le32(2), []byte("x\x00"), le32(0, 0), []byte(tail))
		}
		m.add("bytes behind the name of the class", func(c *cfb, word string) { c.put(class(word), "\x01CompObj") })
		m.add("name of the class that is none", func(c *cfb, word string) { c.put([]byte(word), "\x01CompObj") })
		m.add("properties that are none", func(c *cfb, word string) { c.put([]byte(word), "\x05SummaryInformation") })
		m.add("bytes behind the properties", func(c *cfb, word string) {
			set := slices.Concat(le16(0xFFFE, 0), le32(0x20005), make([]byte, 16), le32(1), make([]byte, 16), le32(48, 8, 0), []byte(word))
			c.put(set, "\x05SummaryInformation")
		})
		rows = append(rows, m.rows...)
	}
	return rows
}

// freeSector puts bytes into a sector behind all others, which the table says is free; another behind it is in use.
func freeSector(b []byte, content string) []byte {
	const each = sector / 4
	n := len(b)/sector - 1
	b = slices.Concat(b, make([]byte, 2*sector))
	copy(b[(1+n)*sector:], content)
	for i, state := range []int{-1, -2} {
		fat := int(binary.LittleEndian.Uint32(b[76+4*((n+i)/each):]))
		copy(b[(1+fat)*sector+4*((n+i)%each):], le32(state))
	}
	return b
}

// sheetRecords put the canary into records of sheets and into objects.
func sheetRecords(tb testing.TB) []row {
	tb.Helper()
	m := &oleMaker{tb: tb, kind: "xls", shown: sentences}
	part := func(kind int, body ...[]byte) []byte {
		b := slices.Concat(body...)
		return slices.Concat(le16(kind, len(b)), b)
	}
	object := func(kind int, parts ...[]byte) []byte {
		return record(0x5D, part(0x15, le16(kind, 1, 0x6011), make([]byte, 12)), slices.Concat(parts...))
	}
	code := func(w string) []byte {
		c := slices.Concat(stringToken(w), []byte{0x42, 1, 110, 0})
		return slices.Concat(le16(len(c)), le32(0), c)
	}
	link := func(w string, tail string) []byte {
		guid := []byte("\xd0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b")
		url := []byte("\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b")
		address := append(utf16le("https://www.example.org/\x00", false), w...)
		return record(0x1B8, make([]byte, 8), guid, le32(2, 3), url, le32(len(address)), address, []byte(tail))
	}
	array := slices.Concat([]byte{0x60}, make([]byte, 7), []byte{0x42, 1, 103, 1})
	for what, body := range map[string]func(w string) []byte{
		"formula of a check box":  func(w string) []byte { return object(11, part(0x0A, make([]byte, 12)), part(0x14, code(w)), part(0)) },
		"formula of a scroll bar": func(w string) []byte { return object(17, part(0x0E, code(w)), part(0)) },
		"bytes behind an object":  func(w string) []byte { return object(8, part(0), []byte(w)) },
		"bytes behind an address": func(w string) []byte { return link(w, "") },
		"bytes behind a link":     func(w string) []byte { return link("", w) },
		"bytes behind a formula": func(w string) []byte {
			return slices.Concat(le16(0x06, 22+3+len(w)), formulaRecord([]byte{0x1E, 1, 0})[4:], []byte(w))
		},
		"link of values of an array": func(w string) []byte {
			values := slices.Concat([]byte{0, 0, 0, 2}, text16(`\\h\`+w))
			f := formulaRecord(array)[4:]
			return slices.Concat(le16(0x06, len(f)+len(values)), f, values)
		},
		"data in real time":   func(w string) []byte { return record(0x813, make([]byte, 12), text16(w)) },
		"workbook of a sheet": func(w string) []byte { return record(0x1AE, le16(1), text16("\x01https://"+w), text16("S")) },
		"name of a sheet": func(w string) []byte {
			return record(0x18, le16(0x20), []byte{0, 8}, le16(0, 0, 0), make([]byte, 5), []byte(w))
		},
		"name elsewhere, of a sheet": func(w string) []byte { return record(0x23, le16(0), le32(0), []byte{8, 0}, []byte(w), le16(0)) },
	} {
		m.add(what, func(c *cfb, word string) { c.put(atEnd(c.tb, c.get("Workbook"), body(word)), "Workbook") })
	}
	for what := range shapeValues("") {
		m.add(what, func(c *cfb, word string) {
			c.put(atEnd(c.tb, c.get("Workbook"), record(0xEC, shapeValues(word)[what])), "Workbook")
		})
	}
	return m.rows
}

// wordRecords put the canary into what the block of a Word document counts, and behind it.
func wordRecords(tb testing.TB) []row {
	tb.Helper()
	m := &oleMaker{tb: tb, kind: "doc", shown: sentences}
	const pairs = 154
	pair := func(c *cfb, n int, body []byte) {
		doc, table := slices.Clone(c.get("WordDocument")), "0Table"
		if doc[11]&2 != 0 {
			table = "1Table"
		}
		at := len(c.get(table))
		copy(doc[pairs+8*n:], le32(at, len(body)))
		c.put(append(slices.Clone(c.get(table)), body...), table)
		c.put(doc, "WordDocument")
	}
	for what, put := range map[string]func(c *cfb, w string){
		"template in an old table": func(c *cfb, w string) {
			pair(c, 32, slices.Concat(le16(2, 0), []byte{0, byte(4 + len(w))}, []byte(`\\h\`+w)))
		},
		"bytes behind the template": func(c *cfb, w string) { pair(c, 32, slices.Concat(le16(0xFFFF, 1, 0, 0), []byte(w))) },
		"bytes behind the commands": func(c *cfb, w string) { pair(c, 24, append([]byte{0xFF, 0x40}, w...)) },
		"routing slip":              func(c *cfb, w string) { pair(c, 70, []byte(w)) },
		"parts in other files":      func(c *cfb, w string) { pair(c, 54, []byte(w)) },
		"pair that nobody reads":    func(c *cfb, w string) { pair(c, 25, []byte(w)) },
		"text behind the table":     func(c *cfb, w string) { pair(c, 21, nil); c.put(append(slices.Clone(c.get("1Table")), w...), "1Table") },
		"data that is no picture":   func(c *cfb, w string) { c.put([]byte(w), "Data") },
		"macros of a form field": func(c *cfb, w string) {
			empty, name := le16(0, 0), slices.Concat(le16(len(w)), utf16le(w, false), le16(0))
			form := slices.Concat(le32(-1), le16(0, 0, 0), empty, empty, empty, empty, empty, name, name)
			c.put(slices.Concat(c.get("Data"), le32(68+len(form)), le16(68), make([]byte, 62), form), "Data")
		},
	} {
		m.add(what, put)
	}
	for what := range shapeValues("") {
		m.add(what, func(c *cfb, word string) { c.put(slices.Concat(c.get("Data"), shapeValues(word)[what]), "Data") })
	}
	return m.rows
}
