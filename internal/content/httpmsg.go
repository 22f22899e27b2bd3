package content

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"

	"icapd/internal/body"
	"icapd/scan"
)

// httpFormat is an HTTP/1 message in a file (RFC 9112, section 10): in archives of the web, batches, recordings. Its head
// has fields as that of a mail has, its body is an item.
type httpFormat struct{ mimeFormat }

// httpBody is where the body stands.
type httpBody struct {
	start, end int
	coded      bool
	length     mimeSpan // the value of Content-Length
}

var (
	errHTTPBody  = errors.New("the body ends early")
	errHTTPCoded = errors.New("the body has a coding of its own")
)

// isHTTP reports whether bytes begin like an HTTP message: with a status line, or a request line, and a header field.
func isHTTP(head []byte) bool {
	line, rest, ok := bytes.Cut(head[:min(len(head), 4096)], []byte("\n"))
	if !ok {
		return false
	}
	line = bytes.TrimRight(line, "\r")
	colon := bytes.IndexByte(rest, ':')
	if colon <= 0 || bytes.ContainsAny(rest[:colon], " \t\r\n") {
		return false
	}
	if bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return len(line) >= 12 && line[8] == ' ' && isDigits(line[9:12])
	}
	i := bytes.IndexByte(line, ' ')
	return i >= 3 && i <= 16 && bytes.Equal(line[:i], bytes.ToUpper(line[:i])) &&
		(bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0")))
}

func isDigits(p []byte) bool {
	for _, c := range p {
		if c-'0' > 9 {
			return false
		}
	}
	return len(p) > 0
}

// entity reads the head.
func (httpFormat) entity(data []byte) mimeEntity {
	return parseEntity(data, lineEnd(data, 0), len(data))
}

// fields yields the first line and the values of the header fields.
func (f httpFormat) fields(_ context.Context, d doc, yield func(*scan.Field) bool) error { //nolint:unparam // the interface has the error
	e, at := f.entity(d.data), &headerAt{name: "start-line"}
	end := len(bytes.TrimRight(d.data[:lineEnd(d.data, 0)], "\r\n"))
	if yield(&scan.Field{Kind: scan.KindHeader, At: at, Value: d.data[:end], Span: scan.Span{End: int64(end)}}) {
		yieldHeaders(d.data, &e, at, yield)
	}
	return nil
}

func (f httpFormat) open(w *walk, n *node) error {
	d, err := w.t.doc(n.item, n.item.Blob)
	if err != nil {
		return err
	}
	e, path := f.entity(d.data), n.item.Path
	if e.body0 >= len(d.data) {
		return nil
	}
	contentType, _, _ := e.get(d.data, "content-type")
	disposition, _, _ := e.get(d.data, "content-disposition")
	transfer, _, _ := e.get(d.data, "transfer-encoding")
	encoding, _, _ := e.get(d.data, "content-encoding")
	length, h, _ := e.get(d.data, "content-length")
	ref := httpBody{start: e.body0, end: len(d.data)}
	transfers := body.Codings(transfer)
	chunked := len(transfers) > 0 && transfers[len(transfers)-1] == "chunked"
	if chunked {
		transfers = transfers[:len(transfers)-1]
	}
	if n, err := strconv.Atoi(strings.TrimSpace(length)); err == nil && n >= 0 && !chunked {
		if n > ref.end-ref.start {
			w.t.gap(path+"/body", &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHTTPBody})
		}
		ref.end, ref.length = ref.start+min(n, ref.end-ref.start), mimeSpan{h.value0, h.value1}
	}
	c := child{segment: "/body", claimed: contentType, name: fileName(disposition, contentType)}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	codings := append(body.Codings(encoding), transfers...) // what is not known is a gap
	ref.coded = chunked || len(codings) > 0
	c.ref = ref
	section := newSection(n.item.Blob, int64(ref.start), int64(ref.end-ref.start))
	if !ref.coded {
		c.blob = section
		err = w.child(n, c)
	} else {
		err = w.httpCoded(n, c, section, chunked, codings)
	}
	if err != nil {
		return err
	}
	end := ref.end
	if chunked {
		end = chunksEnd(d.data, ref.start)
	}
	return w.behind(n, int64(end))
}

