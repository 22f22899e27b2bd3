package yara

import (
	"path"
	"strings"

	"icapd/scan"
)

// The external variables. Their number and order are those of variableNames.
const (
	varHost = iota
	varPath
	varURL
	varMethod
	varDirection
	varContentType
	varMediaType
	varFilename
	varExtension
	varFilepath
	varFiletype
	varOwner
	variableCount
)

// variables holds a value for each external variable.
type variables [variableCount]string

// externals returns the names of the external variables, in the order of variables.
func externals() []string {
	return []string{
		varHost: "host", varPath: "path", varURL: "url", varMethod: "method", varDirection: "direction",
		varContentType: "content_type", varMediaType: "media_type", varFilename: "filename",
		varExtension: "extension", varFilepath: "filepath", varFiletype: "filetype", varOwner: "owner",
	}
}

func variablesOf(it *scan.Item) variables {
	m := it.Message
	v := variables{
		varHost: m.Host, varPath: m.Path, varURL: m.URL, varMethod: m.Method,
		varDirection:   m.Direction.String(),
		varContentType: it.Claimed,
		varMediaType:   it.Type,
		varFilename:    it.Name,
		varExtension:   strings.ToLower(path.Ext(it.Name)),
		varFilepath:    it.Path,
	}
	for i := range v {
		if strings.IndexByte(v[i], 0) >= 0 { // C strings end there, which would hide the rest from the rules
			v[i] = strings.ReplaceAll(v[i], "\x00", "\uFFFD")
		}
	}
	return v
}
