package schema

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icapd/scan"
)

func newEngine(tb testing.TB, apis ...API) *Engine {
	tb.Helper()
	e, err := New(Options{APIs: apis, Select: func(m *scan.Message) string { return m.Host }})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func bodyOf(api, path, typ string, data []byte) *scan.Item {
	return &scan.Item{
		Message: &scan.Message{Direction: scan.Response, Method: "GET", Status: 200, Host: api, Path: path, Type: typ},
		Path:    "body", Type: "application/json", Blob: scan.Bytes(data),
	}
}

// FuzzDocument holds the reader of documents against encoding/json, and the whole engine against whatever it is given.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `""`, `0`, `-0.5e+9`, `[1,[2,{"a":[{}]}]]`, `{"a":1,"a":2}`, `"\u00e9\ud83d\ude00\ud800"`, ` [ true , false , null ] `,
		`{"items":[{"id":"x","lines":[{"sku":"AB-1","count":1e99}]}]}`, `[`, `{"a"`, `01`, "\xff\xfe{\x00}\x00", "\ufeff{}", `)]}',{}`, `"\q"`,
	} {
		f.Add([]byte(s))
	}
	e := newEngine(f, API{Name: "orders", OpenAPI: "testdata/orders.yaml"}, API{Name: "weather", OpenAPI: "testdata/weather.json"})
	f.Fuzz(func(t *testing.T, data []byte) {
		var d document
		if err := d.parse(t.Context(), data); err == nil {
			if !json.Valid(replaceControls(data)) {
				t.Fatalf("%q is read, and no JSON", data)
			}
			for i := range d.values {
				if i > 200 {
					break
				}
				d.pointer(nil, uint32(i))
			}
		} else if json.Valid(data) && !isLimit(err) {
			t.Fatalf("%q: %v", data, err)
		}
		for _, it := range []*scan.Item{
			bodyOf("orders", "/api/v4/orders", "application/json", data),
			bodyOf("orders", "/api/v4/orders", "application/x-ndjson", data),
			bodyOf("weather", "/stations/1/readings", "application/json", data),
		} {
			fs, err := e.Scan(t.Context(), it)
			if g := scan.GapFrom("", "", err); err != nil && g.Reason == scan.ReasonPanic {
				t.Fatal(err)
			}
			for _, one := range fs {
				if one.Span.End > int64(len(data)) || strings.ContainsAny(one.Detail+one.Path, "\n\r\x00") {
					t.Fatalf("%+v", one)
				}
			}
		}
	})
}

// replaceControls makes of the control characters in strings, which are let pass, others.
func replaceControls(data []byte) []byte {
	out := []byte(strings.ToValidUTF8(string(data), "?"))
	in := false
	for i, c := range out {
		switch {
		case c == '"' && (i == 0 || !escaped(out[:i])):
			in = !in
		case in && c < ' ':
			out[i] = ' '
		}
	}
	return out
}

func escaped(before []byte) bool {
	n := 0
	for i := len(before) - 1; i >= 0 && before[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// FuzzSpec gives the loader documents. Whatever they are, it ends, and what it accepts can be used.
func FuzzSpec(f *testing.F) {
	seeds := 0
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*.json", "testdata/bad/*.yaml", "testdata/bad/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
			seeds++
		}
	}
	if seeds < 10 {
		f.Fatalf("%d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 8<<10 {
			return
		}
		file := filepath.Join(t.TempDir(), "spec.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, api := range []API{{Name: "x", OpenAPI: file}, {Name: "x", JSONSchema: file}} {
			e, err := New(Options{APIs: []API{api}, Select: func(*scan.Message) string { return "x" }})
			if err != nil {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, _ = e.Scan(ctx, bodyOf("x", "/orders", "application/json", []byte(`{"items":[{"id":7}],"a":[[[]]]}`)))
			if ctx.Err() != nil {
				t.Fatal("it does not end")
			}
			cancel()
		}
	})
}

// TestPathological holds that what multiplies by itself is bounded.
func TestPathological(t *testing.T) {
	twice := plainJSON(t, `{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["b"]},{"properties":{"a":{"$ref":"#"}},"required":["c"]}]}`)
	many := plainJSON(t, `{"type":"array","items":{"type":"string"},"uniqueItems":true,"contains":{"const":"x"}}`)
	numbers := plainJSON(t, `{"items":{"multipleOf":0.01,"minimum":0,"maximum":1e300}}`)
	for name, tt := range map[string]struct {
		schema any
		text   string
	}{
		"alternatives": {twice, strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)},
		"items":        {many, "[" + strings.Repeat("1,", 1<<20) + "1]"},
		"exponents":    {numbers, "[" + strings.Repeat("1e999999,", 1<<16) + "-1e999999999999999999999]"},
		"digits":       {numbers, "[" + strings.Repeat("1", 1<<20) + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _, err := compileText(t, draft2020, tt.schema)
			if err != nil {
				t.Fatal(err)
			}
			var d document
			if err := d.parse(t.Context(), []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			found, _, err := evaluate(t.Context(), &d, n, 32)
			if len(found) == 0 && !isLimit(err) {
				t.Errorf("%d found, %v", len(found), err)
			}
		})
	}
}

// BenchmarkOrders holds a page of orders against its OpenAPI document: reading, looking up, judging.
func BenchmarkOrders(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(byteText(size), func(b *testing.B) {
			e := newEngine(b, API{Name: "orders", OpenAPI: "testdata/orders.yaml"})
			it := bodyOf("orders", "/api/v4/orders", "application/json", orders(size))
			b.SetBytes(it.Blob.Size())
			b.ReportAllocs()
			for b.Loop() {
				if fs, err := e.Scan(b.Context(), it); err != nil || len(fs) > 0 {
					b.Fatal(fs, err)
				}
			}
		})
	}
}

// BenchmarkLibrary does the same with the library that compiles the schemas, from text to verdict.
func BenchmarkLibrary(b *testing.B) {
	l, err := newLoader("testdata")
	if err != nil {
		b.Fatal(err)
	}
	o := openAPI{loader: l, router: &router{}}
	l.openAPI = true
	if err := o.read("orders.yaml"); err != nil {
		b.Fatal(err)
	}
	s, err := l.compilers[variantResponse].Compile("spec://response/orders.yaml#/paths/~1orders/get/responses/200/content/application~1json/schema")
	if err != nil {
		b.Fatal(err)
	}
	text := string(orders(16 << 10))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Validate(plainJSON(b, text)); err != nil {
			b.Fatal(err)
		}
	}
}

func byteText(n int) string { return strings.TrimSuffix(time.Duration(n>>10).String(), "ns") + "KiB" }

// orders is a page of about so many bytes.
func orders(size int) []byte {
	const order = `{"id":"5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11","customer":{"name":"Ada","email":"ada@example.com","parent":null},` +
		`"state":"paid","placed":"2024-05-01T10:00:00Z","total":12.34,"lines":[{"sku":"AB-1234","count":2},{"sku":"CD-5678","count":1}],` +
		`"payment":{"kind":"card","last4":"4242"},"tags":{"channel":"web"}}`
	n := min(max(size/len(order), 1), 100)
	page := strings.Repeat(order+",", n-1) + order
	return []byte(`{"items":[` + page + `],"next":"` + strings.Repeat("x", max(size-len(page)-40, 0)) + `"}`)
}
