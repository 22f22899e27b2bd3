package carrier

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

func TestProgramsUnderHarmlessNames(t *testing.T) {
	const script = "@echo off\r\ndir\r\n"
	zip, json, docx := &scan.Item{Type: "application/zip"}, &scan.Item{Type: "application/json"}, &scan.Item{Type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
	mail := &scan.Item{Type: "message/rfc822"}
	for what, c := range map[string]struct {
		it   *scan.Item
		want bool
	}{
		"in an archive":       {&scan.Item{Type: "text/plain", Name: "a.txt", Parent: zip}, true},
		"by itself":           {&scan.Item{Type: "text/plain"}, true},
		"encoded in a field":  {&scan.Item{Type: "text/plain", Path: "/a(base64)", Parent: json}, true},
		"attached":            {&scan.Item{Type: "text/plain", Name: "a.txt", Claimed: "text/plain", Parent: mail}, true},
		"source code":         {&scan.Item{Type: "text/plain", Name: "a.go", Parent: zip}, false},
		"text of a field":     {&scan.Item{Type: "text/plain", Path: "/a", Parent: json}, false},
		"text of a mail":      {&scan.Item{Type: "text/plain", Claimed: "text/plain; charset=utf-8", Parent: mail}, false},
		"part of a document":  {&scan.Item{Type: "text/plain", Name: "a.txt", Parent: docx}, false},
		"named in its type":   {&scan.Item{Type: "text/plain", Name: "a.txt", Claimed: `text/plain; name="a.vbs"`, Parent: mail}, true},
		"drawing, attached":   {&scan.Item{Type: "application/postscript", Name: "a.eps", Parent: zip}, true},
		"drawing of document": {&scan.Item{Type: "application/postscript", Name: "a.eps", Parent: docx}, false},
	} {
		c.it.Blob = scan.Bytes(script)
		if c.it.Type == "application/postscript" {
			c.it.Blob = scan.Bytes("%!PS-Adobe-3.0 EPSF-3.0")
		}
		if got := len(Programs(c.it)) > 0; got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestTwinsByCase(t *testing.T) {
	for what, c := range map[string]struct {
		a, b member
		want bool
	}{
		"other case": {member{"a.txt", "1"}, member{"A.TXT", "2"}, true}, "dot at the end": {member{"a.txt", "1"}, member{"a.txt.", "2"}, true},
		"dot in the path": {member{"d/a", "1"}, member{"./d./a", "2"}, true},
		"other slashes":   {member{"d/a", "1"}, member{`d\A`, "2"}, true}, "the same bytes": {member{"a.txt", "1"}, member{"A.TXT", "1"}, false}, "two names": {member{"a.txt", "1"}, member{"b.txt", "2"}, false},
	} {
		_, err := tidyZip(zipOf(t, nil, c.a, c.b))
		if errors.Is(err, errTwins) != c.want {
			t.Errorf("zip, %s: %v", what, err)
		}
		_, err = tidyTar(tarOf(t, &tar.Header{Name: c.a.name}, &tar.Header{Name: c.b.name}))
		if want := c.want || what == "the same bytes"; errors.Is(err, errTwins) != want { // what it writes has the name in it
			t.Errorf("tar, %s: %v", what, err)
		}
	}
}

// TestTwinsGo has files that stand in an archive twice: one of them stays, and it is an archive like any other.
func TestTwinsGo(t *testing.T) {
	zipped := zipOf(t, nil, member{"d/", ""}, member{"a.txt", "1"}, member{"b.txt", "2"}, member{"a.txt", "1"}, member{"d/", ""})
	folder := &tar.Header{Name: "d/", Typeflag: tar.TypeDir}
	tarred := tarOf(t, folder, &tar.Header{Name: "a.txt"}, &tar.Header{Name: "b.txt"}, &tar.Header{Name: "a.txt"}, folder)
	for what, c := range map[string]struct {
		data []byte
		tidy func([]byte) ([]byte, error)
		want []byte
	}{
		"zip": {zipped, tidyZip, zipOf(t, nil, member{"d/", ""}, member{"a.txt", "1"}, member{"b.txt", "2"})},
		"tar": {tarred, tidyTar, tarOf(t, folder, &tar.Header{Name: "a.txt"}, &tar.Header{Name: "b.txt"})},
	} {
		out, err := c.tidy(c.data)
		if err != nil || len(out) == 0 {
			t.Fatalf("%s: %v", what, err)
		}
		if got, want := members(t, out), members(t, c.want); len(want) != 3 || !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		if again, err := c.tidy(out); err != nil || again != nil {
			t.Errorf("%s: a second time: %v", what, err)
		}
	}
	hole := &tar.Header{Name: "a.txt", Typeflag: tar.TypeCont}
	if _, err := tidyTar(tarOf(t, hole, hole)); !errors.Is(err, errTwins) {
		t.Errorf("twins that are not compared: %v", err)
	}
}

// members returns the names and texts of what is in a zip or tar, in order.
func members(tb testing.TB, archive []byte) (all []string) {
	tb.Helper()
	add := func(name string, r io.Reader, err error) {
		if err != nil {
			tb.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, name+": "+string(text))
	}
	if r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive))); err == nil {
		for _, f := range r.File {
			in, err := f.Open()
			add(f.Name, in, err)
		}
		return all
	}
	r := tar.NewReader(bytes.NewReader(archive))
	for h, err := r.Next(); !errors.Is(err, io.EOF); h, err = r.Next() {
		if err != nil {
			tb.Fatal(err)
		}
		add(h.Name, r, nil)
	}
	return all
}

func TestMailNormalised(t *testing.T) {
	const mail = "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n--b--\n"
	for what, c := range map[string]struct{ in, want string }{
		"plain":           {mail, ""},
		"CR alone":        {strings.ReplaceAll(mail, "\n", "\r"), strings.ReplaceAll(mail, "\n", "\r\n")},
		"CR in the head":  {strings.Replace(mail, "From: a", "From: a\rX-A: b", 1), strings.Replace(mail, "From: a", "From: a\r\nX-A: b", 1)},
		"CR in the text":  {strings.Replace(mail, "\nx\n", "\nx\ry\n", 1), ""},
		"CR, a delimiter": {strings.Replace(mail, "\nx\n", "\nx\r--b\n", 1), strings.Replace(mail, "\nx\n", "\nx\r\n--b\n", 1)},
		"two types":       {strings.Replace(mail, "\n\nx", "\nContent-Type: text/html\n\nx", 1), mail},
		"two senders":     {strings.Replace(mail, "\nCont", "\nFrom: b\nCont", 1), ""},
	} {
		if got := tidyMail([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s: %q", what, got)
		}
		if got := tidyMail([]byte(c.in)); got != nil && !bytes.Equal(tidyMail(got), nil) {
			t.Errorf("%s: a second time: %q", what, tidyMail(got))
		}
	}
}
