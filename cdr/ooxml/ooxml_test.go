package ooxml

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"icapd/cdr/kit"
)

const (
	instr    = `<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>%<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>shown</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`
	olePart  = "application/vnd.openxmlformats-officedocument.oleObject"
	vbaPart  = "application/vnd.ms-office.vbaProject"
	drawing  = `<w:p><w:r><w:drawing><a:blip %/></w:drawing></w:r></w:p>`
	hyper    = `<w:p><w:hyperlink r:id="h"><w:r><w:t>shown</w:t></w:r></w:hyperlink></w:p>`
	click    = `<p:sp><p:cNvPr id="2" name="x"><a:hlinkClick r:id="h"/></p:cNvPr><a:t>shown</a:t></p:sp>`
	settings = wordMain + "settings+xml"
)

func code(text string) string {
	return strings.Replace(instr, "%", `<w:r><w:instrText>`+text+`</w:instrText></w:r>`, 1)
}

func cell(formula string) string {
	return `<sheetData><row><c r="A1"><f>` + formula + `</f><v>shown</v></c></row></sheetData>`
}

func of(c piece, from string) piece {
	c.from = from
	return c
}

func settingsWith(body string) piece {
	return piece{name: "word/settings.xml", mime: settings, rel: offRel + "settings", body: `<w:settings` + spaces + `>` + body + `</w:settings>`}
}

const slide1, sheet1, settingsXML = "ppt/slides/slide1.xml", "xl/worksheets/sheet1.xml", "word/settings.xml"

