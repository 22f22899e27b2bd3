package content

import (
	"bytes"
	"mime"
	"path"
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

// claimedParam returns a parameter of a Content-Type, "" if it has none. Senders write parameters that the
// grammar does not allow: what can be read is good enough.
func claimedParam(s, name string) string {
	_, params, err := mime.ParseMediaType(s)
	if v, ok := params[name]; ok && err == nil {
		return v
	}
	for part := range strings.SplitSeq(s, ";") {
		k, v, ok := strings.Cut(part, "=")
		if ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// head returns the first bytes of an item.
func (n *node) head() []byte {
	buf := make([]byte, min(sniffBytes, n.item.Blob.Size()))
	k, _ := n.item.Blob.ReadAt(buf, 0)
	return buf[:k]
}

// sample is what a type is told from.
type sample struct {
	head  []byte
	whole bool   // head is all there is
	claim string // media type, lower-case, "" if none
	full  string // the claim as sent
	name  string // extension of the name, lower-case, with its dot
	depth int
}

// sniff tells an item's media type from its bytes, and the format that opens it, nil for leaves. Claim and
// name decide only between types that look alike.
func sniff(n *node) (string, format) {
	s := sample{head: n.head(), claim: claimedType(n.item.Claimed), full: n.item.Claimed, name: strings.ToLower(path.Ext(n.item.Name)), depth: n.item.Depth}
	s.whole = int64(len(s.head)) == n.item.Blob.Size()
	if typ := findMagic(s.head); typ != "" {
		return refine(typ, s.head), formatOf(typ)
	}
	for _, tell := range textual {
		if typ := tell(&s); typ != "" {
			return typ, formatOf(typ)
		}
	}
	typ, _, _ := strings.Cut(mimetype.Detect(s.head).String(), ";")
	return typ, formatOf(typ)
}

// textual are the checks for types without magic, in order. Each returns a type or "".
var textual = []func(s *sample) string{
	tellMultipart,
	tellJSON,
}

// refine names what a container is used for: a zip may be a document. How it is opened does not change.
func refine(typ string, head []byte) string {
	if typ != typeZip && typ != typeOLE {
		return typ
	}
	m := mimetype.Detect(head)
	for p := m; p != nil; p = p.Parent() {
		if p.Is(typ) {
			fine, _, _ := strings.Cut(m.String(), ";")
			return fine
		}
	}
	return typ
}

// knownMagic reports whether bytes begin like a file of a known binary type.
func knownMagic(head []byte) bool { return findMagic(head) != "" }

func isJSONClaim(claim string) bool {
	return claim == typeJSON || strings.HasSuffix(claim, "+json") || claim == "text/json" || claim == "text/x-json"
}

// tellJSON tells a JSON text by its grammar. Scalars are JSON only by claim; what is claimed to be JSON and is
// nothing else that we know is taken for JSON, and is then reported as corrupt.
func tellJSON(s *sample) string {
	if len(s.head) == 0 {
		return ""
	}
	isClaim := isJSONClaim(s.claim)
	from, to := jsonBody(s.head)
	first := afterSpace(s.head[:to], from)
	if !isClaim && (first >= to || (s.head[first] != '{' && s.head[first] != '[')) {
		return ""
	}
	r := jsonReader{data: s.head[from:to], nesting: 1 << 20}
	for {
		tok, err := r.next()
		switch {
		case err == nil && tok != jsonEnd:
			continue
		case err == nil, isClaim && !looksMarkup(s.head):
			return typeJSON
		case err == errJSONEnd && !s.whole && len(r.stack) > 0: //nolint:errorlint // never wrapped
			return typeJSON
		case !s.whole && r.pos >= len(r.data)-utf8.UTFMax-8 && len(r.stack) > 0: // cut in the middle of a token
			return typeJSON
		}
		return ""
	}
}

func looksMarkup(head []byte) bool {
	i := afterSpace(head, 0)
	return i < len(head) && head[i] == '<'
}

// tellMultipart tells a multipart body: by its claim, if the boundary is there, else by a first line that is
// a delimiter with part headers behind it.
func tellMultipart(s *sample) string {
	if strings.HasPrefix(s.claim, "multipart/") && claimedParam(s.full, "boundary") != "" {
		return s.claim
	}
	if !bytes.HasPrefix(s.head, []byte("--")) {
		return ""
	}
	_, rest, ok := bytes.Cut(s.head, []byte("\n"))
	if !ok || len(rest) < 8 || !strings.EqualFold(string(rest[:8]), "content-") {
		return ""
	}
	return "multipart/mixed"
}
