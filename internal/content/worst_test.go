package content

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"icapd/scan"
)

// worstForms are the ways in which a piece fills a document of a size.
var worstForms = []struct {
	name, claim string
	build       func(piece string, size int) string
}{
	{"bytes", "application/octet-stream", func(p string, n int) string { return "\x01\x02\x00" + filled(p, n) }},
	{"bytes, parted", "application/octet-stream", func(p string, n int) string { return "\x01\x02\x00" + filled(p+"QUJD", n) }},
	{"text", typeText, func(p string, n int) string { return "x " + filled(p, n) }},
	{"text lines", typeText, func(p string, n int) string { return filled(p+"\n", n) }},
	{"json string", typeJSON, func(p string, n int) string { return "[" + strconv.QuoteToASCII(filled(p, n)) + "]" }},
	{"json strings", typeJSON, func(p string, n int) string { return listed(strconv.QuoteToASCII(filled(p, 40)), n) }},
	{"json long strings", typeJSON, func(p string, n int) string { return listed(strconv.QuoteToASCII(filled(p, 180)), n) }},
	{"json names", typeJSON, func(p string, n int) string {
		return "{" + filled(strconv.QuoteToASCII(filled(p, 40))+":1,", n) + `"z":0}`
	}},
	{"base64", typeJSON, func(p string, n int) string {
		return listed(`"`+base64.StdEncoding.EncodeToString([]byte(filled(p, 60)))+`"`, n)
	}},
	{"hex", typeJSON, func(p string, n int) string { return listed(`"`+hex.EncodeToString([]byte(filled(p, 40)))+`"`, n) }},
	{"xml elements", typeXML, func(p string, n int) string {
		return "<a>" + filled("<b>"+markedUp(filled(p, 40))+"</b>", n) + "</a>"
	}},
	{"xml pieces", typeXML, func(p string, n int) string { return "<a>" + filled(markedUp(p)+"<!--x-->", n) + "</a>" }},
	{"html", typeHTML, func(p string, n int) string { return "<html><p>" + filled(p, n) }},
	{"form", typeForm, func(p string, n int) string { return filled("a="+url.QueryEscape(filled(p, 40))+"&", n) }},
	{"csv", typeCSV, func(p string, n int) string { return filled(strings.ReplaceAll(filled(p, 20), ",", "")+",", n) }},
	{"yaml", typeYAML, func(p string, n int) string { return filled("- "+p+"\n", n) }},
	{"events", typeSSE, func(p string, n int) string { return filled("data: "+filled(p, 40)+"\n\n", n) }},
	{"multipart", "multipart/form-data; boundary=b", func(p string, n int) string { return filled("--b\r\n\r\n"+filled(p, 40)+"\r\n", n) }},
	{"mail", typeMail, func(p string, n int) string { return "From: x@y.example\r\nSubject: x\r\n\r\n" + filled(p+"\r\n", n) }},
}

func filled(p string, size int) string { return strings.Repeat(p, max(1, size/len(p))) }

func listed(item string, size int) string { return "[" + filled(item+",", size) + item + "]" }

func markedUp(s string) string { return strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(s) }

// worstPieces are the marks that parsers look for, and what was found to cost much.
func worstPieces() []string {
	pieces := []string{
		"data:;base64,", "base64%2C", "data:x/y,%41", "encryption-data", "begin 644 x\n", "\n-----END", "-----BEGIN PGP MESSAGE-----\n", "<~", "~>", "=41", `\x41`, "\\u0041", "%41", "<!--", "<script", "<![CDATA[", "&lt;",
		"stream ", "endobj ", "/ObjStm ", "QUJD", "4", "A", "a=", "--b", "x\x01", "\x78\x9c", "\n--", "WARC/1.0\n\n", "HTTP/1.1 200 OK\n", "\r\n\r\n", "'", `"`, ",", ":", "- ", "{", "[",
	}
	for _, m := range magics {
		pieces = append(pieces, m.bytes)
	}
	for _, m := range innerMarks {
		pieces = append(pieces, m.mark)
	}
	slices.Sort(pieces)
	return slices.Compact(pieces)
}

// BenchmarkWorst searches for the document that costs the walk the most: every mark, again and again, in every form; the
// dearest of each form at full size. It reports the worst and logs those that follow, with what a MiB of four times the
// size costs: that is more only if something is not linear.
func BenchmarkWorst(b *testing.B) {
	const small, large, most = 32 << 10, 512 << 10, 12
	type found struct {
		form  int
		piece string
		cost  time.Duration
	}
	walk := func(form int, piece string, size int) time.Duration {
		f := worstForms[form]
		data := f.build(piece, size)
		start := cpuTime(b)
		tree := New(Options{}).Open(&scan.Message{}, scan.Bytes(data), Hints{ContentType: f.claim})
		for it := range tree.Items(b.Context()) {
			if it.Fields != nil {
				_ = it.Fields(b.Context(), func(*scan.Field) bool { return true })
			}
		}
		tree.Close()
		return (cpuTime(b) - start) * (1 << 20) / time.Duration(size)
	}
	dearer := func(x, y found) int { return cmp.Compare(y.cost, x.cost) }
	for b.Loop() {
		var worst []found
		for form := range worstForms {
			var all []found
			for _, p := range worstPieces() {
				all = append(all, found{form, p, walk(form, p, small)})
			}
			slices.SortFunc(all, dearer)
			for _, f := range all[:3] {
				worst = append(worst, found{form, f.piece, walk(form, f.piece, large)})
			}
		}
		slices.SortFunc(worst, dearer)
		for _, f := range worst[:most] {
			b.Logf("%6.1f ms/MiB, of 2 MiB %6.1f: %s of %q", ms(f.cost), ms(walk(f.form, f.piece, 4*large)), worstForms[f.form].name, f.piece)
		}
		b.ReportMetric(ms(worst[0].cost), "worst-cpu-ms/MiB")
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
