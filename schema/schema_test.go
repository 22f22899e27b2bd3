package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
	"icapd/scan/scantest"
	"icapd/schema"
)

func engine(tb testing.TB, apis ...schema.API) *schema.Engine {
	tb.Helper()
	e, err := schema.New(schema.Options{APIs: apis, Select: func(m *scan.Message) string {
		name, _, _ := strings.Cut(m.Host, ".")
		return name
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// all is an engine with every kind of document. The first label of the host is the API.
func all(tb testing.TB) *schema.Engine {
	tb.Helper()
	return engine(tb,
		schema.API{Name: "orders", OpenAPI: "testdata/orders.yaml"},
		schema.API{Name: "weather", OpenAPI: "testdata/weather.json"},
		schema.API{Name: "rates", JSONSchema: "testdata/rates.schema.json", Request: "testdata/parts/currency.json"},
	)
}

// item makes the body of "GET host/path" with status 200 of type JSON, or what the line says otherwise:
// "POST orders/path 201 text/html", with a > before it for a request.
func item(tb testing.TB, line, body string) *scan.Item {
	tb.Helper()
	m := &scan.Message{Direction: scan.Response, Status: 200, Type: "application/json"}
	if rest, ok := strings.CutPrefix(line, ">"); ok {
		line, m.Direction, m.Status = rest, scan.Request, 0
	}
	words := strings.Fields(line)
	m.Method = words[0]
	host, path, _ := strings.Cut(words[1], "/")
	m.Host, m.Path = host+".example", "/"+path
	for _, w := range words[2:] {
		if w[0] >= '0' && w[0] <= '9' {
			m.Status = int(w[0]-'0')*100 + int(w[1]-'0')*10 + int(w[2]-'0')
		} else {
			m.Type = w
		}
	}
	typ := m.Type
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		typ = "application/json"
	}
	return &scan.Item{Message: m, Path: "body", Type: typ, Claimed: m.Type, Blob: scan.Bytes(body)}
}

const (
	goodOrder = `{"id":"5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11","customer":{"name":"Ada","email":"ada@example.com","parent":null},` +
		`"state":null,"placed":"2024-05-01T10:00:00Z","total":12.34,"lines":[{"sku":"AB-1234","count":2}],` +
		`"payment":{"kind":"card","last4":"4242"},"tags":{"a":"b"}}`
	goodReading = `[{"at":"2024-05-01T10:00:00Z","celsius":null,"wind":{"speed":2.5,"from":90}},{"at":"2024-05-01T11:00:00Z","celsius":7}]`
)

// told is the rules of findings with their fields: "schema-required /lines/0".
func told(fs []scan.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, strings.TrimSpace(f.Rule+" "+f.Field))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func swap(s string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			panic(pairs[i] + " is not in " + s)
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

func TestJudgements(t *testing.T) {
	e := all(t)
	order := "GET orders/api/v4/orders/17"
	for _, tt := range []struct{ name, line, body, want string }{
		{"good order", order, goodOrder, ""},
		{"the other base path", "GET orders/sandbox/v4/orders/17", goodOrder, ""},
		{"escaped path, query", "GET orders/api/v4/%6frders/17?x=/y", goodOrder, ""},
		{"dot segments", "GET orders/api/v4/orders/x/../17", goodOrder, ""},
		{"slash at the end", "GET orders/api/v4/orders/17/", goodOrder, ""},
		{"parameters of the type", order + " application/json;charset=UTF-8", goodOrder, ""},
		{"byte order mark", order, "\ufeff" + goodOrder, ""},
		{"guard", order, ")]}',\n" + goodOrder, ""},
		{"wrong type", order, swap(goodOrder, `"count":2`, `"count":"2"`), "schema-type /lines/0/count"},
		{"fraction", order, swap(goodOrder, `"count":2`, `"count":2.5`), "schema-type /lines/0/count"},
		{"whole number with a fraction part", order, swap(goodOrder, `"count":2`, `"count":2.0`), ""},
		{"int32", order, swap(goodOrder, `"count":2`, `"count":3000000000`), "schema-format /lines/0/count"},
		{"exclusive minimum", order, swap(goodOrder, `12.34`, `0`), "schema-exclusiveMinimum /total"},
		{"multiple", order, swap(goodOrder, `12.34`, `12.345`), "schema-multipleOf /total"},
		{"enum", order, swap(goodOrder, `"state":null`, `"state":"lost"`), "schema-enum /state"},
		{"missing, and not described", order, swap(goodOrder, `"customer":`, `"customer/2":`), "schema-additionalProperties /customer~12, schema-required"},
		{"pattern", order, swap(goodOrder, "AB-1234", "ab-1234"), "schema-pattern /lines/0/sku"},
		{"date-time", order, swap(goodOrder, "2024-05-01T", "2024-05-32T"), "schema-format /placed"},
		{"the alternative that was meant", order, swap(goodOrder, "4242", "424"), "schema-pattern /payment/last4"},
		{"no alternative", order, swap(goodOrder, `"kind":"card"`, `"kind":"cash"`), "schema-oneOf /payment"},
		{"map", order, swap(goodOrder, `{"a":"b"}`, `{"a":7}`), "schema-type /tags/a"},
		{"nested null", order, swap(goodOrder, `"parent":null`, `"parent":{"name":""}`), "schema-minLength /customer/parent/name"},
		{"write-only in a response", order, swap(goodOrder, `"tags"`, `"secret":"hush","tags"`), "schema-writeOnly /secret"},
		{"request without what is read-only", ">POST orders/api/v4/orders", swap(goodOrder, `"id":"5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11",`, ``, `"tags"`, `"secret":"hush","tags"`), ""},
		{"request without what it needs", ">POST orders/api/v4/orders", goodOrder, "schema-required"},
		{"literal before variable", "GET orders/api/v4/orders/recent", `["5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11"]`, ""},
		{"twice", "GET orders/api/v4/orders/recent", `["5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11","5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11"]`, "schema-uniqueItems /1"},
		{"page", "GET orders/api/v4/orders", `{"items":[` + goodOrder + `],"next":null}`, ""},
		{"lines", "GET orders/api/v4/orders application/x-ndjson", goodOrder + "\n\n" + goodOrder + "\n", ""},
		{"bad line", "GET orders/api/v4/orders application/x-ndjson", goodOrder + "\n\n" + swap(goodOrder, `"count":2`, `"count":0`), "schema-minimum /1/lines/0/count"},
		{"problem by range", "GET orders/api/v4/orders 404 application/problem+json", `{"title":"gone","status":404}`, ""},
		{"bad problem", "GET orders/api/v4/orders 404 application/problem+json", `{"status":99}`, "schema-minimum /status, schema-required"},
		{"problem by default", "GET orders/api/v4/orders 503 application/problem+json", `{"title":7}`, "schema-type /title"},
		{"image", "GET orders/api/v4/orders/17/label.png image/png", "\x89PNG", ""},
		{"path", "GET orders/api/v4/refunds", `{}`, "undocumented-path"},
		{"base path", "GET orders/v4/orders", `{}`, "undocumented-path"},
		{"method", ">DELETE orders/api/v4/orders/17", `{}`, "undocumented-method"},
		{"status", order + " 299", `{}`, "undocumented-status"},
		{"media type", order + " text/html", `<p>`, "undocumented-type"},
		{"body", "POST orders/api/v4/orders 202", `{}`, "undocumented-body"},
		{"request body", ">GET orders/api/v4/orders", `{}`, "undocumented-body"},
		{"3.1", "GET weather/stations/7/readings", goodReading, ""},
		{"3.1 unevaluated", "GET weather/stations/7/readings", swap(goodReading, `"celsius":7`, `"celsius":7,"x":1`), "schema-unevaluatedProperties /1/x"},
		{"3.1 dependent", "GET weather/stations/7/readings", swap(goodReading, `"speed":2.5,`, ``), "schema-dependentRequired /0/wind"},
		{"JSON Schema", "GET rates/any", `{"base":"EUR","rates":{"USD":1.08},"date":"2024-02-29"}`, ""},
		{"JSON Schema, other file", "GET rates/any", `{"base":"EUR","rates":{"usd":1.08}}`, "schema-pattern /rates/usd"},
		{"JSON Schema, error of the API", "GET rates/any 500", `{"oops":1}`, ""},
		{"JSON Schema, page", "GET rates/any text/html", `<p>`, "undocumented-type"},
		{"JSON Schema, request", ">POST rates/any", `"eur"`, "schema-pattern"},
		{"other API", "GET other/any", `{"base":7}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := e.Scan(t.Context(), item(t, tt.line, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(fs); got != tt.want {
				t.Errorf("%s\nwant %s\n%+v", got, tt.want, fs)
			}
		})
	}
}

// TestFindings holds what a finding says: where, what was wanted, and nothing of what was there.
func TestFindings(t *testing.T) {
	e := all(t)
	body := swap(goodOrder, `"Ada"`, `""`, `"4242"`, `"hush-hush"`)
	it := item(t, "GET orders/api/v4/orders/17", body)
	fs, err := e.Scan(t.Context(), it)
	if err != nil || len(fs) != 2 {
		t.Fatalf("%+v, %v", fs, err)
	}
	for _, f := range fs {
		if f.Category != scan.Schema || f.Class != schema.ClassViolation || f.Severity != scan.Medium || f.Hint != "" {
			t.Errorf("%+v", f)
		}
		if f.Path != "body"+f.Field {
			t.Errorf("path %s, field %s", f.Path, f.Field)
		}
		if strings.Contains(f.Detail+f.Description, "hush") {
			t.Errorf("the value is in it: %+v", f)
		}
	}
	if got := body[fs[1].Span.Start:fs[1].Span.End]; got != `"hush-hush"` {
		t.Errorf("span %s", got)
	}
	if want := "the message is not what orders.yaml#/components/schemas/Card/properties/last4 promises"; fs[1].Description != want {
		t.Errorf("description %q", fs[1].Description)
	}
}

// utf16 is a text as some servers on Windows send it.
func utf16(s string) string {
	out := "\xff\xfe"
	for _, r := range s {
		out += string([]byte{byte(r), byte(r >> 8)})
	}
	return out
}

func TestWideText(t *testing.T) {
	e := all(t)
	for body, want := range map[string]string{
		utf16(goodOrder): "",
		utf16(swap(goodOrder, `"count":2`, `"count":"2"`)): "schema-type /lines/0/count",
	} {
		fs, err := e.Scan(t.Context(), item(t, "GET orders/api/v4/orders/17", body))
		if err != nil || told(fs) != want {
			t.Errorf("%s, %v", told(fs), err)
		}
	}
}

func TestNotJudgedIsAGap(t *testing.T) {
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	for _, tt := range []struct {
		name, body string
		reason     scan.Reason
	}{
		{"cut", goodOrder[:len(goodOrder)-1], scan.ReasonCorrupt},
		{"more", goodOrder + "{}", scan.ReasonCorrupt},
		{"no JSON", "<html>", scan.ReasonCorrupt},
		{"nothing but space", "  \n", scan.ReasonCorrupt},
		{"number", swap(goodOrder, "12.34", "012"), scan.ReasonCorrupt},
		{"deep", swap(goodOrder, "12.34", deep), scan.ReasonLimit},
		{"large", `"` + strings.Repeat("x", 17<<20) + `"`, scan.ReasonLimit},
		{"long text for a pattern", swap(goodOrder, "AB-1234", strings.Repeat("x", 70<<10)), scan.ReasonLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it := item(t, "GET orders/api/v4/orders/17", tt.body)
			_, err := all(t).Scan(t.Context(), it)
			var gap *scan.Gap
			if !errors.As(err, &gap) || gap.Reason != tt.reason || gap.Reason == scan.ReasonLimit && gap.Limit == "" {
				t.Errorf("%v", err)
			}
			observer := engine(t, schema.API{Name: "orders", OpenAPI: "testdata/orders.yaml", Observe: true})
			fs, err := observer.Scan(t.Context(), it)
			if err != nil || len(fs) == 0 || fs[len(fs)-1].Rule != "schema-unjudged" || fs[len(fs)-1].Severity != scan.Info {
				t.Errorf("observed: %+v, %v", fs, err)
			}
		})
	}
}

// TestManyViolations holds the number of findings, and that the last one says that there is more.
func TestManyViolations(t *testing.T) {
	body := "[" + strings.Repeat("7,", 1000) + "7]"
	fs, err := all(t).Scan(t.Context(), item(t, "GET orders/api/v4/orders/recent", body))
	if err != nil || len(fs) != 32 || !strings.Contains(fs[31].Detail, "more") {
		t.Errorf("%d findings, %v, %q", len(fs), err, fs[len(fs)-1].Detail)
	}
}

func TestEngineSuite(t *testing.T) {
	newItem := func(tb testing.TB, s scantest.Sample, data []byte) *scan.Item {
		tb.Helper()
		it := item(tb, "GET orders/api/v4/orders/17", "")
		it.Blob, it.Type = scan.Bytes(data), "application/json"
		if s.Name == "attachment" {
			it.Path, it.Parent = "body/x(base64)", it
		}
		return it
	}
	scantest.Engine(t, func(t *testing.T) scan.Engine {
		t.Helper()
		return all(t)
	}, scantest.Options{
		NoEICAR: true, NewItem: newItem,
		Malicious: []scantest.Sample{
			{Name: "type", Data: []byte(swap(goodOrder, "12.34", `"12.34"`)), Rule: "schema-type"},
			{Name: "missing", Data: []byte(`{}`), Rule: "schema-required"},
		},
		Clean:    []scantest.Sample{{Name: "order", Data: []byte(goodOrder)}},
		Unwanted: []scantest.Sample{{Name: "attachment", Data: []byte(goodOrder)}},
		Large:    []byte(swap(goodOrder, `{"a":"b"}`, `{"a":"b"`+strings.Repeat(`,"a":"b"`, 1<<20)+`}`)),
	})
}

// TestBrokenDocuments holds that everything wrong with a document is said at once, with its place.
func TestBrokenDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".want") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			api := schema.API{Name: "x", OpenAPI: file}
			if strings.Contains(file, ".schema.") {
				api = schema.API{Name: "x", JSONSchema: file}
			}
			_, err := schema.New(schema.Options{APIs: []schema.API{api}})
			if err == nil {
				t.Fatal("no error")
			}
			golden := file + ".want"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, rerr := os.ReadFile(golden)
			if rerr != nil || string(want) != err.Error()+"\n" {
				t.Errorf("%v\n%v\nwant\n%s", rerr, err, want)
			}
		})
	}
}

// TestVersion holds that the version follows the documents, those that are referred to included.
func TestVersion(t *testing.T) {
	dir := t.TempDir()
	copyFile := func(name, from string, pairs ...string) {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(swap(string(text), pairs...)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyFile("orders.yaml", "testdata/orders.yaml")
	copyFile("parts/problem.yaml", "testdata/parts/problem.yaml")
	version := func(observe bool) (string, []string) {
		e := engine(t, schema.API{Name: "orders", OpenAPI: filepath.Join(dir, "orders.yaml"), Observe: observe})
		return e.Version(), e.Files()
	}
	first, files := version(false)
	if len(files) != 2 || files[1] != filepath.Join(dir, "parts/problem.yaml") {
		t.Errorf("files %v", files)
	}
	if again, _ := version(false); again != first {
		t.Error("the same documents have two versions")
	}
	if other, _ := version(true); other == first {
		t.Error("the mode does not count")
	}
	copyFile("parts/problem.yaml", "testdata/parts/problem.yaml", "maximum: 599", "maximum: 499")
	if other, _ := version(false); other == first {
		t.Error("a file that is referred to does not count")
	}
}
