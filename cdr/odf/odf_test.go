package odf

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"icapd/cdr/image"
	"icapd/cdr/kit"
	"icapd/cdr/markup"
)

const canary = "canary7f1e55"

const content = `<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:t" xmlns:draw="urn:d" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:form="urn:f" xmlns:table="urn:ta" xmlns:script="urn:s" xmlns:presentation="urn:p" xmlns:xforms="http://www.w3.org/2002/xforms"><office:body><office:text><text:p>before</text:p>%CONTENT%<text:p>after</text:p></office:text></office:body></office:document-content>`

// odt builds a small document; extra are further entries, name and content in turn.
func odt(tb testing.TB, inBody string, extra ...string) []byte {
	tb.Helper()
	entries := append([]string{
		"mimetype", "application/vnd.oasis.opendocument.text",
		"content.xml", strings.Replace(content, "%CONTENT%", inBody, 1),
		"meta.xml", `<office:document-meta xmlns:office="urn:o"><office:meta/></office:document-meta>`,
	}, extra...)
	manifest := `<manifest:manifest xmlns:manifest="urn:m">`
	for i := 0; i < len(entries); i += 2 {
		manifest += `<manifest:file-entry manifest:full-path="` + entries[i] + `" manifest:media-type=""/>`
	}
	if len(extra) == 0 || extra[0] != "META-INF/manifest.xml" {
		entries = append(entries, "META-INF/manifest.xml", manifest+"</manifest:manifest>")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		method := zip.Deflate
		if i == 0 {
			method = zip.Store
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(f, entries[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func run(tb testing.TB, f kit.Handler, data []byte) ([]byte, *kit.Job, error) {
	tb.Helper()
	handlers := map[string]kit.Handler{}
	for _, f := range append(image.Formats(), markup.Formats()...) {
		for _, t := range f.Types() {
			handlers[t] = f
		}
	}
	job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, func(d *kit.Document) kit.Handler {
		if h, ok := handlers[d.Type]; ok {
			return h
		}
		return nil
	})
	r, err := f.Disarm(tb.Context(), job, kit.Document{Data: data, Type: Package{}.Types()[0]})
	return r.Data, job, err
}

func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(b)
	}
	return files
}

// survives looks for the canary in every form.
func survives(files map[string]string) string {
	wide := utf16.Encode([]rune(canary))
	var le []byte
	for _, u := range wide {
		le = binary.LittleEndian.AppendUint16(le, u)
	}
	for name, text := range files {
		for _, form := range []string{canary, string(le), hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:14]} {
			if strings.Contains(text, form) || strings.Contains(name, form) {
				return name
			}
		}
	}
	return ""
}

func TestCleanStaysAsItIs(t *testing.T) {
	data := odt(t, `<text:a xlink:href="https://a.test/">x</text:a><text:a xlink:href="#here">y</text:a><chart:chart xlink:href=".."/><draw:frame><draw:image xlink:href="Pictures/1.svg"/></draw:frame>`,
		"Pictures/1.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "Configurations2/accelerator/current.xml", "", "Thumbnails/thumbnail.png", "", "manifest.rdf", "<rdf/>",
		"Object 1/content.xml", `<!DOCTYPE math:math PUBLIC "-//OpenOffice.org//DTD Modified W3C MathML 1.01//EN" "math.dtd">`+"\n<math:math xmlns:math='urn:m'/>")
	if out, job, err := run(t, Package{}, data); err != nil || out != nil {
		t.Fatalf("%v %v", err, job.Removals())
	}
}

// TestEmptyScripts holds that scripts with nothing in them stay, and go with anything, be it the empty list of libraries
// that LibreOffice writes into flat documents: a script stands there whatever it does.
func TestEmptyScripts(t *testing.T) {
	const list = `<office:script script:language="ooo:Basic"> <ooo:libraries xmlns:ooo="http://openoffice.org/2004/office"/> </office:script>`
	for inner, stays := range map[string]bool{"": true, " \n": true, list: false, "<!--" + canary + "-->": false} {
		out, _, err := run(t, Package{}, odt(t, "<office:scripts>"+inner+"</office:scripts>"))
		if err != nil || (out == nil) != stays {
			t.Errorf("%s: stays: %v, %v", inner, out == nil, err)
		}
	}
}

func TestCanaries(t *testing.T) {
	const cfb = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	for name, tt := range map[string]struct {
		body  string
		extra []string
	}{
		"basic":              {"", []string{"Basic/Standard/Module1.xml", "<script:module>CANARY</script:module>", "Basic/script-lc.xml", "CANARY"}},
		"background outside": {"<style:background-image xlink:href='../CANARY.png'/><draw:fill-image xlink:href='/CANARY.png'/><text:list-level-style-image xlink:href='Pictures/%2e%2e/../CANARY.png'/>", nil},
		"behind a folder":    {"<draw:frame><draw:image xlink:href='Pictures/../../CANARY.png'/></draw:frame>", nil},
		"any other address":  {"<x:y xmlns:x='urn:x' xlink:href='search-ms:CANARY'/><x:z xmlns:x='urn:x' xlink:href='jdbc:CANARY'/>", nil},
		"control, prefixed":  {"<q:listbox xmlns:q='urn:oasis:names:tc:opendocument:xmlns:form:1.0' q:button-type='submit' xlink:href='CANARY' office:target-frame='CANARY'/>", nil},
		"list of a query":    {"<form:listbox form:list-source-type='sql' form:list-source='CANARY'/><form:form form:filter='CANARY' form:order='CANARY'/>", nil},
		"what it means":      {"<text:p grddl:transformation='http://CANARY/x.xsl'/>", nil},
		"icon that is none":  {"", []string{"Configurations2/images/Bitmaps/x.bin", "CANARY"}},
		"cache that is none": {"", []string{"layout-cache", "CANARY"}},
		"python":             {"", []string{"Scripts/python/CANARY.py", "CANARY"}},
		"dialog":             {"", []string{"Dialogs/Standard/d.xml", "CANARY"}},
		"java":               {"", []string{"applet/x.class", "CANARY"}},
		"menu":               {"", []string{"Configurations2/menubar/menubar.xml", "<m h='vnd.sun.star.script:CANARY'/>"}},
		"ole object":         {"<draw:frame><draw:object-ole xlink:href='./Object 1'/><draw:image xlink:href='./ObjectReplacements/Object 1'/></draw:frame>", []string{"Object 1", cfb + "CANARY"}},
		"hidden binary":      {"", []string{"CANARY.bin", "MZ\x90CANARY"}},
		"unknown part":       {"", []string{"stuff/x.txt", "CANARY"}},
		"event":              {"<office:event-listeners><script:event-listener script:language='ooo:script' xlink:href='vnd.sun.star.script:CANARY'/></office:event-listeners>", nil},
		"event, other name":  {"<x:event-listener xmlns:x='urn:s' xlink:href='CANARY'/>", nil},
		"script":             {"<office:scripts><office:script>CANARY</office:script></office:scripts>", nil},
		"text script":        {"<text:script script:language='x'>CANARY</text:script>", nil},
		"applet":             {"<draw:applet xlink:href='CANARY'/>", nil},
		"plugin":             {"<draw:plugin xlink:href='http://CANARY'/>", nil},
		"floating frame":     {"<draw:floating-frame xlink:href='CANARY'/>", nil},
		"dde":                {"<text:dde-connection-decl office:dde-application='CANARY'/>", nil},
		"section":            {"<text:section><text:section-source xlink:href='file:///CANARY'/></text:section>", nil},
		"table":              {"<table:table-source xlink:href='CANARY'/>", nil},
		"cell range":         {"<table:cell-range-source xlink:href='CANARY'/>", nil},
		"consolidation":      {"<table:consolidation table:function='sum' table:source-cell-range-addresses=\"'file:///CANARY'#S.A1\" table:target-cell-address='S.A1' table:link-to-source-data='true'/>", nil},
		"database":           {"<table:database-source-sql table:sql-statement='CANARY'/>", nil},
		"external image":     {"<draw:frame><draw:image xlink:href='http://CANARY/x.png'/></draw:frame>", nil},
		"image on a share":   {`<draw:frame><draw:image xlink:href='\\CANARY\x.png'/></draw:frame>`, nil},
		"external object":    {"<draw:object xlink:href='file:///CANARY'/>", nil},
		"macro link":         {"<text:a xlink:href='vnd.sun.star.script:CANARY'>x</text:a>", nil},
		"js link":            {"<text:a xlink:href='java&#115;cript:CANARY'>x</text:a>", nil},
		"file link":          {"<text:a xlink:href='file:///CANARY'>x</text:a>", nil},
		"form":               {"<form:form xlink:href='http://CANARY' form:target-frame='CANARY'/>", nil},
		"button":             {"<form:button form:button-type='url' xlink:href='http://CANARY'/>", nil},
		"conditional format": {`<x:condition xmlns:x="urn:c" x:value="formula-is(WEBSERVICE(&quot;http://CANARY&quot;))"/>`, nil},
		"formula":            {`<table:table-cell table:formula="of:=WEBSERVICE(&quot;http://CANARY&quot;)"/>`, nil},
		"xforms":             {"<q:model xmlns:q='http://www.w3.org/2002/xforms' id='CANARY'/>", nil},
		"template":           {"", []string{"styles.xml", "<meta:template xmlns:meta='m' xmlns:xlink='x' xlink:href='http://CANARY'/>"}},
		"stylesheet":         {"<?xml-stylesheet href='CANARY'?>", nil},
		"document type":      {"", []string{"Object 1/content.xml", `<!DOCTYPE math:math PUBLIC "-//OpenOffice.org//DTD Modified W3C MathML 1.01//EN" "http://CANARY/math.dtd"><a/>`}},
		"own document type":  {"", []string{"Object 1/content.xml", `<!DOCTYPE math:math PUBLIC "-//OpenOffice.org//DTD CANARY 1.01//EN" "math.dtd"><a/>`}},
		"base":               {"<text:p xml:base='http://CANARY'/>", nil},
		"active svg":         {"", []string{"Pictures/a.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>CANARY</script></svg>"}},
		"embedded document":  {"<draw:object xlink:href='./Object 2'/>", []string{"Object 2/content.xml", "<a><event-listener>CANARY</event-listener></a>"}},
	} {
		t.Run(name, func(t *testing.T) {
			extra := make([]string, len(tt.extra))
			for i := range extra {
				extra[i] = strings.ReplaceAll(tt.extra[i], "CANARY", canary)
			}
			out, job, err := run(t, Package{}, odt(t, strings.ReplaceAll(tt.body, "CANARY", canary), extra...))
			if err != nil || out == nil || len(job.Removals()) == 0 {
				t.Fatalf("%d bytes, %v, %v", len(out), err, job.Removals())
			}
			files := unzip(t, out)
			if where := survives(files); where != "" {
				t.Errorf("the canary survives in %s:\n%s", where, files[where])
			}
			if c := files["content.xml"]; !strings.Contains(c, "before") || !strings.Contains(c, "after") {
				t.Errorf("text is gone:\n%s", c)
			}
			if !bytes.HasPrefix(out[30:], []byte("mimetypeapplication/vnd.oasis")) {
				t.Error("the type is not the first thing in the file")
			}
			if again, job, err := run(t, Package{}, out); err != nil || again != nil {
				t.Errorf("a second pass: %v %v", err, job.Removals())
			}
		})
	}
}

func TestHazardsAreWrittenAway(t *testing.T) {
	out, _, err := run(t, Package{}, append(odt(t, ""), canary...))
	if err != nil || out == nil || bytes.Contains(out, []byte(canary)) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
}

// TestStylesFromAfar holds that addresses in styles become empty ones: LibreOffice opens no document with a "#" there.
func TestStylesFromAfar(t *testing.T) {
	const styles = `<a xmlns:xlink="x"><style:background-image xmlns:style="s" xlink:href="%"/><svg:font-face-uri xmlns:svg="v" xlink:href="%"/></a>`
	out, _, err := run(t, Package{}, odt(t, "", "styles.xml", strings.ReplaceAll(styles, "%", "http://CANARY/")))
	if err != nil {
		t.Fatal(err)
	}
	if got := unzip(t, out)["styles.xml"]; got != strings.ReplaceAll(styles, "%", "") {
		t.Error(got)
	}
}

// TestFieldsKeepWhatTheyShow holds that a field whose source goes leaves the text that a reader saw.
func TestFieldsKeepWhatTheyShow(t *testing.T) {
	const fields = `<text:p>a <text:dde-connection text:connection-name="d">the <text:s/>value</text:dde-connection>, <text:database-display text:database-name="x">row</text:database-display>.</text:p>`
	out, _, err := run(t, Package{}, odt(t, `<text:dde-connection-decls><text:dde-connection-decl office:dde-application="CANARY"/></text:dde-connection-decls>`+fields))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := unzip(t, out)["content.xml"], strings.Replace(content, "%CONTENT%", "<text:p>a the <text:s/>value, row.</text:p>", 1); got != want {
		t.Error(got)
	}
}

func TestRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"encrypted":       odt(t, "", "META-INF/manifest.xml", "<m><file-entry><encryption-data/></file-entry></m>"),
		"two of one name": odt(t, "", "CONTENT.XML", "<a/>"),
		"entities":        odt(t, "", "styles.xml", `<!DOCTYPE a [<!ENTITY x "&x;">]><a>&x;</a>`),
		"broken":          odt(t, "<open>"),
		"no zip":          []byte("PK"),
	} {
		if out, _, err := run(t, Package{}, data); err == nil || out != nil {
			t.Errorf("%s passed", name)
		}
	}
}

