package schema

import (
	"encoding/json"
	"errors"
	"math"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var errFormat = errors.New("not of the format")

// ownFormats are those of OpenAPI that JSON Schema does not have. The formats of JSON Schema are the library's.
var ownFormats = []jsonschema.Format{
	{Name: "int32", Validate: func(v any) error { return integerWithin(v, math.MinInt32, math.MaxInt32) }},
	{Name: "int64", Validate: func(v any) error { return integerWithin(v, math.MinInt64, math.MaxInt64) }},
	{Name: "byte", Validate: base64Text},
}

func integerWithin(v any, low, high int64) error {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	d := parseDecimal([]byte(n), nil)
	if !d.whole() {
		return errFormat
	}
	for bound, side := range map[int64]int{low: -1, high: 1} {
		text, err := json.Marshal(bound)
		if err != nil {
			return err
		}
		if b := parseDecimal(text, nil); d.compare(&b) == side {
			return errFormat
		}
	}
	return nil
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
