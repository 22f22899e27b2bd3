package content

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// tellHTTP tells an HTTP message.
func tellHTTP(s *sample) string {
	if isHTTP(s.head) {
		return typeHTTP
	}
	return ""
}

func isJSONClaim(claim string) bool {
	return claim == typeJSON || strings.HasSuffix(claim, "+json") || claim == "text/json" || claim == "text/x-json"
}

func isXMLClaim(claim string) bool {
	return claim == typeXML || claim == "application/xml" || strings.HasSuffix(claim, "+xml")
}

// claims that mean a script: JSON in the call of a function (JSONP).
var scriptClaims = []string{"application/javascript", "text/javascript", "application/x-javascript"}

// tellJSON tells a JSON text by its grammar. Scalars are JSON only by claim; what is claimed to be JSON and is
// nothing else that we know is taken for JSON, and is then reported as corrupt.
func tellJSON(s *sample) string {
	if len(s.head) == 0 || tellLines(s) != "" {
		return ""
	}
	isClaim := isJSONClaim(s.claim)
	from, to := jsonBody(s.head)
	first := afterSpace(s.head[:to], from)
	if slices.Contains(scriptClaims, s.claim) && from == 0 {
		return ""
	}
	if !isClaim && (first >= to || (s.head[first] != '{' && s.head[first] != '[')) {
		return ""
	}
	if isClaim && !looksMarkup(s.head) {
		return typeJSON
	}
	r := jsonReader{data: s.head[from:to], nesting: 1 << 20}
	for {
		tok, err := r.next()
		switch {
		case err == nil && tok != jsonEnd:
			continue
		case err == nil:
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

// htmlRoots are elements that a text without a claim is HTML by.
var htmlRoots = []string{
	"html", "head", "body", "script", "style", "title", "div", "span", "p", "br", "img", "table", "iframe", "form", "h1", "h2", "h3", "meta", "link",
	"font", "center", "ul", "ol", "!doctype html",
}

// tellMarkup tells XML from HTML, and what kind of XML it is.
func tellMarkup(s *sample) string {
	head := bytes.TrimPrefix(s.head, bom)
	i := afterSpace(head, 0)
	if i >= len(head) || head[i] != '<' {
		return ""
	}
	head = head[i:]
	typ, _, _ := strings.Cut(mimetype.Detect(s.head).String(), ";")
	if typ == typeXML || strings.HasSuffix(typ, "+xml") {
		return typ
	}
	if s.ext == ".vml" {
		return typeHTML // drawings of Office are not well-formed
	}
	isXML := isXMLClaim(s.claim) || isXMLExt(s.ext)
	switch {
	case !isXML && !startsElement(head):
		return ""
	case !isXML && (s.claim == typeHTML || htmlRoot(head)), htmlRoot(head) && !xmlHead(s):
		return typeHTML
	case isXML, xmlHead(s):
		return typeXML
	case typ == typeHTML:
		return typeHTML
	}
	return ""
}

// htmlRoot reports whether markup begins with an element of HTML.
func htmlRoot(head []byte) bool {
	for _, name := range htmlRoots {
		n := 1 + len(name)
		if len(head) > n && strings.EqualFold(string(head[1:n]), name) && (isHTMLSpace(head[n]) || head[n] == '>' || head[n] == '/') {
			return true
		}
	}
	return bytes.HasPrefix(head, []byte("<!--")) && bytes.Contains(bytes.ToLower(head), []byte("<html"))
}

func isXMLExt(ext string) bool {
	return slices.Contains([]string{".xml", ".rels", ".xsl", ".xsd", ".wsdl", ".rdf", ".kml", ".svg"}, ext)
}

func startsElement(p []byte) bool {
	return len(p) > 2 && (p[1] == '!' || p[1] == '?' || xmlNameByte[p[1]])
}

// xmlHead reports whether the head is the beginning of well-formed XML.
func xmlHead(s *sample) bool {
	r := xmlReader{data: s.head, nesting: 1 << 20}
	for {
		tok, err := r.next()
		if err != nil {
			return !s.whole && r.seen && (err == errXMLEnd || r.pos > len(s.head)-64) //nolint:errorlint // never wrapped
		}
		if tok == xmlEnd {
			return true
		}
	}
}

// tellLines tells formats of lines: events, and JSON texts one a line.
func tellLines(s *sample) string {
	switch s.claim {
	case typeNDJSON, "application/jsonl", "application/json-lines", "application/x-jsonlines", "application/json-seq", "application/stream+json", "application/ndjson":
		return typeNDJSON
	case typeSSE:
		return typeSSE
	}
	if isEvents(s.head) {
		return typeSSE
	}
	head := bytes.TrimLeft(bytes.TrimPrefix(s.head, bom), "\x1e \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return ""
	}
	line, rest, ok := bytes.Cut(head, []byte("\n"))
	rest = bytes.TrimLeft(rest, "\x1e \t\r\n")
	if !ok || len(rest) == 0 || rest[0] != '{' {
		return ""
	}
	r := jsonReader{data: line, nesting: 1 << 20}
	for {
		tok, err := r.next()
		if err != nil {
			return ""
		}
		if tok == jsonEnd {
			return typeNDJSON
		}
	}
}

// sseNames are the names of the lines of an event (WHATWG HTML, section 9.2); a comment has none.
var sseNames = []string{"data", "event", "id", "retry", ""}

// isEvents reports whether each whole line is one of an event, some is data, and an empty line ends one.
func isEvents(head []byte) bool {
	head = bytes.TrimPrefix(head, bom)
	if len(head) == 0 || head[0] != ':' && head[0] != 'd' && head[0] != 'e' && head[0] != 'i' && head[0] != 'r' {
		return false
	}
	data, ended := false, false
	for {
		line, rest, whole := bytes.Cut(head, []byte{'\n'})
		if !whole {
			return data && ended
		}
		line, head = bytes.TrimSuffix(line, []byte{'\r'}), rest
		if len(line) == 0 {
			ended = true
			continue
		}
		name, _, ok := bytes.Cut(line, []byte{':'})
		if !ok || !slices.Contains(sseNames, string(name)) {
			return false
		}
		data = data || string(name) == "data"
	}
}

// tellByClaim tells texts that look like any other by what they are said to be, if they can be that.
func tellByClaim(s *sample) string {
	if !isUTF8(s.head) || hasControls(s.head) || len(s.head) == 0 {
		return ""
	}
	switch s.claim {
	case typeForm:
		if looksForm(s.head) {
			return typeForm
		}
	case typeCSV, "application/csv":
		return typeCSV
	case typeTSV:
		return typeTSV
	case typeYAML, "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml":
		return typeYAML
	case typeHTML:
		if bytes.IndexByte(s.head, '<') >= 0 {
			return typeHTML
		}
	case "":
		if isPlainForm(s) {
			return typeForm
		}
	}
	switch s.ext {
	case ".csv":
		return typeCSV
	case ".tsv":
		return typeTSV
	case ".yaml", ".yml":
		return typeYAML
	}
	return ""
}

// isPlainForm reports whether a text without a claim is a form: one line of names and values, of which some have escapes.
func isPlainForm(s *sample) bool {
	head := bytes.TrimRight(s.head, "\r\n")
	name, _, ok := bytes.Cut(head, []byte{'='})
	return ok && looksForm(head) && len(name) > 0 && len(name) <= maxFormName && !bytes.ContainsAny(name, "%/?:&") &&
		bytes.Count(head, []byte{'%'}) > 1 && bytes.IndexByte(head, '&') > 0
}

// maxFormName is how long the first name of a form without a claim is.
const maxFormName = 64

func looksForm(head []byte) bool {
	for _, c := range head {
		if c <= ' ' || c == '<' || c == '{' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasControls reports whether bytes have characters that no text has.
func hasControls(p []byte) bool {
	for _, c := range p {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b && c != 0x1e {
			return true
		}
	}
	return false
}

// mailHeaders are header fields that a mail begins with.
var mailHeaders = []string{"received", "return-path", "from", "to", "subject", "date", "message-id", "mime-version", "delivered-to", "content-type", "content-disposition", "x-mozilla-status", "dkim-signature"}

// tellMail tells a mail by its header: by claim or name one known field is enough, else there must be three.
func tellMail(s *sample) string {
	need := 3
	if s.claim == typeMail || s.ext == ".eml" || s.ext == ".mht" || s.ext == ".mhtml" || s.ext == ".mbox" {
		need = 1
	}
	e := parseEntity(s.head, 0, len(s.head))
	for i := range e.headers {
		if slices.Contains(mailHeaders, e.headers[i].name) {
			need--
		}
	}
	if need <= 0 {
		return typeMail
	}
	return ""
}
