package canary

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// actingRows are about what acts by a name, by an attribute or by where it stands, where no program or address is expected.
func actingRows(tb testing.TB) []row {
	tb.Helper()
	var all []row
	for _, list := range [][]row{actingWord(tb), actingExcel(tb), actingSlides(tb), actingODF(tb), actingText(), actingCompound(tb), actingPages(tb), actingRecords(tb)} {
		all = append(all, list...)
	}
	return all
}

// properties adds custom properties.
func properties(inner string) change {
	return func(p *pkg) {
		p.add("", "custom-properties", "docProps/custom9.xml", office+"custom-properties+xml",
			`<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">`+inner+`</Properties>`)
	}
}

// plumbingRows put something into the parts that hold a package together.
func plumbingRows(m *maker) {
	for what, part := range map[string]string{"types": "[Content_Types].xml", "the package's relationships": "_rels/.rels", "the document's relationships": relsOf(wordDoc)} {
		last := "</Relationships>"
		if what == "types" {
			last = "</Types>"
		}
		m.add("instruction in "+what, func(p *pkg) { p.sub(part, last, `<?php CANARY ?>`+last) })
		m.add("comment in "+what, func(p *pkg) { p.sub(part, last, `<!-- CANARY -->`+last) })
		m.add("script in "+what, func(p *pkg) {
			p.sub(part, last, `<script xmlns="http://www.w3.org/1999/xhtml">CANARY</script>`+last)
		})
		m.add("attribute in "+what, func(p *pkg) {
			p.sub(part, last[:1]+last[2:len(last)-1], last[:1]+last[2:len(last)-1]+` xmlns:q="urn:q" q:href="https://CANARY.example/"`)
		})
	}
	m.add("relationships of no part", func(p *pkg) { p.rel("word/gone.xml", "image", "!https://CANARY.example/a.png") })
	m.add("relationships of relationships", func(p *pkg) { p.rel(relsOf(wordDoc), "image", "!https://CANARY.example/a.png") })
	m.add("link that nothing refers to", func(p *pkg) { p.rel(wordDoc, "hyperlink", "!https://CANARY.example/") })
	m.add("link of the package", func(p *pkg) { p.rel("", "hyperlink", "!https://CANARY.example/") })
	m.add("relationship of an unknown kind to nowhere", func(p *pkg) { p.rel(wordDoc, "https://vendor.example/kind", "CANARY.xml") })
}

