package icap

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	maxChunkLine    = 4 << 10
	maxTrailerBytes = 16 << 10
	// chunkSlack is how much more chunk lines may weigh than the data around
	// them before a body counts as an attack.
	chunkSlack = 16 << 10
)

// chunkLine is a parsed chunk-size line.
type chunkLine struct {
	size         uint64
	ieof         bool  // ieof extension on a chunk of size 0
	originalFrom int64 // use-original-body extension, noOriginal or badOriginal
}

// The values of originalFrom that are no offset.
const (
	noOriginal  = -1 // the extension is absent
	badOriginal = -2 // it is malformed, or there twice: an error only in a 206, as extensions that mean nothing are ignored
)

// parseChunkLine parses a chunk-size line without its CRLF: 1 to 16 hex digits,
// then extensions, of which ieof (RFC 3507 section 4.5) and use-original-body
// mean something and the others nothing.
func parseChunkLine(line []byte) (chunkLine, *Error) {
	c := chunkLine{originalFrom: noOriginal}
	i := 0
	for ; i < len(line); i++ {
		d := hexValue(line[i])
		if d < 0 {
			break
		}
		if i == 16 {
			return c, refine(ErrChunkSyntax, "chunk size of more than 16 digits")
		}
		c.size = c.size<<4 | uint64(d)
	}
	if i == 0 {
		return c, refine(ErrChunkSyntax, "chunk size is not hexadecimal")
	}
	if c.size > math.MaxInt64 {
		return c, refine(ErrChunkSyntax, "chunk size too large")
	}
	if i == len(line) {
		return c, nil
	}
	return c, c.parseExtensions(line[i:])
}

func hexValue(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	default:
		return -1
	}
}

// parseExtensions reads *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted ) ] ).
func (c *chunkLine) parseExtensions(s []byte) *Error {
	for {
		s = bytes.TrimLeft(s, " \t")
		if len(s) == 0 {
			return nil
		}
		if s[0] != ';' {
			return refine(ErrChunkSyntax, "garbage after the chunk size")
		}
		s = bytes.TrimLeft(s[1:], " \t")
		n := tokenLen(s)
		if n == 0 {
			return refine(ErrChunkSyntax, "chunk extension without a name")
		}
		name := s[:n]
		s = bytes.TrimLeft(s[n:], " \t")
		var value []byte
		if len(s) > 0 && s[0] == '=' {
			s = bytes.TrimLeft(s[1:], " \t")
			n, ok := valueLen(s)
			if !ok {
				return refine(ErrChunkSyntax, "malformed chunk extension value")
			}
			value, s = s[:n], s[n:]
		}
		c.extension(string(name), string(value))
	}
}

func (c *chunkLine) extension(name, value string) {
	if c.size != 0 {
		return
	}
	switch {
	case sameFold(name, "ieof"):
		c.ieof = true
	case sameFold(name, "use-original-body"):
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || c.originalFrom != noOriginal {
			n = badOriginal
		}
		c.originalFrom = n
	}
}

func tokenLen(s []byte) int {
	for i, b := range s {
		if !tokenTable[b] {
			return i
		}
	}
	return len(s)
}

