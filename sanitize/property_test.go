package sanitize_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"icapd/internal/content"
	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// walked is what a walk over a document shows: where every field stands, and what was found.
type walked struct {
	fields map[string][]string // by the item's path: "path\x00value\x00kind" of each field
	flat   []scan.Finding
	broken bool // an item could not be read to its end
}

// rebuilt walks a document as the server does, and rewrites the fields that have findings.
func rebuilt(ctx context.Context, w *content.Walker, e *sanitize.Engine, mode sanitize.Mode, doc []byte, contentType string) (in walked, out []byte, changed bool, err error) {
	msg := &scan.Message{Direction: scan.Response, Type: contentType}
	tree := w.Open(msg, scan.Bytes(doc), content.Hints{ContentType: contentType})
	defer tree.Close()
	in = walked{fields: map[string][]string{}}
	byPath := map[string][]scan.Finding{}
	for it := range tree.Items(ctx) {
		if it.Fields == nil {
			continue
		}
		found, err := e.Scan(ctx, it)
		for i := range found {
			found[i].Item = it
		}
		in.broken = in.broken || err != nil
		byPath[it.Path] = append(byPath[it.Path], found...)
		in.flat = append(in.flat, found...)
		_ = it.Fields(ctx, func(f *scan.Field) bool {
			in.fields[it.Path] = append(in.fields[it.Path], f.Path()+"\x00"+string(f.Value)+"\x00"+strconv.Itoa(int(f.Kind)))
			return true
		})
	}
	in.broken = in.broken || len(tree.Gaps()) > 0
	rewriter := sanitize.NewRewriter(e, mode)
	res, err := tree.Rebuild(ctx, func(ctx context.Context, it *scan.Item) (scan.Replacement, error) {
		if len(byPath[it.Path]) == 0 || !rewriter.Wants(it) {
			return scan.Replacement{}, nil
		}
		return rewriter.Rewrite(ctx, it, byPath[it.Path])
	})
	if err != nil {
		return in, nil, false, err
	}
	out, err = res.Blob.Bytes()
	return in, bytes.Clone(out), res.Changed, err
}

// serverRounds is how often the server rewrites a message before it gives up.
const serverRounds = 3

// checkNeutral holds what neutralising promises for one document and mode, and says what does not hold.
func checkNeutral(ctx context.Context, w *content.Walker, e *sanitize.Engine, mode sanitize.Mode, doc []byte, contentType string, parses func([]byte) error) (found int, err error) {
	in, out, changed, err := rebuilt(ctx, w, e, mode, doc, contentType)
	if err != nil {
		return len(in.flat), err
	}
	if len(in.flat) == 0 {
		if changed || !bytes.Equal(doc, out) {
			return 0, fmt.Errorf("nothing found, and changed to %q", out)
		}
		return 0, nil
	}
	if parses != nil && parses(doc) == nil {
		if err := parses(out); err != nil {
			return len(in.flat), fmt.Errorf("does not parse: %w: %q", err, out)
		}
	}
	again, twice, changed, err := rebuilt(ctx, w, e, mode, out, contentType)
	for round := 1; round < serverRounds && err == nil && len(again.flat) > 0; round++ { // the server looks again, too
		out = twice
		in.flat = append(in.flat, again.flat...)
		again, twice, changed, err = rebuilt(ctx, w, e, mode, out, contentType)
	}
	switch {
	case err != nil:
		return len(in.flat), fmt.Errorf("the second time: %w: %q", err, out)
	case len(again.flat) > 0:
		f := &again.flat[0]
		return len(in.flat), fmt.Errorf("%d findings are left, first %s at %s via %q: %s: %q", len(again.flat), f.Rule, f.Path, f.Via, f.Detail, out)
	case changed || !bytes.Equal(out, twice):
		return len(in.flat), fmt.Errorf("the second time makes %q of %q", twice, out)
	case again.broken && !in.broken:
		return len(in.flat), fmt.Errorf("cannot be read to its end any more: %q", out)
	}
	return len(in.flat), onlyNamed(in, again)
}

