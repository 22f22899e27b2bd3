package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"icapd/cdr/kit"
	"icapd/scan"
)

const (
	canary = "canary7f1e55"
	hello  = "Hello, World"
)

// carrier is a document of one page, and what a test adds to it. The added objects get the numbers from 6 on.
type carrier struct {
	catalog, page, trailer string // entries
	objects                []string
	before, after          string // around the document
}

func (c carrier) body() []string {
	annots := ""
	if !strings.Contains(c.page, "/Annots") {
		annots = "/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://kept.test/)>>>>]"
	}
	resources := "/Resources<</Font<</F1 5 0 R>>>>"
	if strings.Contains(c.page, "/Resources") {
		c.page, resources = strings.Replace(c.page, "/Resources<</XObject", "/Resources<</Font<</F1 5 0 R>>/XObject", 1), ""
	}
	contents := "/Contents 4 0 R"
	if strings.Contains(c.page, "/Contents") {
		contents = ""
	}
	content := "BT /F1 12 Tf 72 700 Td (" + hello + ") Tj ET"
	return append([]string{
		"<</Type/Catalog/Pages 2 0 R" + c.catalog + ">>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]" + contents + resources + annots + c.page + ">>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, c.objects...)
}

// layout writes a carrier as one kind of file.
type layout func(c carrier) []byte

func deflated(data []byte) []byte { return new(deflater).deflate(data) }

func table(c carrier) []byte {
	var b bytes.Buffer
	b.WriteString(c.before + "%PDF-1.7\n%\xe2\xe3\n")
	offsets := []int{}
	for i, o := range c.body() {
		offsets = append(offsets, b.Len()-len(c.before))
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len() - len(c.before)
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n%s", len(offsets)+1, c.trailer, at, c.after)
	return b.Bytes()
}

// packed uses object streams and a cross-reference stream.
func packed(c carrier) []byte {
	var b bytes.Buffer
	b.WriteString(c.before + "%PDF-1.7\n%\xe2\xe3\n")
	shift := len(c.before)
	var head, body, rows bytes.Buffer
	objects := c.body()
	container, self := len(objects)+1, len(objects)+2
	row := func(kind byte, field, index int) {
		rows.Write([]byte{kind, byte(field >> 8), byte(field), byte(index)})
	}
	row(0, 0, 0)
	n := 0
	for i, o := range objects {
		if strings.Contains(o, "endstream") {
			row(1, b.Len()-shift, 0)
			fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
			continue
		}
		row(2, container, n)
		n++
		fmt.Fprintf(&head, "%d %d ", i+1, body.Len())
		body.WriteString(o + "\n")
	}
	row(1, b.Len()-shift, 0)
	data := deflated(slices.Concat(head.Bytes(), body.Bytes()))
	fmt.Fprintf(&b, "%d 0 obj\n<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>stream\n%s\nendstream\nendobj\n", container, n, head.Len(), len(data), data)
	at := b.Len() - shift
	row(1, at, 0)
	fmt.Fprintf(&b, "%d 0 obj\n<</Type/XRef/Size %d/W[1 2 1]/Root 1 0 R%s/Length %d>>stream\n%s\nendstream\nendobj\n", self, self+1, c.trailer, rows.Len(), rows.Bytes())
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n%s", at, c.after)
	return b.Bytes()
}

// updated writes a harmless document and puts the carrier's catalog, page and objects into an update of it.
func updated(c carrier) []byte {
	plainOne := table(carrier{before: c.before})
	shift := len(c.before)
	prev := bytes.LastIndex(plainOne, []byte("xref\n0")) - shift
	b := bytes.NewBuffer(plainOne)
	var x bytes.Buffer
	for i, o := range c.body() {
		fmt.Fprintf(&x, "%d 1\n%010d 00000 n \n", i+1, b.Len()-shift)
		fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len() - shift
	fmt.Fprintf(b, "xref\n%strailer\n<</Size %d/Root 1 0 R/Prev %d%s>>\nstartxref\n%d\n%%%%EOF\n%s", x.Bytes(), len(c.body())+1, prev, c.trailer, at, c.after)
	return b.Bytes()
}

// broken has tables that are wrong.
func broken(c carrier) []byte {
	return bytes.Replace(table(c), []byte("startxref\n"), []byte("startxref\n9"), 1)
}

var layouts = map[string]layout{"table": table, "packed": packed, "updated": updated, "broken": broken}

func disarm(tb testing.TB, data []byte, switches kit.Switches) ([]byte, *kit.Job, error) {
	tb.Helper()
	job := kit.NewJob(kit.ModeDisarm, switches, kit.Limits{}, func(d *kit.Document) kit.Handler {
		if d.Type == "application/pdf" {
			return Format{}
		}
		return nil
	})
	r, err := Format{}.Disarm(tb.Context(), job, kit.Document{Data: data, Type: "application/pdf"})
	return r.Data, job, err
}

func vectors(job *kit.Job) []string {
	var v []string
	for _, r := range job.Removals() {
		if !slices.Contains(v, r.Vector) {
			v = append(v, r.Vector)
		}
	}
	return v
}

// unpackable returns the bytes of a file, and those of each of its streams.
func unpackable(data []byte) []byte {
	out := slices.Clone(data)
	for rest := data; ; {
		i := bytes.Index(rest, []byte("stream\n"))
		if i < 0 {
			return out
		}
		rest = rest[i+7:]
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			continue
		}
		inside, _ := io.ReadAll(z)
		out = append(append(out, '\n'), inside...)
	}
}

func survives(data []byte, word string) bool {
	all := unpackable(data)
	wide := []byte{}
	for _, u := range utf16.Encode([]rune(word)) {
		wide = append(wide, byte(u>>8), byte(u))
	}
	for _, form := range [][]byte{[]byte(word), wide, []byte(hex.EncodeToString([]byte(word))), []byte(strings.ToUpper(hex.EncodeToString([]byte(word)))), []byte(base64.StdEncoding.EncodeToString([]byte(word)))} {
		if bytes.Contains(all, form) {
			return true
		}
	}
	return false
}

func streamOf(entries, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", entries, len(data), data)
}

func annots(entries string) string { return "/Annots[<</Type/Annot/Rect[0 0 9 9]" + entries + ">>]" }

// form is the appearance that stays of what goes.
var form = streamOf("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", "0 0 9 9 re f %seen")

// injected has every vector, with the canary in its active part.
var injected = []struct {
	name, vector string
	carrier
}{
	{"open action script", "javascript", carrier{catalog: "/OpenAction 6 0 R", objects: []string{"<</S/JavaScript/JS(" + canary + ")>>"}}},
	{"open action in line", "javascript", carrier{catalog: "/OpenAction<</S/JavaScript/JS(" + canary + ")>>"}},
	{"open action with escapes", "javascript", carrier{catalog: "/Open#41ction<</#53/Java#53cript/J#53(" + canary + ")>>"}},
	{"open action script stream", "javascript", carrier{catalog: "/OpenAction 6 0 R", objects: []string{"<</S/JavaScript/JS 7 0 R>>", streamOf("", canary)}}},
	{"open action link", "open-action", carrier{catalog: "/OpenAction<</S/URI/URI(https://" + canary + ".test)>>"}},
	{"open action that goes on", "open-action", carrier{catalog: "/OpenAction<</S/GoTo/D[3 0 R/Fit]/Next<</S/JavaScript/JS(" + canary + ")>>>>"}},
	{"catalog additional actions", "additional-actions", carrier{catalog: "/AA<</WC<</S/JavaScript/JS(" + canary + ")>>>>"}},
	{"page additional actions", "additional-actions", carrier{page: "/AA<</O 6 0 R>>", objects: []string{"<</S/JavaScript/JS<" + hex.EncodeToString([]byte(canary)) + ">>>"}}},
	{"annotation additional actions", "additional-actions", carrier{page: annots("/Subtype/Widget/AA<</E<</S/JavaScript/JS(" + canary + ")>>>>")}},
	{"field additional actions", "additional-actions", carrier{catalog: "/AcroForm<</Fields[6 0 R]>>", objects: []string{"<</T(a)/FT/Tx/AA<</K<</S/JavaScript/JS(" + canary + ")>>>>>>"}}},
	{"field action", "javascript", carrier{catalog: "/AcroForm<</Fields[6 0 R]>>", objects: []string{"<</T(a)/FT/Btn/A<</S/JavaScript/JS(" + canary + ")>>>>"}}},
	{"named scripts", "javascript", carrier{catalog: "/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(" + canary + ")>>]>>>>"}},
	{"outline script", "javascript", carrier{catalog: "/Outlines<</First 6 0 R/Last 6 0 R>>", objects: []string{"<</Title(x)/A<</S/JavaScript/JS(" + canary + ")>>>>"}}},
	{"launch", "launch", carrier{page: annots("/Subtype/Link/A<</S/Launch/F(" + canary + ")/Win<</F(cmd)/P(" + canary + ")>>>>")}},
	{"submit form", "submit-form", carrier{page: annots("/Subtype/Widget/A<</S/SubmitForm/F(http://" + canary + ".test)>>")}},
	{"import data", "import-data", carrier{page: annots("/Subtype/Widget/A<</S/ImportData/F(" + canary + ")>>")}},
	{"reset form", "reset-form", carrier{page: annots("/Subtype/Widget/A<</S/ResetForm/Fields[(" + canary + ")]>>")}},
	{"hide", "hide", carrier{page: annots("/Subtype/Link/A<</S/Hide/T(" + canary + ")>>")}},
	{"remote destination", "remote-destination", carrier{page: annots("/Subtype/Link/A<</S/GoToR/D[0/Fit]/F(\\\\\\\\" + canary + "\\\\x.pdf)>>")}},
	{"embedded destination", "remote-destination", carrier{page: annots("/Subtype/Link/A<</S/GoToE/D[0/Fit]/T<</R/C/N(" + canary + ")>>>>")}},
	{"thread", "thread-action", carrier{page: annots("/Subtype/Link/A<</S/Thread/F(" + canary + ")/D 0>>")}},
	{"rendition action", "rendition", carrier{page: annots("/Subtype/Link/A<</S/Rendition/JS(" + canary + ")>>")}},
	{"sound action", "sound", carrier{page: annots("/Subtype/Link/A<</S/Sound/Sound 6 0 R>>"), objects: []string{streamOf("/Type/Sound/R 8000", canary)}}},
	{"movie action", "movie", carrier{page: annots("/Subtype/Link/A<</S/Movie/T(" + canary + ")>>")}},
	{"media command", "rich-media", carrier{page: annots("/Subtype/Link/A<</S/RichMediaExecute/CMD<</C(" + canary + ")>>>>")}},
	{"view in 3D", "3d", carrier{page: annots("/Subtype/Link/A<</S/GoTo3DView/V(" + canary + ")>>")}},
	{"transition", "transition-action", carrier{page: annots("/Subtype/Link/A<</S/Trans/X(" + canary + ")>>")}},
	{"layers", "layer-action", carrier{page: annots("/Subtype/Link/A<</S/SetOCGState/State[(" + canary + ")]>>")}},
	{"named command", "named-action", carrier{page: annots("/Subtype/Link/A<</S/Named/N/" + canary + ">>")}},
	{"unknown action", "unknown-action", carrier{page: annots("/Subtype/Link/A<</S/Foo/F(" + canary + ")>>")}},
	{"action without a type", "unknown-action", carrier{page: annots("/Subtype/Link/A<</URI(javascript:" + canary + ")>>")}},
	{"field of a kind", "rich-media", carrier{catalog: "/AcroForm<</Fields[6 0 R]>>", objects: []string{"<</T(a)/Subtype/RichMedia/Rect[0 0 9 9]/Foo(" + canary + ")>>"}}},
	{"object stream that nothing refers to", "hidden-revision", carrier{objects: []string{streamOf("/Type/ObjStm/N 1/First 4", "9 0 <</S/JavaScript/JS("+canary+")>>")}}},
	{"script link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(java\tscript:" + canary + ")>>")}},
	{"file link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(file:///" + canary + ")>>")}},
	{"share link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(\\\\\\\\" + canary + "\\\\x)>>")}},
	{"handler link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(ms-msdt:" + canary + ")>>")}},
	{"relative link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(" + canary + ".exe)>>")}},
	{"wide link", "link-scheme", carrier{page: annots("/Subtype/Link/A<</S/URI/URI<feff" + hex.EncodeToString([]byte("\x00f\x00i\x00l\x00e\x00:")) + hex.EncodeToString([]byte(canary)) + ">>>")}},
	{"base address", "link-scheme", carrier{catalog: "/URI<</Base(file:///" + canary + ")>>"}},
	{"chained action", "launch", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(https://kept.test)/Next[<</S/GoTo/D[3 0 R/Fit]/Next 6 0 R>>]>>"), objects: []string{"<</S/Launch/F(" + canary + ")>>"}}},
	{"chain in a circle", "action-loop", carrier{page: annots("/Subtype/Link/A 6 0 R"), objects: []string{"<</S/URI/URI(https://kept.test)/Next 7 0 R/" + canary + " 1>>", "<</S/GoTo/D[3 0 R/Fit]/Next 6 0 R>>"}}},
	{"embedded files", "embedded-file", carrier{catalog: "/Names<</EmbeddedFiles<</Names[(a)6 0 R]>>>>/PageMode/UseAttachments", objects: []string{"<</Type/Filespec/F(a)/EF<</F 7 0 R>>>>", streamOf("/Type/EmbeddedFile", canary)}}},
	{"associated files", "embedded-file", carrier{catalog: "/AF[6 0 R]", objects: []string{"<</Type/Filespec/F(a)/EF<</F 7 0 R>>>>", streamOf("/Type/EmbeddedFile", canary)}}},
	{"file attachment", "embedded-file", carrier{page: annots("/Subtype/FileAttachment/AP<</N 8 0 R>>/FS 6 0 R"), objects: []string{"<</Type/Filespec/F(a)/EF<</F 7 0 R>>>>", streamOf("", canary), form}}},
	{"file in private data", "embedded-file", carrier{page: "/Foo<</Bar 6 0 R>>", objects: []string{"<</Type/Filespec/EF<</F 7 0 R>>>>", streamOf("/Type/EmbeddedFile", canary)}}},
	{"portfolio", "portfolio", carrier{catalog: "/Collection<</Schema<</" + canary + "<</Subtype/S>>>>>>"}},
	{"file on the web", "external-file", carrier{page: "/Foo<</Type/Filespec/FS/URL/F(http://" + canary + ".test)>>"}},
	{"rich media", "rich-media", carrier{page: annots("/Subtype/RichMedia/AP<</N 6 0 R>>/RichMediaContent<</Assets<</Names[(" + canary + ")7 0 R]>>>>"), objects: []string{form, "<</Type/Filespec/EF<</F 8 0 R>>>>", streamOf("", canary)}}},
	{"3D", "3d", carrier{page: annots("/Subtype/3D/AP<</N 6 0 R>>/3DD 7 0 R"), objects: []string{form, streamOf("/Type/3D/Subtype/U3D/OnInstantiate 8 0 R", canary), streamOf("", canary)}}},
	{"movie", "movie", carrier{page: annots("/Subtype/Movie/Movie<</F(" + canary + ")>>/A true")}},
	{"sound", "sound", carrier{page: annots("/Subtype/Sound/AP<</N 6 0 R>>/Sound 7 0 R"), objects: []string{form, streamOf("/Type/Sound", canary)}}},
	{"screen", "rendition", carrier{page: annots("/Subtype/Screen/AP<</N 6 0 R>>/A<</S/Rendition/R<</C<</D(" + canary + ")>>>>>>"), objects: []string{form}}},
	{"trap network", "trap-network", carrier{page: annots("/Subtype/TrapNet/AP<</N 6 0 R>>/Version[(" + canary + ")]"), objects: []string{form}}},
	{"unknown annotation", "unknown-annotation", carrier{page: annots("/Subtype/Foo/AP<</N 6 0 R>>/Bar(" + canary + ")"), objects: []string{form}}},
	{"XFA beside a form", "xfa", carrier{catalog: "/AcroForm<</Fields[<</T(a)/FT/Tx/V(b)>>]/XFA[(template)6 0 R]>>", objects: []string{streamOf("", canary)}}},
	{"external stream", "external-stream", carrier{page: "/Thumb null/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/Width 1/Height 1/F(http://"+canary+".test)", "")}}},
	{"external filter", "external-stream", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/FFilter/"+canary, "")}}},
	{"PostScript", "postscript", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/PS", canary)}}},
	{"PostScript in a form", "postscript", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Form/BBox[0 0 9 9]/PS 7 0 R", "q Q"), streamOf("", canary)}}},
	{"reference", "reference-xobject", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Form/BBox[0 0 9 9]/Ref<</F(http://"+canary+".test)/Page 0>>", "q Q")}}},
	{"OPI", "opi", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Form/BBox[0 0 9 9]/OPI<</2.0<</F("+canary+")>>>>", "q Q")}}},
	{"alternate images", "alternate-images", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Alternates[<</Image 7 0 R>>]", "\x00"), streamOf("/Subtype/Image", canary)}}},
	{"broken codec", "image-codec", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/Width 1/Height 1/Filter/JBIG2Decode", canary)}}},
	{"broken JPEG 2000", "image-codec", carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/Width 1/Height 1/Filter/JPXDecode", canary)}}},
	{"script in the document information", "hidden-data", carrier{trailer: "/Info<</Title(x)/A<</B<</S/JavaScript/JS(" + canary + ")>>>>>>"}},
	{"web capture", "web-capture", carrier{catalog: "/SpiderInfo<</C[(" + canary + ")]>>"}},
	{"captured addresses", "web-capture", carrier{catalog: "/Names<</URLS<</Names[(http://" + canary + ")null]>>/IDS<</Names[(" + canary + ")null]>>>>"}},
	{"requirements", "requirements", carrier{catalog: "/Requirements[<</S/EnableJavaScripts/RH[<</S/JS/Script(" + canary + ")>>]>>]"}},
	{"page templates", "page-templates", carrier{catalog: "/Names<</Templates<</Names[(" + canary + ")null]>>>>"}},
	{"presentation", "presentation-steps", carrier{page: "/PresSteps<</Type/NavNode/NA<</S/JavaScript/JS(" + canary + ")>>>>"}},
	{"trailer key", "trailer-key", carrier{trailer: "/AdditionalStreams[/x 6 0 R]", objects: []string{streamOf("", canary)}}},
	{"script in metadata", "metadata", carrier{catalog: "/Metadata 6 0 R", objects: []string{streamOf("/Type/Metadata/Subtype/XML", `<?xml-stylesheet href="`+canary+`"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>`)}}},
	{"entity in metadata", "metadata", carrier{catalog: "/Metadata 6 0 R", objects: []string{streamOf("/Type/Metadata/Subtype/XML", `<!DOCTYPE a [<!ENTITY b SYSTEM "`+canary+`">]><a/>`)}}},
	{"script in legal attestation", "legal-attestation", carrier{catalog: "/Legal<</Attestation<</JS(" + canary + ")>>>>"}},
	{"private data", "private-data", carrier{page: "/PieceInfo<</Foo<</Private 6 0 R>>>>", objects: []string{streamOf("", canary)}}},
	{"thumbnail that is none", "thumbnail", carrier{page: "/Thumb 6 0 R", objects: []string{streamOf("/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", canary)}}},
	{"legal attestation", "legal-attestation", carrier{catalog: "/Legal<</Attestation(" + canary + ")>>"}},
	{"script in private data", "private-data", carrier{page: "/PieceInfo<</Foo<</Private<</S/JavaScript/JS(" + canary + ")>>>>>>"}},
	{"script under an unknown key", "javascript", carrier{catalog: "/Foo[<</Bar 6 0 R>>]", objects: []string{"<</S/JavaScript/JS(" + canary + ")>>"}}},
	{"unreachable script", "unreachable-object", carrier{objects: []string{"<</S/JavaScript/JS(" + canary + ")>>"}}},
	{"unreachable stream", "unreachable-object", carrier{objects: []string{streamOf("", canary)}}},
	{"unreachable string", "unreachable-object", carrier{objects: []string{"[<</Foo(" + canary + ")>>]"}}},
	{"unreachable file", "unreachable-object", carrier{objects: []string{streamOf("/Type/EmbeddedFile", canary)}}},
	{"action in an action", "unknown-key", carrier{page: annots("/Subtype/Link/A<</S/URI/URI(https://a.test/)/Foo<</S/Launch/F(" + canary + ")>>>>")}},
	{"comment in a scene", "3d", carrier{page: annots("/Subtype/Text/ExData<</Type/ExData/Subtype/Markup3D/MD5(" + canary + ")>>")}},
	{"annotation of no kind", "unknown-annotation", carrier{page: "/Annots[<</Type/Annot/Rect[0 0 9 9]/Data(" + canary + ")>>]"}},
	{"appearance of no state", "unknown-key", carrier{page: annots("/Subtype/Stamp/AP<</N 6 0 R/X 7 0 R>>"), objects: []string{form, streamOf("", canary)}}},
	{"appearances by name", "additional-actions", carrier{catalog: "/Names<</AP<</Names[(a)6 0 R]>>>>", page: "/AA<<>>/AA<</O<</S/Launch>>>>", objects: []string{streamOf("/Subtype/Form/BBox[0 0 1 1]", canary)}}},
	{"description in UTF-16 with entities", "metadata", carrier{catalog: "/Metadata 6 0 R", objects: []string{streamOf("/Type/Metadata/Subtype/XML", wide("<?xml version=\"1.0\" encoding=\"UTF-16\"?><!DOCTYPE a [<!ENTITY e SYSTEM \""+canary+"\">]><a>x</a>"))}}},
	{"before the header", "hidden-data", carrier{before: "MZ" + canary + "\n"}},
	{"after the end", "hidden-data", carrier{after: "PK" + canary}},
}

// wide is text in UTF-16LE.
func wide(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }

func TestInjected(t *testing.T) {
	cases := 0
	for name, write := range layouts {
		for _, tt := range injected {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				if name == "packed" && strings.Contains(tt.name, "broken") {
					t.Skip("the same as in a table")
				}
				cases++
				in := write(tt.carrier)
				if !survives(in, canary) {
					t.Fatal("the canary is not in the input")
				}
				out, job, err := disarm(t, in, kit.Switches{})
				if err != nil {
					t.Fatal(err)
				}
				if out == nil {
					t.Fatal("nothing was changed")
				}
				if !slices.Contains(vectors(job), tt.vector) && name != "broken" {
					t.Errorf("vectors %v, want %s", vectors(job), tt.vector)
				}
				if survives(out, canary) {
					t.Errorf("the canary survives:\n%s", unpackable(out))
				}
				for _, kept := range []string{hello, "/Helvetica"} {
					if !survives(out, kept) {
						t.Errorf("%q is gone:\n%s", kept, out)
					}
				}
				if strings.Contains(strings.Join(tt.objects, ""), "%seen") && !survives(out, "%seen") {
					t.Error("the appearance is gone")
				}
				if again, job, err := disarm(t, out, kit.Switches{}); err != nil || again != nil {
					t.Errorf("a second pass: %v %v\n%s", err, job.Removals(), out)
				}
			})
		}
	}
	if cases < 200 {
		t.Fatalf("%d cases only", cases)
	}
}

// An older revision is no reason to rewrite a document, unless something acts in it.
func TestOldRevisions(t *testing.T) {
	first := table(carrier{catalog: "/OpenAction 6 0 R", objects: []string{"<</S/JavaScript/JS(" + canary + ")>>"}})
	update := func(old []byte) []byte {
		b := bytes.NewBuffer(slices.Clone(old))
		prev := bytes.LastIndex(old, []byte("xref\n0"))
		catalog := b.Len()
		fmt.Fprintf(b, "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n6 0 obj\nnull\nendobj\n")
		at := b.Len()
		fmt.Fprintf(b, "xref\n1 1\n%010d 00000 n \n6 1\n0000000000 00001 f \ntrailer\n<</Size 7/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", catalog, prev, at)
		return b.Bytes()
	}
	out, job, err := disarm(t, update(first), kit.Switches{})
	if err != nil || out == nil || survives(out, canary) || !slices.Contains(vectors(job), "hidden-revision") {
		t.Errorf("%v %v\n%s", err, job.Removals(), out)
	}
	harmless := table(carrier{catalog: "/Foo 6 0 R", objects: []string{"(old text)"}})
	if out, job, err := disarm(t, update(harmless), kit.Switches{}); err != nil || out != nil {
		t.Errorf("a harmless update: %v %v", err, job.Removals())
	}
}

// An object that an edit left without anything that refers to it is no reason to write a document anew; one that came
// with the last edit, or with the only writing, is.
func TestLeftByAnEdit(t *testing.T) {
	update := func(first []byte, object string) []byte {
		b := bytes.NewBuffer(slices.Clone(first))
		prev, at := bytes.LastIndex(first, []byte("xref\n0")), b.Len()
		fmt.Fprintf(b, "7 0 obj\n%s\nendobj\n", object)
		x := b.Len()
		fmt.Fprintf(b, "xref\n7 1\n%010d 00000 n \ntrailer\n<</Size 8/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", at, prev, x)
		return b.Bytes()
	}
	left := table(carrier{objects: []string{"(old text)"}})
	if out, job, err := disarm(t, update(left, "[]"), kit.Switches{}); err != nil || out != nil {
		t.Errorf("left by an edit: %v %v", err, job.Removals())
	}
	for name, data := range map[string][]byte{"by the only writing": left, "by the last edit": update(table(carrier{objects: []string{"[]"}}), "("+canary+")")} {
		if out, _, err := disarm(t, data, kit.Switches{}); err != nil || out == nil || survives(out, canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Readers mend a letter or a short word in a table. What is longer could be something.
func TestDamagedTables(t *testing.T) {
	plain := table(carrier{})
	for _, tt := range []struct {
		old, fresh string
		kept       bool
	}{
		{"xref\n0", "xref\nx0", true},
		{"startxref\n", "farbage 5", true},
		{"trailer\n", "trailer 3 ", true},
		{"65535 f", "6x535 f", true},
		{"xref\n0", "xref\n" + canary + " 0", false},
		{"xref\n0", "xref\nabcdefg abcdefg 0", false},
		{"trailer\n", "trailer " + canary + " ", false},
	} {
		data := bytes.Replace(plain, []byte(tt.old), []byte(tt.fresh), 1)
		if bytes.Equal(data, plain) {
			t.Fatalf("no %q", tt.old)
		}
		out, job, err := disarm(t, data, kit.Switches{})
		if err != nil || (out == nil) != tt.kept || survives(out, canary) {
			t.Errorf("%q: %v %v", tt.fresh, err, job.Removals())
		}
	}
}

// A document without anything active stays as it is, byte for byte.
func TestUnchanged(t *testing.T) {
	field := "<</T(a)/FT/Tx/V(b)/Subtype/Widget/Rect[0 0 9 9]/MK<<>>/DA(/F1 9 Tf)/AP<</N 7 0 R>>>>"
	sig := "<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 1 2 3]/Contents<00>>>"
	harmless := map[string]carrier{
		"nothing":           {},
		"open at a page":    {catalog: "/OpenAction[3 0 R/Fit]"},
		"open by an action": {catalog: "/OpenAction<</S/GoTo/D[3 0 R/XYZ 0 0 0]>>"},
		"links":             {page: annots("/Subtype/Link/A<</S/URI/URI(https://a.test/?q=javascript:)>>")},
		"mail":              {page: annots("/Subtype/Link/A<</S/URI/URI(mailto:a@b.test)>>")},
		"next page":         {page: annots("/Subtype/Link/A<</S/Named/N/NextPage>>")},
		"destinations":      {catalog: "/Names<</Dests<</Names[(a)[3 0 R/Fit](b)<</D[3 0 R/Fit]>>]>>>>/Dests<</AA[3 0 R/Fit]>>"},
		"no attachments":    {catalog: "/Names<</EmbeddedFiles<</Names[\n]>>>>"},
		"none, elsewhere":   {catalog: "/Names 6 0 R", objects: []string{"<</EmbeddedFiles 7 0 R>>", "<</Kids[]/Names 8 0 R>>", "[]"}},
		"outline":           {catalog: "/Outlines<</First 6 0 R/Last 6 0 R/Count 1>>", objects: []string{"<</Title(x)/Dest[3 0 R/Fit]>>"}},
		"fonts with names":  {page: "/Resources<</Font<</AA 5 0 R/JS 5 0 R/AF 5 0 R>>>>"},
		"structure": {catalog: "/StructTreeRoot 6 0 R/MarkInfo<</Marked true>>", objects: []string{
			"<</Type/StructTreeRoot/K 7 0 R/RoleMap<</JS/P/Sound/Figure>>>>",
			"<</S/Sound/P 6 0 R/Pg 3 0 R/K[0<</Type/MCR/MCID 1>>]/A<</O/Layout>>>>",
		}},
		"form":             {catalog: "/AcroForm<</Fields[6 0 R]/DA(/F1 9 Tf)/CO[6 0 R]>>", page: "/Annots[6 0 R]", objects: []string{field, form}},
		"signature":        {catalog: "/AcroForm<</SigFlags 3/Fields[6 0 R]>>/Perms<</DocMDP 7 0 R>>", page: "/Annots[6 0 R]", objects: []string{"<</T(s)/FT/Sig/V 7 0 R/Subtype/Widget/Rect[0 0 9 9]>>", sig}},
		"layers":           {catalog: "/OCProperties<</OCGs[6 0 R]/D<</Order[6 0 R]>>>>", objects: []string{"<</Type/OCG/Name(x)>>"}},
		"metadata":         {catalog: "/Metadata 6 0 R", objects: []string{streamOf("/Type/Metadata/Subtype/XML", `<?xpacket begin=""?><a/><?xpacket end="w"?>`)}},
		"thumbnail":        {page: "/Thumb 6 0 R", objects: []string{streamOf("/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", "x")}},
		"info":             {trailer: "/Info 6 0 R/ID[(a)(b)]/DocChecksum/00", objects: []string{"<</Title(x)/Custom(y)>>"}},
		"padding":          {before: "\xef\xbb\xbf", after: "\r\n\x00\x00"},
		"unused":           {objects: []string{"7", "<</A/B>>", "[]"}},
		"rich text":        {page: "/Annots[6 0 R]", objects: []string{`<</Subtype/FreeText/DA(/F 9 Tf)/Contents(a)/RC(<?xml version="1.0"?><body xmlns="http://www.w3.org/1999/xhtml" xfa:APIVersion="Acrobat:9" xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><p dir="ltr"><span style="font:9pt 'Arial';color:#ff0000">a &lt; b</span></p></body>)/Rect[0 0 9 9]>>`}},
		"plain rich text":  {page: "/Annots[6 0 R]", objects: []string{"<</Subtype/FreeText/DA(/F 9 Tf)/Contents(a)/RC(a & b)/Rect[0 0 9 9]>>"}},
		"marks of a page":  {page: "/Producer(x)/Xyz 7"},
		"writers' remarks": {objects: []string{"7\nendobj\n%% Original object ID: 8 0\n90 0 obj\nnull"}},
	}
	if len(harmless) < 10 {
		t.Fatal("nothing to look at")
	}
	for name, c := range harmless {
		for kind, write := range layouts {
			out, job, err := disarm(t, write(c), kit.Switches{})
			if err != nil || out != nil {
				t.Errorf("%s, %s: %v %v", name, kind, err, job.Removals())
			}
		}
	}
}

// A comment that no writer leaves between objects goes, with nothing else.
func TestComments(t *testing.T) {
	out, job, err := disarm(t, table(carrier{objects: []string{"7\nendobj\n%" + canary + "\n90 0 obj\nnull"}}), kit.Switches{})
	if err != nil || out == nil || survives(out, canary) {
		t.Fatalf("%v %v", err, job.Removals())
	}
}

// The line ends between the objects of a large document are no comments; white space that could hold something counts as
// they do.
func TestWhiteSpaceBetweenObjects(t *testing.T) {
	many := table(carrier{objects: slices.Repeat([]string{"[7]"}, 3*maxComments)})
	if out, job, err := disarm(t, many, kit.Switches{}); err != nil || out != nil {
		t.Errorf("many objects: %v %v", err, job.Removals())
	}
	for _, c := range []string{strings.Repeat(" \t", maxComments), strings.Repeat("%%EOF\n", maxComments/5)} {
		out, job, err := disarm(t, table(carrier{objects: []string{"7\nendobj\n" + c + "\n90 0 obj\nnull"}}), kit.Switches{})
		if err != nil || out == nil {
			t.Errorf("%.9q: %v %v", c, err, job.Removals())
		}
	}
}

// What stays when something else goes.
func TestKept(t *testing.T) {
	c := carrier{
		catalog: "/OpenAction<</S/JavaScript/JS(x)>>/Lang(en)/PageLabels<</Nums[0<</S/D>>]>>/AcroForm<</SigFlags 3/Fields[6 0 R 8 0 R]>>/Foo(unknown)",
		page:    "/Annots[6 0 R 8 0 R <</Subtype/Link/Rect[0 0 1 1]/A<</S/URI/URI(https://kept.test/)/Next<</S/Launch/F(x)>>>>>>]/Tabs/S",
		objects: []string{
			"<</T(s)/FT/Sig/V 7 0 R/Subtype/Widget/Rect[0 0 9 9]/AP<</N 9 0 R>>>>",
			"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>/Name(" + canary + ")>>",
			"<</T(field)/FT/Tx/V(value\\(\\r\\))/Subtype/Widget/Rect[0 0 9 9]/AP<</N 9 0 R>>/A<</S/SubmitForm/F(x)>>>>",
			form,
		},
		trailer: "/Info<</Title(title)>>/ID[(one)(two)]",
	}
	for kind, write := range layouts {
		out, job, err := disarm(t, write(c), kit.Switches{})
		if err != nil {
			t.Fatal(err)
		}
		for _, kept := range []string{"https://kept.test/", "/Tabs/S", "(title)", "(unknown)", `(value\(\r\))`, "/Stamp", "%seen", "/Tx", "/Lang"} {
			want := strings.ReplaceAll(kept, "/Tabs/S", "/Tabs /S")
			if all := unpackable(out); !bytes.Contains(all, []byte(want)) {
				t.Errorf("%s: %q is gone\n%s", kind, kept, all)
			}
		}
		if survives(out, canary) || bytes.Contains(unpackable(out), []byte("/Launch")) {
			t.Errorf("%s: more is kept than should be", kind)
		}
		if kind == "table" && !slices.Contains(job.Warnings(), "signature-invalidated") {
			t.Errorf("%s: warnings %v", kind, job.Warnings())
		}
	}
	var gap *scan.Gap
	if _, _, err := disarm(t, table(c), kit.Switches{Signed: kit.ChoiceBlock}); !errors.As(err, &gap) || !errors.Is(err, kit.ErrBlocked) {
		t.Errorf("a signed document: %v", err)
	}
}

func TestSwitches(t *testing.T) {
	file := func(data string) carrier {
		return carrier{catalog: "/Names<</EmbeddedFiles<</Names[(a)6 0 R]>>>>", objects: []string{"<</Type/Filespec/F(a)/EF<</F 7 0 R>>>>", streamOf("/Type/EmbeddedFile", data)}}
	}
	inner := string(table(carrier{catalog: "/OpenAction<</S/JavaScript/JS(" + canary + ")>>"}))
	for name, tt := range map[string]struct {
		c              carrier
		switches       kit.Switches
		changed, alive bool
		blocked        bool
	}{
		"files allowed":                {file(canary), kit.Switches{EmbeddedFiles: kit.ChoiceAllow}, false, true, false},
		"files disarmed":               {file(inner), kit.Switches{EmbeddedFiles: kit.ChoiceSanitise}, true, false, false},
		"files disarmed, none to do":   {file(string(table(carrier{}))), kit.Switches{EmbeddedFiles: kit.ChoiceSanitise}, false, false, false},
		"files disarmed, unknown type": {file(canary), kit.Switches{EmbeddedFiles: kit.ChoiceSanitise}, true, false, false},
		"files blocked":                {file(canary), kit.Switches{EmbeddedFiles: kit.ChoiceBlock}, false, false, true},
		"no metadata":                  {carrier{trailer: "/Info<</Title(" + canary + ")>>"}, kit.Switches{StripMetadata: true}, true, false, false},
		"no XMP":                       {carrier{catalog: "/Metadata 6 0 R", objects: []string{streamOf("/Type/Metadata", canary)}}, kit.Switches{StripMetadata: true}, true, false, false},
		"no private data":              {carrier{page: "/PieceInfo<</X(" + canary + ")>>"}, kit.Switches{StripMetadata: true}, true, false, false},
		"no links":                     {carrier{page: annots("/Subtype/Link/A<</S/URI/URI(https://" + canary + "/)>>")}, kit.Switches{Links: kit.ChoiceRemove}, true, false, false},
	} {
		out, job, err := disarm(t, table(tt.c), tt.switches)
		switch {
		case tt.blocked:
			if !errors.Is(err, kit.ErrBlocked) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (out != nil) != tt.changed || out != nil && survives(out, canary) != tt.alive {
			t.Errorf("%s: %v\n%s", name, job.Removals(), out)
		}
		if out == nil {
			continue
		}
		if again, job, err := disarm(t, out, tt.switches); err != nil || again != nil && name != "files disarmed, unknown type" {
			t.Errorf("%s, a second time: %v %v", name, err, job.Removals())
		}
	}
}

func TestRefused(t *testing.T) {
	shell := carrier{catalog: "/NeedsRendering true/AcroForm<</Fields[]/XFA 6 0 R>>", objects: []string{streamOf("", "<xdp/>")}}
	page := "BT (Pl) Tj [(ea) 3 (se) ] TJ (wait) Tj ET"
	waiting := carrier{page: "/Contents 6 0 R", catalog: "/AcroForm<</Fields[<</T(a)>>]/XFA 7 0 R>>", objects: []string{streamOf("", page), streamOf("", "<xdp/>")}}
	huge := carrier{page: "/Resources<</XObject<</X 6 0 R>>>>", objects: []string{streamOf("/Subtype/Image/Width 99999999/Height 99999999", "")}}
	bomb := deflated(make([]byte, 300<<20))
	for name, tt := range map[string]struct {
		in     []byte
		reason scan.Reason
	}{
		"no header":          {[]byte("hello"), scan.ReasonCorrupt},
		"header too late":    {append(make([]byte, 2000), table(carrier{})...), scan.ReasonCorrupt},
		"nothing but that":   {[]byte("%PDF-1.7\n"), scan.ReasonCorrupt},
		"no pages":           {bytes.ReplaceAll(table(carrier{}), []byte("/Pages"), []byte("/Bages")), scan.ReasonCorrupt},
		"XFA shell":          {table(shell), scan.ReasonUnsupported},
		"please wait":        {packed(waiting), scan.ReasonUnsupported},
		"too many pixels":    {table(huge), scan.ReasonLimit},
		"object stream bomb": {fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n%s\nendstream\nendobj\n", len(bomb), bomb), scan.ReasonLimit},
		"public key":         {table(carrier{trailer: "/Encrypt<</Filter/Adobe.PubSec/V 4>>"}), scan.ReasonEncrypted},
	} {
		out, _, err := disarm(t, tt.in, kit.Switches{})
		var gap *scan.Gap
		if !errors.As(err, &gap) || gap.Reason != tt.reason || out != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.reason)
		}
	}
}