func actingWord(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "docx", shown: sentences}
	plumbingRows(m)
	m.add("customization that is loaded", properties(`<property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="2" name="_AssemblyLocation"><vt:lpwstr>https://CANARY.example/a.vsto|guid</vt:lpwstr></property>`))
	m.add("customization that is loaded, other case and spaces", properties(`<property pid="2" fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" name=" _ASSEMBLYName0"><vt:bstr>CANARY</vt:bstr></property>`))
	for what, place := range map[string]string{
		"UNC": `\\CANARY\share`, "file": "file:///c:/CANARY", "script": "java&#x73;cript:CANARY", "drive": `C:\CANARY.exe`, "protocol": "ms-msdt:/id CANARY", "web by backslashes": `https:\\CANARY\x`,
	} {
		for _, name := range []string{"anchor", "docLocation", "tgtFrame"} {
			m.add("place of a link, "+name+", "+what, inWord(`<w:p><w:hyperlink w:`+name+`="`+place+`"><w:r><w:t>link text</w:t></w:r></w:hyperlink></w:p>`))
		}
	}
	m.add("field HYPERLINK, place is a path", inWord(field("shown", ` HYPERLINK \l "\\\\CANARY\\share" `)))
	m.add("field HYPERLINK, place is a file, no address", inWord(field("shown", ` HYPERLINK "" \l "file:///c:/CANARY" `)))
	m.add("field HYPERLINK, frame is a script", inWord(field("shown", ` HYPERLINK "https://example.org/" \t "javascript:CANARY" `)))
	m.add("field DDE behind what is not seen", inWord(field("shown", " \u200bDDEAUTO CANARY x ")))
	m.add("field DDE in full-width letters", inWord(field("shown", " ＤＤＥ CANARY x ")))
	vml := func(inner string) change { return inWord(`<w:p><w:r><w:pict>` + inner + `</w:pict></w:r></w:p>`) }
	m.add("style of a shape that fetches", vml(`<v:rect style="width:9pt;height:9pt;background:url(https://CANARY.example/a.png)"/>`))
	m.add("style of a shape with a behaviour", vml(`<v:rect style="width:9pt;behavior:url(https://CANARY.example/a.htc)"/>`))
	m.add("style of a shape that computes, in escapes", vml(`<v:rect style="width:e\78 pression(CANARY)"/>`))
	m.add("style of a text box", vml(`<v:rect><v:textbox style="background:u/**/rl(https://CANARY.example/)"/></v:rect>`))
	m.add("provider of a signature line", vml(`<v:shape style="width:9pt;height:9pt"><o:signatureline v:ext="edit" issignatureline="t" sigprovurl="file://CANARY/a"/></v:shape>`))
	m.add("provider of a signature line, prefixed", vml(`<v:shape><o:signatureline o:sigprovurl="\\CANARY\a"/></v:shape>`))
	m.add("film of a shape", vml(`<v:shape><v:imagedata o:movie="https://CANARY.example/a.avi"/></v:shape>`))
	custom := func(xml string) change {
		return func(p *pkg) { p.add(wordDoc, "customXml", "customXml/item9.xml", "application/xml", xml) }
	}
	m.add("form that is loaded with a document", custom(`<customXsn xmlns="http://schemas.microsoft.com/office/2006/metadata/customXsn"><xsnLocation>https://CANARY.example/a.xsn</xsnLocation><openByDefault>True</openByDefault></customXsn>`))
	m.add("script in custom XML", custom(`<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:SCRIPT>CANARY</h:SCRIPT></h:html>`))
	m.add("ribbon in custom XML", custom(`<customUI xmlns="http://schemas.microsoft.com/office/2009/07/customui" onLoad="CANARY"/>`))
	m.add("style sheet with a program in custom XML", custom(`<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform" xmlns:m="urn:schemas-microsoft-com:xslt"><m:script language="JScript">CANARY</m:script></x:stylesheet>`))
	m.add("ink that is described elsewhere", func(p *pkg) {
		p.add(wordDoc, "customXml", "word/ink/ink9.xml", "application/inkml+xml", `<i:ink xmlns:i="http://www.w3.org/2003/InkML"><i:annotationXML href="https://CANARY.example/a"/><i:trace contextRef="https://CANARY.example/c">1 2</i:trace></i:ink>`)
	})
	m.add("links in the properties", func(p *pkg) {
		p.sub("docProps/app.xml", "</Properties>", `<HLinks><vt:vector xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes" size="1" baseType="variant"><vt:variant><vt:lpwstr>file://CANARY/x</vt:lpwstr></vt:variant></vt:vector></HLinks></Properties>`)
	})
	m.add("text behind the settings of a printer", func(p *pkg) {
		p.add(wordDoc, "printerSettings", "word/printer9.bin", office+"wordprocessingml.printerSettings", printerSettings+"CANARY")
	})
	return m.rows
}

// printerSettings are those of a printer without a name, as Windows writes them: a DEVMODE of 220 bytes.
var printerSettings = strings.Repeat("\x00", 64) + "\x01\x04\x00\x06\xdc\x00\x00\x00" + strings.Repeat("\x00", 148)

