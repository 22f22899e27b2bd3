package cdr

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the names of what is removed into docs/cdr.md")

// TestNamesInDocument holds that docs/cdr.md has every name of what is removed, by format, and no other: profiles, events
// and X-ICAPD-Removed use them.
func TestNamesInDocument(t *testing.T) {
	const document, begin, end = "../docs/cdr.md", "<!-- names: go test ./cdr -run Names -update -->\n", "<!-- end of names -->"
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the names", document)
	}
	switch want := before + begin + namesTable(t) + end + after; {
	case want == string(doc):
	case *update:
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date; run this test with -update", document)
	}
}

func namesTable(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{} // by folder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		room := filepath.Dir(file)
		names[room] = append(names[room], vectorsOf(t, file, f)...)
	}
	var b strings.Builder
	b.WriteString("| in | names |\n|---|---|\n")
	count := 0
	for _, r := range []struct{ folder, title string }{
		{"pdf", "PDF"}, {"ooxml", "Office Open XML"}, {"ole", "Office's binary formats"}, {"odf", "OpenDocument"}, {"rtf", "RTF"},
		{"markup", "HTML, SVG, XML"}, {"image", "pictures"}, {"text", "CSV, SYLK, calendars, address cards"}, {"kit", "archives that documents are"},
	} {
		list := names[r.folder]
		delete(names, r.folder)
		slices.Sort(list)
		list = slices.Compact(list)
		if len(list) == 0 {
			t.Errorf("no names in %s", r.folder)
		}
		count += len(list)
		b.WriteString("| " + r.title + " | `" + strings.Join(list, "` `") + "` |\n")
	}
	for folder, list := range names {
		if len(list) > 0 {
			t.Errorf("the table has no line for %s: %q", folder, list)
		}
	}
	if count < 150 {
		t.Errorf("only %d names", count)
	}
	return b.String()
}

// vectorsOf returns the values of a file's constants vector… and Vector…; a removal that is reported under a name of no
// such constant is an error.
func vectorsOf(t *testing.T, file string, f *ast.File) []string {
	t.Helper()
	var out []string
	literal := func(e ast.Expr) string {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return ""
		}
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) && (strings.HasPrefix(name.Name, "vector") || strings.HasPrefix(name.Name, "Vector")) {
					if s := literal(n.Values[i]); s != "" {
						out = append(out, s)
					}
				}
			}
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if ok && len(n.Args) > 2 && strings.HasPrefix(strings.ToLower(sel.Sel.Name), "remove") && literal(n.Args[0]) != "" {
				t.Errorf("%s: a removal has the name %s, which is no constant", file, literal(n.Args[0]))
			}
		}
		return true
	})
	return out
}