// onlyNamed reports a field that differs although no finding named it. Values are compared, not paths: where a
// field was dropped, those behind it in an array have others.
func onlyNamed(before, after walked) error {
	named := map[string]bool{}
	var roots []string
	for _, f := range before.flat {
		named[f.Field] = true
		roots = append(roots, f.Path)
	}
	for item, fields := range before.fields {
		if slices.ContainsFunc(roots, func(p string) bool { return strings.HasPrefix(item, p+"(") || strings.HasPrefix(item, p+"/") }) {
			continue // what was embedded in a field that changed
		}
		if _, ok := after.fields[item]; !ok && item != "body" {
			continue // found by what it held, and that is gone
		}
		left := map[string]int{}
		for _, f := range after.fields[item] {
			left[valueOf(f)]++
		}
		for _, f := range fields {
			path, _, _ := strings.Cut(f, "\x00")
			if path == "" && len(fields) > 1 {
				continue // the whole of what was taken for a table or a form
			}
			if slices.ContainsFunc(slices.Collect(maps.Keys(named)), func(n string) bool { return path == n || strings.HasPrefix(path, n+"/") || n == "" }) {
				continue
			}
			if embedded(roots, item+path) {
				continue
			}
			if left[valueOf(f)]--; left[valueOf(f)] < 0 {
				return fmt.Errorf("field %q of %s changed, and no finding named it", f, item)
			}
		}
	}
	return nil
}

// embedded reports whether a finding stands in something that a field holds.
func embedded(roots []string, path string) bool {
	return slices.ContainsFunc(roots, func(p string) bool { return strings.HasPrefix(p, path+"(") || strings.HasPrefix(p, path+"/") })
}

// valueOf is a field without its path.
func valueOf(f string) string {
	_, f, _ = strings.Cut(f, "\x00")
	return f
}

var modes = []sanitize.Mode{sanitize.ModeDefang, sanitize.ModePlaceholder, sanitize.ModeNull, sanitize.ModeDrop}

// encodings are how payloads come wrapped.
var encodings = map[string]func(string) string{
	"plain":  func(s string) string { return s },
	"url":    url.QueryEscape,
	"url2":   func(s string) string { return url.PathEscape(url.PathEscape(s)) },
	"entity": html.EscapeString,
	"decimal": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		return b.String()
	},
	"unicode": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		return b.String()
	},
	"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"rawurl": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"nested": func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
}

// documentFormat puts a payload into a document beside harmless fields.
type documentFormat struct {
	contentType string
	build       func(payload string) string
	parses      func([]byte) error
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func xmlText(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

func parsesXML(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		if _, err := d.Token(); err != nil {
			if err == io.EOF { //nolint:errorlint // Token returns it as it is
				return nil
			}
			return err
		}
	}
}

func parsesJSON(doc []byte) error {
	var v any
	return json.Unmarshal(doc, &v)
}

func formOf(p string) string { return "a=1&note=" + url.QueryEscape(p) + "&name=O%27Brien&empty=" }

func parsesForm(doc []byte) error {
	_, err := url.ParseQuery(string(doc))
	return err
}

func tableOf(p string, comma rune) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = comma
	_ = w.WriteAll([][]string{{"id", "name", "note"}, {"1", "O'Brien", p}, {"2", "Eve", "fine"}})
	return b.String()
}

func parsesTable(doc []byte, comma rune) error {
	r := csv.NewReader(bytes.NewReader(doc))
	r.FieldsPerRecord, r.Comma = -1, comma
	_, err := r.ReadAll()
	return err
}