func actingExcel(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "xlsx", shown: sentences}
	inSheet := func(xml string) change {
		return func(p *pkg) {
			p.sub(sheet, "</worksheet>", strings.ReplaceAll(xml, "DDE", "cmd|&apos;/c CANARY&apos;!A1")+"</worksheet>")
		}
	}
	for what, place := range map[string]string{
		"UNC": `\\CANARY\share`, "file": "file:///c:/CANARY", "script": "javascript:CANARY", "drive": `C:\CANARY.exe`, "DDE": "cmd|'/c CANARY'!A1", "another workbook": `'[\\CANARY\b.xlsx]S'!A1`,
	} {
		m.add("place of a link, "+what, inSheet(`<hyperlinks><hyperlink ref="A1" location="`+place+`"/></hyperlinks>`))
	}
	m.add("limit of a colour scale", inSheet(`<conditionalFormatting sqref="A1"><cfRule type="colorScale" priority="1"><colorScale><cfvo type="formula" val="WEBSERVICE(&quot;https://CANARY.example&quot;)"/><cfvo type="max"/><color rgb="FFFFFFFF"/><color rgb="FF000000"/></colorScale></cfRule></conditionalFormatting>`))
	m.add("what a scenario puts into a cell", inSheet(`<scenarios><scenario name="s"><inputCells r="A1" val="=DDE"/></scenario></scenarios>`))
	for what, f := range map[string]string{
		"HYPERLINK of a name in LET": `_xlfn.LET(a,"file:///CANARY",HYPERLINK(a))`, "HYPERLINK in LAMBDA": `_xlfn.LAMBDA(a,HYPERLINK(a))("\\CANARY\x")`, "cube": `CUBEVALUE("CANARY","[a]")`,
		"function of an add-in": `_xll.Evil("CANARY")`, "function of an add-in by its file": `CANARY.xlam!Evil(1)`, "import of a text": `_xlfn.IMPORTTEXT("https://CANARY.example")`,
		"import of a table": `_xlfn.IMPORTCSV("https://CANARY.example")`, "function by its name": `_xlfn.MAP(A1,_xleta.WEBSERVICE,"CANARY")`, "function by its name, plain": `_xlfn.BYROW(A1,_xlfn.WEBSERVICE)&"CANARY"`,
		"file as LibreOffice writes it": `'file:///x/CANARY.ods'#$S.A1`,
	} {
		f := strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(f)
		m.add("formula with "+what, func(p *pkg) {
			p.sub(sheet, "</sheetData>", `<row r="900"><c r="A900"><f>`+f+`</f><v>1</v></c></row></sheetData>`)
		})
	}
	part := func(kind, name, mime, xml string) change {
		return func(p *pkg) {
			p.add(sheet, kind, name, mime, strings.ReplaceAll(xml, "DDE", "cmd|&apos;/c CANARY&apos;!A1"))
		}
	}
	drawing := func(inner string) change {
		return part("drawing", "xl/drawings/drawing9.xml", office+"drawing+xml", `<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">`+inner+`</xdr:wsDr>`)
	}
	m.add("text of a shape", drawing(`<xdr:sp macro="" textlink="DDE"><xdr:spPr/></xdr:sp>`))
	m.add("text of a shape, other workbook", drawing(`<xdr:sp macro="" textlink="'[\\CANARY\a.xlsx]S'!A1"><xdr:spPr/></xdr:sp>`))
	m.add("picture of cells", drawing(`<a14:cameraTool xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" cellRange="DDE" spid="1"/>`))
	m.add("ranges of a control", part("ctrlProp", "xl/ctrlProps/ctrlProp9.xml", "application/vnd.ms-excel.controlproperties+xml", `<formControlPr xmlns="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" objectType="List" fmlaRange="DDE" fmlaLink="DDE" fmlaGroup="DDE" fmlaTxbx="DDE"/>`))
	m.add("group of a control in VML", part("vmlDrawing", "xl/drawings/vml9.vml", office+"vmlDrawing", `<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shape><x:ClientData ObjectType="Radio"><x:FmlaGroup>DDE</x:FmlaGroup></x:ClientData></v:shape></xml>`))
	m.add("link in a comment of a thread", part("https://vendor.example/threadedComment", "xl/threadedComments/t9.xml", "application/vnd.ms-excel.threadedcomments+xml", `<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"><threadedComment ref="A1"><text>x</text><q:hyperlink xmlns:q="urn:q" startIndex="0" length="1" url="file:///CANARY"/></threadedComment></ThreadedComments>`))
	pivot := func(inner string) change {
		return func(p *pkg) {
			p.add(book, "pivotCacheDefinition", "xl/pivotCache/p9.xml", office+"spreadsheetml.pivotCacheDefinition+xml", `<pivotCacheDefinition xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">`+inner+`</pivotCacheDefinition>`)
		}
	}
	m.add("pivot table of another workbook by its name", pivot(`<cacheSource type="worksheet"><worksheetSource ref="A1" sheet="'[\\CANARY\a.xlsx]S'"/></cacheSource>`))
	m.add("formula of a pivot table", pivot(`<cacheFields><cacheField name="n" formula="WEBSERVICE(&quot;https://CANARY.example&quot;)"/></cacheFields>`))
	m.add("tables of a data model", func(p *pkg) {
		p.sub(book, "</workbook>", `<extLst><ext uri="{x}"><x15:dataModel xmlns:x15="http://schemas.microsoft.com/office/spreadsheetml/2010/11/main"><x15:modelTables><x15:modelTable id="t" name="t" connection="CANARY"/></x15:modelTables></x15:dataModel></ext></extLst></workbook>`)
	})
	m.add("schema in an XML map", func(p *pkg) {
		p.add(book, "xmlMaps", "xl/xmlMaps.xml", "application/xml", `<MapInfo xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><Schema ID="s"><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import schemaLocation="https://CANARY.example/a.xsd"/><xs:include schemaLocation="\\CANARY\b.xsd"/></xs:schema></Schema></MapInfo>`)
	})
	return m.rows
}

