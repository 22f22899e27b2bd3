package content

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"icapd/internal/body"
	"icapd/internal/pattern"
	"icapd/scan"
)

// pdfFormat is a PDF document. Embedded files are items, and so are object streams, because they are where
// compressed documents keep their actions. The file is not parsed: streams are found by their keywords, as
// they stand, whatever the cross-reference table says. A stream is a file if it says so, which it need not
// (ISO 32000-2, section 7.11.4), or if an object names it as one. What is found can be read, not written: that
// is the disarming engine's work.
type pdfFormat struct{}

var errPDFFilter = errors.New("a stream with a filter that is not supported")

// pdfEnd is what a document ends with.
const pdfEnd = "%%EOF"

const (
	maxPDFDict    = 4096     // bytes of a stream's dictionary that are looked at
	maxPDFLong    = 64 << 10 // and of one that does not begin among them
	maxPDFAgain   = 8        // how many times the document may be read for those
	maxPDFFilters = 8        // of one stream
	maxPDFStreams = 200_000  // keywords of streams that are looked at
)

var (
	pdfObject  = pattern.MustCompile(`(\d{1,10})\s+\d{1,5}\s+obj\b`)
	pdfFilters = pattern.MustCompile(`/F(?:ilter)?\s*(\[[^\]]*\]|/[A-Za-z0-9]+)`)
	pdfName    = pattern.MustCompile(`/[A-Za-z0-9]+`)
	pdfLength  = pattern.MustCompile(`/Length\s+(\d{1,12})(\s+\d+\s+R)?`)
	pdfFileRef = pattern.MustCompile(`/(?:` + eitherWay("UF") + `|` + eitherWay("F") + `|DOS|Mac|Unix)\s+(\d{1,10})\s+\d{1,5}\s+R\b`)
	pdfFile    = pattern.MustCompile(`/(?:UF|F)\s*\(((?:[^()\\]|\\.){1,255})\)`)
)

func (pdfFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	if i := bytes.LastIndex(data, []byte(pdfEnd)); i >= 0 {
		if err := w.fail(n.item.Path, w.behind(n, int64(i+len(pdfEnd)))); err != nil {
			return err
		}
	}
	if !escapedName(data) && !bytes.Contains(data, []byte("/EmbeddedFile")) && !bytes.Contains(data, []byte("/EF")) && !bytes.Contains(data, []byte("/ObjStm")) {
		return nil
	}
	p := pdfWalk{w: w, n: n, data: data, encrypted: bytes.Contains(data[max(0, len(data)-4096):], []byte("/Encrypt"))}
	for _, m := range pdfFile.FindAllSubmatch(data, 100) {
		p.titles = append(p.titles, string(m[1]))
	}
	p.named(data)
	if err := p.streams(p.keyword); err != nil || len(p.files) == 0 {
		return err
	}
	p.scanned, p.endobj, p.again = 0, 0, 0
	return p.streams(p.fileNamed)
}

// pdfWalk walks the streams of a document.
type pdfWalk struct {
	w         *walk
	n         *node
	data      []byte
	titles    []string // names of files, in the order of their specifications
	encrypted bool
	files     map[string]bool // numbers of objects that others name as files

	scanned, endobj int // up to where the last end of an object is known, and it
	again           int // bytes that were read for long dictionaries
}

// named takes in the numbers of the objects that are named as files.
func (p *pdfWalk) named(data []byte) {
	for _, m := range pdfFileRef.FindAllSubmatch(data, maxPDFStreams-len(p.files)) {
		if p.files == nil {
			p.files = make(map[string]bool)
		}
		p.files[string(m[1])] = true
	}
}

// streams calls look for each keyword "stream". It returns where to go on.
func (p *pdfWalk) streams(look func(at int) (int, error)) error {
	for pos, count := 0, 0; ; count++ {
		i := bytes.Index(p.data[pos:], []byte("stream"))
		if i < 0 {
			return nil
		}
		if count > maxPDFStreams {
			return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries}
		}
		var err error
		if pos, err = look(pos + i); err != nil {
			return err
		}
	}
}

