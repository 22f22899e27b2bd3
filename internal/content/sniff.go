package content

import (
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// sniffBytes is how much of an item its type is told from.
const sniffBytes = 3072

// printable reports whether a decoded rune may stand in a path.
func printable(r rune, size int) bool {
	return (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

// claimedType returns the media type of a Content-Type, lower-case, without parameters.
func claimedType(s string) string {
	typ, _, _ := strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(typ))
}

// claimedParam returns a parameter of a Content-Type, "" if it has none.
func claimedParam(s, name string) string {
	_, params, _ := mime.ParseMediaType(s) // what could be read before an error is good enough
	return params[name]
}

// head returns the first bytes of an item.
func (n *node) head() []byte {
	buf := make([]byte, min(sniffBytes, n.item.Blob.Size()))
	k, _ := n.item.Blob.ReadAt(buf, 0)
	return buf[:k]
}

// sniff tells an item's media type from its bytes. The claim decides only between types that look alike.
func (t *Tree) sniff(n *node) string {
	head := n.head()
	claim := claimedType(n.item.Claimed)
	if looksJSON(head, claim, int64(len(head)) == n.item.Blob.Size()) {
		return typeJSON
	}
	typ, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return typ
}

// knownMagic reports whether bytes begin like a file of a known binary type.
func knownMagic(head []byte) bool {
	typ, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return typ != typeBinary && typ != typeText
}

// looksJSON reports whether the head is the beginning of a JSON text.
func looksJSON(head []byte, claim string, whole bool) bool {
	isClaim := claim == typeJSON || strings.HasSuffix(claim, "+json") || claim == "text/json"
	from, to := jsonBody(head)
	r := jsonReader{data: head[from:to], nesting: 1 << 20}
	for {
		tok, err := r.next()
		switch {
		case err == errJSONEnd: //nolint:errorlint // never wrapped
			return !whole && len(r.stack) > 0 || isClaim
		case err != nil:
			return isClaim && !looksMarkup(head)
		case tok == jsonEnd:
			return isClaim || head[afterSpace(head, 0)] == '{' || head[afterSpace(head, 0)] == '['
		}
	}
}

func looksMarkup(head []byte) bool {
	i := afterSpace(head, 0)
	return i < len(head) && head[i] == '<'
}