func actingSlides(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "pptx", shown: sentences}
	m.add("frame of a link", linked(slide, "hyperlink", "!https://example.org/", "</p:spTree>", `<p:sp><p:nvSpPr><p:cNvPr id="99" name="n"><a:hlinkClick r:id="ID" tgtFrame="file:///CANARY"/></p:cNvPr><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/></p:sp>`))
	m.add("customization that is loaded", properties(`<property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="2" name="_AssemblyLocation"><vt:lpwstr>file://CANARY/a.vsto</vt:lpwstr></property>`))
	return m.rows
}

func actingODF(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "odt", shown: sentences}
	text := func(inner string) change { return inText("<text:p>" + inner + "</text:p>") }
	for what, href := range map[string]string{"script": "#vnd.sun.star.script:CANARY?language=Basic", "macro": "# macro:///CANARY", "file": "#file:///CANARY", "service": "#service:CANARY"} {
		m.add("place of a link, "+what, text(`<text:a xlink:type="simple" xlink:href="`+href+`">linked words</text:a>`))
	}
	m.add("frame of a link", text(`<text:a xlink:type="simple" xlink:href="https://example.org/" office:target-frame-name="javascript:CANARY">linked words</text:a>`))
	m.add("words of an index from the file system", inText(`<text:alphabetical-index-auto-mark-file xlink:href="../../CANARY"/>`))
	m.add("source in a bibliography on this machine", text(`<text:bibliography-mark text:bibliography-type="www" loext:local-url="file:///CANARY" xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0" text:identifier="x">x</text:bibliography-mark>`))
	for what, property := range map[string]string{
		"address": `form:property-name="TargetURL" office:string-value="https://CANARY.example/"`, "picture": `form:property-name="ImageURL" office:string-value="https://CANARY.example/a.png"`,
		"help": `form:property-name="HelpURL" office:string-value="javascript:CANARY"`, "program": `form:property-name="DefaultControl" office:string-value="vendor.CANARY"`,
		"query": `form:property-name="Command" office:string-value="SELECT CANARY"`, "another": `form:property-name="Tag" office:string-value="vnd.sun.star.script:CANARY"`,
	} {
		m.add("property of a control, "+what, inText(`<office:forms><form:form form:name="f"><form:button form:name="b"><form:properties><form:property office:value-type="string" `+property+`/></form:properties></form:button></form:form></office:forms>`))
	}
	m.add("properties of a form, a list", inText(`<office:forms><form:form form:name="f"><form:properties><form:list-property form:property-name="DataSourceName" office:value-type="string"><form:list-value office:string-value="https://CANARY.example/"/></form:list-property></form:properties></form:form></office:forms>`))
	m.add("XForms without a prefix", inText(`<office:forms><model xmlns="http://www.w3.org/2002/xforms"><submission action="https://CANARY.example/"/></model></office:forms>`))
	m.add("customization that is loaded", func(p *pkg) {
		p.sub("meta.xml", "</office:meta>", `<meta:user-defined meta:name="_AssemblyLocation">https://CANARY.example/a.vsto</meta:user-defined></office:meta>`)
	})
	setting := func(name, text string) change {
		return func(p *pkg) {
			p.sub("settings.xml", "</config:config-item-set>", `<config:config-item config:name="`+name+`" config:type="string">`+text+`</config:config-item></config:config-item-set>`)
		}
	}
	m.add("colours from afar", setting("ColorTableURL", "https://CANARY.example/a.soc"))
	m.add("bitmaps from a share", setting("BitmapTableURL", `\\CANARY\a.sob`))
	m.add("database of the document", setting("CurrentDatabaseDataSource", "file://CANARY/a.odb"))
	m.add("setting with a script", setting("Other", "vnd.sun.star.script:CANARY"))
	for what, href := range map[string]string{"path": "/usr/CANARY.ttf", "path above": "../../CANARY.ttf", "share": `\\CANARY\a.ttf`, "file": "file:///CANARY.ttf", "web": "https://CANARY.example/a.ttf"} {
		m.add("file of a font, "+what, func(p *pkg) {
			p.sub(content, "</office:font-face-decls>", `<style:font-face style:name="Q"><svg:font-face-src><svg:font-face-uri xlink:href="`+href+`"/></svg:font-face-src></style:font-face></office:font-face-decls>`)
		})
	}
	m.add("menu that opens a file", func(p *pkg) {
		p.manifest("Configurations2/menubar/menubar.xml", "text/xml", `<menu:menubar xmlns:menu="http://openoffice.org/2001/menu"><menu:menuitem menu:id="file:///CANARY"/></menu:menubar>`)
	})
	m.add("toolbar with a script in capitals", func(p *pkg) {
		p.manifest("Configurations2/toolbar/a.xml", "text/xml", `<t:toolbar xmlns:t="http://openoffice.org/2001/toolbar" xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="VND.SUN.STAR.SCRIPT:CANARY"/>`)
	})
	m.add("Basic of an embedded document", func(p *pkg) {
		p.manifest("Object 7/content.xml", "text/xml", `<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:body><office:text/></office:body></office:document-content>`)
		p.manifest("Object 7/Basic/script-lc.xml", "text/xml", `<library:libraries xmlns:library="http://openoffice.org/2000/library"/>`)
		p.manifest("Object 7/Basic/Standard/Module1.xml", "text/xml", `<script:module xmlns:script="http://openoffice.org/2000/script">Shell("CANARY")</script:module>`)
		p.manifest("Object 7/Scripts/python/a.py", "", "CANARY")
		p.manifest("Object 7/Configurations2/accelerator/current.xml", "text/xml", `<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="macro:///CANARY"/>`)
	})
	m.add("script among the descriptions", func(p *pkg) {
		p.put("manifest.rdf", `<html xmlns="http://www.w3.org/1999/xhtml"><script>CANARY</script></html>`)
	})
	s := &maker{tb: tb, kind: "ods", shown: sentences}
	for _, f := range []string{
		`of:=HYPERLINK("java"&"script:CANARY")`, `of:=HYPERLINK(IF(1;"file:///CANARY";""))`, `of:=HYPERLINK("#vnd.sun.star.script:CANARY")`, `of:=HYPERLINK([.A1]&"macro:///CANARY")`,
		`of:=LET(a;"macro:///CANARY";HYPERLINK(a))`, `of:='\\CANARY\a.ods'#$S.A1`, `of:='/x/CANARY.ods'#$S.A1`, `of:='../CANARY.ods'#$S.A1`,
	} {
		quoted := strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(f)
		s.add("formula "+f, func(p *pkg) {
			p.sub(content, "</table:table>", `<table:table-row><table:table-cell table:formula="`+quoted+`" office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell></table:table-row></table:table>`)
		})
	}
	s.add("named range of another document", func(p *pkg) {
		p.sub(content, "</office:spreadsheet>", `<table:named-expressions><table:named-range table:name="n" table:cell-range-address="'file:///CANARY.ods'#$S.A1"/></table:named-expressions></office:spreadsheet>`)
	})
	return slices.Concat(m.rows, s.rows)
}

