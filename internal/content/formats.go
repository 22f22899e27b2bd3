package content

import "strings"

// formatOf returns the format that opens items of a media type, nil for leaves.
func formatOf(typ string) format {
	switch typ {
	case typeJSON:
		return jsonFormat{}
	case typeText:
		return textFormat{}
	case typeMail:
		return mimeFormat{mail: true}
	case typeZip:
		return zipFormat{}
	case typeTar:
		return tarFormat{}
	case typeGzip, typeBzip2, typeXz, typeZstd, typeLz4:
		return streamFormat{typ: typ}
	}
	if strings.HasPrefix(typ, "multipart/") {
		return mimeFormat{}
	}
	return nil
}