// keyword looks at the keyword "stream" and returns where to go on.
func (p *pdfWalk) keyword(at int) (int, error) {
	pos := at + len("stream")
	if bytes.HasSuffix(p.data[:at], []byte("end")) {
		return pos, nil
	}
	from, err := p.objectStart(at)
	if err != nil || pdfKind(p.data[from:at]) == "" {
		return pos, err // most streams are pages and pictures
	}
	dict, object := pdfDict(p.data, from, at)
	kind := pdfKind(dict)
	if kind == "" {
		return pos, nil
	}
	return p.take(pos, dict, object, kind)
}

// fileNamed does the same for the streams that do not say themselves that they are files.
func (p *pdfWalk) fileNamed(at int) (int, error) {
	pos := at + len("stream")
	if bytes.HasSuffix(p.data[:at], []byte("end")) {
		return pos, nil
	}
	from, err := p.objectStart(at)
	if err != nil {
		return pos, err
	}
	dict, object := pdfDict(p.data, from, at)
	if !p.files[object] || pdfKind(dict) != "" {
		return pos, nil
	}
	return p.take(pos, dict, object, "file")
}

// take takes in the stream behind the keyword that ends at pos, and returns where to go on.
func (p *pdfWalk) take(pos int, dict []byte, object, kind string) (int, error) {
	if p.encrypted {
		if kind != "file" {
			return pos, nil
		}
		return pos, p.w.fail(p.n.item.Path, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted})
	}
	start, end := pdfStream(p.data, pos, dict)
	c := child{segment: fmt.Sprintf("/object%s(%s)", object, kind), attached: kind == "file"}
	if kind == "file" && len(p.titles) > 0 {
		c.name, p.titles = p.titles[0], p.titles[1:]
	}
	return end, p.stream(c, kind == "file", dict, p.data[start:end])
}

// objectStart returns where the object that has a keyword at that place can begin: behind the one before it.
func (p *pdfWalk) objectStart(at int) (int, error) {
	const mark = "endobj"
	for p.scanned < at {
		i := bytes.Index(p.data[p.scanned:at], []byte(mark))
		if i < 0 {
			p.scanned = at
			break
		}
		p.endobj = p.scanned + i
		p.scanned = p.endobj + len(mark)
	}
	from := max(0, at-maxPDFDict, p.endobj)
	if from == p.endobj || bytes.Contains(p.data[from:at], []byte("obj")) {
		return from, nil
	}
	far := max(0, at-maxPDFLong, p.endobj)
	if p.again += from - far; p.again > maxPDFAgain*len(p.data) {
		return 0, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errPDFDict}
	}
	return far, nil
}

var errPDFDict = errors.New("too many long dictionaries of streams")

// pdfDict returns the dictionary in front of the keyword "stream", which begins at or behind from, and the number of its
// object.
func pdfDict(data []byte, from, at int) (dict []byte, object string) {
	all := pdfObject.FindAllSubmatchIndex(data[from:at], -1)
	if len(all) == 0 {
		return nil, ""
	}
	m := all[len(all)-1]
	return plainNames(data[from+m[1] : at]), string(data[from+m[2] : from+m[3]])
}

// pdfKind says whether a stream is looked into.
func pdfKind(dict []byte) string {
	switch dict = plainNames(dict); {
	case hasPDFName(dict, []byte("/EmbeddedFile")):
		return "file"
	case hasPDFName(dict, []byte("/ObjStm")):
		return "objects"
	}
	return ""
}

// hasPDFName reports whether a name stands in a dictionary as a whole.
func hasPDFName(dict, name []byte) bool {
	for {
		i := bytes.Index(dict, name)
		if i < 0 {
			return false
		}
		if dict = dict[i+len(name):]; len(dict) == 0 || !isIdent(dict[0]) {
			return true
		}
	}
}

