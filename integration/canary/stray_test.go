package canary

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// strayRows are about what stands where its readers look and its writers do not put it: in front of a document, between
// paragraphs, behind a key of another action, in a picture that travels alone.
func strayRows(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "docx", shown: sentences}
	const instruct = `<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDEAUTO</w:instrText></w:r>`
	const rest = `<w:r><w:instrText>cmd "/c CANARY"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>r</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`
	m.add("field whose name ends with its paragraph", inWord(instruct+`</w:p><w:p>`+rest))
	m.add("field whose name ends with its line", inWord(instruct+`<w:r><w:br/></w:r>`+rest))
	m.add("field whose name ends with a tab", inWord(instruct+`<w:r><w:tab/></w:r>`+rest))
	return slices.Concat(m.rows, strayText(), strayPictures(), strayMail(), strayArchives(tb), strayPDF(), strayExcel(tb))
}

func strayText() (rows []row) {
	object := `{\rtf1\ansi Visible sentence number one.{\object\objemb{\*\objdata ` + hex.EncodeToString([]byte("zzCANARYzz")) + `}{\result x}}\par}`
	spelt := func(c string) string {
		return strings.ReplaceAll(object, hex.EncodeToString([]byte("CANARY")), hex.EncodeToString([]byte(c)))
	}
	for what, front := range map[string]string{"white space": "\r\n \t\n", "a mark of order of bytes": "\xef\xbb\xbf", "zeros": "\x00\x00"} {
		rows = append(rows, row{what: "object behind " + what, ext: "rtf", shown: sentences[:1], make: func(c string) []byte { return []byte(front + spelt(c)) }})
	}
	rows = append(rows, row{what: "object in a document of no version", ext: "rtf", shown: sentences[:1], make: func(c string) []byte {
		return []byte(strings.Replace(spelt(c), `{\rtf1\ansi`, `{\rt{\f0 a;}\pard`, 1))
	}})
	svg := `<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink" width="9" height="9"><s:text>Visible sentence number one.</s:text>`
	for what, inner := range map[string]string{
		"picture": `<s:image l:href="https://CANARY.example/a.png"/>`, "copy": `<s:use l:href="https://CANARY.example/a.svg#x"/>`, "style": `<s:style>@import url(https://CANARY.example/a.css);</s:style>`, "colour": `<s:rect fill="url(https://CANARY.example/a#b)"/>`,
	} {
		rows = append(rows, row{what: what + " under another prefix", ext: "svg", shown: sentences[:1], make: filled(svg + inner + `</s:svg>`)})
	}
	rows = append(rows, row{what: "link to a share", ext: "md", shown: sentences[:1], make: filled("# Title\n\nVisible sentence number one.\n\n[x](\\\\\\\\CANARY\\a)\n")})
	rows = append(rows,
		row{what: "style sheet when it is saved", ext: "xml", shown: sentences[:1], make: filled(`<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:docPr><w:saveThroughXSLT w:xslt="https://CANARY.example/a.xsl"/></w:docPr><w:body><w:p><w:r><w:t>Visible sentence number one.</w:t></w:r></w:p></w:body></w:wordDocument>`)},
		row{what: "link in a text of a cell", ext: "xml", shown: sentences[:1], make: filled(`<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet" xmlns:html="http://www.w3.org/TR/REC-html40"><Worksheet ss:Name="S"><Table><Row><Cell><ss:Data ss:Type="String"><html:A html:HRef="javascript:CANARY">Visible sentence number one.</html:A></ss:Data></Cell></Row></Table></Worksheet></Workbook>`)})
	return rows
}

