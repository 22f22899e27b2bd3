package signatures

import (
	"embed"
	"io/fs"
)

//go:embed injection/*.yaml
var injection embed.FS

// Injection returns the built-in injection rules: one YAML file a class, in the root of the file system, in
// the format that package sanitize documents.
func Injection() fs.FS {
	sub, err := fs.Sub(injection, "injection")
	if err != nil { // fs.Sub fails on an invalid name only
		panic(err)
	}
	return sub
}
