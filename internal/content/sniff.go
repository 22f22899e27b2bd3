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

	"icapd/internal/pattern"
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
	typ, _, _ := strings.Cut(withoutComments(s), ";")
	return strings.ToLower(strings.TrimSpace(typ))
}

// claimedParam returns a parameter of a Content-Type, "" if it has none. Senders write parameters that the
// grammar does not allow: what can be read is good enough.
func claimedParam(s, name string) string {
	s = withoutComments(s)
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

// headerComment is a comment in the value of a header, or what is quoted, in which there are none (RFC 5322, section 3.2.2).
var headerComment = pattern.MustCompile(`"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)`)

// withoutComments returns the value of a header without comments.
func withoutComments(s string) string {
	for range maxComments {
		if strings.IndexByte(s, '(') < 0 {
			break
		}
		fresh := headerComment.ReplaceAllStringFunc(s, func(m string) string {
			if m[0] == '(' {
				return ""
			}
			return m
		})
		if fresh == s {
			break
		}
		s = fresh
	}
	return s
}

// maxComments is how deep comments in comments are read.
const maxComments = 3

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
		case isYencText(s.head):
			return typeText, textFormat{}
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