// TestUnlisted has entries that the manifest does not name, by names that no writer makes.
func TestUnlisted(t *testing.T) {
	const manifest = `<manifest:manifest xmlns:manifest="urn:m"><manifest:file-entry manifest:full-path="content.xml"/><manifest:file-entry manifest:full-path="Object 1/"/></manifest:manifest>`
	for _, name := range []string{"x.bin", "/x.bin", "//x.bin", "../x.bin", "a/../../x.bin", "./x.bin", strings.Repeat("a/", 30000) + "x.bin"} {
		out, _, err := run(t, Package{}, odt(t, "", "META-INF/manifest.xml", manifest, name, canary))
		if err != nil || out == nil || survives(unzip(t, out)) != "" {
			t.Errorf("%.20q: %v, %q", name, err, out)
		}
	}
	if out, _, err := run(t, Package{}, odt(t, "", "META-INF/manifest.xml", manifest, "Object 1/sub/settings.xml", "<a/>")); err != nil || out != nil {
		t.Errorf("what is in a folder that is listed: %v, %q", err, out)
	}
}

// TestManifestOfOpenOffice has the document types that OpenOffice.org 2 wrote into manifests and menus, word for word: they stay,
// also where something else goes.
func TestManifestOfOpenOffice(t *testing.T) {
	const manifest = `<?xml version="1.0"?><!DOCTYPE manifest:manifest PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" "Manifest.dtd">` +
		`<manifest:manifest xmlns:manifest="urn:m"><manifest:file-entry manifest:full-path="content.xml"/><manifest:file-entry manifest:full-path="Basic/x"/></manifest:manifest>`
	const menu = `<!DOCTYPE menu:menubar PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "menubar.dtd"><menu:menubar xmlns:menu="urn:menu"/>`
	for _, extra := range [][]string{
		{"META-INF/manifest.xml", strings.Replace(manifest, "Basic/x", "Object 1/", 1), "Object 1/content.xml", "<a/>"},
		{"META-INF/manifest.xml", strings.Replace(manifest, "Basic/x", "Configurations2/", 1), "Configurations2/menubar/menubar.xml", menu},
	} {
		if out, job, err := run(t, Package{}, odt(t, "", extra...)); err != nil || out != nil {
			t.Errorf("%v: %v %v", extra, err, job.Removals())
		}
	}
	out, job, err := run(t, Package{}, odt(t, "", "META-INF/manifest.xml", manifest, "Basic/x", canary))
	if err != nil || out == nil {
		t.Fatal(err, job.Removals())
	}
	if files := unzip(t, out); !strings.Contains(files["META-INF/manifest.xml"], "Manifest.dtd") || strings.Contains(files["META-INF/manifest.xml"], "Basic/x") || survives(files) != "" {
		t.Errorf("%q", files)
	}
	if again, job, err := run(t, Package{}, out); err != nil || again != nil {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
}

// TestPicturesThatCannotStay has pictures that nobody can read: a blank one takes their place, because LibreOffice does not
// open a document whose picture is missing. Metadata and pictures of any name stay as the manifest lists them.
func TestPicturesThatCannotStay(t *testing.T) {
	const picture = `<draw:frame><draw:image xlink:href="Pictures/1.png"/></draw:frame>`
	out, job, err := run(t, Package{}, odt(t, picture, "Pictures/1.png", kit.BlankPNG[:40]+canary, "Pictures/2.bin", canary+"MZ"))
	if err != nil || out == nil {
		t.Fatal(err, job.Removals())
	}
	files := unzip(t, out)
	if files["Pictures/1.png"] != kit.BlankPNG || files["Pictures/2.bin"] != kit.BlankPNG || survives(files) != "" || !strings.Contains(files["META-INF/manifest.xml"], "Pictures/1.png") {
		t.Errorf("%v %q", job.Removals(), files)
	}
	if again, job, err := run(t, Package{}, out); err != nil || again != nil {
		t.Errorf("a second pass: %v %v", err, job.Removals())
	}
	const frames = `<draw:frame><draw:object-ole xlink:href="./Object 1"/><draw:image xlink:href="./ObjectReplacements/Object 1"/></draw:frame>` +
		`<draw:frame><draw:object-ole xlink:href="./Object 2"/><text:p>x</text:p><draw:image xlink:href="./ObjectReplacements/Object 2"/></draw:frame><draw:frame><draw:image xlink:href="Pictures/3.png"/></draw:frame>`
	out, job, err = run(t, Package{}, odt(t, frames, "ObjectReplacements/Object 1", kit.BlankPNG))
	if text := unzip(t, out)["content.xml"]; err != nil || !strings.Contains(text, "ObjectReplacements/Object 1") || strings.Contains(text, "ObjectReplacements/Object 2") || !strings.Contains(text, "Pictures/3.png") {
		t.Errorf("%v %v %s", err, job.Removals(), text)
	}
	if out, job, err := run(t, Package{}, odt(t, "", "templates.rdf", "<rdf/>", "Models/Fallbacks/duck.png", kit.BlankPNG, "Obj001/Pictures/1.png", kit.BlankPNG)); err != nil || out != nil {
		t.Errorf("%v %v", err, job.Removals())
	}
}

func TestSigned(t *testing.T) {
	signature := []string{"META-INF/documentsignatures.xml", "<s/>"}
	if out, _, err := run(t, Package{}, odt(t, "", signature...)); err != nil || out != nil {
		t.Errorf("a signed document with nothing to remove was changed: %v", err)
	}
	out, job, err := run(t, Package{}, odt(t, "<draw:plugin/>", signature...))
	if err != nil || len(job.Warnings()) != 1 || unzip(t, out)["META-INF/documentsignatures.xml"] != "" {
		t.Errorf("%v %v", err, job.Warnings())
	}
}

func TestFlat(t *testing.T) {
	picture := base64.StdEncoding.EncodeToString([]byte("<svg xmlns='http://www.w3.org/2000/svg'><script>" + canary + "</script></svg>"))
	doc := strings.Replace(content, "%CONTENT%", "<office:scripts>"+canary+"</office:scripts><draw:image><office:binary-data>"+picture+"</office:binary-data></draw:image>", 1)
	out, job, err := run(t, Flat{}, []byte(doc))
	if err != nil || survives(map[string]string{"": string(out)}) != "" || len(job.Removals()) != 2 || bytes.Contains(out, []byte(picture[:70])) {
		t.Fatalf("%v %v\n%s", err, job.Removals(), out)
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(strings.Replace(content, "%CONTENT%", "<draw:plugin/><text:a xlink:href='file:///x'/>", 1)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		out, _, err := run(t, Flat{}, doc)
		if err != nil || out == nil {
			return
		}
		if again, _, err := run(t, Flat{}, out); err != nil || again != nil {
			t.Fatalf("a second pass of %q made %q: %v", out, again, err)
		}
	})
}
