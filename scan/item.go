package scan

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"
)

// Direction says which way a message travels.
type Direction uint8

// The directions. The zero value is neither.
const (
	DirectionUnknown Direction = iota
	Request                    // toward the third-party API (ICAP REQMOD)
	Response                   // from the third-party API (ICAP RESPMOD)
)

// String returns "request", "response" or "unknown".
func (d Direction) String() string {
	switch d {
	case Request:
		return "request"
	case Response:
		return "response"
	case DirectionUnknown:
	}
	return "unknown"
}

// Message is what is known about the HTTP message that an item came in. It is written once, before the
// first engine sees it, and only read from then on.
type Message struct {
	ID        string // the request id that logs, headers and block pages show
	Direction Direction
	Service   string // ICAP service, without the slash: "respmod"
	Method    string // HTTP method of the request, "" if the client did not send the request head
	URL       string // absolute URL of the request, credentials removed; "" if unknown
	Host      string // host of URL, lower-case, without port
	Path      string // path of URL, as sent
	Status    int    // HTTP status of the response, 0 for requests
	Type      string // Content-Type as claimed, parameters included
	Client    string // address of the HTTP client, "" if unknown
	User      string // authenticated user, "" if unknown

	// The trace that the message belongs to, for servers that are asked about it: values of the fields that W3C Trace
	// Context names so. "" if messages are not traced. Nothing is decided by it.
	Traceparent, Tracestate string

	Time time.Time
}

// Blob is random access to bytes that do not change while a message is in hand. All methods may be called
// from several goroutines at the same time.
type Blob interface {
	io.ReaderAt

	// Size is the number of bytes.
	Size() int64

	// Bytes returns all bytes without copying them: memory, or a read-only mapping of the spool file.
	// Nobody may write to the slice, nor keep it beyond the message. The error is the spool's.
	Bytes() ([]byte, error)
}

// Bytes is a Blob in memory.
type Bytes []byte

// ReadAt implements io.ReaderAt.
func (b Bytes) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("scan: negative offset %d", off)
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size implements Blob.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Bytes implements Blob. The error is always nil.
func (b Bytes) Bytes() ([]byte, error) { return b, nil }

// HeadPath is the path of the item that shows the fields of a message's HTTP head. All other items stand in the body,
// and their paths begin with another word.
const HeadPath = "headers"

// Item is one piece of content of a message: the body as it came, what a coding, an archive or a field of it
// unpacked to, and so on down. Items are made by internal/content and shared by all engines.
type Item struct {
	Message *Message // never nil
	Parent  *Item    // nil for the root
	Depth   int      // 0 for the root

	// Path names the item from the message down: "body", "body/items/0/file(base64)/inner.zip/a.txt".
	Path string

	Name    string // file name, where one is known; as claimed, so not to be trusted
	Type    string // media type seen in the bytes: lower-case, no parameters, never ""
	Claimed string // media type that the sender claimed, as sent; "" if none

	Blob Blob // the bytes, never nil

	// Attached says that the item is a file that its parent carries along, such as an attachment of a PDF or of a mail,
	// and no part of what the parent itself is.
	Attached bool

	// Fields yields the fields of a structured item, in order of appearance; nil for other items.
	Fields FieldSource

	digest struct {
		once sync.Once
		sum  [sha256.Size]byte
		err  error
	}

	memo struct {
		mu   sync.Mutex
		list []memo
	}
}

type memo struct{ key, value any }

// Memo returns what look returned when this item was first asked for the key: for what engines tell from an item's bytes
// and are asked for again, as by Wants of each item below it. Keys are compared as those of context.Context are, so that
// each package has a type of its own. look runs once for each key, while others who ask wait, unless it panics; it must
// not call Memo of the same item. An item remembers a handful of keys well, not many.
func (it *Item) Memo(key any, look func() any) any {
	it.memo.mu.Lock()
	defer it.memo.mu.Unlock()
	for _, m := range it.memo.list {
		if m.key == key {
			return m.value
		}
	}
	v := look()
	it.memo.list = append(it.memo.list, memo{key, v})
	return v
}

// SHA256 returns the digest of the item's bytes. It is computed once, by the first caller.
func (it *Item) SHA256() ([sha256.Size]byte, error) {
	d := &it.digest
	d.once.Do(func() { d.sum, d.err = digestOf(it.Blob) })
	return d.sum, d.err
}

func digestOf(b Blob) (sum [sha256.Size]byte, err error) {
	if data, err := b.Bytes(); err == nil {
		return sha256.Sum256(data), nil
	}
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(b, 0, b.Size()))
	if err == nil && n < b.Size() {
		err = io.ErrUnexpectedEOF // a digest of a part would be the digest of something else
	}
	if err == nil {
		h.Sum(sum[:0])
	}
	return sum, err
}

// FieldSource walks the fields of an item in order of appearance and stops early when yield returns false.
// It may be called again, and from several goroutines at the same time. The error says why the rest of the
// item could not be read as its type; fields yielded before it are good.
type FieldSource func(ctx context.Context, yield func(*Field) bool) error

// FieldKind says what a field is to its format.
type FieldKind uint8

// The kinds of fields.
const (
	KindUnknown   FieldKind = iota
	KindString              // a JSON string, a form value, a CSV cell, an SSE data line
	KindNumber              // a number or other bare literal, as written
	KindKey                 // the name of a member, form field or column
	KindText                // character data of XML or HTML, a plain text body
	KindAttribute           // an attribute's value
	KindComment             // a comment, processing instruction or DOCTYPE
	KindHeader              // an HTTP or MIME header value
)

// Field is one value inside a structured item. It is valid only during the yield that hands it over: who
// wants to keep anything of it copies.
type Field struct {
	Kind  FieldKind
	Value []byte // decoded: escapes resolved, quotes gone, UTF-8 where the format knows
	Span  Span   // where the field's raw form stands in the item, quotes included
	At    Locator
}

// Path returns the field's place in its item: a JSON Pointer, an XPath, "/row/column".
// It allocates, so call it only for what is reported.
func (f *Field) Path() string {
	if f.At == nil {
		return ""
	}
	return string(f.At.AppendPath(nil))
}

// Locator writes down where a field stands. It is asked only for fields that have a finding, so that an
// ordinary field costs no path.
type Locator interface {
	AppendPath(dst []byte) []byte
}

// Span is a half-open range of bytes in an item. The zero Span means the item as a whole.
type Span struct {
	Start, End int64
}
