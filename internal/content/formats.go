package content

import "strings"

// formatOf returns the format that opens items of a media type, nil for leaves. It is the list of all formats.
func formatOf(typ string) format {
	switch typ {
	case typeJSON:
		return jsonFormat{}
	case typeNDJSON:
		return ndjsonFormat{}
	case typeSSE:
		return sseFormat{}
	case typeXML:
		return xmlFormat{}
	case typeHTML:
		return htmlFormat{}
	case typeForm:
		return formFormat{}
	case typeCSV:
		return csvFormat{}
	case typeTSV:
		return csvFormat{tab: true}
	case typeYAML:
		return yamlFormat{}
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
	switch {
	case strings.HasPrefix(typ, "multipart/"):
		return mimeFormat{}
	case strings.HasSuffix(typ, "+xml"):
		return xmlFormat{}
	case strings.HasSuffix(typ, "+json"):
		return jsonFormat{}
	}
	return nil
}