// pdfStream returns where a stream's bytes stand: by its length if that fits, else up to its end keyword.
func pdfStream(data []byte, pos int, dict []byte) (start, end int) {
	start = pos
	if start < len(data) && data[start] == '\r' {
		start++
	}
	if start < len(data) && data[start] == '\n' {
		start++
	}
	if m := pdfLength.FindSubmatch(dict); m != nil && len(m[2]) == 0 {
		if n, err := strconv.Atoi(string(m[1])); err == nil && n <= len(data)-start {
			tail := data[start+n : min(len(data), start+n+32)]
			if bytes.Contains(tail, []byte("endstream")) {
				return start, start + n
			}
		}
	}
	if i := bytes.Index(data[start:], []byte("endstream")); i >= 0 {
		return start, max(start, chompEnd(data, start+i)) // one may be empty
	}
	return start, len(data)
}

// stream decodes a stream and takes it in.
func (p *pdfWalk) stream(c child, isFile bool, dict, raw []byte) error {
	w, n := p.w, p.n
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	in := &body.Counter{R: bytes.NewReader(raw)}
	r := io.Reader(in)
	if m := pdfFilters.FindSubmatch(dict); m != nil {
		filters := pdfName.FindAll(m[1], maxPDFFilters+1)
		if len(filters) > maxPDFFilters {
			return w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonUnsupported, Err: errPDFFilter})
		}
		for _, f := range filters {
			var err error
			if r, err = pdfFilter(string(f), r); err != nil {
				return w.fail(n.item.Path+c.segment, err)
			}
		}
	}
	blob, err := w.t.spool(w.ctx, corruptReader{r}, in)
	c.blob, c.partial = blob, err != nil
	if stop := w.fail(n.item.Path+c.segment, err); stop != nil {
		return stop
	}
	if data, err := blob.Bytes(); err == nil && !isFile {
		p.named(data)
	}
	if !isFile && looksMarkup(readAt(blob, 0, 64)) { // forms are pieces of XML, well-formed only together
		c.typ, c.f = typeXML, htmlFormat{}
	}
	return w.child(n, c)
}

// pdfFilter decodes by one filter (ISO 32000-2, section 7.4).
func pdfFilter(name string, r io.Reader) (io.Reader, error) {
	switch name {
	case "/FlateDecode", "/Fl":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
		}
		return tolerant{z}, nil
	case "/ASCIIHexDecode", "/AHx":
		return hex.NewDecoder(&charReader{r: r, end: '>'}), nil
	case "/ASCII85Decode", "/A85":
		return ascii85.NewDecoder(&charReader{r: r, end: '~'}), nil
	}
	return nil, &scan.Gap{Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%w: %.30q", errPDFFilter, name)}
}

// tolerant ends at a wrong checksum, as PDF viewers do.
type tolerant struct{ r io.Reader }

// Read implements io.Reader.
func (t tolerant) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if errors.Is(err, zlib.ErrChecksum) {
		err = io.EOF
	}
	return n, err
}

// charReader reads up to an end mark, without white space.
type charReader struct {
	r    io.Reader
	end  byte
	done bool
}

// Read implements io.Reader.
func (c *charReader) Read(p []byte) (int, error) {
	for !c.done {
		n, err := c.r.Read(p)
		k := 0
		for _, ch := range p[:n] {
			if ch == c.end {
				c.done = true
				break
			}
			if ch > ' ' {
				p[k] = ch
				k++
			}
		}
		if k > 0 || err != nil {
			return k, err
		}
	}
	return 0, io.EOF
}

// pack implements packer: it says that there is no way.
func (pdfFormat) pack(_ context.Context, _ *Tree, n *node, _ io.Writer) error {
	return &RebuildError{Path: n.item.Path, Type: n.item.Type}
}
