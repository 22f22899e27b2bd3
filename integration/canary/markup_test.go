package canary

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func rtfRows(tb testing.TB) (rows []row) {
	tb.Helper()
	text := string(base(tb, "rtf"))
	end := strings.LastIndex(text, "}")
	add := func(what, inner string) {
		rows = append(rows, row{what: what, ext: "rtf", shown: sentences, make: func(c string) []byte {
			var quoted strings.Builder
			for _, r := range c {
				fmt.Fprintf(&quoted, `\'%02x`, r)
			}
			h := hex.EncodeToString([]byte("Package\x00" + c))
			in := strings.NewReplacer("SPLITHEX", h[:9]+"{}"+h[9:20]+"\r\n\t"+h[20:], "UPPERHEX", strings.ToUpper(h), "HEXCANARY", h, "QUOTECANARY", quoted.String(), "CANARY", c).Replace(inner)
			head, tail := in, ""
			if before, after, ok := strings.Cut(in, "AFTER"); ok {
				head, tail = before, after
			}
			return []byte(text[:end] + head + text[end:] + tail)
		}})
	}
	add("object", `{\object\objemb{\*\objclass Package}{\*\objdata 0105000002000000HEXCANARY}{\result{\pard object's picture\par}}}`)
	add("object that updates itself", `{\object\objautlink\objupdate\rsltpict{\*\objclass Word.Document.8}{\*\objdata 0105000001000000UPPERHEX}{\result x}}`)
	add("object data in pieces", `{\object\objocx{\*\objdata SPLITHEX}}`)
	add("object data outside of an object", `{\*\objdata 01050000HEXCANARY}`)
	add("object data in another destination", `{\*\shppict{\*\objdata 01050000HEXCANARY}}`)
	add("object data after a broken group", `{\object\objemb{\*\objdata\bin3 abc 0105HEXCANARY}}`)
	add("object data with a known word inside", `{\object\objemb{\*\objdata 0105{\*\xyz 00}{\b}HEXCANARY}}`)
	add("object data, uppercase and odd spaces", "{\\object\\objemb{\\*\n\\objdata\n 01 05 00 00\nHEXCANARY}}")
	add("object class", `{\object\objlink{\*\objclass CANARY}{\*\objname CANARY}{\*\objdata 00}}`)
	add("HTML object", `{\object\objhtml{\*\objclass htmlfile}{\*\objdata HEXCANARY}}`)
	for _, code := range []string{
		`DDEAUTO cmd "/k CANARY"`, `INCLUDEPICTURE "https://CANARY.example/a.png" \\d`, `INCLUDETEXT "CANARY"`, `LINK Excel.Sheet CANARY`, `IMPORT CANARY`, `HYPERLINK "file:///CANARY"`, `HYPERLINK "javascript:CANARY"`, `MACROBUTTON CANARY x`, `DATABASE CANARY`, `RD CANARY`,
	} {
		add("field "+code, `{\field{\*\fldinst `+code+`}{\fldrslt result}}`)
	}
	add("field DDE in groups", `{\field{\*\fldinst {\rtlch {D}}{\b D}{E}AUTO {cmd CANARY}}{\fldrslt x}}`)
	add("field DDE in escapes", `{\field{\*\fldinst \'44\'44\'45 cmd QUOTECANARY}{\fldrslt x}}`)
	add("field DDE in Unicode", `{\field\flddirty{\*\fldinst \u68?\u68?\u69? cmd CANARY}{\fldrslt x}}`)
	add("field DDE without a star", `{\field{\fldinst DDEAUTO cmd CANARY}{\fldrslt x}}`)
	add("field link, escaped", `{\field{\*\fldinst HYPERLINK "\'66ile:///CANARY"}{\fldrslt x}}`)
	add("template", `{\*\template https://CANARY.example/t.dotm}`)
	add("template in Unicode", `{\*\template \u104?\u116?CANARY}`)
	add("template without a star", `{\template CANARY}`)
	add("mail merge", `{\*\mailmerge\mmconnectstr CANARY{\*\mmconnectstrdata CANARY}}`)
	add("data store", `{\*\datastore HEXCANARY}`)
	add("user property link", `{\*\userprops{\propname x}\proptype30{\staticval y}{\linkval CANARY}}`)
	add("password hash", `{\*\passwordhash HEXCANARY}`)
	add("unknown destination", `{\*\zzunknown CANARY}`)
	add("unknown destination, nested", `{\*\zzunknown{\b {\*\more CANARY}}}`)
	add("bytes behind the end", "AFTER{\\object CANARY}")
	add("program behind the end", "AFTERMZ\x90CANARY")
	add("binary data", `\bin12 CANARY`)
	add("smart tag", `{\xmlopen\xmlns1{\*\xmlattrvalue CANARY}}`)
	add("HTML of a mail", `{\*\htmltag64 <script>CANARY</script>}`)
	add("file table", `{\*\filetbl{\file\fid1 CANARY}}`)
	add("picture that is a program", `{\pict\pngblip 4d5a9000HEXCANARY}`)
	add("next file", `{\*\nextfile CANARY}`)
	add("macro of a form field", `{\field{\*\fldinst FORMTEXT {\*\formfield{\*\ffname t}{\*\ffentrymcr CANARY}{\*\ffexitmcr CANARY}}}{\fldrslt x}}`)
	add("data of a form field", `{\field{\*\fldinst FORMTEXT {\*\datafield HEXCANARY}}{\fldrslt x}}`)
	add("base of links", `{\*\hlinkbase file://CANARY}`)
	add("picture of a shape, elsewhere", `{\shp{\*\shpinst{\sp{\sn pibName}{\sv https://CANARY.example/x.png}}}}`)
	add("link of a shape", `{\shp{\*\shpinst{\sp{\sn pihlShape}{\sv {\*\hl{\hlsrc javascript:x}{\hlloc CANARY}}}}}}`)
	add("picture of no kind", `{\pict HEXCANARY}`)
	add("metafile that is none", `{\pict\wmetafile8 4d5aHEXCANARY}`)
	add("colour scheme that is none", `{\*\colorschememapping HEXCANARY}`)
	add("theme that is none", `{\*\themedata HEXCANARY}`)
	add("font program", `{\*\fontemb\ftruetype{\*\fontfile CANARY}HEXCANARY}`)
	return rows
}

