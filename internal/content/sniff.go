package content

import (
	"bytes"
	"encoding/binary"
	"mime"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"icapd/scan"

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

// plain is the size, in bytes, up to which an item's bytes are taken as they stand: they are in memory, as a rule.
const plain = 64 << 10

// head returns the first bytes of an item, to look at.
func (n *node) head() []byte {
	if size := n.item.Blob.Size(); size <= plain {
		if data, err := n.item.Blob.Bytes(); err == nil {
			return data[:min(sniffBytes, len(data)):min(sniffBytes, len(data))]
		}
	}
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
	ext   string // extension of the name, lower-case, with its dot
}

// sniff tells an item's media type from its bytes, and the format that opens it, nil for leaves. Claim and
// name decide only between types that look alike.
func sniff(n *node) (string, format) {
	s := sample{head: n.head(), claim: claimedType(n.item.Claimed), full: n.item.Claimed, ext: strings.ToLower(path.Ext(n.item.Name))}
	s.whole = int64(len(s.head)) == n.item.Blob.Size()
	ole1 := isOLE1(s.head) // its mark is weak: programs and gzip can be made to have it, too
	if typ := findMagic(s.head); typ != "" {
		if ole1 {
			n.also = ole1Format{}
		}
		f := formatOf(typ)
		n.streams = f == nil && carries(typ)
		if end := fileEnd(n.item.Blob, s.head); end > 0 && n.also == nil && firstByte(n.item.Blob, end) < n.item.Blob.Size() {
			n.also = overlayFormat{at: end, to: n.item.Blob.Size()}
		}
		return refine(typ, s.head, n.item.Blob), f
	}
	if ole1 {
		return typeBinary, ole1Format{}
	}
	if isISO(n.item.Blob) {
		return typeISO, isoFormat{}
	}
	if string(readAt(n.item.Blob, max(0, n.item.Blob.Size()-512), 4)) == "koly" {
		return "application/x-apple-diskimage", unsupportedFormat{}
	}
	if findWide(s.head) != nil {
		n.streams = true // two bytes tell that it is text
		if strings.HasPrefix(s.claim, "text/") || isJSONClaim(s.claim) || isXMLClaim(s.claim) {
			return s.claim, wideFormat{}
		}
		return typeText, wideFormat{}
	}
	for _, tell := range []func(s *sample) string{tellHTTP, tellMultipart, tellPacked, tellJSON, tellMarkup, tellLines, tellByClaim, tellMail} {
		if typ := tell(&s); typ != "" {
			return typ, formatOf(typ)
		}
	}
	if typ, f := tellVague(&s, n.item.Blob); f != nil {
		return typ, f
	}
	typ := detected(&s)
	switch typ {
	case typeCSV, typeTSV:
		return typ, csvFormat{tab: typ == typeTSV, guess: true}
	}
	if f := formatOf(typ); f != nil {
		return typ, f
	}
	if strings.HasPrefix(typ, "text/") || (isUTF8(s.head) && !hasControls(s.head)) {
		return typ, textFormat{}
	}
	return sniffRest(n, &s, typ)
}

// detected is what the library tells, but for what it takes for more than it is.
func detected(s *sample) string {
	typ, _, _ := strings.Cut(mimetype.Detect(s.head).String(), ";")
	switch {
	case typ == typeCpio, typ == typeGzip, typ == typeZlib && !beginsZlib(s.head):
		return typeBinary // two bytes are enough for the library; any file has them by chance
	case typ == typeTSV && s.claim == "" && isEncodedLines(s.head):
		return typeText // the tabs indent them
	}
	return typ
}

// isEncodedLines reports whether the whole lines that a text begins with are base64.
func isEncodedLines(head []byte) bool {
	_, ok := findCoding(head[:bytes.LastIndexByte(head, '\n')+1])
	return ok
}

// isVolumeName reports whether a name is that of a later volume of an archive: nothing in it says so.
func isVolumeName(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	if len(ext) != 4 || ext[2] < '0' || ext[2] > '9' || ext[3] < '0' || ext[3] > '9' {
		return false
	}
	switch inner := strings.ToLower(path.Ext(strings.TrimSuffix(name, path.Ext(name)))); {
	case ext[1] >= '0' && ext[1] <= '9':
		return slices.Contains([]string{".7z", ".zip", ".rar", ".tar", ".gz", ".xz", ".bz2", ".wim", ".arj", ".iso", ".exe"}, inner)
	case ext[1] == 'z', ext[1] == 'r':
		return true
	}
	return false
}

// sniffRest tells what bytes are that no mark and no text tells: by their structure, and by what stands in them.
func sniffRest(n *node, s *sample, typ string) (string, format) {
	b := n.item.Blob
	if n.also == nil && isData(b, s.head) {
		n.also = dataFormat{}
	}
	if typ == typeBinary {
		_, field := n.ref.(embedded)
		switch {
		case !field && bytes.HasPrefix(s.head, []byte("Salted__")): // of openssl; in fields they are values that programs exchange
			return typeSalted, encryptedFormat{}
		case isPGP(b, s.head):
			return typePGPData, pgpFormat{}
		case isDisk(b, s.head):
			return typeDisk, unsupportedFormat{}
		case isVolumeName(n.item.Name):
			return typ, volumeFormat{}
		case isSmallZlib(s.head):
			return typeZlib, zlibFormat{}
		case isOldWorkbook(s.head):
			return "application/vnd.ms-excel", nil
		}
		if typ := tellUnclaimed(b, s.head); typ != "" {
			return typ, formatOf(typ)
		}
		switch {
		case maybeProto(b, s.head):
			n.also = protoInner{}
		case n.also == nil && isRawDeflate(b, s.head):
			n.also = rawDeflate{}
			return typ, nil
		}
		if f, ok := isLZMA2(b, s.head); ok && n.also == nil {
			n.also = f
			return typ, nil
		}
		if n.also == nil && isBrotli(n) {
			n.also = brotliFormat{}
			return typ, nil
		}
	}
	n.streams = carries(typ)
	if n.also == nil && bytes.HasPrefix(s.head, []byte(flashMark)) && typ == "application/x-shockwave-flash" {
		n.also = flashFormat{}
	}
	return typ, nil
}

// isOldWorkbook reports whether bytes begin like a sheet or a workbook of Excel 2 to 4, or a later one, without a compound
// file around it: the record that begins it says of what version and kind it is ([MS-XLS] 2.4.21), and more records follow.
// It may have macros and links like any other.
func isOldWorkbook(head []byte) bool {
	if len(head) < 12 || head[0] != 0x09 || head[3] != 0 || head[1] > 8 || head[1]&1 != 0 || head[1] == 6 {
		return false
	}
	switch binary.LittleEndian.Uint16(head[6:]) {
	case 0x0005, 0x0006, 0x0010, 0x0020, 0x0040, 0x0100:
	default:
		return false
	}
	if size := head[2]; size != 4 && size != 6 && size != 8 && size != 16 {
		return false
	}
	records := 0
	for at := 0; at+4 <= len(head); records++ {
		op, size := binary.LittleEndian.Uint16(head[at:]), int(binary.LittleEndian.Uint16(head[at+2:]))
		if op >= 0x1100 || size > 8224 {
			return false
		}
		if at += 4 + size; op == 0x0A && records > 0 {
			return true // the end
		}
	}
	return records > 3
}

// carries reports whether compressed streams are looked for in leaves of a type: of an unknown one, and of those that have
// them, or have room for them. In pictures and programs they stand by the hundred; disarming takes what is more than the
// picture from those.
func carries(typ string) bool {
	switch typ {
	case typeBinary, typeEMF, typeWMF, "application/x-shockwave-flash", "application/vnd.sqlite3", "application/vnd.apache.parquet", "application/x-java-serialized-object",
		"application/dicom", "application/wasm", "application/vnd.tcpdump.pcap", "application/x-bytecode.python", "application/ogg", "image/vnd.adobe.photoshop", "font/woff":
		return true
	}
	return strings.HasPrefix(typ, "audio/") || strings.HasPrefix(typ, "video/")
}

// refine names what a container is used for: a zip may be a document. How it is opened does not change.
func refine(typ string, head []byte, b scan.Blob) string {
	if typ != typeZip && typ != typeOLE {
		return typ
	}
	fine := typ
	m := mimetype.Detect(head)
	for p := m; p != nil; p = p.Parent() {
		if p.Is(typ) {
			fine, _, _ = strings.Cut(m.String(), ";")
			break
		}
	}
	if fine == typeZip || fine == typeJar || fine == typeEPUB {
		return zipUse(head, b, fine)
	}
	return fine
}

const (
	typeJar  = "application/java-archive"
	typeEPUB = "application/epub+zip"
	typeODT  = "application/vnd.oasis.opendocument.text"
)

// knownMagic reports whether bytes begin like a file of a known binary type.
func knownMagic(head []byte) bool { return findMagic(head) != "" }

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

// isDisk reports whether bytes are the image of a disk: with the table of its partitions, a file system of a known kind,
// or the footer of a virtual disk of fixed size.
func isDisk(b scan.Blob, head []byte) bool {
	if b.Size() < 1024 || b.Size()%512 != 0 {
		return false
	}
	if string(readAt(b, b.Size()-512, 8)) == "conectix" {
		return true
	}
	return b.Size() >= 2048 && len(head) >= 2048 && (isBootSector(head) || isExt(head[1024:]) ||
		string(head[1024:1028]) == "H+\x00\x04" || string(head[1024:1028]) == "HX\x00\x05")
}

// isBootSector reports whether a sector is one that a machine starts from, with a jump or a table of partitions: its mark
// alone stands in one of 65,000 files by chance.
func isBootSector(head []byte) bool {
	if head[510] != 0x55 || head[511] != 0xaa {
		return false
	}
	if head[0] == 0xeb && head[2] == 0x90 || head[0] == 0xe9 {
		return true
	}
	used := false
	for entry := range 4 {
		e := head[446+16*entry:]
		if e[0]&0x7f != 0 {
			return false
		}
		used = used || e[4] != 0
	}
	return used
}

// isExt reports whether a superblock is one of ext2 to ext4.
func isExt(super []byte) bool {
	return super[0x38] == 0x53 && super[0x39] == 0xef &&
		binary.LittleEndian.Uint32(super[0x18:]) <= 6 && binary.LittleEndian.Uint32(super[0x4c:]) <= 1
}
