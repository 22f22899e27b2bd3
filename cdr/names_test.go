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
		{"carrier", "archives and mails"},
		{"pdf", "PDF"},
		{"ooxml", "Office Open XML"},
		{"ole", "Office's binary formats"},
		{"odf", "OpenDocument"},
		{"rtf", "RTF"},
		{"markup", "HTML, SVG, XML"},
		{"image", "pictures"},
		{"text", "CSV, SYLK, calendars, address cards"},
		{"kit", "any of them: fields, and the archive that a document is"},
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

// mixed reports names that stand in a map beside constants and are none.
func mixed(t *testing.T, file string, lit *ast.CompositeLit) {
	t.Helper()
	names, constants := []string{}, false
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		if id, ok := kv.Value.(*ast.Ident); ok {
			constants = constants || strings.HasPrefix(id.Name, "vector")
		} else if s := literal(kv.Value); s != "" {
			names = append(names, s)
		}
	}
	if constants && len(names) > 0 {
		t.Errorf("%s: the names %q are no constants", file, names)
	}
}

// literal is the value of a string that stands in the source, else "".
func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(lit.Value)
	return s
}

// vectorsOf returns the values of a file's constants vector… and Vector…, and the classes of cdr/carrier. A removal that is
// reported under a name of no such constant is an error.
func vectorsOf(t *testing.T, file string, f *ast.File) []string {
	t.Helper()
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				named := strings.HasPrefix(strings.ToLower(name.Name), "vector") || strings.HasPrefix(file, "carrier") && strings.HasPrefix(name.Name, "Class")
				if i < len(spec.Values) && named && literal(spec.Values[i]) != "" {
					out = append(out, literal(spec.Values[i]))
				}
			}
		}
		unnamed(t, file, n)
		return true
	})
	return out
}

// unnamed reports names of removals that are no constants: in calls, assignments, maps, and in functions that return one.
func unnamed(t *testing.T, file string, n ast.Node) {
	t.Helper()
	name := ""
	switch n := n.(type) {
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 2 && strings.HasPrefix(strings.ToLower(sel.Sel.Name), "remove") {
			name = literal(n.Args[0])
		}
	case *ast.AssignStmt:
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "vector" {
			name = literal(n.Rhs[0])
		}
	case *ast.FuncDecl:
		if strings.HasSuffix(n.Name.Name, "ector") {
			ast.Inspect(n, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 && name == "" {
					name = literal(r.Results[0])
				}
				return true
			})
		}
	case *ast.CompositeLit:
		mixed(t, file, n)
	}
	if name != "" {
		t.Errorf("%s: the name %s is no constant", file, name)
	}
}
