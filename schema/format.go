package schema

import (
	"encoding/json"
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var errFormat = errors.New("not of the format")

// ownFormats are those of OpenAPI that JSON Schema does not have. The formats of JSON Schema are the library's.
var ownFormats = []jsonschema.Format{
	{Name: "int32", Validate: within("-2147483648", "2147483647")},
	{Name: "int64", Validate: within("-9223372036854775808", "9223372036854775807")},
	{Name: "byte", Validate: base64Text},
}

// within takes whole numbers between two bounds, and everything that is no number.
func within(low, high string) func(any) error {
	l, h := parseDecimal([]byte(low), nil), parseDecimal([]byte(high), nil)
	return func(v any) error {
		n, ok := v.(json.Number)
		if !ok {
			return nil
		}
		if d := parseDecimal([]byte(n), nil); !d.whole() || d.compare(&l) < 0 || d.compare(&h) > 0 {
			return errFormat
		}
		return nil
	}
}

// base64Text takes both alphabets, with and without padding.
func base64Text(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' <= 9
		pad := c == '=' && i >= len(s)-2
		if !letter && !pad && c != '+' && c != '/' && c != '-' && c != '_' && c != '\r' && c != '\n' {
			return errFormat
		}
	}
	return nil
}