// userProperties is a stream of document properties ([MS-OLEPS]) with one that a user named, in a code page or in Unicode.
func userProperties(name, value string, unicode bool) []byte {
	page, text := 1252, func(s string) []byte { return append([]byte(s), 0) }
	if unicode {
		page, text = 1200, func(s string) []byte { return append(wideBytes(s), 0, 0) }
	}
	count := len(name) + 1
	names := slices.Concat(le32(1, 2, count), text(name))
	for len(names)%4 != 0 {
		names = append(names, 0)
	}
	const list = 8 + 3*8
	set := slices.Concat(le32(0, 3, 0, list, 1, list+len(names), 2, list+len(names)+8), names, le32(2, page), le32(0x1F, len(value)+1), wideBytes(value), []byte{0, 0, 0, 0})
	binary.LittleEndian.PutUint32(set, uint32(len(set)))
	head := slices.Concat(le16(0xFFFE, 0), le32(0x00020006), make([]byte, 16), le32(1), make([]byte, 16), le32(48))
	return append(head, set...)
}

func wideBytes(s string) (b []byte) {
	for _, r := range s {
		b = append(b, byte(r), 0)
	}
	return b
}

// actingCompound are properties of compound files by which a program is loaded, or to which links are relative.
func actingCompound(tb testing.TB) []row {
	tb.Helper()
	var all []row
	for _, kind := range []string{"doc", "xls", "ppt"} {
		m := &oleMaker{tb: tb, kind: kind, shown: sentences}
		for _, unicode := range []bool{false, true} {
			wide := map[bool]string{false: "", true: ", names in Unicode"}[unicode]
			m.add("customization that is loaded"+wide, func(c *cfb, word string) {
				c.put(userProperties("_AssemblyLocation", "https://"+word+".example/a.vsto", unicode), "\x05DocumentSummaryInformation")
			})
			m.add("address that links complete"+wide, func(c *cfb, word string) {
				c.put(userProperties("_PID_LINKBASE", `\\`+word+`\share`, unicode), "\x05DocumentSummaryInformation")
			})
		}
		all = append(all, m.rows...)
	}
	return all
}

