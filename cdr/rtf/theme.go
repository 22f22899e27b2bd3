package rtf

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"io"

	"icapd/internal/pattern"
)

// groupData returns what the hexadecimal digits of a group say after its control word.
func groupData(group []byte, word string) []byte {
	_, digits, ok := bytes.Cut(group, []byte(word))
	if !ok {
		return nil
	}
	digits = bytes.Join(bytes.Fields(bytes.TrimRight(digits, "} \r\n")), nil)
	data := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(data, digits); err != nil {
		return nil
	}
	return data
}

// colourMap matches what Word writes into \colorschememapping: one element whose attributes name theme colours.
var colourMap = pattern.MustCompile(`^\s*(?:<\?xml [^<>]{0,80}\?>)?\s*<a:clrMap xmlns:a="http://(?:schemas\.openxmlformats\.org|purl\.oclc\.org/ooxml)/drawingml(?:/2006)?/main"(?: [A-Za-z0-9]{2,10}="[a-z0-9A-Z]{2,10}"){0,14}\s*/>\s*$`)

func plainScheme(group []byte) bool {
	return colourMap.Match(groupData(group, `\colorschememapping`))
}

// themePart matches the parts of the package that Word writes into \themedata.
var themePart = pattern.MustCompile(`^(?:\[Content_Types\]\.xml|_rels/\.rels|theme/theme/(?:_rels/)?theme(?:Manager|[0-9]{1,2})\.xml(?:\.rels)?|theme/media/[A-Za-z0-9_]{1,32}\.(?:png|jpe?g|gif|emf|wmf))$`)

// plainTheme reports whether \themedata is a package of a theme and refers to nothing outside of itself.
func plainTheme(group []byte) bool {
	const most = 1 << 20
	data := groupData(group, `\themedata`)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) > 64 || z.Comment != "" {
		return false
	}
	for _, f := range z.File {
		if !themePart.MatchString(f.Name) {
			return false
		}
		if !bytes.HasSuffix([]byte(f.Name), []byte(".rels")) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return false
		}
		var b bytes.Buffer
		_, err = io.Copy(&b, io.LimitReader(r, most))
		_ = r.Close() // it only reads
		if err != nil || bytes.Contains(b.Bytes(), []byte("TargetMode")) {
			return false
		}
	}
	return true
}
