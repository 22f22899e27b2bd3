package content

import (
	"bufio"
	"errors"
	"io"
)

// lzwReader decodes the .Z files of compress(1): codes of 9 to 16 bits, least significant bit first, in groups
// of eight codes of one width.
type lzwReader struct {
	r       *bufio.Reader
	started bool
	maxBits uint
	block   bool // code 256 clears the table

	width  uint
	bits   uint64
	have   uint
	group  uint // codes read of the current group
	next   int  // code that is given next
	prev   int  // last code, -1 at the start
	first  byte // first character of the last string
	parent []uint16
	suffix []byte
	out    []byte // decoded and not yet read
	stack  []byte
	err    error
}

var errLZW = errors.New("not a valid .Z file")

func newLZWReader(r io.Reader) *lzwReader { return &lzwReader{r: bufio.NewReader(r), prev: -1} }

// Read implements io.Reader.
func (l *lzwReader) Read(p []byte) (int, error) {
	if !l.started {
		l.started = true
		l.err = l.start()
	}
	for len(l.out) == 0 && l.err == nil {
		l.err = l.code()
	}
	if len(l.out) > 0 {
		n := copy(p, l.out)
		l.out = l.out[n:]
		return n, nil
	}
	return 0, l.err
}

func (l *lzwReader) start() error {
	var h [3]byte
	if _, err := io.ReadFull(l.r, h[:]); err != nil {
		return noEOF(err)
	}
	l.maxBits, l.block = uint(h[2]&31), h[2]&0x80 != 0
	if h[0] != 0x1f || h[1] != 0x9d || l.maxBits < 9 || l.maxBits > 16 {
		return errLZW
	}
	l.parent, l.suffix = make([]uint16, 1<<l.maxBits), make([]byte, 1<<l.maxBits)
	for i := range 256 {
		l.suffix[i] = byte(i)
	}
	l.clear()
	return nil
}

func (l *lzwReader) clear() {
	l.width, l.next, l.prev = 9, 256, -1
	if l.block {
		l.next = 257
	}
}

// read reads one code; io.EOF ends the file.
func (l *lzwReader) read() (int, error) {
	for l.have < l.width {
		b, err := l.r.ReadByte()
		if err != nil {
			return 0, err
		}
		l.bits |= uint64(b) << l.have
		l.have += 8
	}
	c := int(l.bits & (1<<l.width - 1)) //nolint:gosec // at most 16 bits
	l.bits >>= l.width
	l.have -= l.width
	l.group = (l.group + 1) & 7
	return c, nil
}

// align skips what is left of a group of eight codes: the width changes only there.
func (l *lzwReader) align() error {
	for l.group != 0 {
		if _, err := l.read(); err != nil {
			return err
		}
	}
	return nil
}

func (l *lzwReader) code() error {
	if l.next > 1<<l.width-1 && l.width < l.maxBits {
		if err := l.align(); err != nil {
			return err
		}
		l.width++
	}
	c, err := l.read()
	if err != nil {
		return err
	}
	if c == 256 && l.block {
		if err := l.align(); err != nil {
			return err
		}
		l.clear()
		return nil
	}
	return l.emit(c)
}

// emit decodes a code and adds the next string to the table.
func (l *lzwReader) emit(c int) error {
	code := c
	l.stack = l.stack[:0]
	if c >= l.next {
		if c > l.next || l.prev < 0 {
			return errLZW
		}
		l.stack = append(l.stack, l.first)
		c = l.prev
	}
	for c > 255 {
		l.stack = append(l.stack, l.suffix[c])
		c = int(l.parent[c])
	}
	l.first = byte(c) //nolint:gosec // at most 255
	l.stack = append(l.stack, l.first)
	for i, j := 0, len(l.stack)-1; i < j; i, j = i+1, j-1 {
		l.stack[i], l.stack[j] = l.stack[j], l.stack[i]
	}
	l.out = l.stack
	if l.prev >= 0 && l.next < 1<<l.maxBits {
		l.parent[l.next], l.suffix[l.next] = uint16(l.prev), l.first //nolint:gosec // a code of at most 16 bits
		l.next++
	}
	l.prev = code
	return nil
}
