package content

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

const formType = `multipart/form-data; boundary="b0"`

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

var form = crlf("preamble\n--b0\nContent-Disposition: form-data; name=\"comment\"\n\nhello world\n--b0x\n" +
	"--b0\nContent-Disposition: form-data; name=\"up\"; filename=\"a.json\"\nContent-Type: application/json\n\n{\"k\": \"v v\"}\n" +
	"--b0 \nContent-Disposition: form-data; name=up2;\n filename*=utf-8''%e2%82%ac.txt\nContent-Transfer-Encoding: base64\n\n" +
	base64.StdEncoding.EncodeToString([]byte("some text that was encoded")) + "\n--b0--\nepilogue")

func TestMultipart(t *testing.T) {
	tree := openTree(t, []byte(form), Hints{ContentType: formType})
	want := []string{
		"body multipart/form-data", "body/comment text/plain", "body/up/a.json application/json", "body/up2/€.txt text/plain",
	}
	if got := paths(t, tree); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	for it := range tree.Items(t.Context()) {
		if it.Name == "€.txt" {
			if got := string(contents(t, it.Blob)); got != "some text that was encoded" {
				t.Errorf("decoded %q", got)
			}
		}
	}
	got, err := rootFields(t, form, formType)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 || got[0].kind != scan.KindHeader || got[0].path != "/1/content-disposition" || got[4].path != "/3/content-transfer-encoding" {
		t.Fatalf("fields %q", got)
	}
	if got[3].value != "form-data; name=up2; filename*=utf-8''%e2%82%ac.txt" {
		t.Errorf("unfolded %q", got[3].value)
	}
}

