package pdf

// The variant of LZW that TIFF and PDF share (section 7.4.4): codes of 9 to 12 bits, the highest bit first.

const (
	lzwClear = 256
	lzwEnd   = 257
	lzwCodes = 4096
)

// lzw is the table of a decoder. An entry is an earlier entry and one more byte.
type lzw struct {
	prefix   [lzwCodes]int
	suffix   [lzwCodes]byte
	first    [lzwCodes]byte
	length   [lzwCodes]int
	next     int // the entry that comes next
	width    int // of codes, in bits
	previous int // code; -1 behind a clear
	ahead    int // how many codes before it is needed the width grows
	out      []byte
}

// unlzw decodes LZW. early is how most writers change the width, one code before it is needed. What is damaged is
// decoded as far as it goes; check is asked now and then whether there is too much.
func unlzw(data []byte, early bool, check func(n int) error) ([]byte, error) {
	l := &lzw{}
	if early {
		l.ahead = 1
	}
	for i := range lzwClear {
		l.suffix[i], l.first[i], l.length[i] = byte(i), byte(i), 1
	}
	l.clear()
	acc, have := 0, 0
	for _, b := range data {
		acc, have = acc<<8|int(b), have+8
		if have < l.width {
			continue
		}
		code := acc >> (have - l.width)
		have -= l.width
		acc &= 1<<have - 1
		if !l.code(code) {
			break
		}
		if err := check(len(l.out)); err != nil {
			return nil, err
		}
	}
	return l.out, nil
}

func (l *lzw) clear() { l.next, l.width, l.previous = lzwEnd+1, 9, -1 }

// code takes one code and reports whether there may be more.
func (l *lzw) code(code int) bool {
	switch {
	case code == lzwClear:
		l.clear()
		return true
	case code == lzwEnd, code > l.next, code > lzwEnd && l.previous < 0:
		return false
	}
	if l.previous >= 0 && l.next < lzwCodes {
		l.grow(code)
	}
	if code >= l.next {
		return false
	}
	start := len(l.out)
	l.out = append(l.out, make([]byte, l.length[code])...)
	for i, c := len(l.out)-1, code; i >= start; i-- {
		l.out[i] = l.suffix[c]
		c = l.prefix[c]
	}
	l.previous = code
	if l.next+l.ahead >= 1<<l.width && l.width < 12 {
		l.width++
	}
	return true
}

// grow enters the code before this one, with the first byte of this one.
func (l *lzw) grow(code int) {
	n := l.next
	l.prefix[n], l.length[n] = l.previous, l.length[l.previous]+1
	l.first[n] = l.first[l.previous]
	l.suffix[n] = l.first[l.previous]
	if code < n {
		l.suffix[n] = l.first[code]
	}
	l.next++
}