// actingPages are rows of pages, drawings and other markup, of mails and of pictures.
func actingPages(tb testing.TB) []row {
	tb.Helper()
	var rows []row
	one := func(what, ext, data string) { rows = append(rows, row{what: what, ext: ext, make: filled(data)}) }
	page := func(inner string) string {
		return `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><p>shown</p><h:div xmlns:h="http://www.w3.org/1999/xhtml">` + inner + `</h:div></body></html>`
	}
	for what, inner := range map[string]string{
		"script": "<h:script>CANARY</h:script>", "frame": `<h:iframe src="https://CANARY.example/"/>`, "style sheet": `<h:link rel="stylesheet" href="https://CANARY.example/"/>`,
		"style": `<h:style>@import "https://CANARY.example/";</h:style>`, "object": `<h:object data="https://CANARY.example/"></h:object>`, "base": `<h:base href="https://CANARY.example/"/>`,
	} {
		one("prefixed "+what, "xhtml", page(inner))
	}
	one("filter that fetches", "html", `<html><body><p style="filter:progid:DXImageTransform.Microsoft.AlphaImageLoader(src='https://CANARY.example/a.png')">shown</p></body></html>`)
	one("object of Office in a page", "html", `<html xmlns:o="urn:schemas-microsoft-com:office:office"><body><p>shown</p><o:OLEObject Type="Link" ProgID="CANARY" ShapeID="s"></o:OLEObject></body></html>`)
	one("target with a tab in brackets", "md", "# Title\n\n[shown](<java\tscript:CANARY> \"t\")\n")
	one("where Inkscape looks for a picture", "svg", `<svg xmlns="http://www.w3.org/2000/svg" xmlns:s="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" width="9" height="9"><image width="5" height="5" s:absref="file:///CANARY.png"/></svg>`)
	for what, inner := range map[string]string{"script": `<script>CANARY</script>`, "picture": `<image href="https://CANARY.example/a.png"/>`, "animation": `<rect><set attributeName="onload" to="CANARY"/></rect>`, "style": `<style>@import url(https://CANARY.example/);</style>`} {
		drawing := `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">` + inner + `</svg>`
		one("drawing under another name, "+what, "xml", drawing)
		one("drawing that is called another text, "+what, "eml", "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/xml\r\n\r\n"+drawing+"\r\n--b--\r\n")
	}
	one("form of InfoPath", "xml", `<?mso-infoPathSolution href="https://CANARY.example/a.xsn"?><a>shown</a>`)
	one("macro of a drawing of Visio 2003", "xml", `<VisioDocument xmlns="http://schemas.microsoft.com/visio/2003/core"><VBProjectData>CANARY</VBProjectData></VisioDocument>`)
	one("event of a drawing of Visio 2003", "xml", `<VisioDocument xmlns="http://schemas.microsoft.com/visio/2003/core"><EventList><EventItem Action="1" Target="CANARY"/></EventList></VisioDocument>`)
	one("map that fetches", "kml", `<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>shown</name><NetworkLink><Link><href>https://CANARY.example/a.kml</href></Link></NetworkLink></Document></kml>`)
	part := func(field string) string {
		return "From: a@b.example\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n" + field + "\r\n\r\n<p>shown</p><img src=\"a.gif\">\r\n--b--\r\n"
	}
	one("base of a part", "eml", part(`Content-Base: "https://CANARY.example/"`))
	one("place of a part", "eml", part("Content-Location: https://CANARY.example/"))
	one("place of a part, folded", "eml", part("Content-LOCATION:\r\n https://\r\n CANARY.example/"))
	one("place of a part, file", "mht", part("Content-Location: file://CANARY/a.html"))
	one("place of a mail in a mail", "eml", "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: message/rfc822\r\n\r\n"+part("Content-Base: https://CANARY.example/")+"--c--\r\n")
	one("base of a mail", "eml", "Subject: s\r\nContent-Base: https://CANARY.example/\r\nContent-Type: text/html\r\n\r\n<p>shown</p>\r\n")
	png := func(profile func(c string) string) func(c string) []byte {
		return func(c string) []byte {
			for _, r := range imageRows(tb) {
				if r.ext != "png" {
					continue
				}
				p := r.make("x")
				return slices.Concat(p[:33], pngChunk("iCCP", "p\x00\x00"+profile(c)), p[33:])
			}
			tb.Fatal("no picture")
			return nil
		}
	}
	icc := func(c string) string { return deflate(strings.Repeat("\x00", 36) + "acsp" + strings.Repeat(c, 8)) }
	rows = append(rows,
		row{what: "colour profile that ends too soon", ext: "png", make: png(func(c string) string { p := icc(c); return p[:len(p)-6] + c })},
		row{what: "colour profile whose sum is wrong", ext: "png", make: png(func(c string) string { p := icc(c); return p[:len(p)-4] + "\x00\x00\x00\x00" })},
		row{what: "colour profile with more behind it", ext: "png", make: png(func(c string) string { return icc("x") + c })})
	return rows
}