func TestMultipartRebuild(t *testing.T) {
	for _, c := range []struct {
		f          func(context.Context, *scan.Item) (scan.Replacement, error)
		old, fresh string
	}{
		{swap("/comment", "bye"), "hello world\r\n--b0x", "bye"},
		{editAll("/k", scan.KindString, scan.EditSet, "w"), `"v v"`, `"w"`},
		{swap("txt", "short"), base64.StdEncoding.EncodeToString([]byte("some text that was encoded")), "c2hvcnQ="},
		{editAll("/2/content-type", 0, scan.EditDrop, ""), "Content-Type: application/json\r\n", ""},
		{editAll("/2/content-type", 0, scan.EditSet, "a\r\nb"), "application/json", "a  b"},
		{func(_ context.Context, it *scan.Item) (rep scan.Replacement, err error) {
			if it.Name == "a.json" {
				rep.Blob, rep.Type, rep.Name = scan.Bytes("x"), "text/plain", "b\"\r.txt"
			}
			return rep, nil
		}, "a.json\"\r\nContent-Type: application/json\r\n\r\n{\"k\": \"v v\"}", "b__.txt\"\r\nContent-Type: text/plain\r\n\r\nx"},
	} {
		got, err := rebuildText(t, form, Hints{ContentType: formType}, c.f)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(form, c.old, c.fresh, 1); got != want || want == form {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if _, err := rebuildText(t, form, Hints{ContentType: formType}, swap("/comment", "x\r\n--b0--\r\n")); !errors.Is(err, ErrCannotRebuild) {
		t.Errorf("a content with the boundary in it: %v", err)
	}
}

func TestMultipartHazards(t *testing.T) {
	open := crlf("--b0\nContent-Type: text/plain\nContent-Type: text/html\n\nx\n")
	tree := openTree(t, []byte(open), Hints{ContentType: formType})
	paths(t, tree)
	if g := tree.Gaps(); len(g) != 1 || g[0].Reason != scan.ReasonCorrupt || !errors.Is(g[0].Err, errUnclosed) {
		t.Errorf("gaps %v", g)
	}
	if f := tree.Findings(); len(f) != 1 || f[0].Rule != "mime-duplicate-header" {
		t.Errorf("findings %v", f)
	}
}

// Mail without an end, or without a boundary, is read by everybody: in the one the last part goes to the end, in the other
// there are no parts.
func TestUnfinishedMail(t *testing.T) {
	const head = "From: a@b.test\nSubject: x\nContent-Type: multipart/mixed;"
	for _, c := range []struct {
		mail, last, rule string
		gap              error
	}{
		{head + " boundary=q\n\n--q\nContent-Type: text/plain\n\nx\n", "body/1 text/plain", "mime-unclosed", nil},
		{head + "\n\nno parts\n", "body/1 text/plain", "", nil},
		{head + "\nContent-Transfer-Encoding: base64\n\nbm8gcGFydHM=\n", "body message/rfc822", "", errNoBoundary},
		{head + " boundary=q\n\nno parts\n", "body message/rfc822", "", errUnclosed},
	} {
		tree := openTree(t, []byte(crlf(c.mail)), Hints{ContentType: typeMail})
		items, rule := paths(t, tree), ""
		for _, f := range tree.Findings() {
			rule = f.Rule
		}
		gaps := tree.Gaps()
		if items[len(items)-1] != c.last || rule != c.rule || (len(gaps) > 0) != (c.gap != nil) || c.gap != nil && !errors.Is(gaps[0].Err, c.gap) {
			t.Errorf("%q: %q, finding %q, gaps %v", c.mail, items, rule, gaps)
		}
	}
}

func FuzzMIME(f *testing.F) {
	f.Add([]byte(form), true)
	f.Add([]byte("From x\r\nSubject: a\r\n b\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nx\r\n--q--"), false)
	f.Add([]byte("--b0\r\n--b0\n--b0--"), true)
	f.Add([]byte("Content-Transfer-Encoding: quoted-printable\n\n=\n=3D=zz"), false)
	f.Fuzz(func(t *testing.T, data []byte, isForm bool) {
		hints := Hints{ContentType: formType}
		if !isForm {
			hints.ContentType = typeMail
		}
		fuzzTree(t, data, hints)
	})
}

// fuzzTree holds what is true of every body: the walk ends, fields are in order and inside the item, a rebuild
// without changes is the original, and one with an edit of a field changes nothing in front of and behind it.
func fuzzTree(t *testing.T, data []byte, hints Hints) {
	t.Helper()
	before := string(data)
	w := New(Options{Limits: Limits{Entries: 200, DecodedBytes: 8 << 20}})
	tree := w.Open(&scan.Message{}, scan.Bytes(data), hints)
	defer tree.Close()
	for it := range tree.Items(t.Context()) {
		checkItem(t, it)
	}
	res, err := tree.Rebuild(t.Context(), func(context.Context, *scan.Item) (scan.Replacement, error) { return scan.Replacement{}, nil })
	if err != nil || res.Changed || string(contents(t, res.Blob)) != before {
		t.Fatalf("a rebuild without changes: %v %v", res.Changed, err)
	}
	res, err = tree.Rebuild(t.Context(), editFirst)
	if err != nil && !errors.Is(err, ErrCannotRebuild) {
		t.Fatalf("rebuild: %v", err)
	}
	if string(data) != before {
		t.Fatal("the input was changed")
	}
}

// editFirst sets the first field of every item that has fields.
func editFirst(ctx context.Context, it *scan.Item) (rep scan.Replacement, err error) {
	if it.Fields == nil {
		return rep, nil
	}
	_ = it.Fields(ctx, func(f *scan.Field) bool { // what is not read is in the Gaps
		rep.Edits = append(rep.Edits, scan.Edit{Span: f.Span, Value: []byte("x")})
		return false
	})
	return rep, nil
}

func checkItem(t *testing.T, it *scan.Item) {
	t.Helper()
	if it.Type == "" || it.Path == "" || it.Blob == nil || it.Message == nil {
		t.Fatalf("item %+v", it)
	}
	if it.Fields == nil {
		return
	}
	var at int64
	_ = it.Fields(t.Context(), func(f *scan.Field) bool {
		if f.Kind == scan.KindUnknown || f.Span.Start < at || f.Span.End < f.Span.Start || f.Span.End > it.Blob.Size() {
			t.Fatalf("%s %s: field %q at %v of %d, after %d", it.Path, it.Type, f.Value, f.Span, it.Blob.Size(), at)
		}
		at = f.Span.End
		_ = f.Path()
		return true
	})
}

// TestBoundaryIsNoField holds that no engine is shown a boundary, or could change one: that of Python's mails looks like
// an injection, and a mail without it has no parts.
func TestBoundaryIsNoField(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`multipart/mixed; boundary="===============1076330747761709720=="`, "multipart/mixed; |"},
		{"multipart/mixed;\r\n boundary=\"'; DROP TABLE x\"; charset=\"<b>\"", "multipart/mixed; |; charset=\"<b>\"|"},
		{"multipart/mixed; BOUNDARY=b; x=y", "multipart/mixed; |; x=y|"},
		{"text/plain; charset=utf-8", "text/plain; charset=utf-8|"},
		{`text/plain; boundary="open`, `text/plain; boundary="open|`},
	} {
		mail := "From: a@b.c\r\nTo: c@d.e\r\nSubject: x\r\nContent-Type: " + c.value + "\r\n\r\nhello\r\n"
		tree := openTree(t, []byte(mail), Hints{ContentType: typeMail})
		got := ""
		for it := range tree.Items(t.Context()) {
			if it.Parent != nil || it.Fields == nil {
				continue
			}
			if err := it.Fields(t.Context(), func(f *scan.Field) bool {
				if f.Path() == "/content-type" {
					got += string(f.Value) + "|"
				}
				return true
			}); err != nil {
				t.Error(err)
			}
		}
		tree.Close()
		if got != c.want {
			t.Errorf("%s: %q, not %q", c.value, got, c.want)
		}
	}
}

