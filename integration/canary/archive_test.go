package canary

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"unicode/utf16"
)

// archiveRows put the canary into what archives and mails carry and readers do not show, and into programs.
func archiveRows(tb testing.TB) (rows []row) {
	tb.Helper()
	text := strings.Join(sentences, " ")
	add := func(ext, what string, make func(c string) []byte) {
		rows = append(rows, row{what: what, ext: ext, shown: sentences, make: make})
	}
	for what, set := range map[string]func(w *zip.Writer, h *zip.FileHeader, c string){
		"comment":       func(w *zip.Writer, _ *zip.FileHeader, c string) { _ = w.SetComment(c) },
		"entry comment": func(_ *zip.Writer, h *zip.FileHeader, c string) { h.Comment = c },
		"extra field": func(_ *zip.Writer, h *zip.FileHeader, c string) {
			h.Extra = append([]byte{0x99, 0x99, byte(len(c)), 0}, c...)
		},
	} {
		add("zip", what, func(c string) []byte {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			h := zip.FileHeader{Name: "readme.txt", Method: zip.Deflate}
			set(w, &h, c)
			f, err := w.CreateHeader(&h)
			if err == nil {
				_, err = f.Write([]byte(text))
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				tb.Fatal(err)
			}
			return b.Bytes()
		})
	}
	for what, name := range map[string]string{
		"name that leads out": "../x.txt", "absolute name": "/x.txt", "name of a drive": `C:\x.txt`, "name of a device": "CON.txt", "name with a break": "a\nb.txt",
		"name turned around": "a\u202etxt.exe", "shortcut": "a.url", "query": "a.iqy", "script": "d/a.ps1", "program named as a text": "b.txt",
	} {
		add("zip", what, func(c string) []byte {
			if name == "b.txt" {
				c = "MZ\x90\x00" + strings.Repeat("\x00", 56) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00" + c
			}
			return zipped(tb, "readme.txt", text, name, c)
		})
	}
	add("7z", "script", func(c string) []byte {
		return sevenOf([2]string{"readme.txt", text}, [2]string{"run.ps1", c})
	})
	for what, h := range map[string]tar.Header{
		"symlink": {Typeflag: tar.TypeSymlink, Linkname: "/etc/CANARY"}, "hard link": {Typeflag: tar.TypeLink, Linkname: "CANARY"},
		"device": {Typeflag: tar.TypeChar, Uname: "CANARY"}, "pipe": {Typeflag: tar.TypeFifo, Gname: "CANARY"},
		"pax header": {Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.user.note": "CANARY"}},
	} {
		add("tar", what, func(c string) []byte {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			odd := h
			odd.Name, odd.Linkname = "odd", strings.ReplaceAll(h.Linkname, "CANARY", c)
			odd.Uname, odd.Gname = strings.ReplaceAll(h.Uname, "CANARY", c), strings.ReplaceAll(h.Gname, "CANARY", c)
			if h.PAXRecords != nil {
				odd.PAXRecords = map[string]string{"SCHILY.xattr.user.note": c}
			}
			err := w.WriteHeader(&tar.Header{Name: "readme.txt", Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg})
			if err == nil {
				_, err = w.Write([]byte(text))
			}
			if err == nil {
				err = w.WriteHeader(&odd)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				tb.Fatal(err)
			}
			return b.Bytes()
		})
	}
	rows = append(rows, row{what: "two files whose names differ by case", ext: "zip", none: true, make: func(c string) []byte {
		return zipped(tb, "readme.txt", text, "README.TXT", c)
	}})
	add("tar", "bytes behind the end", func(c string) []byte { return append(tarred(tb, "readme.txt", []byte(text)), c...) })
	for what, set := range map[string]func(h *gzip.Header, c string){
		"comment": func(h *gzip.Header, c string) { h.Comment = c }, "extra field": func(h *gzip.Header, c string) { h.Extra = []byte(c) },
	} {
		add("gz", what, func(c string) []byte {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			set(&w.Header, c)
			_, err := w.Write([]byte(text))
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				tb.Fatal(err)
			}
			return b.Bytes()
		})
	}
	add("gz", "bytes behind the end", func(c string) []byte { return append(gzipped(tb, []byte(text)), c...) })
	return append(append(rows, mailRows()...), bookRows(tb)...)
}

