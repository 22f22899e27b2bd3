package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// How much is made.
const (
	attacksOfAClass = 48
	benignStrings   = 1500
	hardStrings     = 120
	benignDocuments = 80
	recordsMost     = 24 // of one document
)

// line is a labelled line as it is written.
type line struct {
	Label  string `json:"label"`
	Class  string `json:"class"`
	Source string `json:"source"`
	Text   string `json:"text,omitempty"`
	JSON   string `json:"json,omitempty"`
}

// corpus makes labelled lines, always the same: attacks of every class by their grammars, some of them in wrappings,
// benign strings and documents of many shapes.
func corpus() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	m := maker{rand.New(rand.NewPCG(3507, 2003))} //nolint:gosec // G404: always the same is what is wanted
	var lines []line
	for _, class := range slices.Sorted(maps.Keys(attacks)) {
		seen := map[string]bool{}
		for tries := 0; len(seen) < attacksOfAClass && tries < 50*attacksOfAClass; tries++ {
			text := m.expand(attacks[class], attackWords)
			if seen[text] {
				continue
			}
			source := "plain"
			if w := len(seen) % 8; w < len(wrappings) && class != "unicode" && class != "prompt" {
				source = wrappings[w].name
				text, seen[text] = wrappings[w].wrap(text), true
			} else {
				seen[text] = true
			}
			lines = append(lines, line{Label: "attack", Class: class, Source: source, Text: text})
		}
	}
	for range benignStrings {
		lines = append(lines, line{Label: "benign", Class: "data", Source: "made", Text: m.expand(benignText, benignWords)})
	}
	for range hardStrings {
		lines = append(lines, line{Label: "benign", Class: "hard", Source: "made", Text: m.expand(hardText, benignWords)})
	}
	for range benignDocuments {
		doc, err := m.document()
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{Label: "benign", Class: "api", Source: "made", JSON: string(doc)})
	}
	for i := range lines {
		if err := enc.Encode(&lines[i]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// wrappings are what payloads are hidden in, of every eighth attack of a class each.
var wrappings = []struct {
	name string
	wrap func(string) string
}{
	{"url", url.QueryEscape},
	{"url twice", func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"entities", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#x%x;", r)
		}
		return b.String()
	}},
}

// maker makes things by chance.
type maker struct{ *rand.Rand }

func pick[T any](m maker, list []T) T { return list[m.IntN(len(list))] }

// expand picks one of the templates and fills its slots, "{name}", from the words, which can have slots themselves.
// {n} is a number.
func (m maker) expand(templates []string, words map[string][]string) string {
	text := pick(m, templates)
	for range 100 {
		open := strings.Index(text, "{")
		found := false
		for ; open >= 0; open = next(text, open) {
			length := strings.Index(text[open:], "}")
			if length < 0 {
				break
			}
			name := text[open+1 : open+length]
			list, ok := words[name]
			if name == "n" {
				list, ok = []string{fmt.Sprint(1 + m.IntN(9000))}, true
			}
			if ok {
				text, found = text[:open]+pick(m, list)+text[open+length+1:], true
				break
			}
		}
		if !found {
			break
		}
	}
	return text
}

// next returns where the next slot may begin.
func next(text string, after int) int {
	i := strings.Index(text[after+1:], "{")
	if i < 0 {
		return -1
	}
	return after + 1 + i
}

// document makes a response of an API.
func (m maker) document() ([]byte, error) {
	shape := pick(m, shapes)
	n := 1 + m.IntN(recordsMost)
	records := make([]any, n)
	for i := range records {
		records[i] = m.fill(shape)
	}
	var doc any
	switch m.IntN(5) {
	case 0:
		doc = records
	case 1:
		doc = records[0]
	case 2:
		doc = map[string]any{"data": records, "meta": map[string]any{"page": 1, "per_page": n, "total": m.IntN(10_000)}, "errors": nil}
	case 3:
		doc = map[string]any{"_embedded": map[string]any{"items": records}, "_links": map[string]any{"self": map[string]any{"href": m.expand([]string{"{url}"}, benignWords)}}}
	default:
		doc = map[string]any{"results": records, "next": m.expand([]string{"{url}"}, benignWords), "count": n, "took_ms": m.Float64() * 90}
	}
	if m.IntN(2) == 0 {
		return json.MarshalIndent(doc, "", "  ")
	}
	return json.Marshal(doc)
}

// fill makes a record of a shape: strings are templates, numbers are made anew.
func (m maker) fill(shape any) any {
	switch s := shape.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(s)) {
			out[k] = m.fill(s[k])
		}
		return out
	case []any:
		out := make([]any, 1+m.IntN(4))
		for i := range out {
			out[i] = m.fill(s[0])
		}
		return out
	case string:
		return m.expand([]string{s}, benignWords)
	case int:
		return m.IntN(s)
	case float64:
		return m.Float64() * s
	case bool:
		return m.IntN(2) == 0
	}
	return nil
}
