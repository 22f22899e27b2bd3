package canary

import (
	"archive/zip"
	"bytes"
	"regexp"
	"strings"
	"testing"
)

const content = "content.xml"

// inText adds to the end of an ODF text.
func inText(xml string) change {
	return func(p *pkg) { p.sub(content, "</office:text>", xml+"</office:text>") }
}

// manifest adds an entry to the manifest.
func (p *pkg) manifest(name, mime, data string) {
	p.put(name, data)
	p.sub("META-INF/manifest.xml", "</manifest:manifest>", `<manifest:file-entry manifest:full-path="`+name+`" manifest:media-type="`+mime+`"/></manifest:manifest>`)
}

func odfRows(tb testing.TB) []row {
	tb.Helper()
	m := &maker{tb: tb, kind: "odt", shown: sentences}
	p := func(inner string) change { return inText("<text:p>" + inner + "</text:p>") }
	link := func(href string) change {
		return p(`<text:a xlink:type="simple" xlink:href="` + href + `">linked words</text:a>`)
	}
	m.add("part that no manifest names", func(p *pkg) { p.put("unlisted.xml", "<a>CANARY</a>") })
	m.add("file beside the manifest", func(p *pkg) { p.put("META-INF/other.xml", "<a>CANARY</a>") })
	m.add("service of a control", inText(`<office:forms><form:form form:name="f"><form:generic-control form:name="g" form:control-implementation="CANARY"/></form:form></office:forms>`))
	m.add("picture of a control", inText(`<office:forms><form:form form:name="f"><form:image form:name="g" form:image-data="https://CANARY.example/"/></form:form></office:forms>`))
	m.add("source in a bibliography", p(`<text:bibliography-mark text:bibliography-type="www" text:url="javascript:CANARY">x</text:bibliography-mark>`))
	m.add("Basic library", func(p *pkg) {
		p.manifest("Basic/script-lc.xml", "text/xml", `<library:libraries xmlns:library="http://openoffice.org/2000/library"/>`)
		p.manifest("Basic/Standard/Module1.xml", "text/xml", `<script:module xmlns:script="http://openoffice.org/2000/script">Shell("CANARY")</script:module>`)
		p.manifest("Basic/Standard/script-lb.xml", "text/xml", `<library:library xmlns:library="http://openoffice.org/2000/library" library:name="CANARY"/>`)
	})
	for name, kind := range map[string]string{"a kind that nobody knows": "application/vnd.oasis.opendocument.drawing", "a kind from before": "application/vnd.sun.xml.writer.template"} {
		m.add(name, func(p *pkg) {
			p.put("mimetype", kind)
			p.manifest("Basic/Standard/Module1.xml", "text/xml", `<script:module xmlns:script="http://openoffice.org/2000/script">Shell("CANARY")</script:module>`)
		})
	}
	m.add("Python script", func(p *pkg) { p.manifest("Scripts/python/a.py", "", "import os; os.system('CANARY')") })
	m.add("script not in the manifest", func(p *pkg) { p.put("Scripts/beanshell/CANARY/a.bsh", "CANARY") })
	m.add("dialogs", func(p *pkg) {
		p.manifest("Dialogs/Standard/Dialog1.xml", "text/xml", `<dlg:window xmlns:dlg="http://openoffice.org/2000/dialog">CANARY</dlg:window>`)
	})
	m.add("key bindings", func(p *pkg) {
		p.manifest("Configurations2/accelerator/current.xml", "", `<accel:acceleratorlist xmlns:accel="http://openoffice.org/2001/accel"><accel:item accel:code="KEY_A" xlink:href="vnd.sun.star.script:CANARY" xmlns:xlink="http://www.w3.org/1999/xlink"/></accel:acceleratorlist>`)
	})
	m.add("toolbar", func(p *pkg) {
		p.manifest("Configurations2/toolbar/custom.xml", "", `<t:toolbar xmlns:t="http://openoffice.org/2001/toolbar"><t:toolbaritem xlink:href="macro:///CANARY" xmlns:xlink="http://www.w3.org/1999/xlink"/></t:toolbar>`)
	})
	m.add("Java class", func(p *pkg) { p.manifest("Pictures/a.class", "image/png", "\xca\xfe\xba\xbeCANARY") })
	m.add("program among the pictures", func(p *pkg) { p.manifest("Pictures/a.png", "image/png", "MZ\x90\x00CANARY") })
	m.add("unknown folder", func(p *pkg) {
		p.manifest("layout-cache", "application/binary", "x")
		p.manifest("VersionList/CANARY.bin", "", "CANARY")
	})
	m.add("scripts element", func(p *pkg) {
		p.sub(content, "<office:scripts/>", `<office:scripts><office:script script:language="ooo:Basic"><ooo:libraries xmlns:ooo="http://openoffice.org/2004/office">CANARY</ooo:libraries></office:script></office:scripts>`)
	})
	m.add("event on load", func(p *pkg) {
		p.sub(content, "<office:scripts/>", `<office:scripts><office:event-listeners><script:event-listener script:language="ooo:script" script:event-name="dom:load" xlink:href="vnd.sun.star.script:CANARY?language=Basic&amp;location=document" xmlns:xlink="http://www.w3.org/1999/xlink"/></office:event-listeners></office:scripts>`)
	})
	m.add("event on load, other prefixes", func(p *pkg) {
		p.sub(content, "<office:scripts/>", `<office:scripts><e:event-listeners xmlns:e="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><s:event-listener xmlns:s="urn:oasis:names:tc:opendocument:xmlns:script:1.0" xmlns:l="http://www.w3.org/1999/xlink" s:event-name="dom:load" l:href="vnd.sun.star.script:CANARY"/></e:event-listeners></office:scripts>`)
	})
	for what, href := range map[string]string{
		"script": "vnd.sun.star.script:CANARY?language=Basic", "macro": "macro:///CANARY", "service": "service:CANARY", "slot": "slot:CANARY", "javascript": "java&#x73;cript:CANARY", "file": "file:///CANARY",
		"UNC": `\\CANARY\s`, "mixed case": "VND.Sun.Star.Script:CANARY", "command": ".uno:CANARY", "data": "data:text/html,CANARY", "msdt": "ms-msdt:CANARY", "percent": "vnd.sun.star%2Escript:CANARY",
	} {
		m.add("link, "+what, link(href))
	}
	m.add("link, UTF-16", func(p *pkg) { link("macro:///CANARY")(p); p.wide(content) })
	m.add("linked section", inText(`<text:section text:name="s"><text:section-source xlink:href="https://CANARY.example/a.odt" text:filter-name="x"/><text:p>section text</text:p></text:section>`))
	m.add("DDE section", inText(`<text:section text:name="s"><office:dde-source office:dde-application="soffice" office:dde-topic="CANARY" office:dde-item="x" office:automatic-update="true"/><text:p>x</text:p></text:section>`))
	m.add("DDE field", func(p *pkg) {
		p.sub(content, "</text:sequence-decls>", `</text:sequence-decls><text:dde-connection-decls><text:dde-connection-decl office:name="d" office:dde-application="cmd" office:dde-topic="CANARY" office:dde-item="x"/></text:dde-connection-decls>`)
		inText(`<text:p><text:dde-connection text:connection-name="d">dde value</text:dde-connection></text:p>`)(p)
	})
	m.add("macro field", p(`<text:execute-macro text:name="CANARY"><office:event-listeners><script:event-listener script:event-name="dom:click" script:macro-name="CANARY"/></office:event-listeners>press</text:execute-macro>`))
	m.add("script field", p(`<text:script script:language="JavaScript" xlink:href="https://CANARY.example/x.js">CANARY</text:script>`))
	m.add("database field", p(`<text:database-display text:table-name="CANARY" text:database-name="CANARY" text:column-name="c">value</text:database-display>`))
	m.add("database next", p(`<text:database-next text:table-name="CANARY" text:database-name="x"/>`))
	frame := func(inner string) change {
		return p(`<draw:frame svg:width="2cm" svg:height="2cm">` + inner + `</draw:frame>`)
	}
	m.add("picture from afar", frame(`<draw:image xlink:href="https://CANARY.example/a.png" xlink:actuate="onLoad"/>`))
	m.add("picture from the file system", frame(`<draw:image xlink:href="../../../../CANARY.png"/>`))
	m.add("linked object", frame(`<draw:object xlink:href="https://CANARY.example/a.ods"/>`))
	m.add("OLE object", func(p *pkg) {
		p.manifest("Object 1", "application/vnd.sun.star.oleobject", cfbHead+"CANARY")
		frame(`<draw:object-ole xlink:href="./Object 1" draw:class-id="CANARY"/>`)(p)
	})
	m.add("applet", frame(`<draw:applet xlink:href="https://CANARY.example/a.jar" draw:code="CANARY.class"><draw:param draw:name="a" draw:value="CANARY"/></draw:applet>`))
	m.add("plug-in", frame(`<draw:plugin xlink:href="https://CANARY.example/a.swf" draw:mime-type="application/x-shockwave-flash"/>`))
	m.add("floating frame", frame(`<draw:floating-frame xlink:href="https://CANARY.example/" draw:frame-name="f"/>`))
	m.add("frame with an event", frame(`<office:event-listeners><script:event-listener script:event-name="dom:click" script:language="ooo:script" xlink:href="vnd.sun.star.script:CANARY"/></office:event-listeners><draw:text-box><text:p>boxed</text:p></draw:text-box>`))
	m.add("sub-document with a macro", func(p *pkg) {
		p.manifest("Object 2/", "application/vnd.oasis.opendocument.text", "")
		p.manifest("Object 2/content.xml", "text/xml", `<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"><office:scripts><office:event-listeners><script:event-listener xlink:href="vnd.sun.star.script:CANARY"/></office:event-listeners></office:scripts><office:body><office:text/></office:body></office:document-content>`)
		frame(`<draw:object xlink:href="./Object 2"/>`)(p)
	})
	m.add("form that is sent", inText(`<office:forms><form:form form:name="f" xlink:href="https://CANARY.example/" form:method="post" office:target-frame="_top"><form:button form:name="b" form:label="send" form:button-type="submit" xlink:href="javascript:CANARY"/></form:form></office:forms>`))
	m.add("form of a database", inText(`<office:forms><form:form form:datasource="CANARY" form:command="SELECT CANARY" form:command-type="command"><form:connection-resource xlink:href="CANARY"/></form:form></office:forms>`))
	m.add("form with scripted controls", inText(`<office:forms><form:form><form:button form:label="go"><office:event-listeners><script:event-listener script:event-name="form:performaction" xlink:href="vnd.sun.star.script:CANARY"/></office:event-listeners></form:button></form:form></office:forms>`))
	m.add("XForms", inText(`<office:forms><xforms:model xmlns:xforms="http://www.w3.org/2002/xforms"><xforms:submission action="https://CANARY.example/"/></xforms:model></office:forms>`))
	m.add("template", func(p *pkg) {
		p.sub("meta.xml", "</office:meta>", `<meta:template xlink:href="https://CANARY.example/t.ott" xmlns:xlink="http://www.w3.org/1999/xlink"/></office:meta>`)
	})
	m.add("reload", func(p *pkg) {
		p.sub("meta.xml", "</office:meta>", `<meta:auto-reload xlink:href="https://CANARY.example/" meta:delay="PT1S" xmlns:xlink="http://www.w3.org/1999/xlink"/></office:meta>`)
	})
	m.add("background picture from afar", func(p *pkg) {
		p.sub("styles.xml", "<office:styles>", `<office:styles><draw:fill-image draw:name="i" xlink:href="https://CANARY.example/a.png"/>`)
	})
	m.add("bullet picture from afar", func(p *pkg) {
		p.sub("styles.xml", "<office:styles>", `<office:styles><text:list-style style:name="LX"><text:list-level-style-image text:level="1" xlink:href="https://CANARY.example/a.png"/></text:list-style>`)
	})
	m.add("font from afar", func(p *pkg) {
		p.sub("styles.xml", "</office:font-face-decls>", `<style:font-face style:name="F"><svg:font-face-src><svg:font-face-uri xlink:href="https://CANARY.example/f.ttf"/></svg:font-face-src></style:font-face></office:font-face-decls>`)
	})
	m.add("doctype without a subset", func(p *pkg) {
		p.sub("styles.xml", "<office:document-styles", `<!DOCTYPE x SYSTEM "https://CANARY.example/x.dtd"><office:document-styles`)
	})
	m.add("entity from afar", func(p *pkg) {
		p.sub("styles.xml", "<office:document-styles", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///CANARY">]><office:document-styles`)
	})
	m.add("processing instruction", func(p *pkg) {
		p.sub(content, "<office:document-content", `<?xml-stylesheet type="text/xsl" href="https://CANARY.example/x.xsl"?><office:document-content`)
	})
	m.add("xml:base", func(p *pkg) { p.sub(content, "<office:body>", `<office:body xml:base="https://CANARY.example/">`) })
	m.add("bytes behind the archive", func(p *pkg) { p.tail = []byte("CANARYCANARY") })
	m.as("fodt", "flat, Basic", flat(`<office:scripts><office:script script:language="ooo:Basic"><ooo:libraries xmlns:ooo="http://openoffice.org/2004/office"><ooo:library-embedded ooo:name="Standard"><ooo:module ooo:name="M"><ooo:source-code>Shell "CANARY"</ooo:source-code></ooo:module></ooo:library-embedded></ooo:libraries></office:script></office:scripts>`, ""))
	m.as("fodt", "flat, event", flat("", `<text:p><text:a xlink:href="macro:CANARY">x</text:a></text:p>`))

	m.kind = "ods"
	cell := func(attrs, inner string) change {
		return func(p *pkg) {
			p.sub(content, "</table:table>", `<table:table-row><table:table-cell `+attrs+`>`+inner+`</table:table-cell></table:table-row></table:table>`)
		}
	}
	m.add("formula DDE", cell(`table:formula="of:=DDE(&quot;cmd&quot;;&quot;CANARY&quot;;&quot;x&quot;)" office:value-type="string"`, "<text:p>dde value</text:p>"))
	m.add("formula WEBSERVICE", cell(`table:formula="of:=WEBSERVICE(&quot;https://CANARY.example&quot;)" office:value-type="string"`, "<text:p>x</text:p>"))
	m.add("formula WEBSERVICE, without a namespace", cell(`table:formula="=COM.MICROSOFT.WEBSERVICE(&quot;https://CANARY.example&quot;)" office:value-type="string"`, "<text:p>x</text:p>"))
	m.add("formula of another file", cell(`table:formula="of:='file:///CANARY.ods'#$Sheet1.A1" office:value-type="float" office:value="1"`, "<text:p>1</text:p>"))
	m.add("formula HYPERLINK", cell(`table:formula="of:=HYPERLINK(&quot;file:///CANARY&quot;;&quot;x&quot;)" office:value-type="string"`, "<text:p>x</text:p>"))
	m.add("linked table", func(p *pkg) {
		p.sub(content, "<table:table-column", `<table:table-source xlink:href="https://CANARY.example/a.csv" table:table-name="x" xmlns:xlink="http://www.w3.org/1999/xlink"/><table:table-column`)
	})
	m.add("linked range", cell("", `<table:cell-range-source table:name="HTML_all" xlink:href="https://CANARY.example/" table:filter-name="x" xmlns:xlink="http://www.w3.org/1999/xlink"/><text:p>x</text:p>`))
	m.add("DDE links", func(p *pkg) {
		p.sub(content, "</office:spreadsheet>", `<table:dde-links><table:dde-link><office:dde-source office:dde-application="cmd" office:dde-topic="CANARY" office:dde-item="x"/><table:table/></table:dde-link></table:dde-links></office:spreadsheet>`)
	})
	m.add("database range", func(p *pkg) {
		p.sub(content, "</office:spreadsheet>", `<table:database-ranges><table:database-range table:name="r" table:target-range-address="Numbers.A1:.B2"><table:database-source-query table:database-name="CANARY" table:query-name="CANARY"/></table:database-range></table:database-ranges></office:spreadsheet>`)
	})
	m.add("validation macro", func(p *pkg) {
		p.sub(content, "<office:spreadsheet>", `<office:spreadsheet><table:content-validations><table:content-validation table:name="v" table:condition="of:cell-content()"><table:error-macro table:execute="true" table:name="CANARY"/><office:event-listeners><script:event-listener script:event-name="dom:xxx" xlink:href="vnd.sun.star.script:CANARY" xmlns:xlink="http://www.w3.org/1999/xlink"/></office:event-listeners></table:content-validation></table:content-validations>`)
	})
	m.add("data pilot service", func(p *pkg) {
		p.sub(content, "</office:spreadsheet>", `<table:data-pilot-tables><table:data-pilot-table table:name="d"><table:source-service table:name="CANARY" table:source-name="CANARY" table:object-name="x"/></table:data-pilot-table></table:data-pilot-tables></office:spreadsheet>`)
	})

	m.kind = "odp"
	m.add("presentation event", func(p *pkg) {
		p.sub(content, "<draw:text-box>", `<office:event-listeners><presentation:event-listener script:event-name="dom:click" presentation:action="execute" xlink:href="file:///CANARY" xmlns:xlink="http://www.w3.org/1999/xlink"/></office:event-listeners><draw:text-box>`)
	})
	m.add("presentation macro", func(p *pkg) {
		p.sub(content, "<draw:text-box>", `<office:event-listeners><script:event-listener script:event-name="dom:click" script:language="starbasic" script:macro-name="CANARY"/></office:event-listeners><draw:text-box>`)
	})
	m.add("movie from afar", func(p *pkg) {
		p.sub(content, "<presentation:notes", `<draw:frame svg:width="1cm" svg:height="1cm"><draw:plugin xlink:href="https://CANARY.example/a.mp4" draw:mime-type="application/vnd.sun.star.media" xmlns:xlink="http://www.w3.org/1999/xlink"/></draw:frame><presentation:notes`)
	})
	m.add("sound from afar", func(p *pkg) {
		p.sub(content, "<presentation:notes", `<presentation:animations><presentation:show-shape draw:shape-id="x"><presentation:sound xlink:href="https://CANARY.example/a.wav" xmlns:xlink="http://www.w3.org/1999/xlink"/></presentation:show-shape></presentation:animations><presentation:notes`)
	})
	return m.rows
}

var xmlDecl = regexp.MustCompile(`^<\?xml[^>]*\?>\s*`)

// flat makes a document of one XML file of the text, with something in its scripts and at its end.
func flat(scripts, body string) change {
	return func(p *pkg) {
		text := xmlDecl.ReplaceAllString(string(p.parts[content]), "")
		text = strings.ReplaceAll(text, "office:document-content", "office:document")
		text = strings.Replace(text, "<office:document ", `<office:document office:mimetype="application/vnd.oasis.opendocument.text" `, 1)
		text = strings.Replace(text, "<office:scripts/>", scripts, 1)
		text = strings.Replace(text, "</office:text>", body+"</office:text>", 1)
		p.whole = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + text
	}
}

// zipped makes an archive of names and contents, in turn.
func zipped(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