// enhanced is an enhanced metafile ([MS-EMF]) of a header, a record and the end.
func enhanced(kind int, data []byte) []byte {
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	r := slices.Concat(le32(kind, 8+len(data)), data)
	end := le32(14, 20, 0, 0, 20)
	head := slices.Concat(le32(1, 88, 0, 0, 9, 9, 0, 0, 99, 99), []byte(" EMF"), le32(0x10000, 88+len(r)+len(end), 3), le16(1, 0), le32(0, 0, 0, 320, 240, 100, 80))
	return slices.Concat(head, r, end)
}

// actingRecords are rows of records of metafiles in documents, of profiles of pictures, and of headers of archives.
func actingRecords(tb testing.TB) []row {
	tb.Helper()
	word := &maker{tb: tb, kind: "docx", shown: sentences}
	text := &maker{tb: tb, kind: "odt", shown: sentences}
	var rows []row
	path := func(c string) []byte { return wideBytes(`\\` + c + `\a.icm`) }
	for what, record := range map[string]func(c string) []byte{
		"escape that is drawn": func(c string) []byte { return enhanced(105, append(le32(9, len(c)), c...)) },
		"escape":               func(c string) []byte { return enhanced(106, append(le32(9, len(c)), c...)) },
		"escape with a name":   func(c string) []byte { return enhanced(110, slices.Concat(le32(9, 0, len(c)), []byte(c))) },
		"commands of OpenGL":   func(c string) []byte { return enhanced(102, append(le32(len(c)), c...)) },
		"colours of a file": func(c string) []byte {
			return enhanced(122, slices.Concat(le32(1), make([]byte, 68), path(c), make([]byte, 520-len(path(c))), le32(0, 0)))
		},
		"profile of a file":       func(c string) []byte { return enhanced(113, slices.Concat(le32(0, len(path(c)), 0), path(c))) },
		"profile of a file, ANSI": func(c string) []byte { return enhanced(112, slices.Concat(le32(0, len(c)+2, 0), []byte("c:"+c))) },
	} {
		word.rows = append(word.rows, row{what: "metafile, " + what, ext: "docx", shown: sentences, make: func(c string) []byte {
			p := openPackage(tb, "docx")
			id := p.add(wordDoc, "image", "word/media/image9.emf", "image/x-emf", string(record(c)))
			inWord(`<w:p><w:r><w:pict><v:shape style="width:9pt;height:9pt"><v:imagedata r:id="` + id + `"/></v:shape></w:pict></w:r></w:p>`)(p)
			return p.bytes("none")
		}})
		text.rows = append(text.rows, row{what: "metafile, " + what, ext: "odt", shown: sentences, make: func(c string) []byte {
			p := openPackage(tb, "odt")
			p.manifest("Pictures/a.emf", "image/x-emf", string(record(c)))
			return p.bytes("none")
		}})
	}
	rows = append(rows, row{what: "colour profile that is none", ext: "jpg", make: func(c string) []byte {
		for _, r := range imageRows(tb) {
			if r.ext == "jpg" {
				j := r.make("x")
				return slices.Concat(j[:2], jpegSegment(0xE2, "ICC_PROFILE\x00\x01\x01"+strings.Repeat(c, 9)), j[2:])
			}
		}
		tb.Fatal("no picture")
		return nil
	}})
	archive := func(what string, f func(w *zip.Writer, c string), after func(data []byte, c string) []byte) {
		rows = append(rows, row{what: what, ext: "zip", make: func(c string) []byte {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			f(w, c)
			if err := w.Close(); err != nil {
				tb.Fatal(err)
			}
			if after != nil {
				return after(b.Bytes(), c)
			}
			return b.Bytes()
		}})
	}
	put := func(w *zip.Writer, h *zip.FileHeader, data string) {
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(data))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	archive("link", func(w *zip.Writer, c string) {
		h := &zip.FileHeader{Name: "link"}
		h.SetMode(fs.ModeSymlink | 0o777)
		put(w, h, "/etc/"+c)
		put(w, &zip.FileHeader{Name: "a.txt"}, "shown")
	}, nil)
	archive("other name before the data", func(w *zip.Writer, c string) {
		put(w, &zip.FileHeader{Name: strings.Repeat("b", len(c))}, "shown")
	}, func(data []byte, c string) []byte {
		return bytes.Replace(data, []byte(strings.Repeat("b", len(c))), []byte(c), 1)
	})
	return slices.Concat(word.rows, text.rows, rows)
}

