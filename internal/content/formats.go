package content

import "strings"

// formatOf returns the format that opens items of a media type, nil for leaves.
func formatOf(typ string) format {
	switch typ {
	case typeJSON:
		return jsonFormat{}
	case typeText:
		return textFormat{}
	}
	if strings.HasPrefix(typ, "multipart/") {
		return mimeFormat{}
	}
	return nil
}
