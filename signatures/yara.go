package signatures

import (
	"embed"
	"io/fs"
)

//go:embed yara/*.yar
var yara embed.FS

// YARA returns the built-in YARA rules: one .yar file a theme, in the root of the file system. Each rule has
// the meta fields that package av/yara documents.
func YARA() fs.FS {
	sub, err := fs.Sub(yara, "yara")
	if err != nil { // fs.Sub fails on an invalid name only
		panic(err)
	}
	return sub
}

//go:embed hashes/*.hsb
var hashes embed.FS

// Hashes returns the built-in hash lists, in ClamAV's hsb form: digest, size, name.
func Hashes() fs.FS {
	sub, err := fs.Sub(hashes, "hashes")
	if err != nil { // fs.Sub fails on an invalid name only
		panic(err)
	}
	return sub
}