// epub packs files as an e-book: the first entry, which is stored, says what it is (EPUB 3.3, section 4.2.6.3).
func epub(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	write := func(h *zip.FileHeader, text string) {
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	write(&zip.FileHeader{Name: "mimetype"}, "application/epub+zip")
	for i := 0; i+1 < len(files); i += 2 {
		write(&zip.FileHeader{Name: files[i], Method: zip.Deflate}, files[i+1])
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// bookRows put the canary into pages and style sheets of e-books, of which style sheets and fonts beside them stay.
func bookRows(tb testing.TB) (rows []row) {
	tb.Helper()
	const (
		container = `<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>`
		toc       = `<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd"><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><docTitle><text>Book</text></docTitle></ncx>`
		link      = `<link rel="stylesheet" type="text/css" href="css/main.css"/>`
		style     = `@font-face{font-family:f;src:url(../fonts/f.ttf)} p{color:#123456}`
	)
	add := func(what, style, head, ncx string) {
		page := `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Book</title>` + link + head + `</head><body><p>` + strings.Join(sentences, " ") + `</p></body></html>`
		rows = append(rows, row{what: what, ext: "epub", shown: append([]string{"url(../fonts/f.ttf)", "p{color:#123456}", link, "Book</text>"}, sentences...), make: func(c string) []byte {
			in := func(s string) string { return strings.ReplaceAll(s, "CANARY", c) }
			return epub(tb, "META-INF/container.xml", container, "OPS/toc.ncx", in(ncx), "OPS/page.xhtml", in(page), "OPS/css/main.css", in(style))
		}})
	}
	for what, more := range map[string]string{
		"import": `@import "https://CANARY.example/a.css";`, "import of a URL": `@import url(//CANARY.example/a.css);`, "picture": ` i{background:url("https://CANARY.example/a.png")}`,
		"picture, escaped": ` i{background:\75 rl(\2f\2f CANARY.example/a)}`, "file server": ` i{background:url(\\\\CANARY\\a.png)}`, "script": ` i{background:url(javascript:CANARY)}`,
		"expression": ` i{width:expression(CANARY)}`, "behaviour": ` i{behavior:url(CANARY.htc)}`, "data": ` i{background:url(data:text/html,CANARY)}`, "relative query": ` i{background:url(a?CANARY)}`,
	} {
		add("style sheet, "+what, style+more, "", toc)
	}
	for what, more := range map[string]string{
		"style sheet from afar": `<link rel="stylesheet" href="https://CANARY.example/a.css"/>`, "style sheet of a host": `<link rel="stylesheet" href="//CANARY.example/a.css"/>`,
		"import": `<link rel="import" href="CANARY.css"/>`, "preload": `<link rel="stylesheet preload" href="CANARY.css"/>`, "handler": `<link rel="stylesheet" href="CANARY.css" onload="CANARY"/>`,
		"style under another name": `<link rel="stylesheet" href="CANARY.txt"/>`, "script": `<script src="CANARY.js"></script>`, "style": `<style>i{background:url(https://CANARY.example/a)}</style>`,
		"style sheet with a query": `<link rel="stylesheet" href="a.css?CANARY.css"/>`, "two addresses": `<link rel="stylesheet" href="a.css" href="https://CANARY.example/a.css"/>`,
	} {
		add(what, style, more, toc)
	}
	add("document type from afar", style, "", strings.Replace(toc, "www.daisy.org", "CANARY.example", 1))
	add("document type with a subset", style, "", strings.Replace(toc, `dtd">`, `dtd"[<!ENTITY a SYSTEM "https://CANARY.example/">]>`, 1))
	return rows
}

// mailRows put the canary around the parts of a mail, and into programs under names that are written in other ways.
func mailRows() (rows []row) {
	const head = "From: a@example.org\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n"
	text := "--=_b\r\nContent-Type: text/plain\r\n\r\n" + strings.Join(sentences, " ") + "\r\n"
	program := func(disposition string) string {
		return head + text + "--=_b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; " + disposition + "\r\n\r\nCANARY\r\n--=_b--\r\n"
	}
	for what, mail := range map[string]string{
		"in front of the parts":   head + "<script>CANARY</script>\r\n" + text + "--=_b--\r\n",
		"behind the parts":        head + text + "--=_b--\r\n<html><script>CANARY</script></html>\r\n",
		"picture from afar":       head + text + "--=_b\r\nContent-Type: text/html\r\n\r\n<html><body><p>x</p><img src=\"https://CANARY.example/a.gif\" alt=\"a\"></body></html>\r\n--=_b--\r\n",
		"invitation":              head + text + "--=_b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH:file://CANARY/x\r\nBEGIN:VALARM\r\nACTION:PROCEDURE\r\nATTACH:CANARY.exe\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--=_b--\r\n",
		"part from elsewhere":     head + text + "--=_b\r\nContent-Type: message/external-body; access-type=anon-ftp; site=\"CANARY\"; name=\"a\"\r\n\r\nContent-Type: text/plain\r\n\r\n--=_b--\r\n",
		"program":                 program(`filename="run.vbs"`),
		"program, name in pieces": program(`filename*0="run"; filename*1=".vbs"`),
		"program, name encoded":   program(`filename*=utf-8''run%2Evbs`),
	} {
		rows = append(rows, row{what: what, ext: "eml", shown: sentences, make: filled(mail)})
	}
	return rows
}

// sevenOf is a 7z archive of files that are not packed, in one folder for each (7zFormat.txt).
func sevenOf(files ...[2]string) []byte {
	u32 := func(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	sum := func(s string) string { return u32(int(crc32.ChecksumIEEE([]byte(s)))) }
	number := func(n int) string { return "\xff" + u32(n) + u32(0) }
	count := string(rune(len(files)))
	var data, sizes, coders, sums, names string
	for _, f := range files {
		data += f[1]
		sizes += number(len(f[1]))
		coders += "\x01\x01\x00" // one coder, which copies
		sums += sum(f[1])
		for _, u := range utf16.Encode([]rune(f[0] + "\x00")) {
			names += string([]byte{byte(u), byte(u >> 8)})
		}
	}
	head := "\x01\x04\x06" + number(0) + count + "\x09" + sizes + "\x00" + "\x07\x0b" + count + "\x00" + coders + "\x0c" + sizes + "\x0a\x01" + sums + "\x00" +
		"\x08\x0d" + strings.Repeat("\x01", len(files)) + "\x00\x00" +
		"\x05" + count + "\x11" + number(len(names)+1) + "\x00" + names + "\x00\x00"
	start := u32(len(data)) + u32(0) + u32(len(head)) + u32(0) + sum(head)
	return []byte("7z\xbc\xaf\x27\x1c\x00\x04" + sum(start) + start + data + head)
}
