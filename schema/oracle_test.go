package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compileText compiles one schema, and gives it to the library as well.
func compileText(tb testing.TB, draft *jsonschema.Draft, schema any) (*node, *jsonschema.Schema, error) {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.AssertFormat()
	c.UseRegexpEngine(compileRegexp)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource("spec://response/x.json", schema); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("spec://response/x.json")
	if err != nil {
		return nil, nil, err
	}
	out := newCompiled()
	n := out.node(s)
	return n, s, out.check()
}

func plainJSON(tb testing.TB, text string) any {
	tb.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

var draft2020 = jsonschema.Draft2020

// generator makes schemas and documents that have to do with each other: few names, few values.
type generator struct{ *rand.Rand }

func (g generator) pick(ss ...string) string { return ss[g.IntN(len(ss))] }

func (g generator) document(depth int) any {
	switch n := g.IntN(9); {
	case n < 3 && depth > 0:
		m := map[string]any{}
		for range g.IntN(4) {
			m[g.pick("a", "b", "c", "kind", "x-1")] = g.document(depth - 1)
		}
		return m
	case n < 5 && depth > 0:
		l := []any{}
		for range g.IntN(4) {
			l = append(l, g.document(depth-1))
		}
		return l
	case n < 6:
		return json.Number(g.pick("0", "1", "1.0", "-3", "2.5", "1e2", "100", "7", "1e400", "0.1", "12345678901234567890"))
	case n < 7:
		return g.IntN(2) == 0
	case n < 8:
		return g.pick("", "a", "abc", "2024-02-30", "2024-02-29T10:00:00Z", "é", "x@example.com", "cat", "dog")
	}
	return nil
}

func (g generator) schema(depth int) any {
	if g.IntN(14) == 0 {
		return g.IntN(3) > 0
	}
	m := map[string]any{}
	for range 1 + g.IntN(3) {
		g.keyword(m, depth)
	}
	return m
}

func (g generator) schemas(depth int) []any {
	var out []any
	for range 1 + g.IntN(3) {
		out = append(out, g.schema(depth))
	}
	return out
}

func (g generator) named(depth int) map[string]any {
	m := map[string]any{}
	for range 1 + g.IntN(3) {
		m[g.pick("a", "b", "c", "kind")] = g.schema(depth)
	}
	return m
}

func (g generator) number() json.Number {
	return json.Number(g.pick("0", "1", "2", "3", "1.5", "100"))
}

func (g generator) keyword(m map[string]any, depth int) {
	count := json.Number(g.pick("0", "1", "2", "3"))
	switch g.IntN(15) {
	case 0:
		m["type"] = g.pick("object", "array", "string", "number", "integer", "null", "boolean")
	case 1:
		m["type"] = []any{"object", "integer", "string"}
	case 2:
		m["enum"] = []any{g.document(1), g.document(1), "cat"}
	case 3:
		m["const"] = g.document(1)
	case 4:
		m[g.pick("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")] = g.number()
	case 5:
		m[g.pick("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")] = count
	case 6:
		m["pattern"] = g.pick("^a", "c$", "[0-9]+", "^$")
	case 7:
		m["format"] = g.pick("date", "date-time", "email", "uuid", "uri")
	case 8:
		m["required"] = []any{g.pick("a", "b"), g.pick("c", "kind")}
	case 9:
		m["multipleOf"] = json.Number(g.pick("1", "2", "0.1", "2.5"))
	case 10:
		m["uniqueItems"] = true
	case 11:
		m["dependentRequired"] = map[string]any{"a": []any{"b"}}
	default:
		if depth > 0 {
			g.applicator(m, depth-1)
		}
	}
}

func (g generator) applicator(m map[string]any, depth int) {
	switch g.IntN(16) {
	case 0, 1, 2:
		m["properties"] = g.named(depth)
	case 3:
		m["additionalProperties"] = g.schema(depth)
	case 4:
		m["patternProperties"] = map[string]any{g.pick("^x-", "a|b"): g.schema(depth)}
	case 5:
		m["items"] = g.schema(depth)
	case 6:
		m["prefixItems"] = g.schemas(depth)
	case 7:
		m["contains"] = g.schema(depth)
		if g.IntN(2) == 0 {
			m[g.pick("minContains", "maxContains")] = json.Number(g.pick("0", "1", "2"))
		}
	case 8:
		m["allOf"] = g.schemas(depth)
	case 9:
		m["anyOf"] = g.schemas(depth)
	case 10:
		m["oneOf"] = g.schemas(depth)
	case 11:
		m["not"] = g.schema(depth)
	case 12:
		m["if"], m["then"], m["else"] = g.schema(depth), g.schema(depth), g.schema(depth)
	case 13:
		m["unevaluatedProperties"] = g.schema(depth)
	case 14:
		m["unevaluatedItems"] = g.schema(depth)
	case 15:
		m[g.pick("propertyNames", "dependentSchemas")] = map[string]any{"a": g.schema(depth), "minLength": json.Number("1")}
		if d, ok := m["propertyNames"].(map[string]any); ok {
			delete(d, "a")
		}
		if d, ok := m["dependentSchemas"].(map[string]any); ok {
			delete(d, "minLength")
		}
	}
}

// TestOracle holds the evaluator against the library that compiles its schemas: both must say the same of any document.
func TestOracle(t *testing.T) {
	drafts := []*jsonschema.Draft{jsonschema.Draft7, jsonschema.Draft2019, jsonschema.Draft2020}
	g := generator{rand.New(rand.NewPCG(1, 2))}
	asked, valid := 0, 0
	for range 4000 {
		draft := drafts[g.IntN(len(drafts))]
		schema := g.schema(3)
		n, s, err := compileText(t, draft, schema)
		if err != nil {
			continue // of no use in this draft
		}
		for range 8 {
			doc := g.document(3)
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			want := s.Validate(plainJSON(t, string(text))) == nil
			var d document
			if err := d.parse(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			found, _, err := evaluate(t.Context(), &d, n, 10)
			if err != nil && !isLimit(err) {
				t.Fatal(err)
			}
			if err == nil && (len(found) == 0) != want {
				schemaText, _ := json.Marshal(schema)
				t.Fatalf("%s\n%s: valid is %v, and found %v", schemaText, text, want, describe(&d, found))
			}
			asked++
			if want {
				valid++
			}
		}
	}
	t.Logf("%d documents, %d valid", asked, valid)
	if asked < 10_000 || valid < asked/20 || valid > asked*19/20 {
		t.Fatalf("%d documents, %d valid: that proves nothing", asked, valid)
	}
}

func describe(d *document, vs []violation) []string {
	var out []string
	for _, v := range vs {
		out = append(out, fmt.Sprintf("%s %s at %s: %s", v.keyword, v.node.place, d.pointer(nil, v.at), v.text))
	}
	return out
}

// TestPointers holds the pointers of a document against encoding/json's view of it.
func TestPointers(t *testing.T) {
	text := []byte(`{"a~b/c":[1,{"x":null}],"é\u0041\"":{"":[[],[true]]},"n":-1.5e3}`)
	var d document
	if err := d.parse(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	var plain any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&plain); err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(i uint32)
	walk = func(i uint32) {
		v := d.values[i]
		p := string(d.pointer(nil, i))
		got, ok := lookup(plain, pointerTokens(p))
		if !ok {
			t.Errorf("%s leads nowhere", p)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(d.plain(i, func(s string) any { return json.Number(s) }))
		if string(a) != string(b) {
			t.Errorf("%s: %s, want %s", p, b, a)
		}
		seen++
		for c := i + 1; c < v.next; {
			if v.kind == kindObject {
				c++
			}
			walk(c)
			c = d.values[c].next
		}
	}
	walk(0)
	if seen != 11 {
		t.Errorf("%d values", seen)
	}
}