func markupRows() (rows []row) {
	rows = append(rows, svgRows()...)
	rows = append(rows, htmlRows()...)
	add := func(ext, what, text string) {
		rows = append(rows, row{what: what, ext: ext, shown: []string{"Visible sentence number one."}, make: filled(text)})
	}
	md := "# Title\n\nVisible sentence number one.\n\n"
	add("md", "script", md+"<script>CANARY</script>\n")
	add("md", "link, javascript", md+"[click](javascript:CANARY)\n")
	add("md", "link, entity", md+"[click](java&#115;cript:CANARY)\n")
	add("md", "link, reference", md+"[click][x]\n\n[x]: <vbscript:CANARY>\n")
	add("md", "autolink", md+"<javascript:CANARY>\n")
	add("md", "picture, data", md+"![x](data:text/html;base64,CANARY)\n")
	add("md", "handler", md+"<img src=x onerror=\"CANARY\">\n")
	add("md", "frame", md+"<iframe src=\"https://CANARY.example\"></iframe>\n")
	xml := "<r><p>Visible sentence number one.</p>"
	add("xml", "style sheet", `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="https://CANARY.example/x.xsl"?>`+xml+"</r>")
	const sheet = `<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">`
	for what, piece := range map[string]string{
		"import": `<x:import href="https://CANARY.example/a.xsl"/>`, "include of a file": `<x:include href="file:///CANARY.xsl"/>`, "include from a server": `<x:include href="\\CANARY\a.xsl"/>`,
		"document": `<x:template match="/"><x:copy-of select="document('https://CANARY.example/a.xml')"/></x:template>`, "result": `<x:template match="/"><x:result-document href="file:///CANARY">x</x:result-document></x:template>`,
	} {
		add("xsl", what, sheet+piece+`<x:template match="a">Visible sentence number one.</x:template></x:stylesheet>`)
	}
	add("xml", "XInclude", `<?xml version="1.0"?>`+xml+`<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///CANARY"/></r>`)
	add("xml", "XHTML script", `<?xml version="1.0"?>`+xml+`<h:script xmlns:h="http://www.w3.org/1999/xhtml">CANARY</h:script></r>`)
	add("xml", "XSLT", `<?xml version="1.0"?>`+xml+`<a href="javascript:CANARY" xmlns="http://www.w3.org/1999/xhtml">x</a></r>`)
	add("xml", "entity from afar", `<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///CANARY">]>`+xml+`&x;</r>`)
	page := func(inner string) string {
		return `<?xml version="1.0"?><h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:head>` + inner + `</h:head><h:body><h:p>Visible sentence number one.</h:p></h:body></h:html>`
	}
	add("xhtml", "page under a prefix, redirect", page(`<h:meta http-equiv="refresh" content="0;url=https://CANARY.example/"/>`))
	add("xhtml", "page under a prefix, base", page(`<h:base href="https://CANARY.example/"/>`))
	add("xhtml", "page under a prefix, form", strings.Replace(page(""), "</h:body>", `<h:form action="https://CANARY.example/"/></h:body>`, 1))
	add("xhtml", "page under a prefix, style", strings.Replace(page(""), "<h:p>", `<h:p style="width:expression(CANARY)">`, 1))
	add("xhtml", "page with a drawing in it", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Visible sentence number one.</p><svg><script>CANARY</script></svg></body></html>`)
	add("svg", "namespace in references", `<svg xmlns="&#104;ttp://www.w3.org/2000/svg"><text>Visible sentence number one.</text><rect fill="url(https://CANARY.example/#a)"/></svg>`)
	return rows
}

func svgRows() (rows []row) {
	svg := func(attrs, inner string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="100" height="50"` + attrs + `><text x="1" y="20">Visible sentence number one.</text><rect width="9" height="9"/>` + inner + `</svg>`
	}
	add := func(what, text string) {
		rows = append(rows, row{what: what, ext: "svg", shown: []string{"Visible sentence number one."}, make: filled(text)})
	}
	for what, inner := range map[string]string{
		"script": `<script>CANARY</script>`, "script, CDATA": `<script type="text/ecmascript"><![CDATA[CANARY]]></script>`, "script, another prefix": `<s:script xmlns:s="http://www.w3.org/2000/svg">CANARY</s:script>`, "script of a URL": `<script xlink:href="https://CANARY.example/a.js"/>`,
		"script of XHTML": `<script xmlns="http://www.w3.org/1999/xhtml">CANARY</script>`, "foreign object": `<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="CANARY"/></body></foreignObject>`, "frame": `<iframe xmlns="http://www.w3.org/1999/xhtml" src="https://CANARY.example"/>`,
		"handler": `<g onload="CANARY"/>`, "handler, newline": "<g\nonmouseover\n=\n'CANARY'/>", "handler element": `<handler xmlns:ev="http://www.w3.org/2001/xml-events" ev:event="load">CANARY</handler>`, "listener": `<listener xmlns="http://www.w3.org/2001/xml-events" event="load" handler="#CANARY"/>`,
		"link": `<a href="javascript:CANARY"><text>x</text></a>`, "link, xlink and entity": `<a xlink:href="java&#x73;cript:CANARY"><text>x</text></a>`, "link, other prefix": `<a q:href="data:text/html,CANARY" xmlns:q="http://www.w3.org/1999/xlink"/>`, "link, tab": `<a href="java&#9;script:CANARY"/>`,
		"use": `<use href="https://CANARY.example/a.svg#x"/>`, "use, data": `<use xlink:href="data:image/svg+xml,CANARY#x"/>`, "image": `<image href="https://CANARY.example/a.png"/>`, "image, svg": `<image href="data:image/svg+xml;utf8,CANARY"/>`, "feImage": `<filter><feImage xlink:href="https://CANARY.example/x"/></filter>`,
		"gradient": `<linearGradient xlink:href="https://CANARY.example/x.svg#g"/>`, "animate": `<a><animate attributeName="href" values="javascript:CANARY"/><text>x</text></a>`, "set": `<set attributeName="onload" to="CANARY"/>`, "set, href": `<set attributeName="xlink:href" to="javascript:CANARY"/>`,
		"style import": `<style>@import "https://CANARY.example/a.css";</style>`, "style import, escaped": `<style>@\69mport url(https://CANARY.example/a.css);</style>`, "style url": `<style>rect{fill:url(https://CANARY.example/x)}</style>`, "style attribute": `<rect style="fill:url('https://CANARY.example/x#a')"/>`, "fill": `<rect fill="url(https://CANARY.example/x#a)"/>`,
		"expression": `<rect style="width:expression(CANARY)"/>`, "binding": `<rect style="-moz-binding:url(https://CANARY.example/x)"/>`, "style with a comment": `<style>rect{fill:u/**/rl(https://CANARY.example/x)}</style>`, "audio": `<audio xmlns="http://www.w3.org/1999/xhtml" src="https://CANARY.example/a"/>`, "font": `<font-face><font-face-src><font-face-uri xlink:href="https://CANARY.example/f"/></font-face-src></font-face>`,
		"unknown namespace": `<x:thing xmlns:x="https://example.org/x" onclick="CANARY">thing</x:thing>`, "cursor": `<rect style="cursor:url(https://CANARY.example/c),auto"/>`, "mask": `<rect mask="url(https://CANARY.example/m#x)"/>`, "xml:base": `<g xml:base="https://CANARY.example/"/>`, "embed": `<embed xmlns="http://www.w3.org/1999/xhtml" src="https://CANARY.example"/>`,
		"processing instruction": `<?xml-stylesheet href="https://CANARY.example/a.css"?>`, "style in CDATA": `<style><![CDATA[@import url(https://CANARY.example/a.css);]]></style>`,
	} {
		add(what, svg("", inner))
	}
	add("handler of the root", svg(` onload="CANARY"`, ""))
	add("style sheet", strings.Replace(svg("", ""), "<svg", `<?xml-stylesheet href="https://CANARY.example/a.css"?><svg`, 1))
	add("entities", strings.Replace(svg("", "<text>&x;</text>"), "<svg", `<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///CANARY">]><svg`, 1))
	add("doctype", strings.Replace(svg("", ""), "<svg", `<!DOCTYPE svg SYSTEM "https://CANARY.example/x.dtd"><svg`, 1))
	rows = append(rows,
		row{what: "script, UTF-16", ext: "svg", shown: []string{"Visible sentence number one."}, make: func(c string) []byte {
			return utf16le(strings.Replace(string(filled(svg("", "<script>CANARY</script>"))(c)), "UTF-8", "UTF-16", 1), true)
		}})
	return rows
}