// vectors are documents with a canary in something that acts.
var vectors = map[string]pkg{
	"vba":                        docx("", piece{name: "word/vbaProject.bin", mime: vbaPart, rel: msRel + "vbaProject", body: cfb + "CANARY"}),
	"vba, other name":            docx("", piece{name: "word/theme.dat", mime: vbaPart, rel: msRel + "vbaProject", body: "CANARY"}),
	"vba, other case":            docx("", piece{name: "word/x.BIN", mime: strings.ToUpper(vbaPart), rel: offRel + "image", body: "CANARY"}),
	"vba as picture":             docx("", piece{name: "word/media/image1.png", mime: "image/png", rel: offRel + "image", body: cfb + "V\x00B\x00A\x00CANARY"}),
	"vba data":                   docx("", piece{name: "word/vbaData.xml", mime: "application/vnd.ms-word.vbaData+xml", rel: msRel + "wordVbaData", body: "<a>CANARY</a>"}),
	"jsa":                        docx("", piece{name: "word/jsaProject.bin", mime: "application/octet-stream", rel: "http://schemas.onlyoffice.com/jsaProject", body: "CANARY"}),
	"trash":                      docx("", piece{name: "[trash]/0000.dat", mime: "application/octet-stream", body: "\xff\xff\x00\x00CANARY"}),
	"orphan":                     docx("", piece{name: "word/hidden.xml", mime: "application/xml", body: "<a>CANARY</a>"}),
	"unknown binary":             docx("", piece{name: "word/x.bin", mime: "application/octet-stream", rel: "http://x.test/y", body: "CANARY"}),
	"program":                    docx("", piece{name: "word/media/x.exe", mime: "image/png", rel: offRel + "image", body: "MZ\x90\x00CANARY"}),
	"template":                   docx("", settingsWith(`<w:attachedTemplate r:id="t"/>`), of(external("t", offRel+"attachedTemplate", "http://CANARY/x.dotm"), settingsXML)),
	"template, strict":           docx("", settingsWith(`<w:attachedTemplate r:id="t"/>`), of(external("t", "http://purl.oclc.org/ooxml/officeDocument/relationships/attachedTemplate", "http://CANARY/x.dotm"), settingsXML)),
	"mail merge":                 docx("", settingsWith(`<w:mailMerge><w:query w:val="CANARY"/><w:dataSource r:id="t"/></w:mailMerge>`), of(external("t", offRel+"mailMergeSource", "file:///CANARY"), settingsXML)),
	"frameset":                   docx("", piece{name: "word/webSettings.xml", mime: wordMain + "webSettings+xml", rel: offRel + "webSettings", body: `<w:webSettings` + spaces + `><w:frameset><w:frame><w:sourceFileName r:id="f"/></w:frame></w:frameset></w:webSettings>`}, of(external("f", offRel+"frame", "http://CANARY"), "word/webSettings.xml")),
	"sub document":               docx(`<w:subDoc r:id="s"/>`, external("s", offRel+"subDocument", "file:///CANARY.docx")),
	"image":                      docx(strings.Replace(drawing, "%", `r:link="i"`, 1), external("i", offRel+"image", "http://CANARY/x.png")),
	"image, copy":                docx(strings.Replace(drawing, "%", `r:embed="e" r:link="i"`, 1), external("i", offRel+"image", "file:///CANARY"), piece{name: "word/media/i.png", mime: "image/png", rel: offRel + "image", id: "e", body: kit.BlankPNG}),
	"image, embedded":            docx(strings.Replace(drawing, "%", `r:embed="i"`, 1), external("i", offRel+"image", "http://CANARY/x.png")),
	"vml image":                  docx(`<w:pict><v:shape><v:imagedata r:href="i"/></v:shape></w:pict>`, external("i", offRel+"image", "http://CANARY/x.png")),
	"vml handler":                docx(`<w:pict><v:rect xmlns:v="urn:schemas-microsoft-com:vml" onclick="CANARY" style="width:10pt"/></w:pict>`),
	"connection of an extension": xlsx(`</sheets><extLst><ext uri="{x}"><x15:connection xmlns:x15="http://schemas.microsoft.com/office/spreadsheetml/2010/11/main" id="z"><x15:rangePr sourceName="CANARY"/></x15:connection></ext></extLst>`, ""),
	"vml address":                docx(`<w:pict><v:shape href="file:///CANARY"><v:imagedata src="http://CANARY/x.png" o:href="http://CANARY"/></v:shape></w:pict>`),
	"ole":                        docx(`<w:object><v:shape/><o:OLEObject Type="Embed" r:id="o"/></w:object>`, piece{name: "word/embeddings/o.bin", mime: olePart, rel: offRel + "oleObject", id: "o", body: cfb + "CANARY"}),
	"ole link":                   docx(`<w:object><v:shape/><o:OLEObject Type="Link" r:id="o"><o:FieldCodes>CANARY</o:FieldCodes></o:OLEObject></w:object>`, external("o", offRel+"oleObject", "file:///CANARY")),
	"activex":                    docx(`<w:object><v:shape/><w:control r:id="c" w:name="CANARY"/></w:object>`, piece{name: "word/activeX/activeX1.xml", mime: "application/vnd.ms-office.activeX+xml", rel: offRel + "control", id: "c", body: "<a>CANARY</a>"}),
	"dde":                        docx(code(`DDEAUTO c:\\windows\\system32\\cmd.exe "/k CANARY"`)),
	"dde, split":                 docx(strings.Replace(instr, "%", `<w:r><w:instrText>D</w:instrText></w:r><w:r><w:instrText>DE</w:instrText></w:r><w:r><w:instrText xml:space="preserve"> CANARY "x"</w:instrText></w:r>`, 1)),
	"dde, cdata":                 docx(strings.Replace(instr, "%", `<w:r><w:instrText><![CDATA[DD]]>&#69; CANARY</w:instrText></w:r>`, 1)),
	"dde, deleted":               docx(strings.Replace(instr, "%", `<w:r><w:instrText>D</w:instrText></w:r><w:del><w:r><w:delInstrText>AT</w:delInstrText></w:r></w:del><w:r><w:instrText>DE CANARY</w:instrText></w:r>`, 1)),
	"dde, as text":               docx(strings.Replace(instr, "%", `<w:r><w:t>DDE CANARY</w:t></w:r>`, 1)),
	"dde, quoted":                docx(strings.Replace(instr, "%", code("QUOTE 68 68 69")+`<w:r><w:instrText> CANARY</w:instrText></w:r>`, 1)),
	"dde, nested":                docx(code("IF 1 = 1 ") + strings.Replace(instr, "%", `<w:r><w:instrText>IF 1 = 1 "</w:instrText></w:r>`+code(`DDE CANARY "x"`)+`<w:r><w:instrText>"</w:instrText></w:r>`, 1)),
	"dde, branches":              docx(strings.Replace(instr, "%", `<mc:AlternateContent><mc:Choice Requires="v"><w:r><w:instrText>DD</w:instrText></w:r></mc:Choice><mc:Fallback><w:r><w:instrText>PA</w:instrText></w:r></mc:Fallback></mc:AlternateContent><w:r><w:instrText>E CANARY</w:instrText></w:r>`, 1)),
	"include picture":            docx(code(`INCLUDEPICTURE "http://CANARY/x.png"`)),
	"include, simple":            docx(`<w:fldSimple w:instr="INCLUDETEXT &quot;http://CANARY&quot;"><w:r><w:t>shown</w:t></w:r></w:fldSimple>`),
	"field link":                 docx(code(`HYPERLINK "file:///CANARY"`)),
	"field, quoted":              docx(strings.Replace(instr, "%", `<w:r><w:instrText>HYPERLINK "</w:instrText></w:r>`+code("QUOTE 102 105 108 101 58 CANARY")+`<w:r><w:instrText>"</w:instrText></w:r>`, 1)),
	"macro button":               docx(code(`MACROBUTTON CANARY click`)),
	"link":                       docx(hyper, external("h", offRel+"hyperlink", "file:///CANARY")),
	"link, javascript":           docx(hyper, external("h", offRel+"hyperlink", "java&#115;cript:CANARY")),
	"link, share":                docx(hyper, external("h", offRel+"hyperlink", `\\CANARY\x`)),
	"unknown external":           docx("", external("u", "http://x.test/unknown", "http://CANARY")),
	"key map":                    docx("", piece{name: "word/customizations.xml", mime: "application/vnd.ms-word.keyMapCustomizations+xml", rel: msRel + "keyMapCustomizations", body: "<a>CANARY</a>"}),
	"custom ui":                  docx("", piece{name: "customUI/customUI.xml", mime: "application/xml", from: "/", rel: msRel + "ui/extensibility", body: "<a>CANARY</a>"}),
	"web extension":              docx("", piece{name: "word/webextensions/taskpanes.xml", mime: "application/vnd.ms-office.webextensiontaskpanes+xml", from: "/", rel: "http://schemas.microsoft.com/office/2011/relationships/webextensiontaskpanes", body: "<a>CANARY</a>"}),
	"printer":                    docx("", piece{name: "word/printerSettings1.bin", mime: wordMain + "printerSettings", rel: offRel + "printerSettings", body: "CANARY"}),
	"form macro":                 docx(`<w:p><w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:entryMacro w:val="CANARY"/></w:ffData></w:fldChar></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`),
	"chunk":                      docx(`<w:altChunk r:id="c"/>`, piece{name: "word/c.mht", mime: "message/rfc822", rel: offRel + "aFChunk", id: "c", body: "MIME-Version: 1.0\nContent-Type: text/html\n\nCANARY"}),
	"chunk, html":                docx(`<w:altChunk r:id="c"/>`, piece{name: "word/c.html", mime: "text/html", rel: offRel + "aFChunk", id: "c", body: "<html><body><script>CANARY</script>shown</body></html>"}),
	"chunk, xhtml":               docx(`<w:altChunk r:id="c"/>`, piece{name: "word/c.xhtml", mime: "application/xhtml+xml", rel: offRel + "aFChunk", id: "c", body: `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>CANARY</script><p>shown</p></body></html>`}),
	"field that another lays":    docx(code(`SET x "DDEAUTO CANARY"`)),
	"embedded by another name":   docx(`<w:object><w:objectEmbed w:progId="CANARY" r:id="o"/></w:object>`, piece{name: "word/embeddings/o.bin", mime: olePart, rel: offRel + "oleObject", id: "o", body: cfb + "CANARY"}),
	"script of an older Word":    docx(`<w:p><w:r><w:scriptAnchor><w:scriptText>CANARY</w:scriptText></w:scriptAnchor><w:applet><w:args>CANARY</w:args></w:applet></w:r></w:p>`),
	"chart's formula in a text":  docx("", piece{name: "word/charts/chart1.xml", mime: "application/vnd.openxmlformats-officedocument.drawingml.chart+xml", rel: offRel + "chart", body: `<c:chartSpace` + spaces + ` xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:f>cmd|'/c CANARY'!A1</c:f></c:chartSpace>`}),
	"table of values":            xlsx("</sheets>", `<sheetData><row><c r="A1"><f t="dataTable" ref="A1:A2" r1="WEBSERVICE(&quot;CANARY&quot;)"/><v>1</v></c></row></sheetData>`),
	"cell of a control":          xlsx("</sheets>", `<controls><control shapeId="1025"><controlPr linkedCell="'\\x\[CANARY.xls]S'!A1" listFillRange="[1]CANARY!A1"/></control></controls>`),
	"svg":                        docx("", piece{name: "word/media/i.svg", mime: "image/svg+xml", rel: offRel + "image", body: `<svg xmlns="http://www.w3.org/2000/svg"><script>CANARY</script></svg>`}),
	"pi":                         docx("<?x CANARY?>"),
	"base":                       docx(`<w:p xml:base="http://CANARY"/>`),
	"smart tag from afar":        docx("", settingsWith(`<w:smartTagType w:namespaceuri="urn:x" w:name="n" w:url="http://CANARY/a"/>`)),
	"smart tag of a workbook":    xlsx(`</sheets><smartTagTypes><smartTagType namespaceUri="urn:x" name="n" url="http://CANARY/x"/></smartTagTypes>`, ""),
	"published workbook":         xlsx(`</sheets><webPublishObjects><webPublishObject destinationFile="http://CANARY/a.htm"/></webPublishObjects>`, ""),
	"include in custom XML":      docx("", piece{name: "customXml/item1.xml", mime: "application/xml", rel: offRel + "customXml", body: `<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="http://CANARY/"/></a>`}),
	"doctype":                    docx("", piece{name: "word/styles.xml", mime: wordMain + "styles+xml", rel: offRel + "styles", body: `<!DOCTYPE a SYSTEM "http://CANARY"><a/>`}),
	"app base":                   docx("", piece{name: "docProps/app.xml", mime: "application/vnd.openxmlformats-officedocument.extended-properties+xml", from: "/", rel: offRel + "extended-properties", body: `<Properties><HyperlinkBase>file://CANARY</HyperlinkBase></Properties>`}),
	"macro, xlsm":                xlsx("</sheets>", "", piece{name: "xl/vbaProject.bin", mime: vbaPart, rel: msRel + "vbaProject", body: cfb + "CANARY"}),
	"xlm":                        xlsx(`<sheet name="Macro1" sheetId="2" r:id="m"/></sheets><definedNames><definedName name="_xlnm.Auto_Open">Macro1!$A$1</definedName><definedName name="CANARY" localSheetId="1">One!A1</definedName></definedNames>`, cell("Macro1!CANARY"), piece{name: "xl/macrosheets/sheet1.xml", mime: "application/vnd.ms-excel.macrosheet+xml", rel: msRel + "xlMacrosheet", id: "m", body: "<a>CANARY</a>"}),
	"dialog sheet":               xlsx(`<sheet name="Dialog" sheetId="2" r:id="m"/></sheets>`, "", piece{name: "xl/dialogsheets/sheet1.xml", mime: sheetMain + "dialogsheet+xml", rel: offRel + "dialogsheet", id: "m", body: "<a>CANARY</a>"}),
	"auto name":                  xlsx(`</sheets><definedNames><definedName name="Auto_Open">One!CANARY</definedName></definedNames>`, ""),
	"xlm name":                   xlsx(`</sheets><definedNames><definedName name="x" xlm="1">CANARY</definedName></definedNames>`, cell("x()+CANARY")),
	"formula":                    xlsx("</sheets>", cell(`_xlfn.WEBSERVICE("http://CANARY")`)),
	"formula, entities":          xlsx("</sheets>", cell(`&#87;ebservice("http://CANARY")`)),
	"formula, dde":               xlsx("</sheets>", cell(`cmd|'/c CANARY'!A0`)),
	"formula, dde 2":             xlsx("</sheets>", cell(`'cmd|/c CANARY'!A0`)),
	"formula, link":              xlsx("</sheets>", cell(`HYPERLINK("fi"&amp;"le:///CANARY","x")`)),
	"formula, path":              xlsx("</sheets>", cell(`'\\CANARY\s\[x.xls]One'!A1`)),
	"formula, shared":            xlsx("</sheets>", `<sheetData><row><c><f t="shared" si="3"/><v>1</v></c><c><f t="shared" si="3" ref="A1:B2">RTD("CANARY")</f><v>shown</v></c></row></sheetData>`),
	"formula, rule":              xlsx("</sheets>", `<conditionalFormatting><cfRule><formula>CALL("CANARY")</formula></cfRule></conditionalFormatting>`),
	"formula, checks":            xlsx("</sheets>", `<dataValidations count="1"><dataValidation><formula1>WEBSERVICE("CANARY")</formula1></dataValidation></dataValidations>`),
	"function of its own macros": xlsx("</sheets>", cell("[0]!CANARY()")),
	"book that is not there":     xlsx("</sheets>", cell("'[1]CANARY'!A1")),
	"external book":              xlsx(`</sheets><externalReferences><externalReference r:id="b"/></externalReferences><definedNames><definedName name="n">[1]One!A1</definedName></definedNames>`, cell("[1]CANARY!A1+n"), piece{name: "xl/externalLinks/externalLink1.xml", mime: sheetMain + "externalLink+xml", rel: offRel + "externalLink", id: "b", body: `<externalLink` + spaces + `><externalBook r:id="p">CANARY</externalBook></externalLink>`}, of(external("p", offRel+"externalLinkPath", "file:///CANARY.xlsx"), "xl/externalLinks/externalLink1.xml")),
	"dde link":                   xlsx(`</sheets><externalReferences><externalReference r:id="b"/></externalReferences>`, cell("[1]!'CANARY'"), piece{name: "xl/externalLinks/externalLink1.xml", mime: sheetMain + "externalLink+xml", rel: offRel + "externalLink", id: "b", body: `<externalLink><ddeLink ddeService="cmd" ddeTopic="CANARY"/></externalLink>`}),
	"connections":                xlsx("</sheets>", "", piece{name: "xl/connections.xml", mime: sheetMain + "connections+xml", rel: offRel + "connections", body: `<connections><dbPr connection="CANARY"/></connections>`}),
	"query table":                xlsx("</sheets>", `<tableParts count="1"><tablePart r:id="t"/></tableParts>`, piece{name: "xl/tables/table1.xml", from: sheet1, id: "t", rel: offRel + "table", mime: sheetMain + "table+xml", body: `<table tableType="queryTable" connectionId="1"><tableColumn queryTableFieldId="1"/></table>`}, piece{name: "xl/queryTables/queryTable1.xml", from: "xl/tables/table1.xml", rel: offRel + "queryTable", mime: sheetMain + "queryTable+xml", body: `<queryTable name="CANARY"/>`}),
	"pivot":                      xlsx(`</sheets><pivotCaches><pivotCache cacheId="1" r:id="c"/></pivotCaches>`, "", piece{name: "xl/pivotCache/pivotCacheDefinition1.xml", mime: sheetMain + "pivotCacheDefinition+xml", rel: offRel + "pivotCacheDefinition", id: "c", body: `<pivotCacheDefinition><cacheSource type="external" connectionId="1"/>CANARY</pivotCacheDefinition>`}),
	"data model":                 xlsx("</sheets>", "", piece{name: "xl/model/item.data", mime: "application/vnd.openxmlformats-officedocument.model+data", rel: "http://schemas.microsoft.com/office/2011/relationships/powerPivotData", body: "CANARY"}),
	"mashup":                     xlsx("</sheets>", "", piece{name: "customXml/item1.xml", mime: "application/xml", rel: offRel + "customXml", body: `<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">CANARY</DataMashup>`}),
	"sheet link":                 xlsx("</sheets>", `<hyperlinks><hyperlink ref="A1" r:id="h"/></hyperlinks>`, of(external("h", offRel+"hyperlink", "ms-msdt:CANARY"), sheet1)),
	"sheet ole":                  xlsx("</sheets>", `<oleObjects><mc:AlternateContent><mc:Choice Requires="x14"><oleObject r:id="o"/></mc:Choice><mc:Fallback><oleObject r:id="o"/></mc:Fallback></mc:AlternateContent></oleObjects>`, piece{name: "xl/embeddings/o.bin", from: sheet1, mime: olePart, rel: offRel + "oleObject", id: "o", body: cfb + "CANARY"}),
	"sheet dde object":           xlsx("</sheets>", `<oleObjects><oleObject link="[1]!'CANARY'"/></oleObjects>`),
	"sheet activex":              xlsx("</sheets>", `<controls><control r:id="c" name="CANARY"/></controls>`, piece{name: "xl/activeX/activeX1.xml", from: sheet1, mime: "application/vnd.ms-office.activeX+xml", rel: offRel + "control", id: "c", body: "<a>CANARY</a>"}),
	"macro attribute":            xlsx("</sheets>", `<drawing r:id="d"/>`, piece{name: "xl/drawings/drawing1.xml", from: sheet1, mime: "application/vnd.openxmlformats-officedocument.drawing+xml", rel: offRel + "drawing", id: "d", body: `<d><sp macro="[0]!CANARY"/></d>`}),
	"vml picture over DDE":       xlsx("</sheets>", `<legacyDrawing r:id="d"/>`, piece{name: "xl/drawings/vmlDrawing1.vml", from: sheet1, mime: "application/vnd.openxmlformats-officedocument.vmlDrawing", rel: offRel + "vmlDrawing", id: "d", body: `<xml` + spaces + `><x:ClientData ObjectType="Pict"><x:DDE/><x:FmlaPict>cmd|"CANARY"!A1</x:FmlaPict></x:ClientData></xml>`}),
	"formula, service":           xlsx("</sheets>", cell(`_xlfn.TRANSLATE("CANARY")`)),
	"formula, book in a text":    xlsx("</sheets>", cell(`INDIRECT("'\\h\[CANARY.xlsx]S'!A1")`)),
	"vml macro":                  xlsx("</sheets>", `<legacyDrawing r:id="d"/>`, piece{name: "xl/drawings/vmlDrawing1.vml", from: sheet1, mime: "application/vnd.openxmlformats-officedocument.vmlDrawing", rel: offRel + "vmlDrawing", id: "d", body: `<xml` + spaces + `><x:FmlaMacro>CANARY</x:FmlaMacro></xml>`}),
	"publishing":                 xlsx("</sheets>", `<webPublishItems><webPublishItem destinationFile="CANARY"/></webPublishItems>`),
	"slide program":              pptx(`<p:sp><a:hlinkClick r:id="h" action="ppaction://program"/></p:sp>`, of(external("h", offRel+"hyperlink", "CANARY.exe"), slide1)),
	"slide macro":                pptx(`<p:sp><a:hlinkClick r:id="" action="ppaction://macro?name=CANARY"/></p:sp>`),
	"slide hover":                pptx(`<p:sp><a:hlinkHover r:id="" action="ppaction://ole?verb=CANARY"/></p:sp>`),
	"slide link":                 pptx(click, of(external("h", offRel+"hyperlink", "javascript:CANARY"), slide1)),
	"slide media":                pptx(`<p:pic><p:nvPr><a:videoFile r:link="v"/></p:nvPr></p:pic>`, of(external("v", offRel+"video", "http://CANARY/x.mp4"), slide1)),
	"slide ole":                  pptx(`<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="o"/></p:nvGraphicFramePr><a:graphic><a:graphicData><p:oleObj name="CANARY" r:id="o"><p:embed/><p:pic><p:nvPicPr><p:cNvPr id="0" name=""/></p:nvPicPr><a:t>shown</a:t></p:pic></p:oleObj></a:graphicData></a:graphic></p:graphicFrame>`, piece{name: "ppt/embeddings/o.bin", from: slide1, mime: olePart, rel: offRel + "oleObject", id: "o", body: cfb + "CANARY"}),
	"slide activex":              pptx(`</p:spTree><p:controls><p:control r:id="c" name="CANARY"><p:pic><a:t>shown</a:t></p:pic></p:control></p:controls><p:spTree>`, piece{name: "ppt/activeX/activeX1.xml", from: slide1, mime: "application/vnd.ms-office.activeX+xml", rel: offRel + "control", id: "c", body: "<a>CANARY</a>"}),
	"visio macro":                {"visio/document.xml", visioMain + "drawing.main+xml", `<VisioDocument><Cell N="EventDblClick" F='RUNMACRO("CANARY")'/><t>before after</t></VisioDocument>`, nil},
	"visio link":                 {"visio/document.xml", visioMain + "drawing.main+xml", `<VisioDocument><Cell N="Address" V="file:///CANARY"/><t>before after</t></VisioDocument>`, nil},
}

