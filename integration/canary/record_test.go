package canary

import (
	"slices"
	"strings"
	"testing"
)

// recordRows put the canary into records, properties and streams of the binary formats that programs know, and in which they expect
// something else.
func recordRows(tb testing.TB) []row {
	tb.Helper()
	return slices.Concat(slideRecords(tb), messageRecords(tb))
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
	const class, body, html8, html16, html, rtf = 0x001A001F, 0x1000001F, 0x1013001E, 0x1013001F, 0x10130102, 0x10090102
	text := strings.Join(sentences, " ")
	add := func(what string, f func(c *cfb, word string), more func(word string) map[uint32]string) {
		rows = append(rows, row{what: what, ext: "msg", shown: sentences, make: func(word string) []byte {
			p := map[uint32]string{class: "IPM.Note", body: text}
			if more != nil {
				for k, v := range more(word) {
					p[k] = v
				}
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