func htmlRows() (rows []row) {
	page := func(head, body string) string {
		return `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Letter</title>` + head + `</head><body><p style="color:red">Visible sentence number one.</p>` + body + `</body></html>`
	}
	add := func(what, text string) {
		rows = append(rows, row{what: what, ext: "html", shown: []string{"Visible sentence number one."}, make: filled(text)})
	}
	for what, head := range map[string]string{
		"refresh": `<meta http-equiv="refresh" content="0;url=https://CANARY.example">`, "refresh, mixed case": `<META HTTP-EQUIV=Refresh CONTENT='0; URL=javascript:CANARY'>`, "cookie": `<meta http-equiv="set-cookie" content="CANARY=1">`, "base": `<base href="https://CANARY.example/">`, "style sheet": `<link rel="stylesheet" href="https://CANARY.example/a.css">`,
		"import": `<link rel=import href=https://CANARY.example/a.html>`, "preload": `<link rel="prefetch preload" href="https://CANARY.example/a.js" as="script">`, "style import": `<style>@import 'https://CANARY.example/a.css';</style>`, "style url": `<style>p{background:url(https://CANARY.example/a)}</style>`, "style, escaped": `<style>@\000069mport "https://CANARY.example/a.css";</style>`,
		"behavior": `<style>p{behavior:url(#default#time2) url(https://CANARY.example/a.htc)}</style>`, "script": `<script>CANARY</script>`, "script of a URL": `<script/src="https://CANARY.example/a.js"></script>`, "conditional comment": `<!--[if IE]><script>CANARY</script><![endif]-->`, "template": `<template><script>CANARY</script></template>`,
		"manifest": `<link rel="manifest" href="https://CANARY.example/m.json">`, "portal": `<portal src="https://CANARY.example"></portal>`, "noscript": `<noscript><img src=x onerror=CANARY></noscript>`, "font": `<style>@font-face{font-family:x;src:url(https://CANARY.example/f.woff)}</style>`,
	} {
		add(what+" in the head", page(head, ""))
	}
	for what, body := range map[string]string{
		"script": `<script>CANARY</script>`, "script, mixed case": `<ScRiPt >CANARY</sCrIpT >`, "script, unclosed": `<script>CANARY`, "script in a comment that ends early": `<!--><script>CANARY</script>-->`, "script in a title": `<svg><title><script>CANARY</script></title></svg>`, "script in svg": `<svg><script>CANARY</script></svg>`, "script in math": `<math><mtext><script>CANARY</script></mtext></math>`,
		"handler": `<img src=x onerror=CANARY>`, "handler, slash": `<img/src="x"/onerror="CANARY">`, "handler, newline": "<img src=x\nonerror\n=\n`CANARY`>", "handler, entities": `<body onload="&#67;ANARY CANARY">`, "handler of a new kind": `<div onfocusin=CANARY tabindex=1 autofocus>x</div>`, "handler, upper case": `<IMG SRC=x ONERROR="CANARY">`,
		"link": `<a href="javascript:CANARY">x</a>`, "link, entities": `<a href="&#106;avascript&colon;CANARY">x</a>`, "link, control characters": "<a href=\"\x01java\tscript:CANARY\">x</a>", "link, vbscript": `<a href=vbscript:CANARY>x</a>`, "link, data": `<a href="data:text/html,CANARY">x</a>`, "link, xlink": `<svg><a xlink:href="javascript:CANARY"><text>x</text></a></svg>`, "link, file": `<a href="file:///CANARY">x</a>`, "area": `<map name=m><area href="javascript:CANARY"></map>`,
		"frame": `<iframe src="https://CANARY.example"></iframe>`, "frame of a document": `<iframe srcdoc="<script>CANARY</script>"></iframe>`, "object": `<object data="https://CANARY.example/a.swf"><param name="movie" value="CANARY"></object>`, "embed": `<embed src="https://CANARY.example">`, "applet": `<applet code="CANARY.class" archive="https://CANARY.example/a.jar"></applet>`,
		"form": `<form action="https://CANARY.example/post"><input name=a></form>`, "form of a button": `<form><button formaction="javascript:CANARY">x</button></form>`, "form, input": `<form><input type=submit formaction="https://CANARY.example/x"></form>`, "style": `<p style="background:url(https://CANARY.example/a)">x</p>`, "style, escaped": `<p style="background:\75rl(https://CANARY.example/a)">x</p>`, "style, expression": `<p style="width:expression(CANARY)">x</p>`, "style, comment": `<p style="wid/**/th:exp/**/ression(CANARY)">x</p>`,
		"svg use": `<svg><use href="data:image/svg+xml;base64,CANARY#x"></use></svg>`, "svg animate": `<svg><a><animate attributeName=href values="javascript:CANARY"></animate><text>x</text></a></svg>`, "svg foreign": `<svg><foreignObject><iframe src="https://CANARY.example"></iframe></foreignObject></svg>`, "noembed": `<noembed><img src="</noembed><img src=x onerror=CANARY>"></noembed>`, "xmp": `<xmp><script>CANARY</script></xmp>`, "mutation": `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=CANARY&gt;">`,
		"mutation, noscript": `<noscript><p title="</noscript><img src=x onerror=CANARY>"></noscript>`, "Office XML": `<xml><o:OfficeDocumentSettings xmlns:o="urn:schemas-microsoft-com:office:office">CANARY</o:OfficeDocumentSettings></xml>`, "VML": `<v:imagedata xmlns:v="urn:schemas-microsoft-com:vml" src="https://CANARY.example/a.png">`, "video source": `<video><source onerror="CANARY" src="javascript:CANARY"></video>`, "ping": `<a href="https://example.org" ping="https://CANARY.example">x</a>`, "custom element": `<x-thing onclick="CANARY">x</x-thing>`,
		"server code": `<?php CANARY ?>`, "declaration": `<!ENTITY x SYSTEM "CANARY">`, "background": `<table background="javascript:CANARY"><tr><td>x</td></tr></table>`, "marquee": `<marquee onstart=CANARY>x</marquee>`, "details": `<details open ontoggle=CANARY>x</details>`, "isindex": `<isindex type=image src=1 onerror=CANARY>`, "layer": `<layer src="https://CANARY.example/x"></layer>`, "bgsound": `<bgsound src="https://CANARY.example/a.mid">`, "srcset": `<img srcset="javascript:CANARY 1x">`,
	} {
		add(what, page("", body))
	}
	rows = append(rows, row{what: "script, UTF-16", ext: "html", shown: []string{"Visible sentence number one."}, make: func(c string) []byte {
		return utf16le(string(filled(page("", "<script>CANARY</script>"))(c)), true)
	}})
	mht := "From: <Saved>\r\nSubject: Letter\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"b0\"\r\n\r\n--b0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\nContent-Location: file:///a.htm\r\n\r\n%s\r\n--b0--\r\n"
	rows = append(rows,
		row{what: "script in 8bit", ext: "mht", shown: []string{"Visible sentence number one."}, make: filled(fmt.Sprintf(mht, "8bit", page("", "<script>CANARY</script>")))},
		row{what: "script in quoted-printable", ext: "mht", shown: []string{"Visible sentence number one."}, make: filled(fmt.Sprintf(mht, "quoted-printable", strings.ReplaceAll(page("", "<script>zq=\r\nCANARY</script>"), `="`, `=3D"`)))},
	)
	return rows
}
