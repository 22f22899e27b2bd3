package schema

import (
	"mime"
	"slices"
	"strings"
)

// mediaType is the type of a Content-Type without parameters, lower-case.
func mediaType(s string) string {
	t, _, _ := strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// isJSONType reports whether a media type is that of one JSON text.
func isJSONType(t string) bool {
	return t == "application/json" || t == "text/json" || t == "text/x-json" || strings.HasSuffix(t, "+json")
}

// lineTypes are media types of JSON texts, each in a line.
var lineTypes = []string{
	"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines", "application/x-jsonlines",
	"application/json-seq", "application/stream+json",
}

func isLineType(t string) bool { return slices.Contains(lineTypes, t) }

// content is the media types of a message, as documented.
type content struct{ types []media }

// media is one of them.
type media struct {
	pattern string
	schema  *node // nil: anything
	item    *node // of each line; nil: schema
}

// rank orders patterns from the special to the general.
func (m *media) rank() int {
	switch {
	case m.pattern == "*/*":
		return 2
	case strings.HasSuffix(m.pattern, "/*"):
		return 1
	}
	return 0
}

// find returns the documented type that a media type falls under, nil if there is none.
func (c *content) find(t string) *media {
	for rank := range 3 {
		for i := range c.types {
			m := &c.types[i]
			if m.rank() != rank {
				continue
			}
			switch {
			case m.pattern == t, rank == 2:
				return m
			case rank == 1 && strings.HasPrefix(t, strings.TrimSuffix(m.pattern, "*")):
				return m
			}
		}
	}
	return nil
}

// pattern is a key of content as it is compared.
func pattern(key string) string {
	if t, _, err := mime.ParseMediaType(key); err == nil {
		return t
	}
	return mediaType(key)
}
