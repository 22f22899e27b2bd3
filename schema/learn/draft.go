package learn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Draft says what a draft is to be like.
type Draft struct {
	Title  string // of an OpenAPI document
	Strict bool   // objects have no members but those that were seen

	Request bool // a JSON Schema of requests; else of responses with a status of 2xx
}

// few is how many values must have been seen before anything but their type is taken for a rule.
const few = 20

// OpenAPI drafts an OpenAPI 3.1 document. Notes are about what could not be put into it.
func (s *Summary) OpenAPI(d Draft) (doc Object, notes []string) {
	var servers List
	for _, h := range s.Hosts {
		servers = append(servers, Object{{"url", "https://" + h}})
	}
	var paths Object
	for _, op := range s.Operations {
		template, params, ok := parameters(op.Path)
		if !ok {
			notes = append(notes, op.Method+" "+op.Path+": the path has no form that OpenAPI can describe")
			continue
		}
		if i := len(paths) - 1; i < 0 || paths[i].Name != template {
			var item Object
			if len(params) > 0 {
				item = Object{{"parameters", params}}
			}
			paths = append(paths, Entry{template, item})
		}
		last := &paths[len(paths)-1]
		item, _ := last.Value.(Object)
		last.Value = append(item, op.member(d))
	}
	doc = Object{
		{"openapi", "3.1.0"},
		{"info", Object{
			{"title", d.Title},
			{"version", "draft"},
			{"description", fmt.Sprintf("Drafted by icapd from %d messages. Read it, correct it, and hold the API against it in the mode observe first.", s.Messages)},
		}},
	}
	if len(servers) > 0 {
		doc = append(doc, Entry{"servers", servers})
	}
	return append(doc, Entry{"paths", paths}), notes
}

// JSONSchema drafts one schema for all JSON bodies of a direction. ok is false if there was none.
func (s *Summary) JSONSchema(d Draft) (doc Object, ok bool) {
	shape := &Shape{}
	for _, op := range s.Operations {
		bodies := op.Responses
		if d.Request {
			bodies = op.Requests
		}
		for _, key := range slices.Sorted(maps.Keys(bodies)) {
			if b := bodies[key]; b.Shape != nil && (d.Request || strings.HasPrefix(key, "2")) {
				shape.merge(b.Shape)
				ok = true
			}
		}
	}
	return append(Object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}, shape.schema(d)...), ok
}

// parameters gives the variable parts of a template names of their own.
func parameters(template string) (path string, params List, ok bool) {
	seen := map[string]int{}
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if !strings.ContainsAny(s, "{}…") {
			continue
		}
		kind := strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
		if !slices.Contains([]string{"id", "uuid", "date", "hex", "email", "token"}, kind) {
			return "", nil, false
		}
		name := kind
		if seen[kind]++; seen[kind] > 1 {
			name += strconv.Itoa(seen[kind])
		}
		segments[i] = "{" + name + "}"
		schema := Object{{"type", "string"}}
		if kind == "uuid" || kind == "date" {
			schema = append(schema, Entry{"format", kind})
		}
		params = append(params, Object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}})
	}
	return strings.Join(segments, "/"), params, strings.HasPrefix(template, "/")
}

func (op *Operation) member(d Draft) Entry {
	var out Object
	if len(op.Requests) > 0 {
		out = append(out, Entry{"requestBody", Object{{"content", contentOf(op.Requests, "", d)}}})
	}
	var responses Object
	for _, key := range slices.Sorted(maps.Keys(op.Responses)) {
		status, _, _ := strings.Cut(key, " ")
		if status == "0" {
			status = "default"
		}
		if i := len(responses) - 1; i >= 0 && responses[i].Name == status {
			continue
		}
		n := int64(0)
		for other, b := range op.Responses {
			if strings.HasPrefix(other, key[:strings.IndexByte(key, ' ')+1]) {
				n += b.Count
			}
		}
		responses = append(responses, Entry{status, Object{
			{"description", fmt.Sprintf("Seen %d times", n)},
			{"content", contentOf(op.Responses, key[:strings.IndexByte(key, ' ')+1], d)},
		}})
	}
	if responses == nil {
		responses = Object{{"default", Object{{"description", "No response was seen"}}}}
	}
	return Entry{strings.ToLower(op.Method), append(out, Entry{"responses", responses})}
}