// actingText are rows for formats that are not packages.
func actingText() []row {
	var rows []row
	one := func(what, ext, data string) { rows = append(rows, row{what: what, ext: ext, make: filled(data)}) }
	rtf := func(what, group string) { one(what, "rtf", `{\rtf1\ansi `+group+`shown\par}`) }
	rtf("customization that is loaded", `{\*\userprops{\propname _Assembly\'4cocation}\proptype30{\staticval https://CANARY.example/a.vsto}}`)
	rtf("provider of a signature line", `{\shp{\*\shpinst{\sp{\sn wzSigSetupProvUrl}{\sv file://CANARY/}}}}`)
	rtf("film of a shape", `{\shp{\*\shpinst{\sp{\sn movie}{\sv CANARY}}}}`)
	rtf("place of a link is a path", `{\field{\*\fldinst HYPERLINK \\l "file:///CANARY"}{\fldrslt shown}}`)
	action := func(inner string) string {
		return `<?xml version="1.0"?><xfdf xmlns="http://ns.adobe.com/xfdf/"><annots><link page="0" rect="1,1,9,9"><OnActivation><Action Trigger="U">` + inner + `</Action></OnActivation></link></annots></xfdf>`
	}
	one("form of the data", "xfdf", `<xfdf xmlns="http://ns.adobe.com/xfdf/"><f href="https://CANARY.example/a.pdf"/><fields/></xfdf>`)
	one("form of the data, other prefix", "xml", `<q:xfdf xmlns:q="http://ns.adobe.com/xfdf/"><q:f href="\\CANARY\a.pdf"/></q:xfdf>`)
	one("script", "xfdf", action(`<JavaScript>CANARY</JavaScript>`))
	one("program", "xfdf", action(`<Launch NewWindow="true"><File OriginalName="CANARY.exe"/></Launch>`))
	one("address", "xfdf", action(`<URI Name="file:///CANARY"/>`))
	one("other document", "xfdf", action(`<GoToR><File OriginalName="\\CANARY\a.pdf"/></GoToR>`))
	one("where the data go", "xfdf", action(`<SubmitForm><File OriginalName="https://CANARY.example/"/></SubmitForm>`))
	one("file", "xfdf", `<xfdf xmlns="http://ns.adobe.com/xfdf/"><annots><fileattachment file="CANARY.txt"><data MODE="raw" encoding="hex">43</data></fileattachment></annots></xfdf>`)
	return rows
}
