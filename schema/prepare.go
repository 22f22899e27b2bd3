package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// preparer makes of a document of OpenAPI one whose schemas mean the same to a validator of JSON Schema, in one
// direction: what is only ever sent to the API is not missing in what comes from it.
type preparer struct {
	doc     any
	request bool
	old     bool // OpenAPI 3.0
}

// namers are keys whose values have names of the author's own in the place of keywords.
var namers = []string{
	"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies", "schemas", "responses",
	"parameters", "requestBodies", "headers", "securitySchemes", "links", "callbacks", "pathItems", "paths", "content",
	"mapping", "encoding", "variables", "webhooks",
}

// annotations hold data that is no schema, whatever it looks like.
var annotations = []string{"example", "examples", "default"}

// copy returns v with its schemas rewritten. names says that the keys of v are names.
func (p *preparer) copy(v any, names bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, it := range v {
			out[i] = p.copy(it, false)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, it := range v {
			switch {
			case names:
				out[k] = p.copy(it, false)
			case slices.Contains(annotations, k), strings.HasPrefix(k, "x-"):
			case k == "enum" || k == "const":
				out[k] = it
			default:
				out[k] = p.copy(it, slices.Contains(namers, k))
			}
		}
		if !names {
			p.rewrite(out)
		}
		return out
	}
	return v
}

// rewrite changes what OpenAPI says in its own way. m may be an object that is no schema: it has none of the keys then.
func (p *preparer) rewrite(m map[string]any) {
	if dialect, ok := m["$schema"].(string); ok && (p.old || strings.HasPrefix(dialect, "https://spec.openapis.org/")) {
		delete(m, "$schema")
	}
	if p.old {
		p.exclusive(m, "minimum", "exclusiveMinimum")
		p.exclusive(m, "maximum", "exclusiveMaximum")
		delete(m, "$id")
	}
	if list, ok := m["required"].([]any); ok {
		if list = p.required(m, list); len(list) == 0 {
			delete(m, "required")
		} else {
			m["required"] = list
		}
	}
	if nullable, _ := m["nullable"].(bool); nullable { // OpenAPI 3.0, and those who kept it in 3.1
		delete(m, "nullable")
		nullify(m)
	}
}

// exclusive turns a bound with a flag beside it into a bound of its own.
func (p *preparer) exclusive(m map[string]any, bound, flag string) {
	on, ok := m[flag].(bool)
	if !ok {
		return
	}
	delete(m, flag)
	if n, has := m[bound].(json.Number); on && has {
		m[flag] = n
		delete(m, bound)
	}
}

// required leaves out the properties that are for the other direction only, and doubles.
func (p *preparer) required(m map[string]any, list []any) []any {
	properties, _ := m["properties"].(map[string]any)
	flag := "writeOnly"
	if p.request {
		flag = "readOnly"
	}
	var out []any
	for _, it := range list {
		name, ok := it.(string)
		if ok && (p.flagged(properties[name], flag) || slices.Contains(out, it)) {
			continue
		}
		out = append(out, it)
	}
	return out
}

// flagged reports whether a schema, or the one that it refers to in the same document, has a flag.
func (p *preparer) flagged(v any, flag string) bool {
	for range 8 {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if on, _ := m[flag].(bool); on {
			return true
		}
		ref, _ := m["$ref"].(string)
		pointer, local := strings.CutPrefix(ref, "#")
		if !local {
			return false
		}
		if v, ok = lookup(p.doc, pointerTokens(unescape(pointer))); !ok {
			return false
		}
	}
	return false
}

// nullify lets a schema be null as well.
func nullify(m map[string]any) {
	switch t := m["type"].(type) {
	case string:
		m["type"] = []any{t, "null"}
	case []any:
		if !slices.Contains(t, any("null")) {
			m["type"] = append(slices.Clone(t), "null")
		}
	}
	if list, ok := m["enum"].([]any); ok && !slices.Contains(list, nil) {
		m["enum"] = append(slices.Clone(list), nil)
	}
	if _, typed := m["type"]; !typed {
		for _, k := range []string{"allOf", "anyOf", "oneOf", "$ref"} {
			if v, ok := m[k]; ok {
				delete(m, k)
				both, _ := m["allOf"].([]any)
				alternative := map[string]any{"anyOf": []any{map[string]any{"type": "null"}, map[string]any{k: v}}}
				m["allOf"] = append(slices.Clone(both), alternative)
				return
			}
		}
	}
}

// lookup follows a JSON Pointer.
func lookup(v any, tokens []string) (any, bool) {
	for _, token := range tokens {
		switch c := v.(type) {
		case map[string]any:
			next, ok := c[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			var d int
			if json.Unmarshal([]byte(token), &d) != nil || d < 0 || d >= len(c) {
				return nil, false
			}
			v = c[d]
		default:
			return nil, false
		}
	}
	return v, true
}
