package rtf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"icapd/cdr/image"
	"icapd/cdr/kit"
)

const canary = "canary-7f1e55"

func run(tb testing.TB, in string) (string, *kit.Job, error) {
	tb.Helper()
	png := image.Formats()[0]
	job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, func(d *kit.Document) kit.Handler {
		if d.Type == "image/png" {
			return png
		}
		return nil
	})
	r, err := Format{}.Disarm(tb.Context(), job, kit.Document{Data: []byte(in), Type: "text/rtf"})
	return string(r.Data), job, err
}

const hello = `{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator x;}\pard Hello %s World\par}`

func TestDisarm(t *testing.T) {
	hexCanary := hex.EncodeToString([]byte(canary))
	tests := []struct{ name, in, out, vectors string }{
		{"nothing", ``, ``, ``},
		{"object with result", `{\object\objemb\objw1{\*\objclass Package}{\*\objdata 0105` + hexCanary + `}{\result {\pict\wmetafile8 0100090000030c0000000000030000000000030000000000}}}`, `{\result {\pict\wmetafile8 0100090000030c0000000000030000000000030000000000}}`, "object-data ole-object"},
		{"object data without object", `{\*\objdata ` + hexCanary + `}`, ``, "object-data"},
		{"hidden behind words", `{\b\object{}\objdata ` + hexCanary + `}`, ``, "object-data"},
		{"binary object data", `{\object{\objdata\bin13 ` + canary + `}}`, ``, "binary-data object-data ole-object"},
		{"control", `{\object\objocx{\*\objdata ` + hexCanary + `}{\result seen}}`, `{\result seen}`, "object-data ole-object"},
		{"html object", `{\objhtml ` + canary + `}`, ``, "ole-object"},
		{"template", `{\*\template http://` + canary + `/x.dot}`, ``, "remote-template"},
		{"data store", `{\*\datastore ` + hexCanary + `}`, ``, "data-store"},
		{"mail merge", `{\*\mailmerge{\mmconnectstr ` + canary + `}}`, ``, "mail-merge mail-merge"},
		{"unknown destination", `{\*\canary ` + canary + `}`, ``, "unknown-destination"},
		{"ordinary destination", `{\*\bkmkstart here}{\*\bkmkend here}`, `{\*\bkmkstart here}{\*\bkmkend here}`, ""},
		{"mathematics", `{\mmath{\*\moMath{\macc{\maccPr{\mchr 1}}}}}`, `{\mmath{\*\moMath{\macc{\maccPr{\mchr 1}}}}}`, ""},
		{"DDE field", `{\field{\*\fldinst DDEAUTO cmd "` + canary + `"}{\fldrslt seen}}`, `{\fldrslt seen}`, "field-dde"},
		{"split over runs", `{\field{\*\fldinst {\b D}{\i DE}` + "\n" + `{AUTO } ` + canary + `}{\fldrslt {\b seen}}}`, `{\fldrslt {\b seen}}`, "field-dde"},
		{"in character codes", `{\field{\*\fldinst \'44\u68?\'45AUTO x ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"built by a field", `{\field{\*\fldinst {\field{\*\fldinst QUOTE 68 68 69}{\fldrslt DDE}} ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-built"},
		{"nested deeper", `{\field{\*\fldinst IF 1=1 {\field{\*\fldinst INCLUDETEXT "` + canary + `"}{\fldrslt no}}}{\fldrslt s}}`, `{\field{\*\fldinst IF 1=1 {\fldrslt no}}{\fldrslt s}}`, "field-include"},
		{"instruction without field", `{\*\fldinst LINK ` + canary + `}`, ``, "field-include"},
		{"macro button", `{\field{\*\fldinst MACROBUTTON Canary7f1e Click here}{\fldrslt }}`, `{Click here}`, "field-macro"},
		{"macro button in an instruction", `{\field{\*\fldinst IF 1=1 {\field{\*\fldinst MACROBUTTON ` + canary + ` x}}}{\fldrslt s}}`, `{\field{\*\fldinst IF 1=1 }{\fldrslt s}}`, "field-macro"},
		{"macro button, nothing to see", `{\field{\*\fldinst MACROBUTTON ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-macro"},
		{"view", `{\*\viewkind1}{\*\viewscale100}`, `{\*\viewkind1}{\*\viewscale100}`, ""},
		{"view of a text", `{\*\viewkind1 ` + canary + `}`, ``, "unknown-destination"},
		{"page number", `{\field{\*\fldinst PAGE}{\fldrslt 1}}`, `{\field{\*\fldinst PAGE}{\fldrslt 1}}`, ""},
		{"web link", `{\field{\*\fldinst HYPERLINK "https://a.test"}{\fldrslt a}}`, `{\field{\*\fldinst HYPERLINK "https://a.test"}{\fldrslt a}}`, ""},
		{"file link", `{\field{\*\fldinst HYPERLINK "file:///` + canary + `"}{\fldrslt a}}`, `{\fldrslt a}`, "link-scheme"},
		{"shape script", `{\shp{\*\shpinst{\sp{\sn wzScript}{\sv ` + canary + `}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"shape link", `{\*\hl{\*\hlsrc javascript:` + canary + `}{\*\hlloc ` + canary + `}}`, ``, "link-scheme link-scheme"},
		{"binary outside of pictures", `\bin13 ` + canary, ``, "binary-data"},
		{"form macro", `{\field{\*\fldinst FORMTEXT {\*\formfield{\*\ffname a}{\*\ffentrymcr ` + canary + `}}}{\fldrslt k}}`, `{\field{\*\fldinst FORMTEXT {\*\formfield{\*\ffname a}}}{\fldrslt k}}`, "form-macro"},
		{"link base", `{\*\hlinkbase file://` + canary + `}`, ``, "link-scheme"},
		{"link base of the web", `{\*\hlinkbase https://a.example/}`, `{\*\hlinkbase https://a.example/}`, ""},
		{"linked picture of a shape", `{\shp{\*\shpinst{\sp{\sn pibName}{\sv http://` + canary + `}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"name of an embedded picture", `{\shp{\*\shpinst{\sp{\sn pibName}{\sv photo.png}}}}`, `{\shp{\*\shpinst{\sp{\sn pibName}{\sv photo.png}}}}`, ""},
		{"nothing stands in for a character", `{\field{\*\fldinst\uc0\u68 DEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"two characters stand in for one", `{\uc2{\field{\*\fldinst \u68 \'3f?DEAUTO ` + canary + `}{\fldrslt s}}}`, `{\uc2{\fldrslt s}}`, "field-dde"},
		{"a brace ends what stands in", `{\field{\*\fldinst {\u68}DEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"a brace that does not", `{\field{\*\fldinst \u68{?}DEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"a control word that stands in", `{\field{\*\fldinst \uc2\u68\b xDEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"a control word that does not", `{\field{\*\fldinst \uc2\u68\b DEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"spaces that are words", `{\field{\*\fldinst\emspace INCLUDETEXT\enspace ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-include"},
		{"a second instruction", `{\field{\*\fldinst PAGE}{\*\fldinst DDEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"an instruction in Unicode", `{\field{\upr{\*\fldinst PAGE}{\*\ud{\*\fldinst LINK ` + canary + `}}}{\fldrslt s}}`, `{\fldrslt s}`, "field-include"},
		{"an instruction in two parts", `{\field{\*\fldinst D}{\*\fldinst DEAUTO ` + canary + `}{\fldrslt s}}`, `{\fldrslt s}`, "field-dde"},
		{"shape property in codes", `{\shp{\*\shpinst{\sp{\sn \'70\u105?bName}{\sv \u104?ttp:\u47?/` + canary + `}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"shape property in groups", `{\shp{\*\shpinst{\sp{\*\sn wz{\b Script}}{\*\sv ` + canary + `}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"shape property with its value first", `{\shp{\*\shpinst{\sp{\sv http://` + canary + `}{\sn fillBlipName}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"address where a picture is", `{\shp{\*\shpinst{\sp{\sn pib}{\sv http://` + canary + `}}}}`, `{\shp{\*\shpinst}}`, "linked-picture"},
		{"tag of AbiWord", `{\*\listtag0}`, `{\*\listtag0}`, ""},
		{"tag of AbiWord with more", `{\*\listtag0 ` + canary + `}{\*\listtag}`, ``, "unknown-destination"},
		{"picture of no kind", `{\pict ` + hexCanary + `}`, ``, "picture"},
		{"colour scheme that is none", `{\*\colorschememapping ` + hexCanary + `}`, ``, "theme-data"},
		{"theme that is none", `{\*\themedata ` + hexCanary + `}`, ``, "theme-data"},
		{"font program", `{\*\fontemb\ftruetype{\*\fontfile ` + canary + `}}`, ``, "embedded-font embedded-font"},
		{"binary that closes groups", `{\pict\dibitmap0\bin3 }}}}`, `{\pict\dibitmap0\bin3 }}}}`, ""},
		{"linked property", `{\*\userprops{\propname x}\proptype30{\staticval 1}{\linkval ` + canary + `}}`, `{\*\userprops{\propname x}\proptype30{\staticval 1}}`, "linked-property"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := fmt.Sprintf(hello, tt.in), fmt.Sprintf(hello, tt.out)
			out, job, err := run(t, in)
			if err != nil {
				t.Fatal(err)
			}
			if in == want {
				want = "" // unchanged
			}
			if out != want {
				t.Fatalf("got\n%s\nwant\n%s", out, want)
			}
			var vectors []string
			for _, r := range job.Removals() {
				vectors = append(vectors, r.Vector)
			}
			if got := strings.Join(vectors, " "); got != tt.vectors {
				t.Errorf("vectors %q, want %q", got, tt.vectors)
			}
			if out == "" {
				return
			}
			if again, _, err := run(t, out); err != nil || again != "" {
				t.Errorf("a second pass: %v\n%s", err, again)
			}
		})
	}
}

// Word writes a data store into every document. One that is empty is no reason to touch it.
func TestEmptyDataStore(t *testing.T) {
	empty := "\x01\x05\x00\x00\x02\x00\x00\x00\x18\x00\x00\x00Msxml2.SAXXMLReader.6.0\x00" + strings.Repeat("\x00", 8) + "\x00\x06\x00\x00" +
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\xff", 200) + "R\x00o\x00o\x00t\x00 \x00E\x00n\x00t\x00r\x00y\x00" + strings.Repeat("\x00", 300)
	for name, tt := range map[string]struct {
		data string
		kept bool
	}{
		"empty":         {empty, true},
		"text":          {empty + canary, false},
		"wide text":     {empty + "c\x00a\x00n\x00a\x00r\x00y\x00", false},
		"another class": {strings.Replace(empty, "SAXXMLReader", "Other_Class_X", 1), false},
		"too large":     {empty + strings.Repeat("\x00", 4096), false},
	} {
		out, _, err := run(t, fmt.Sprintf(hello, `{\*\datastore `+hex.EncodeToString([]byte(tt.data))+"\n}"))
		if err != nil || (out == "") != tt.kept {
			t.Errorf("%s: kept %v, %v", name, out == "", err)
		}
	}
}

// Word writes data into fields that say what the field says: those are no reason to touch a document.
func TestPlainDataFields(t *testing.T) {
	wide := func(s string) string {
		var b strings.Builder
		for _, c := range s + "\x00" {
			b.WriteString(string([]byte{byte(c), 0}))
		}
		return b.String()
	}
	link := func(flags byte, body string) string {
		return "\x00" + classLink + "\x02\x00\x00\x00" + string([]byte{flags, 0, 0, 0}) + body
	}
	url := func(address, more string) string {
		body := wide(address) + more
		return link(3, classURL+string([]byte{byte(len(body)), 0, 0, 0})+body)
	}
	for name, tt := range map[string]struct {
		data string
		kept bool
	}{
		"link":             {url("https://a.test/x", ""), true},
		"link with serial": {url("https://a.test/x", classSerial+"\x00\x00\x00\x00\xa5\xab\x00\x00"), true},
		"place":            {link(8, "\x03\x00\x00\x00"+wide("_T")), true},
		"a script":         {url("javascript:"+canary, ""), false},
		"a file":           {url("file:///"+canary, ""), false},
		"bytes behind it":  {url("https://a.test/x", canary), false},
		"other flags":      {link(0x17, "\x03\x00\x00\x00"+wide("_T")), false},
		"form":             {"\x65\x00\x00\x00\x14\x00\x00\x00" + "\x04Name\x00" + strings.Repeat("\x00\x00", 6), true},
		"form with macro":  {strings.Repeat("\x00", 8) + "\x04Name\x00" + strings.Repeat("\x00\x00", 5) + "\x05macro\x00", false},
		"entry macro":      {strings.Repeat("\x00", 8) + "\x04Name\x00" + strings.Repeat("\x00\x00", 4) + "\x05macro\x00\x00\x00", false},
		"words in front":   {canary[:8] + "\x04Name\x00" + strings.Repeat("\x00\x00", 6), false},
		"too few":          {strings.Repeat("\x00", 8) + "\x04Name\x00" + strings.Repeat("\x00\x00", 5), false},
		"nothing":          {"", false},
	} {
		out, job, err := run(t, fmt.Sprintf(hello, `{\field{\*\fldinst FORMTEXT {\*\datafield `+hex.EncodeToString([]byte(tt.data))+"}}{\\fldrslt x}}"))
		if err != nil || (out == "") != tt.kept {
			t.Errorf("%s: kept %v, %v, %v", name, out == "", err, job.Removals())
		}
	}
}

func TestTail(t *testing.T) {
	doc := fmt.Sprintf(hello, "")
	if out, _, err := run(t, doc+"\r\n\x00"); err != nil || out != "" {
		t.Errorf("padding: %q, %v", out, err)
	}
	if out, job, err := run(t, doc+canary); err != nil || out != doc || len(job.Removals()) != 1 {
		t.Errorf("%q, %v", out, err)
	}
}

func TestRefused(t *testing.T) {
	for name, in := range map[string]string{
		"not RTF":                "{\\xyz}",
		"open groups":            `{\rtf1 {\b x}`,
		"too deep":               `{\rtf1 ` + strings.Repeat("{", 600) + strings.Repeat("}", 601),
		"all of it is an object": `{\rtf1\objdata 00}`,
		"binary past the end":    `{\rtf1{\pict\bin99 x}}`,
		"ends in a code":         `{\rtf1 \'4`,
		"ends in a backslash":    `{\rtf1 \`,
	} {
		if out, _, err := run(t, in); err == nil || out != "" {
			t.Errorf("%s passed: %q", name, out)
		}
	}
}

// Programs call pictures what they are not, say it in a group of its own, and put the data into one.
func TestPictureByItsBytes(t *testing.T) {
	blank := hex.EncodeToString([]byte(kit.BlankPNG))
	raw := fmt.Sprintf(`\bin%d %s`, len(kit.BlankPNG), kit.BlankPNG)
	for _, in := range []string{
		`{\pict\wmetafile8 ` + blank + `}`, `{\pict\jpegblip ` + blank + `}`, `{\pict{\pngblip\picw1}` + blank + `}`, `{\pict\picw1 ` + blank + `}`,
		`{\pict\pngblip{` + raw + `}}`, `{\pict\pngblip ` + raw + `}`,
	} {
		if out, job, err := run(t, fmt.Sprintf(hello, in)); err != nil || out != "" {
			t.Errorf("%.30q: %v %v", in, err, job.Removals())
		}
	}
	chunk := "tEXta\x00" + canary
	dirty := kit.BlankPNG[:33] + string(number(uint32(len(chunk)-4))) + chunk + string(number(crc32.ChecksumIEEE([]byte(chunk)))) + kit.BlankPNG[33:]
	hexCanary := hex.EncodeToString([]byte(canary))
	for _, in := range []string{
		`{\pict\pngblip{\bin` + fmt.Sprint(len(dirty)) + ` ` + dirty + `}}`, `{\pict\jpegblip ` + hex.EncodeToString([]byte(dirty)) + `}`,
		`{\pict\pngblip` + raw + hexCanary + `}`, `{\pict\pngblip{\*\x` + raw + `}}`, `{\pict\pngblip{\b\bin13 ` + canary + `}}`,
	} {
		out, job, err := run(t, fmt.Sprintf(hello, in))
		if err != nil || out == "" || strings.Contains(out, canary) || strings.Contains(out, hexCanary) {
			t.Errorf("%.30q: %v %v %q", in, err, job.Removals(), out)
		}
		if again, job, err := run(t, out); err != nil || again != "" {
			t.Errorf("a second pass over %q: %v %v", out, err, job.Removals())
		}
	}
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// A picture is looked into; one that is no picture goes.
func TestPictures(t *testing.T) {
	dirty := hex.EncodeToString([]byte("\x89PNG\r\n\x1a\n" + canary))
	out, job, err := run(t, fmt.Sprintf(hello, `{\pict\pngblip\picw1 `+dirty+`}`))
	if err != nil || strings.Contains(out, hex.EncodeToString([]byte(canary))) || len(job.Removals()) != 1 {
		t.Fatalf("%v, %s", err, out)
	}
}

// A fetched picture goes at any depth, also where properties of shapes stand in each other.
func TestNestedShapes(t *testing.T) {
	for _, depth := range []int{1, 3, 8, 400} {
		in := strings.Repeat(`{\sp{\sn x}{\sv `, depth) + `{\sp{\sn pibName}{\sv http://` + canary + `.test/}}` + strings.Repeat("}}", depth)
		if depth > 200 {
			in = strings.Repeat(`{\sp `, depth) + `{\sn pibName}{\sv http://` + canary + `.test/}` + strings.Repeat("}", depth)
		}
		out, _, err := run(t, fmt.Sprintf(hello, `{\shp{\*\shpinst`+in+`}}`))
		if err != nil || out == "" || strings.Contains(out, canary) {
			t.Errorf("depth %d: %v, %.300q", depth, err, out)
		}
	}
}

func FuzzDisarm(f *testing.F) {
	for _, s := range []string{
		`{\object{\*\objdata 01}{\result x}}`, `{\field{\*\fldinst DDE}{\fldrslt {\object{\result y}}}}`, `{\pict\pngblip 8950}`,
		`\bin3 abc`, `{\*\x y}`, `\u-1?\'41`,
	} {
		f.Add([]byte(fmt.Sprintf(hello, s)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out, _, err := run(t, string(in))
		if !bytes.Equal(before, in) {
			t.Fatal("the input was written to")
		}
		for pass := 0; err == nil && out != "" && pass < 3; pass++ {
			out, _, err = run(t, out)
			if pass == 2 && out != "" {
				t.Fatalf("does not come to an end: %q", in)
			}
		}
	})
}

func BenchmarkDisarm(b *testing.B) {
	in := fmt.Sprintf(hello, strings.Repeat(`{\b bold}\par plain text of some length, as people write it `, 20000))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := run(b, in); err != nil {
			b.Fatal(err)
		}
	}
}
