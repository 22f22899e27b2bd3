package yara

import (
	"cmp"
	"fmt"
	"strings"

	"icapd/scan"
)

// Rule is what a rule says about itself.
type Rule struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Tags     []string `json:"tags,omitempty"`
	Meta     []Meta   `json:"meta,omitempty"`
	Private  bool     `json:"private,omitempty"`  // serves other rules and is never reported
	Disabled bool     `json:"disabled,omitempty"` // by Options.Disabled
}

// Meta is one line of a rule's meta section.
type Meta struct {
	Name  string `json:"name"`
	Value string `json:"value"` // numbers and booleans as they are written
}

// match says that a rule matched.
type match struct {
	Rule    int           `json:"rule"` // index into the rules of the set
	Strings []stringMatch `json:"strings,omitempty"`
	More    int           `json:"more,omitempty"` // strings that matched beyond those
}

// stringMatch is the first match of a string.
type stringMatch struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
}

// template returns what every finding of the rule has in common.
func (r *Rule) template() scan.Finding {
	f := scan.Finding{Rule: r.Name, Category: scan.Malware, Severity: scan.High}
	for _, m := range r.Meta {
		switch strings.ToLower(m.Name) {
		case "severity":
			if s, err := scan.ParseSeverity(strings.ToLower(m.Value)); err == nil {
				f.Severity = s
			}
		case "category":
			f.Category = category(m.Value)
		case "class":
			f.Class = oneLine(m.Value)
		case "description":
			f.Description = cmp.Or(f.Description, oneLine(m.Value))
		case "reference":
			f.Reference = cmp.Or(f.Reference, oneLine(m.Value))
		case "action":
			switch v := strings.ToLower(m.Value); v {
			case "report", "rewrite", "block":
				f.Hint = v
			}
		}
	}
	return f
}

func category(name string) scan.Category {
	for _, c := range []scan.Category{scan.Injection, scan.ActiveContent, scan.Hazard} {
		if strings.EqualFold(name, c.String()) {
			return c
		}
	}
	return scan.Malware
}

// oneLine makes text of a rule's author fit for logs and headers.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	const limit = 512
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// detail says where the strings of a match stand. It shows nothing of the content.
func (m *match) detail() string {
	if len(m.Strings) == 0 {
		return ""
	}
	var b strings.Builder
	for i, s := range m.Strings {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s at %d", s.Name, s.Offset)
	}
	if m.More > 0 {
		fmt.Fprintf(&b, " and %d more", m.More)
	}
	return b.String()
}

// span is the first string's match, or the item as a whole.
func (m *match) span(size int64) scan.Span {
	if len(m.Strings) == 0 {
		return scan.Span{}
	}
	first := m.Strings[0]
	for _, s := range m.Strings[1:] {
		if s.Offset < first.Offset {
			first = s
		}
	}
	start := min(max(first.Offset, 0), size)
	return scan.Span{Start: start, End: min(start+max(first.Length, 0), size)}
}