func TestCanaries(t *testing.T) {
	if len(vectors) < 70 {
		t.Fatalf("%d vectors only", len(vectors))
	}
	for name, doc := range vectors {
		t.Run(name, func(t *testing.T) {
			doc.body = strings.ReplaceAll(doc.body, "CANARY", canary)
			for i := range doc.pieces {
				doc.pieces[i].body = strings.ReplaceAll(doc.pieces[i].body, "CANARY", canary)
				doc.pieces[i].name = strings.ReplaceAll(doc.pieces[i].name, "CANARY", canary)
			}
			data := doc.bytes(t)
			r, job, err := run(t, data)
			if err != nil || !r.Changed() || len(job.Removals()) == 0 {
				t.Fatalf("%d bytes, %v, %v", len(r.Data), err, job.Removals())
			}
			files := unzip(t, r.Data)
			if where := survives(files); where != "" {
				t.Errorf("the canary survives in %s:\n%s", where, files[where])
			}
			all := ""
			for _, text := range files {
				all += text
			}
			before := doc.body
			for _, p := range doc.pieces {
				before += p.body
			}
			for _, word := range []string{"before", "after", "shown"} {
				if strings.Contains(before, word) && !strings.Contains(all, word) {
					t.Errorf("%q is gone", word)
				}
			}
			if where := dangling(t, files); where != "" {
				t.Error(where)
			}
			if again, job, err := run(t, r.Data); err != nil || again.Changed() {
				t.Errorf("a second pass: %v %v", err, job.Removals())
			}
		})
	}
}