// chunksEnd returns where a chunked body ends with its trailers (RFC 9112, section 7.1), the end of the data if it has none.
func chunksEnd(data []byte, at int) int {
	for at < len(data) {
		next := lineEnd(data, at)
		digits, _, _ := bytes.Cut(bytes.TrimSpace(data[at:next]), []byte{';'})
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 63)
		if err != nil || size > uint64(len(data)-next) { //nolint:gosec // not negative
			return len(data) // the decoder says so
		}
		at = next + int(size)
		if size > 0 {
			at = lineEnd(data, at)
			continue
		}
		for at < len(data) { // trailers, up to an empty line
			next = lineEnd(data, at)
			if blank(data[at:next]) {
				return next
			}
			if bytes.IndexByte(data[at:next], ':') < 0 {
				return at
			}
			at = next
		}
	}
	return len(data)
}

// httpCoded undoes the codings of a body.
func (w *walk) httpCoded(n *node, c child, b scan.Blob, chunked bool, codings []string) error {
	in := &body.Counter{R: newReader(b)}
	r := io.Reader(in)
	if chunked {
		r = corruptReader{httputil.NewChunkedReader(bufio.NewReader(r))}
	}
	for _, coding := range slices.Backward(codings) {
		z, err := body.NewReader(coding, r)
		if err != nil {
			return w.fail(n.item.Path+c.segment, err)
		}
		defer z.Close() //nolint:errcheck // nothing is written
		r = z
	}
	return w.unpack(n, c, r, in)
}

// patches implements splicer: a body that stands as it is can change, with the length that the head says.
func (httpFormat) patches(_ context.Context, _ *Tree, n *node) ([]patch, error) {
	var out []patch
	for _, k := range n.kids {
		if !k.changed {
			continue
		}
		switch ref := k.ref.(type) {
		case embedded, revealedRef:
		case httpBody:
			if ref.coded {
				return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type, Err: errHTTPCoded}
			}
			out = append(out, patch{start: int64(ref.start), end: int64(ref.end), with: k.current()})
			if ref.length.end > ref.length.start {
				out = append(out, patch{
					start: int64(ref.length.start), end: int64(ref.length.end), with: scan.Bytes(strconv.FormatInt(k.current().Size(), 10)),
				})
			}
		default:
			return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type}
		}
	}
	return out, nil
}

// warcFormat is an archive of the web (ISO 28500): records, each with a head and a block, which often is an HTTP message.
type warcFormat struct{}

var errWARC = errors.New("not a valid WARC record")

func (warcFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	for pos, count := 0, 1; pos < len(data); count++ {
		pos += leadingSpace(data[pos:])
		if pos == len(data) {
			return nil
		}
		if !bytes.HasPrefix(data[pos:], []byte("WARC/")) {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errWARC}
		}
		e := parseEntity(data, lineEnd(data, pos), len(data))
		length, _, _ := e.get(data, "content-length")
		size, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil || size < 0 || size > len(data)-e.body0 {
			size = warcRest(data[e.body0:])
			if stop := w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonCorrupt, Err: errWARC}); stop != nil {
				return stop
			}
		}
		typ, _, _ := e.get(data, "content-type")
		c := child{segment: "/record" + strconv.Itoa(count), claimed: typ, blob: newSection(n.item.Blob, int64(e.body0), int64(size))}
		pos = e.body0 + size
		if size == 0 {
			continue
		}
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, c); err != nil {
			return err
		}
	}
	return nil
}

// warcRest returns how much of the data behind a head without a length may be its block: all, unless another record begins
// there. Heads alone would be each a record with all that follow inside, as deep as the walk goes.
func warcRest(rest []byte) int {
	if bytes.HasPrefix(rest[leadingSpace(rest):], []byte("WARC/")) {
		return 0
	}
	return len(rest)
}

// fields yields the heads of the records.
func (warcFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	at := &headerAt{}
	for pos := 0; pos < len(d.data) && ctx.Err() == nil; at.part++ {
		pos += leadingSpace(d.data[pos:])
		if !bytes.HasPrefix(d.data[pos:], []byte("WARC/")) {
			return nil // open reports it
		}
		e := parseEntity(d.data, lineEnd(d.data, pos), len(d.data))
		if !yieldHeaders(d.data, &e, at, yield) {
			return nil
		}
		length, _, _ := e.get(d.data, "content-length")
		size, _ := strconv.Atoi(strings.TrimSpace(length))
		pos = e.body0 + min(max(size, 0), len(d.data)-e.body0)
	}
	return ctx.Err()
}

var errWARCWrite = errors.New("the digests of records would have to change")

func (warcFormat) edits(context.Context, doc, []scan.Edit) ([]patch, error) { return nil, errWARCWrite }

func (warcFormat) rawRange(_ []byte, from, to int) (int, int) { return from, to }

func (warcFormat) style(_ []byte, w io.Writer) io.Writer { return w }
