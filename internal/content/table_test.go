package content

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

// TestVague holds what tables and forms are told by when nobody says what they are, and what is none of them.
func TestVague(t *testing.T) {
	for _, c := range []struct{ name, data, typ string }{
		{"semicolons", "name;amount\nbob;12\nal;13\n", typeCSV},
		{"two rows", "name;amount\nbob;12", typeCSV},
		{"bars", "name|amount\nbob|12\nal|13\n", typeCSV},
		{"bars, three columns", "id|name|amount\r\n1|bob|12\r\n", typeCSV},
		{"quotes", "id;\"a name\"\n1;\"x;\n\"\"y\"\"\"\n", typeCSV},
		{"formula", "id;link\n1;=HYPERLINK(\"http://a.example/\")\n", typeCSV},
		{"blank lines, empty cells", "id;a;b\n\n1;;\n2;;x\n\n", typeCSV},
		{"mark", "\ufeffid;a\n1;2\n", typeCSV},
		{"no names", "1;2\n3;4\n5;6\n", typeText},
		{"a name twice", "a;a\n1;2\n", typeText},
		{"a name missing", "a;\n1;2\n", typeText},
		{"other columns", "a;b\n1;2\n1;2;3\n", typeText},
		{"a quote", "a;b\n1;\"2\n", typeText},
		{"a quote inside", "a;b\n1;x\"y\"\n", typeText},
		{"one row", "a;b\n", typeText},
		{"pipes", "ls|wc\nps|wc\n", typeText},
		{"program", "int a; int b;\nint c; int d;\nint e; int f;\n", typeText},
		{"statements", "a = 1; b = 2\nc = 3; d = 4\n", typeText},
		{"markdown", "| a | b |\n|---|---|\n| 1 | 2 |\n", typeText},
		{"prose", "He came; he saw\nand he went; that was all\nof it; I think, at least. More words.\n", typeText},
		{"psql", " id | name \n----+------\n  1 | bob\n", typeText},
		{"log", "2026-01-02;INFO;started\n2026-01-02;INFO;stopped\n", typeText},
		{"cookies", "a=b; c=d\ne=f; g=h\n", typeText},
		{"form", "name=bob&comment=a+b&x=", typeForm},
		{"form, one pair", "q=%27+or+1%3D1", typeForm},
		{"form, line end", "a=1&b=2\r\n", typeForm},
		{"form, names", "user%5Bname%5D=x&a[]=1&a[]=2", typeForm},
		{"form, long", "a=1&" + strings.Repeat("bb=cc%20&", 1000) + "z=1", typeForm},
		{"one pair", "PATH=/usr/bin", typeText},
		{"lines", "a=1&b=2\na=3&b=4\n", typeText},
		{"no pair", "a&b=2", typeText},
		{"space", "a=1 2&b=2", typeText},
		{"percent", "a=%zz&b=2", typeText},
		{"address", "https://a.example/?a=1&b=2", typeText},
		{"name", "1=2&3=4", typeText},
		{"base64", "YWJjZA==", typeText},
		{"condition", "a==1&&b==2", typeText},
		{"markup", "a=<b>&c=d", typeText},
	} {
		for _, claim := range []string{"", typeText, "application/octet-stream", "text/plain; charset=utf-8"} {
			tree := openTree(t, []byte(c.data), Hints{ContentType: claim})
			for it := range tree.Items(t.Context()) {
				if it.Depth == 0 && it.Type != c.typ {
					t.Errorf("%s, claimed %q: %s, want %s", c.name, claim, it.Type, c.typ)
				}
			}
		}
		tree := openTree(t, []byte(c.data), Hints{ContentType: "text/markdown"})
		for it := range tree.Items(t.Context()) {
			if it.Type == typeCSV || it.Type == typeForm {
				t.Errorf("%s: %s against what it is said to be", c.name, it.Type)
			}
		}
	}
}

// TestVagueWhole holds that what was only taken for a table or a form is looked at as a whole, too, and that edits of parts
// go before those of the whole.
func TestVagueWhole(t *testing.T) {
	for _, c := range []struct{ in, part, want string }{
		{"id;name\n1;x\n", "/1/1", "id;name\n1;new\n"},
		{"id,name\n1,x\n", "/1/1", "id,name\n1,new\n"},
		{"id\tname\n1\tx\n", "/1/1", "id\tname\n1\tnew\n"},
		{"id=1&name=x", "/name", "id=1&name=new"},
	} {
		fs, err := rootFields(t, c.in, "")
		if err != nil || len(fs) < 4 || fs[len(fs)-1].path != "" || fs[len(fs)-1].value != c.in {
			t.Errorf("%q: %v, %v", c.in, fs, err)
		}
		got, err := rebuildText(t, c.in, Hints{}, editAll(c.part, scan.KindString, scan.EditSet, "new"))
		if err != nil || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.in, got, err, c.want)
		}
		both := editAll(c.part, scan.KindString, scan.EditSet, "new")
		got, err = rebuildText(t, c.in, Hints{}, func(ctx context.Context, it *scan.Item) (scan.Replacement, error) {
			rep, err := both(ctx, it)
			rep.Edits = append(rep.Edits, scan.Edit{Span: scan.Span{End: int64(len(c.in))}, Op: scan.EditSet, Value: []byte("all")})
			return rep, err
		})
		if err != nil || got != c.want {
			t.Errorf("%q, and the whole: %q, %v, want %q", c.in, got, err, c.want)
		}
		got, err = rebuildText(t, c.in, Hints{}, editAll("", 0, scan.EditSet, "new"))
		if err != nil || got != "new" {
			t.Errorf("%q as a whole: %q, %v", c.in, got, err)
		}
	}
}

// FuzzVague holds that what is told to be a table or a form is one: its cells and values are all there is, and a change of one
// changes nothing else.
func FuzzVague(f *testing.F) {
	seeds := []string{
		"name;amount\nbob;12\n", "a|b|c\n1|2|3\n", "id;\"a name\"\n1;\"x;\n\"\"y\"\"\"\n", "a;b\n1;=A(\"x\")", "a=1&b=%20", "q=%27+or", "id;a;b\n\n1;;\n", "a;b\n1;\n2;", "\ufeffa;b\n1;2",
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := sample{head: data[:min(len(data), sniffBytes)], whole: len(data) <= sniffBytes}
		typ, format := tellVague(&s, scan.Bytes(data))
		fd, ok := format.(fielder)
		if !ok {
			return
		}
		rest := slices.Clone(data)
		var last scan.Span
		err := fd.fields(t.Context(), doc{data: data, nesting: 100}, func(fl *scan.Field) bool {
			if fl.Path() == "" && fl.Kind == scan.KindText {
				return false
			}
			if fl.Span.Start < last.End || fl.Span.End > int64(len(data)) || fl.Span.Start > fl.Span.End {
				t.Fatalf("%v after %v", fl.Span, last)
			}
			last = fl.Span
			clear(rest[fl.Span.Start:fl.Span.End])
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		between := ";|\r\n"
		if typ == typeForm {
			between = "=&\r\n"
		}
		for _, c := range bytes.TrimPrefix(rest, bom) {
			if c != 0 && strings.IndexByte(between, c) < 0 {
				t.Fatalf("%q: %q is in no field", data, c)
			}
		}
	})
}
