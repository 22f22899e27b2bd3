// Package lenient holds what programs that open files do not tell apart, or pass over. Who looks into a file and who
// rebuilds it both ask here, so that they agree about what those programs see.
package lenient

import (
	"bytes"
	"strings"
)

// Name returns what the name of a file in an archive is where systems do not tell capitals, kinds of slashes, and dots and
// spaces at the end of a name, and where a path is the same with a slash in front or "." in it. The slash at the end that
// makes a folder of it stays.
func Name(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	for part := range strings.SplitSeq(name, "/") {
		if part != ".." {
			part = strings.TrimRight(part, ". ")
		}
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(part)
	}
	if strings.HasSuffix(name, "/") {
		b.WriteByte('/')
	}
	return b.String()
}

// RTF returns data without what some readers of Rich Text Format pass over in front of it (a mark of order of bytes, white
// space, zeros), and whether a document begins there. They ask for no more of its first word than this.
func RTF(data []byte) (rest []byte, ok bool) {
	rest = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	return rest, bytes.HasPrefix(rest, []byte(`{\rt`))
}