func TestCleanStaysAsItIs(t *testing.T) {
	core := piece{name: "docProps/core.xml", mime: "application/vnd.openxmlformats-package.core-properties+xml", from: "/", rel: "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties", body: "<a/>"}
	for name, doc := range map[string]pkg{
		"docx": docx(code(`PAGE \* MERGEFORMAT`)+code(`HYPERLINK "https://a.test/"`)+code(`TOC \o "1-3"`)+hyper+strings.Replace(drawing, "%", `r:embed="i"`, 1),
			core, external("h", offRel+"hyperlink", "https://a.test/?a=b&amp;c=d"),
			piece{name: "word/media/i.png", mime: "image/png", rel: offRel + "image", id: "i", body: kit.BlankPNG},
			piece{name: "customXml/item1.xml", mime: "application/xml", rel: offRel + "customXml", body: `<?mso-contentType?><a href="file:///x">y</a>`}),
		"xlsx": xlsx(`</sheets><definedNames><definedName name="_xlnm.Print_Area" localSheetId="0">One!$A$1:$B$2</definedName></definedNames>`,
			cell(`SUM(A1:B2)+Table1[[#This Row],[x]]+'One'!A1&amp;"a|b"`)+cell(`HYPERLINK("#One!A1","x")`)+cell(`HYPERLINK("https://a.test/"&amp;A1)`)+`<hyperlinks><hyperlink ref="A1" location="One!A1"/></hyperlinks>`, core),
		"pptx":  pptx(`<p:sp><a:hlinkClick r:id="" action="ppaction://hlinkshowjump?jump=nextslide"/></p:sp>`, core),
		"trash": docx("", piece{name: "[trash]/0000.dat", mime: "application/octet-stream", body: "\xff\xff\xff\xff\x00\x00\x00\x00"}),
		"visio": {"visio/document.xml", visioMain + "drawing.main+xml", `<VisioDocument><Cell N="Width" V="1" F="GUARD(1)"/></VisioDocument>`, nil},
	} {
		if r, job, err := run(t, doc.bytes(t)); err != nil || r.Changed() {
			t.Errorf("%s: %v %v", name, err, job.Removals())
		}
	}
}