func valueLen(s []byte) (int, bool) {
	if len(s) == 0 || s[0] != '"' {
		n := tokenLen(s)
		return n, n > 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return 0, false
}

// chunkReader decodes one chunked body. After the last chunk it has consumed
// the trailer section and the blank line, and nothing behind them.
type chunkReader struct {
	src          *source
	left         uint64 // of the current chunk
	tail         bool   // the CRLF behind the current chunk is still to come
	done         bool
	ieof         bool
	originalFrom int64
	excess       int64
	trailer      string
	err          error
}

func (c *chunkReader) reset(src *source) { *c = chunkReader{src: src, originalFrom: noOriginal} }

// fail remembers the error; a connection that ends is a truncated body.
func (c *chunkReader) fail(err error) error {
	if errors.Is(err, io.EOF) {
		err = ErrBodyTruncated
	}
	c.err = err
	return err
}

// next makes data of the current chunk available: at least one byte is left in
// it on return, or the error is io.EOF at the end of the body.
func (c *chunkReader) next() error {
	if c.left > 0 {
		return nil
	}
	if c.err != nil {
		return c.err
	}
	if c.done {
		return io.EOF
	}
	if c.tail {
		if err := c.src.need(2); err != nil {
			return c.fail(err)
		}
		if b := c.src.view(); b[0] != '\r' || b[1] != '\n' {
			return c.fail(refine(ErrChunkSyntax, "chunk longer than its size"))
		}
		c.src.advance(2)
		c.tail = false
	}
	line, err := c.readLine(maxChunkLine)
	if err != nil {
		return c.fail(err)
	}
	parsed, perr := parseChunkLine(line[:len(line)-2])
	if perr != nil {
		return c.fail(perr)
	}
	// Each chunk pays for a plain line; what is beyond that must be outweighed
	// by data (a flood of extensions, or one-byte chunks with long ones).
	c.excess += int64(len(line)) - 16 - int64(min(parsed.size, chunkSlack))
	c.excess = max(c.excess, 0)
	c.src.advance(len(line))
	if c.excess > chunkSlack {
		return c.fail(ErrChunkOverhead)
	}
	if parsed.size > 0 {
		c.left, c.tail = parsed.size, true
		return nil
	}
	c.ieof, c.originalFrom = parsed.ieof, parsed.originalFrom
	if err := c.readTrailer(); err != nil {
		return c.fail(err)
	}
	c.done = true
	return io.EOF
}

// readLine returns a line that ends in CRLF, still buffered.
func (c *chunkReader) readLine(limit int) ([]byte, error) {
	line, err := c.src.line(limit, ErrChunkOverhead)
	if err != nil {
		return nil, err
	}
	n := len(line)
	if n < 2 || line[n-2] != '\r' {
		return nil, refine(ErrChunkSyntax, "line without CRLF")
	}
	return line, nil
}

func (c *chunkReader) readTrailer() error {
	var trailer strings.Builder
	for {
		line, err := c.readLine(maxTrailerBytes)
		if err != nil {
			return err
		}
		if len(line) == 2 {
			c.src.advance(2)
			c.trailer = trailer.String()
			return nil
		}
		if trailer.Len()+len(line) > maxTrailerBytes {
			return ErrChunkOverhead
		}
		if !validField(string(line), trailer.Len() > 0) {
			return refine(ErrChunkSyntax, "malformed trailer field")
		}
		trailer.Write(line)
		c.src.advance(len(line))
	}
}

// view returns buffered bytes of the current chunk, reading if there are none.
// They stay in the buffer until consume.
func (c *chunkReader) view() ([]byte, error) {
	if err := c.next(); err != nil {
		return nil, err
	}
	if c.src.buffered() == 0 {
		if err := c.src.fill(); err != nil {
			return nil, c.fail(err)
		}
	}
	b := c.src.view()
	if uint64(len(b)) > c.left {
		b = b[:c.left]
	}
	return b, nil
}

func (c *chunkReader) consume(n int) {
	c.src.advance(n)
	c.left -= uint64(n) //nolint:gosec // n is not negative
}

// directRead is the size from which reading past the buffer pays.
const directRead = 16 << 10

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.next(); err != nil {
		return 0, err
	}
	if c.src.buffered() == 0 && c.left >= directRead && len(p) >= directRead {
		if uint64(len(p)) > c.left {
			p = p[:c.left]
		}
		n, err := c.src.readDirect(p)
		c.left -= uint64(n) //nolint:gosec // n is not negative
		if err != nil {
			return n, c.fail(err)
		}
		return n, nil
	}
	b, err := c.view()
	if err != nil {
		return 0, err
	}
	n := copy(p, b)
	c.consume(n)
	return n, nil
}

// ready reports whether Read would return without waiting for the peer, as far
// as the buffer tells.
func (c *chunkReader) ready() bool {
	if c.err != nil || c.done {
		return true
	}
	if c.left > 0 {
		return c.src.buffered() > 0
	}
	// The next chunk line and a byte of its data, or the end of the body.
	b := c.src.view()
	if c.tail {
		if len(b) < 2 {
			return false
		}
		if b[0] != '\r' || b[1] != '\n' {
			return true // to fail
		}
		b = b[2:]
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return false
	}
	if i == 0 || b[i-1] != '\r' {
		return true // to fail
	}
	switch line, err := parseChunkLine(b[:i-1]); {
	case err != nil:
		return true
	case line.size == 0:
		return bytes.Contains(b, []byte("\r\n\r\n")) || plainLF(b, i+1)
	default:
		return len(b) > i+1
	}
}

// appendChunkSize appends a chunk-size line.
func appendChunkSize(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n), 16)
	return append(dst, '\r', '\n')
}