// contentOf describes the bodies whose keys begin with a prefix.
func contentOf(bodies map[string]*Body, prefix string, d Draft) Object {
	var out Object
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		typ, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		media := Object{}
		if b := bodies[key]; b.Shape != nil {
			media = Object{{"schema", b.Shape.schema(d)}}
		}
		out = append(out, Entry{typ, media})
	}
	return out
}

// schema is the schema that all values of the shape have.
func (s *Shape) schema(d Draft) Object {
	var types List
	for _, t := range []struct {
		name string
		n    int64
	}{
		{"object", s.Object},
		{"array", s.Array},
		{"string", s.String},
		{"number", s.Number},
		{"integer", s.Integer},
		{"boolean", s.Bool},
		{"null", s.Null},
	} {
		if t.n > 0 && (t.name != "integer" || s.Number == 0) {
			types = append(types, t.name)
		}
	}
	out := Object{}
	switch len(types) {
	case 0:
		return out // nothing was ever there: an empty array's items
	case 1:
		out = append(out, Entry{"type", types[0]})
	default:
		out = append(out, Entry{"type", types})
	}
	out = append(out, s.text()...)
	if numbers := s.Integer + s.Number; numbers >= few && !s.Negative {
		out = append(out, Entry{"minimum", 0})
	}
	if s.Array > 0 && s.Items != nil {
		out = append(out, Entry{"items", s.Items.schema(d)})
	}
	if s.Object > 0 {
		out = append(out, s.object(d)...)
	}
	return out
}

// text says what strings are like. Lengths are generous: a draft that is true of yesterday alone is of no use.
func (s *Shape) text() Object {
	switch {
	case s.String == 0:
		return nil
	case len(s.Formats) == 1:
		return Object{{"format", s.Formats[0]}}
	case s.chosen():
		var words List
		for _, w := range slices.Sorted(maps.Keys(s.Words)) {
			words = append(words, w)
		}
		if s.Null > 0 {
			words = append(words, nil)
		}
		return Object{{"enum", words}}
	}
	longest := 64
	for longest < 4*s.Longest {
		longest *= 2
	}
	out := Object{{"maxLength", longest}}
	if !s.Empty && s.String >= few {
		out = append(out, Entry{"minLength", 1})
	}
	return out
}

// chosen reports whether the strings are one of a few words, each seen often enough to believe it.
func (s *Shape) chosen() bool {
	if s.Many || len(s.Words) == 0 || s.String < few || s.String+s.Null != s.total() {
		return false
	}
	for _, n := range s.Words {
		if n < 2 {
			return false
		}
	}
	return true
}

func (s *Shape) object(d Draft) Object {
	var out Object
	others := s.Others
	members := s.Members
	if s.isMap() {
		members, others = nil, s.Others.clone()
		if others == nil {
			others = &Shape{}
		}
		for _, name := range slices.Sorted(maps.Keys(s.Members)) {
			others.merge(s.Members[name].Shape)
		}
	}
	var required List
	var properties Object
	for _, name := range slices.Sorted(maps.Keys(members)) {
		m := members[name]
		if m.Count == s.Object {
			required = append(required, name)
		}
		properties = append(properties, Entry{name, m.Shape.schema(d)})
	}
	if required != nil {
		out = append(out, Entry{"required", required})
	}
	if properties != nil {
		out = append(out, Entry{"properties", properties})
	}
	switch {
	case others != nil:
		out = append(out, Entry{"additionalProperties", others.schema(d)})
	case d.Strict:
		out = append(out, Entry{"additionalProperties", false})
	}
	return out
}

// isMap reports whether names are keys of a table: many, each in few of the objects, and all with values of a kind.
func (s *Shape) isMap() bool {
	if len(s.Members) < 12 {
		return false
	}
	present, kinds := int64(0), map[string]bool{}
	for _, m := range s.Members {
		present += m.Count
		kinds[m.Shape.kinds()] = true
	}
	return len(kinds) == 1 && present*10 < s.Object*int64(len(s.Members))*3
}

func (s *Shape) kinds() string {
	out := []byte("-----")
	for i, n := range []int64{s.Bool, s.Integer + s.Number, s.String, s.Array, s.Object} {
		if n > 0 {
			out[i] = '+'
		}
	}
	return string(out)
}