func strayPictures() []row {
	plus := func(c string) []byte {
		r := slices.Concat(le16(0x4003, 0), le32(12+len(c), len(c)), []byte(c))
		return enhanced(70, slices.Concat(le32(4+len(r)), []byte("EMF+"), r))
	}
	windows := func(c string) []byte {
		escape := slices.Concat(le32(5+len(c)/2), le16(0x626, 15, len(c)), []byte(c))
		return slices.Concat(le16(1, 9, 0x300), le32(9+len(escape)/2+3), le16(0), le32(len(escape)/2), le16(0), escape, le32(3), le16(0))
	}
	return []row{
		{what: "comment", ext: "emf", make: func(c string) []byte { return enhanced(70, slices.Concat(le32(len(c)), []byte(c))) }},
		{what: "comment of EMF+", ext: "emf", make: plus},
		{what: "behind the end", ext: "emf", make: func(c string) []byte { return append(enhanced(27, le32(1, 1)), c...) }},
		{what: "escape", ext: "wmf", make: windows},
		{what: "escape of a placeable one", ext: "wmf", make: func(c string) []byte {
			return slices.Concat([]byte("\xd7\xcd\xc6\x9a"), make([]byte, 18), windows(c))
		}},
		{what: "more in a control extension", ext: "gif", make: func(c string) []byte {
			return slices.Concat([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x00\x00\x00\x00"), []byte{byte(len(c))}, []byte(c), []byte("\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
		}},
	}
}

func strayMail() (rows []row) {
	const head = "From: a@example.org\r\nSubject: s\r\n"
	const body = "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nVisible sentence number one.\r\n"
	for _, field := range []string{
		"Disposition-Notification-To: <CANARY@a.example>", "Return-Receipt-To:\r\n CANARY@a.example", "X-CONFIRM-READING-TO : CANARY@a.example", "Read-Receipt-To: CANARY@a.example", "X-Mozilla-External-Attachment-URL: file:///CANARY",
	} {
		name, _, _ := strings.Cut(field, ":")
		rows = append(rows, row{what: "field " + name, ext: "eml", shown: sentences[:1], make: filled(head + field + "\r\n" + body)})
	}
	rows = append(rows, row{what: "receipt that a mail in a mail asks for", ext: "eml", shown: sentences[:1], make: filled(head + "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + head + "Disposition-Notification-To: CANARY@a.example\r\n" + body)})
	for _, kind := range []string{`message/external-body; access-type=URL; URL="https://CANARY.example/a"`, `message/partial; id="CANARY"; number=1; total=2`} {
		rows = append(rows, row{what: kind[:15], ext: "eml", make: filled(strings.Replace(head+body, "text/plain", kind, 1))})
		part := "--b\r\nContent-Type: text/plain\r\n\r\n" + sentences[0] + "\r\n--b\r\nContent-Type: " + kind + "\r\n\r\nContent-ID: <CANARY@a.example>\r\n\r\nCANARY\r\n--b--\r\n"
		rows = append(rows, row{what: "part, " + kind[:15], ext: "eml", shown: sentences[:1], make: filled(head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part)})
	}
	return rows
}

func strayArchives(tb testing.TB) []row {
	tb.Helper()
	return []row{{what: "two files of one name", ext: "zip", none: true, make: func(c string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, text := range []string{"shown", c} {
			f, err := w.Create("a.txt")
			if err == nil {
				_, err = f.Write([]byte(text))
			}
			if err != nil {
				tb.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		return b.Bytes()
	}}}
}

func strayPDF() (rows []row) {
	for what, action := range map[string]string{
		"file": "/S /GoTo /D [3 0 R /Fit] /F (CANARY)", "program": "/S /GoTo /D [3 0 R /Fit] /Win << /F (CANARY) >>", "link with a file": "/S /URI /URI (https://example.org/) /F (CANARY)",
	} {
		rows = append(rows, row{what: what + " in an action that needs none", ext: "pdf", shown: sentences, make: func(c string) []byte {
			f := pdfFile{page: "/Annots [ << /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << " + strings.ReplaceAll(action, "CANARY", c) + " >> >> ]"}
			return f.write()
		}})
	}
	return rows
}

func strayExcel(tb testing.TB) []row {
	tb.Helper()
	m := &oleMaker{tb: tb, kind: "xls", shown: sentences}
	m.add("place of a link is a share", func(c *cfb, word string) {
		place := utf16le(`\\`+word+"\\a\x00", false)
		link := slices.Concat([]byte("\xd0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"), le32(2, 8, len(place)/2), place)
		c.put(atEnd(tb, c.get("Workbook"), record(0x1B8, le16(0, 0, 0, 0), link)), "Workbook")
	})
	return m.rows
}