func TestMacroTypeBecomesPlain(t *testing.T) {
	d := docx("")
	d.mime = "application/vnd.ms-word.document.macroEnabled.main+xml"
	r, _, err := run(t, d.bytes(t))
	if err != nil || r.Name != "a.docx" || !strings.Contains(unzip(t, r.Data)["[Content_Types].xml"], wordMain+"document.main+xml") {
		t.Fatalf("%v %q %q", err, r.Name, r.Type)
	}
	job := newJob(kit.Switches{})
	r, err = Package{}.Disarm(t.Context(), job, kit.Document{Data: d.bytes(t), Type: "application/vnd.ms-word.document.macroenabled.12", Name: "x"})
	if err != nil || r.Type != wordMain+"document" {
		t.Fatalf("%v %q", err, r.Type)
	}
}

func TestEmbeddedDocumentIsDisarmedInPlace(t *testing.T) {
	inner := docx(strings.ReplaceAll(code("DDE CANARY"), "CANARY", canary))
	inner.mime = "application/vnd.ms-word.document.macroEnabled.main+xml"
	outer := docx(`<w:object><v:shape/><o:OLEObject Type="Embed" ProgID="Word.DocumentMacroEnabled.12" r:id="o"/></w:object>`,
		piece{name: "word/embeddings/a.docm", mime: "application/vnd.ms-word.document.macroEnabled.12", rel: offRel + "package", id: "o", body: string(inner.bytes(t))})
	r, job, err := run(t, outer.bytes(t))
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	if survives(files) != "" || files["word/embeddings/a.docx"] == "" || !strings.Contains(files["word/document.xml"], `ProgID="Word.Document.12"`) {
		t.Errorf("%v\n%s", job.Removals(), files["word/document.xml"])
	}
	if where := dangling(t, files); where != "" {
		t.Error(where)
	}
	if strings.Contains(files["[Content_Types].xml"], "macroEnabled") {
		t.Error(files["[Content_Types].xml"])
	}
}

func TestRefused(t *testing.T) {
	binary := docx("")
	binary.mime = binaryMain
	for name, data := range map[string][]byte{
		"entities":   docx("&x;").with(`<!DOCTYPE a [<!ENTITY x "&x;">]>`).bytes(t),
		"broken":     docx("<open>").bytes(t),
		"no office":  pkg{"x.xml", "application/xml", "<a/>", nil}.bytes(t),
		"no zip":     []byte("PK"),
		"no types":   zipped(t, "a", "b"),
		"binary":     binary.bytes(t),
		"duplicates": zipped(t, "[Content_Types].xml", "<a/>", "A", "1", "a", "2"),
	} {
		if r, _, err := run(t, data); err == nil || r.Changed() {
			t.Errorf("%s passed", name)
		}
	}
}