var formats = map[string]documentFormat{
	"json": {"application/json", func(p string) string {
		return `{"id": 7, "items": [{"note":` + jsonText(p) + `, "name" : "O'Brien"}, "caf\u00e9", null, true], "total":1.50e2}`
	}, parsesJSON},
	"ndjson": {"application/x-ndjson", func(p string) string {
		return "{\"a\":1}\n{\"note\":" + jsonText(p) + "}\n{\"b\":\"x\"}\n"
	}, func(doc []byte) error {
		for line := range bytes.Lines(doc) {
			if err := parsesJSON(line); err != nil {
				return err
			}
		}
		return nil
	}},
	"xml": {"application/xml", func(p string) string {
		return `<?xml version="1.0"?><list n="1"><row id="` + xmlText(p) + `"><name>O&apos;Brien</name><note>` + xmlText(p) + `</note></row></list>`
	}, parsesXML},
	"form":      {"application/x-www-form-urlencoded", formOf, parsesForm},
	"bare form": {"", formOf, parsesForm},
	"csv":       {"text/csv", func(p string) string { return tableOf(p, ',') }, func(doc []byte) error { return parsesTable(doc, ',') }},
	"bare csv":  {"", func(p string) string { return tableOf(p, ';') }, func(doc []byte) error { return parsesTable(doc, ';') }},
	"html": {"text/html", func(p string) string {
		return `<!DOCTYPE html><html><head><title>List</title></head><body><p class="a">` + html.EscapeString(p) + `</p><p>fine</p></body></html>`
	}, nil},
	"yaml": {"application/yaml", func(p string) string {
		return "id: 7\nnote: " + jsonText(p) + "\nname: O'Brien\nlist:\n  - one\n  - two\n"
	}, func(doc []byte) error {
		var v any
		return yaml.Unmarshal(doc, &v)
	}},
	"text": {"text/plain", func(p string) string { return p }, nil},
}

// TestProperty holds what neutralising promises over a corpus of every class, format and encoding: the result looks
// clean, parses, differs in the fields named only, and does not change again.
func TestProperty(t *testing.T) {
	w, e := content.New(content.Options{}), builtin(t)
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := formats[name]
			n := 0
			classes := map[string]bool{}
			for _, r := range e.Rules() {
				for code, encode := range encodings {
					if classes[r.Class] && code != "plain" {
						continue // of each class one payload in every encoding, and each rule's plain
					}
					doc := []byte(f.build(encode(r.Match[0])))
					for _, mode := range modes {
						found, err := checkNeutral(t.Context(), w, e, mode, doc, f.contentType, f.parses)
						n += found
						if err != nil {
							t.Errorf("%s, %s, %s: %q: %v", r.ID, code, mode, r.Match[0], err)
						}
					}
				}
				classes[r.Class] = true
			}
			if n == 0 {
				t.Error("nothing was found in any document")
			}
		})
	}
}

// TestPropertyLabelled is TestProperty over the labelled file that ICAPD_LABELLED names.
func TestPropertyLabelled(t *testing.T) {
	name := os.Getenv("ICAPD_LABELLED")
	if name == "" {
		t.Skip("ICAPD_LABELLED names no labelled file")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, e := content.New(content.Options{}), builtin(t)
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	documents, findings, failed := 0, 0, 0
	for in.Scan() {
		var l eval.Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		doc, contentType, err := l.Document()
		if err != nil {
			t.Fatal(err)
		}
		parses := parsesJSON
		if contentType != "application/json" {
			parses = parsesXML
		}
		documents++
		for _, mode := range modes {
			found, err := checkNeutral(t.Context(), w, e, mode, doc, contentType, parses)
			if mode == sanitize.ModeDefang {
				findings += found
			}
			if err != nil {
				if failed++; failed <= 40 {
					t.Errorf("%s %s: %.300q: %.600v", mode, l.Class, doc, err)
				}
			}
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d documents, %d findings, %d failures", documents, findings, failed)
	if documents == 0 || findings == 0 || failed > 0 {
		t.Fail()
	}
}