// TestDropAroundBoundary drops both fields of a Content-Type: its line goes, once.
func TestDropAroundBoundary(t *testing.T) {
	const mail = "From: a@b.test\nContent-Type: multipart/mixed; x=\"<script>\"; boundary=\"b\"; y=\"<script>\"\nSubject: hi\n\n--b\n\nhello\n--b--\n"
	tree := New(Options{}).Open(&scan.Message{}, scan.Bytes(mail), Hints{ContentType: typeMail})
	defer tree.Close()
	res, err := tree.Rebuild(t.Context(), func(ctx context.Context, it *scan.Item) (rep scan.Replacement, err error) {
		if it.Path != "body" {
			return rep, nil
		}
		return rep, it.Fields(ctx, func(f *scan.Field) bool {
			if strings.Contains(string(f.Value), "<script>") {
				rep.Edits = append(rep.Edits, scan.Edit{Span: f.Span, Op: scan.EditDrop})
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := res.Blob.Bytes()
	if want := "From: a@b.test\nSubject: hi\n\n--b\n\nhello\n--b--\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// What mail programs write in front of the parts is nothing that is hidden there.
func TestPreamble(t *testing.T) {
	const usual = "This message is in MIME format. Since your mail reader does not understand\nthis format, some or all of this message may not be legible.\n"
	for text, hidden := range map[string]bool{
		"This is a multi-part message in MIME format.\n": false, "> " + usual: false, usual: false, usual + "and more\n": true, strings.Repeat("x", minAround): true,
	} {
		tree := openTree(t, []byte(crlf("From: a@b.test\nSubject: x\nContent-Type: multipart/mixed; boundary=q\n\n"+text+"\n--q\nContent-Type: text/plain\n\nx\n--q--\n")), Hints{ContentType: typeMail})
		items := paths(t, tree)
		if got := strings.Contains(strings.Join(items, "\n"), "preamble"); got != hidden {
			t.Errorf("%q: %q", text, items)
		}
	}
}

// TestPartAnew has the heads of parts whose content has another type or name: what belonged to the old type goes.
func TestPartAnew(t *testing.T) {
	for _, c := range []struct{ value, kind, name, fresh, want string }{
		{`application/x-msdownload; name="a"`, "text/plain", "a", "a.txt", `text/plain; name=a.txt`},
		{`text/html; name="a"; charset=utf-8`, "text/plain", "a", "a.txt", `text/plain; name="a.txt"; charset=utf-8`},
		{`message/external-body; access-type=URL; URL="https://a.example/"`, "text/plain", "", "", `text/plain`},
		{`message/external-body; name*=utf-8''%C3%A4.exe; site=x`, "text/plain", "\u00e4.exe", "b.txt", `text/plain; name=b.txt`},
		{`application/x-docm; x=y; name=long.docm`, "application/x-docx", "long.docm", "long.docx", `application/x-docx; name=long.docx; x=y`},
	} {
		got := retyped(c.value, c.kind)
		if c.name != "" {
			got = withName(got, c.name, c.fresh)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.value, got, c.want)
		}
	}
}