// Parts that declare entities are read as readers do that know them, wherever in the package they are; what is elsewhere
// is nothing.
func TestEntities(t *testing.T) {
	const subset = `<!DOCTYPE a [<!ENTITY x "a &#38;lt; b"><!ENTITY far SYSTEM "http://` + canary + `/"><!ENTITY type "http://schemas.openxmlformats.org/officeDocument/2006/relationships">]>`
	parts := unzip(t, docx(code("PAGE")+`<w:p><w:r><w:t far="&far;">&x;&far;</w:t></w:r></w:p>`, settingsWith("")).bytes(t))
	var list []string
	for name, text := range parts {
		list = append(list, name, subset+strings.ReplaceAll(text, offRel, "&type;/"))
	}
	r, job, err := run(t, zipped(t, list...))
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	if where := survives(files); where != "" {
		t.Error(where)
	}
	for name, text := range files {
		if strings.Contains(text, "<!DOCTYPE") || strings.Contains(text, "&type;") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if !strings.Contains(files["word/document.xml"], `<w:t far="">a &lt; b</w:t>`) || !strings.Contains(files["word/settings.xml"], "settings") {
		t.Errorf("%v", files)
	}
	if again, job, err := run(t, r.Data); err != nil || again.Changed() {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
	text := strings.Replace(docx("&x;").flat(t), "<pkg:package", subset+"<pkg:package", 1)
	if r, job, err := runFlat(t, text); err != nil || strings.Contains(string(r.Data), "DOCTYPE") || len(job.Removals()) != 1 || !strings.Contains(string(r.Data), "a &lt; b") {
		t.Errorf("flat: %v %v\n%s", err, job.Removals(), r.Data)
	}
	text = strings.Replace(wordML("<w:p>&x;</w:p>"), "<w:wordDocument", subset+"<w:wordDocument", 1)
	if r, job, err := runFlat(t, text); err != nil || strings.Contains(string(r.Data), "DOCTYPE") || len(job.Removals()) != 1 || !strings.Contains(string(r.Data), "a &lt; b") {
		t.Errorf("2003: %v %v\n%s", err, job.Removals(), r.Data)
	}
}

func (p pkg) with(prolog string) pkg {
	p.body = prolog + p.body
	return p
}

func TestSigned(t *testing.T) {
	signature := []piece{
		{name: "_xmlsignatures/origin.sigs", mime: "application/vnd.openxmlformats-package.digital-signature-origin", from: "/", rel: "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin"},
		{name: "_xmlsignatures/sig1.xml", from: "_xmlsignatures/origin.sigs", rel: "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/signature", mime: "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml", body: "<s/>"},
	}
	if r, job, err := run(t, docx("", signature...).bytes(t)); err != nil || r.Changed() {
		t.Errorf("a signed document with nothing to remove was changed: %v %v", err, job.Removals())
	}
	r, job, err := run(t, docx("<?x?>", signature...).bytes(t))
	if err != nil || len(job.Warnings()) != 1 || unzip(t, r.Data)["_xmlsignatures/sig1.xml"] != "" {
		t.Errorf("%v %v", err, job.Warnings())
	}
	if _, err := (Package{}).Disarm(t.Context(), newJob(kit.Switches{Signed: kit.ChoiceBlock}), kit.Document{Data: docx("<?x?>", signature...).bytes(t)}); err == nil {
		t.Error("not blocked")
	}
}

func TestHazardsAreWrittenAway(t *testing.T) {
	r, _, err := run(t, append(docx("").bytes(t), canary...))
	if err != nil || !r.Changed() || bytes.Contains(r.Data, []byte(canary)) {
		t.Fatal(err)
	}
}

func FuzzPart(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.body)
		for _, p := range v.pieces {
			if strings.HasPrefix(p.body, "<") {
				f.Add(p.body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := docx("")
		d.body = body
		r, _, err := run(t, d.bytes(t))
		if err != nil || !r.Changed() {
			return
		}
		for range 2 {
			again, job, err := run(t, r.Data)
			if err != nil {
				t.Fatalf("a second pass: %v", err)
			}
			if !again.Changed() {
				return
			}
			_ = job
			r = again
		}
	})
}

func FuzzPackage(f *testing.F) {
	f.Add(xps(f, `<Path FixedPage.NavigateUri="x:y"/>`, devmode("x")))
	for _, v := range vectors {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = run(t, data)
	})
}

func FuzzFormula(f *testing.F) {
	f.Add(`SUM(A1)+[1]One!A1&HYPERLINK("x"&"y")|'a'!b`)
	f.Add(`'[x`)
	f.Fuzz(func(_ *testing.T, s string) {
		g := gone{books: true}
		g.formulaVector(s)
	})
}

func TestMetadata(t *testing.T) {
	props := func(name, kind string) piece {
		return piece{name: name, mime: "application/vnd.openxmlformats-package." + kind + "+xml", from: "/", rel: "http://x.test/" + kind, body: "<a>" + canary + "</a>"}
	}
	item := func(n, id string) []piece {
		return []piece{
			{name: "customXml/item" + n + ".xml", mime: "application/xml", rel: offRel + "customXml", id: "i" + n, body: "<a>item" + n + "</a>"},
			{name: "customXml/itemProps" + n + ".xml", mime: "application/vnd.openxmlformats-officedocument.customXmlProperties+xml", from: "customXml/item" + n + ".xml", rel: offRel + "customXmlProps", body: `<ds:datastoreItem xmlns:ds="x" ds:itemID="` + id + `"/>`},
		}
	}
	d := docx(`<w:p w:rsidR="`+canary+`"><w:ins w:author="`+canary+`" w:date="`+canary+`"><w:r><w:t>shown</w:t></w:r></w:ins><w:dataBinding w:storeItemID="{A}"/></w:p>`,
		append(append(item("1", "{a}"), item("2", "{B}")...), props("docProps/core.xml", "core-properties"), settingsWith("<w:rsids><w:rsid w:val='"+canary+"'/></w:rsids>"))...)
	x := xlsx("</sheets>", "", piece{name: "xl/comments1.xml", from: sheet1, mime: sheetMain + "comments+xml", rel: offRel + "comments", body: `<comments><authors><author>` + canary + `</author></authors></comments>`})
	for name, d := range map[string]pkg{"docx": d, "xlsx": x} {
		data := d.bytes(t)
		if r, job, err := run(t, data); err != nil || r.Changed() {
			t.Errorf("%s: metadata go by default: %v %v", name, err, job.Removals())
		}
		for range 2 {
			r, err := Package{}.Disarm(t.Context(), newJob(kit.Switches{StripMetadata: true}), kit.Document{Data: data})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Changed() {
				break
			}
			data = r.Data
		}
		files := unzip(t, data)
		if where := survives(files); where != "" {
			t.Errorf("%s: %s", where, files[where])
		}
		if where := dangling(t, files); where != "" {
			t.Error(where)
		}
		if name == "docx" && (files["customXml/item1.xml"] == "" || files["customXml/item2.xml"] != "" || !strings.Contains(files["word/document.xml"], "shown")) {
			t.Errorf("%v", files)
		}
		if r, err := (Package{}).Disarm(t.Context(), newJob(kit.Switches{StripMetadata: true}), kit.Document{Data: data}); err != nil || r.Changed() {
			t.Errorf("%s: a second pass: %v", name, err)
		}
	}
}

// An object of an old presentation has its picture in a VML drawing: that one becomes a picture of the slide.
func TestSlidePreview(t *testing.T) {
	vml := `<xml` + spaces + `><v:shapetype id="t"/><v:shape id="_x0000_s1026"><v:imagedata o:relid="p"/></v:shape></xml>`
	d := pptx(`<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="o"/></p:nvGraphicFramePr><p:xfrm><a:off x="7" y="8"/><a:ext cx="9" cy="10"/></p:xfrm><a:graphic><a:graphicData><p:oleObj spid="_x0000_s1026" r:id="o"/></a:graphicData></a:graphic></p:graphicFrame>`,
		piece{from: slide1, name: "file:///o.xls", mime: "external", rel: offRel + "oleObject", id: "o"},
		piece{name: "ppt/drawings/vmlDrawing1.vml", from: slide1, mime: "application/vnd.openxmlformats-officedocument.vmlDrawing", rel: offRel + "vmlDrawing", id: "v", body: vml},
		piece{name: "ppt/media/i.png", from: "ppt/drawings/vmlDrawing1.vml", mime: "image/png", rel: offRel + "image", id: "p", body: kit.BlankPNG})
	job := newJob(kit.Switches{})
	job.Mode = kit.ModeRebuild // else the frame stays
	r, err := Package{}.Disarm(t.Context(), job, kit.Document{Data: d.bytes(t)})
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	if s := files[slide1]; !strings.Contains(s, `<p:pic>`) || !strings.Contains(s, `<a:off x="7" y="8"/>`) || strings.Contains(s, "oleObj") {
		t.Error(s)
	}
	if where := dangling(t, files); where != "" {
		t.Error(where)
	}
	if again, job, err := run(t, r.Data); err != nil || again.Changed() {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
}

// Of an object that is elsewhere nothing stays but the frame that shows it.
func TestSlideObjectIsUnlinked(t *testing.T) {
	d := pptx(`<p:graphicFrame><a:graphic><a:graphicData><p:oleObj name="x" r:id="o" progId="Excel.Sheet.12"><p:link updateAutomatic="1"/></p:oleObj></a:graphicData></a:graphic></p:graphicFrame>`,
		piece{from: slide1, name: "file:///" + canary + ".xls", mime: "external", rel: offRel + "oleObject", id: "o"})
	r, job, err := run(t, d.bytes(t))
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	if s := files[slide1]; !strings.Contains(s, `progId="StaticMetafile"><p:embed/></p:oleObj>`) || files["ppt/embeddings/object.bin"] != string(staticObject()) || survives(files) != "" {
		t.Error(s)
	}
	if where := dangling(t, files); where != "" {
		t.Error(where)
	}
	if again, job, err := run(t, r.Data); err != nil || again.Changed() {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
}

// Text whose link goes looks as programs show links.
func TestLinksKeepTheirLook(t *testing.T) {
	const link = `<a:hlinkClick r:id="l"/>`
	for in, want := range map[string]string{
		`<a:rPr lang="en">` + link + `</a:rPr>`: `<a:rPr u="sng" lang="en"><a:solidFill><a:schemeClr val="hlink"/></a:solidFill></a:rPr>`,
		`<a:rPr u="none"><a:ln/><a:solidFill><a:srgbClr val="FF0000"/></a:solidFill><a:latin typeface="x"/>` + link + `</a:rPr>`: `<a:rPr u="sng"><a:ln/><a:solidFill><a:schemeClr val="hlink"/></a:solidFill><a:latin typeface="x"/></a:rPr>`,
		`<a:rPr u="dbl"><a:ln><a:noFill/></a:ln>` + link + link + `</a:rPr>`:                                                     `<a:rPr u="dbl"><a:ln><a:noFill/></a:ln><a:solidFill><a:schemeClr val="hlink"/></a:solidFill></a:rPr>`,
		`<a:rPr><a:hlinkClick r:id="" action="ppaction://program"/></a:rPr>`:                                                     `<a:rPr></a:rPr>`,
		`<p:cNvPr id="1">` + link + `</p:cNvPr>`:                                                                                 `<p:cNvPr id="1"></p:cNvPr>`,
	} {
		r, job, err := run(t, pptx(in, piece{from: slide1, name: "file:///x", mime: "external", rel: offRel + "hyperlink", id: "l"}).bytes(t))
		if err != nil || !r.Changed() {
			t.Fatalf("%v %v", err, job.Removals())
		}
		if s := unzip(t, r.Data)[slide1]; !strings.Contains(s, want) {
			t.Errorf("%s\nis   %s\nnot  %s", in, s, want)
		}
	}
}

// Of an object that is no document nothing stays but the frame that shows it; when all is written anew, and in workbooks,
// not even that.
func TestObjectBecomesStatic(t *testing.T) {
	object := `<w:object><v:shape id="s"><v:imagedata r:id="i"/></v:shape><o:OLEObject Type="Embed" ProgID="OTKLOADR.WRAssembly.1" ShapeID="s" r:id="o"/></w:object>`
	d := docx(object, piece{name: "word/embeddings/o.bin", mime: olePart, rel: offRel + "oleObject", id: "o", body: cfb + canary},
		piece{name: "word/media/i.png", mime: "image/png", rel: offRel + "image", id: "i", body: kit.BlankPNG})
	r, job, err := run(t, d.bytes(t))
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	if s := files["word/document.xml"]; !strings.Contains(s, `ProgID="StaticMetafile"`) || strings.Contains(s, "OTKLOADR") || files["word/embeddings/o.bin"] != string(staticObject()) {
		t.Errorf("%s\n%q", s, files["word/embeddings/o.bin"])
	}
	if again, job, err := run(t, r.Data); err != nil || again.Changed() {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
	rebuilt := newJob(kit.Switches{})
	rebuilt.Mode = kit.ModeRebuild
	if r, err = (Package{}).Disarm(t.Context(), rebuilt, kit.Document{Data: r.Data}); err != nil {
		t.Fatal(err)
	}
	files = unzip(t, r.Data)
	if s := files["word/document.xml"]; strings.Contains(s, "OLEObject") || !strings.Contains(s, "imagedata") || files["word/embeddings/o.bin"] != "" {
		t.Errorf("rebuilt: %s", s)
	}
}

// A page that a document imports becomes paragraphs of it.
func TestPageBecomesParagraphs(t *testing.T) {
	page := "<html><head><title>no</title><style>no</style></head><body><h1>Big &amp; new</h1>one <b>two</b>\n <i>three</i>.<br>four<ul><li>five</ul><script>no</script><table><tr><td>a<td>b</table></body></html>"
	d := docx(`<w:altChunk r:id="c"><w:altChunkPr><w:matchSrc/></w:altChunkPr></w:altChunk>`, piece{name: "word/c.htm", mime: "text/html", rel: offRel + "aFChunk", id: "c", body: page})
	r, job, err := run(t, d.bytes(t))
	if err != nil || !r.Changed() {
		t.Fatalf("%v %v", err, job.Removals())
	}
	files := unzip(t, r.Data)
	const want = `<w:p><w:r><w:rPr><w:b/><w:sz w:val="48"/></w:rPr><w:t xml:space="preserve">Big &amp; new</w:t></w:r></w:p>` +
		`<w:p><w:r><w:t xml:space="preserve">one</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve"> two</w:t></w:r><w:r><w:rPr><w:i/></w:rPr><w:t xml:space="preserve"> three</w:t></w:r>` +
		`<w:r><w:t xml:space="preserve">.</w:t></w:r><w:r><w:br/></w:r><w:r><w:t xml:space="preserve">four</w:t></w:r></w:p>` +
		`<w:p><w:r><w:t xml:space="preserve">• </w:t></w:r><w:r><w:t xml:space="preserve">five</w:t></w:r></w:p>` +
		`<w:p><w:r><w:t xml:space="preserve">a</w:t></w:r><w:r><w:tab/></w:r><w:r><w:t xml:space="preserve">b</w:t></w:r></w:p>`
	if s := files["word/document.xml"]; !strings.Contains(s, want) || strings.Contains(s, "altChunk") {
		t.Error(s)
	}
	if where := dangling(t, files); where != "" || files["word/c.htm"] != "" {
		t.Error(where)
	}
	if again, job, err := run(t, r.Data); err != nil || again.Changed() {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
}

func emfRecord(kind uint32, data string) string {
	for len(data)%4 != 0 {
		data += "\x00"
	}
	le := binary.LittleEndian
	return string(le.AppendUint32(le.AppendUint32(nil, kind), uint32(8+len(data)))) + data
}

func emf(comments ...string) string {
	header := make([]byte, 80)
	copy(header[32:], " EMF")
	s := emfRecord(1, string(header))
	for _, c := range comments {
		s += emfRecord(70, string(binary.LittleEndian.AppendUint32(nil, uint32(len(c))))+c)
	}
	return s + emfRecord(14, strings.Repeat("\x00", 12))
}

// wmfInEMF makes a metafile part of the other kind, as programs do that write a picture in both forms.
func wmfInEMF(wmf string) string {
	le := binary.LittleEndian
	b := []byte("GDIC\x01\x00\x00\x80\x00\x03\x00\x00SUM1\x00\x00\x00\x00")
	return emf(string(le.AppendUint32(b, uint32(len(wmf)))) + wmf)
}

func emfInWMF(emf string) string {
	le := binary.LittleEndian
	half := len(emf) / 8 * 4
	records := ""
	for i, part := range []string{emf[:half], emf[half:]} {
		b := []byte("\x26\x06\x0f\x00\x00\x00WMFC\x01\x00\x00\x00\x00\x00\x01\x00SU\x00\x00\x00\x00\x02\x00\x00\x00")
		for _, v := range []int{len(part), len(emf) - half*(1-i) - len(part)*i - half*i, len(emf)} {
			b = le.AppendUint32(b, uint32(v))
		}
		b = append(b, part...)
		records += string(le.AppendUint32(nil, uint32(4+len(b))/2)) + string(b)
	}
	return records
}

func TestMetafiles(t *testing.T) {
	wmf := func(records string) string {
		return "\x01\x00\x09\x00\x00\x03" + strings.Repeat("\x00", 12) + records + "\x03\x00\x00\x00\x00\x00"
	}
	for name, tt := range map[string]struct {
		data   string
		vector string
	}{
		"plain":      {emf(), ""},
		"emf+":       {emf("EMF+drawing"), ""},
		"comment":    {emf("EMF+drawing", "PDF "+canary), vectorComment},
		"trailing":   {emf() + canary, vectorComment},
		"cut short":  {emf()[:100], vectorBroken},
		"in emf+":    {emf("EMF+%PDF-1.7" + canary), vectorBroken},
		"wmf":        {wmf("\x05\x00\x00\x00\x0b\x02\x00\x00\x00\x00"), ""},
		"wmf escape": {wmf("\x0b\x00\x00\x00\x26\x06\x0f\x00\x0c\x00" + canary), vectorComment},
		"wmf cut":    {wmf("\x05\x00\x00\x00\x0b\x02\x00\x00") + canary, vectorComment}, // it ends where its records do
		"wmf broken": {wmf("\xFF\xFF\xFF\x7F\x0b\x02" + canary), vectorBroken},

		"numbers":              {emf("MSGR\x00\x08BP\x01\x00\x02\x00"), ""},
		"words":                {emf("MSGR\x00\x08BP" + canary[:8]), vectorComment},
		"wmf in emf":           {wmfInEMF(wmf("\x05\x00\x00\x00\x0b\x02\x00\x00\x00\x00")), ""},
		"wmf in emf, comment":  {wmfInEMF(wmf("\x0b\x00\x00\x00\x26\x06\x0f\x00\x0c\x00" + canary)), vectorComment},
		"wmf in emf, more":     {wmfInEMF(wmf("\x05\x00\x00\x00\x0b\x02\x00\x00\x00\x00") + canary), vectorComment},
		"emf in wmf":           {wmf(emfInWMF(emf("EMF+drawing"))), ""},
		"emf in wmf, comment":  {wmf(emfInWMF(emf("PDF " + canary))), vectorComment},
		"emf in wmf in emf":    {wmfInEMF(wmf(emfInWMF(emf()))), ""},
		"one deeper than that": {wmf(emfInWMF(wmfInEMF(wmf(emfInWMF(emf()))))), vectorComment},
		"no pdf":               {emf(" FDP" + canary), vectorComment},
	} {
		if len(name)%2 == 0 { // packed or not, it is the same
			tt.data = string(packMetafile([]byte(tt.data)))
		}
		d := docx("", piece{name: "word/media/i.emf", mime: "image/x-emf", rel: offRel + "image", id: "i", body: tt.data})
		r, job, err := run(t, d.bytes(t))
		if err != nil || r.Changed() != (tt.vector != "") {
			t.Errorf("%s: %v %v", name, err, job.Removals())
			continue
		}
		if !r.Changed() {
			continue
		}
		files := unzip(t, r.Data)
		if packed := files["word/media/i.emf"]; strings.HasPrefix(packed, string(packedMetafile)) {
			plain, _, _ := newPack(t.Context(), job).unpackMetafile([]byte(packed))
			files["word/media/i.emf"] = string(plain)
		}
		if v := job.Removals()[0].Vector; v != tt.vector || survives(files) != "" {
			t.Errorf("%s: %v", name, job.Removals())
		}
		if again, job, err := run(t, r.Data); err != nil || again.Changed() {
			t.Errorf("%s: a second pass: %v %v", name, err, job.Removals())
		}
	}
}
