package image

// lzwWalk reads the codes of a frame (GIF89a, appendix F) without unpacking them: it counts the pixels that they stand for.
type lzwWalk struct {
	clear   int // the code that empties the table; the next one ends the frame
	next    int // the code that the next string gets
	bits    int // of a code
	last    int // the code before, -1 for none
	pixels  int64
	lengths [maxLZW]uint16
}

const maxLZW = 4096

// gifEnd returns the packed pixels of a frame without what stands behind them: behind the code that ends them, or the last
// pixel. It returns nil if there is nothing, or if they are no codes.
func gifEnd(packed []byte, width int, pixels int64) []byte {
	if width < 2 || width > 8 || pixels <= 0 {
		return nil
	}
	w := lzwWalk{clear: 1 << width, pixels: pixels}
	w.reset()
	have, n := uint32(0), 0
	for i, b := range packed {
		have |= uint32(b) << n
		for n += 8; n >= w.bits; {
			code, size := int(have&(1<<w.bits-1)), w.bits
			if code == w.clear+1 || w.pixels <= 0 && code != w.clear { // its end, or more pixels than the frame has
				return w.cut(packed, i+1, n, code, size)
			}
			have >>= size
			n -= size
			if !w.code(code) {
				return nil
			}
		}
	}
	return nil
}

// cut returns what is to be kept if the code at the last n bits of the first bytes is the first that nobody needs: nil for all.
func (w *lzwWalk) cut(packed []byte, read, n, code, size int) []byte {
	switch {
	case code != w.clear+1:
		return endCode(packed[:read], n, w.clear+1, size)
	case read == len(packed):
		return nil
	}
	return packed[:read:read]
}

// endCode writes the code that ends a frame in the place of the last n bits.
func endCode(packed []byte, n, code, size int) []byte {
	const word = 8
	bits := len(packed)*word - n
	out := append([]byte(nil), packed[:bits/word]...)
	rest := uint32(code) << (bits % word) //nolint:gosec // of 12 bits
	if bits%word > 0 {
		rest |= uint32(packed[bits/word]) & (1<<(bits%word) - 1)
	}
	for left := bits%word + size; left > 0; left -= word {
		out = append(out, byte(rest))
		rest >>= word
	}
	return out
}

func (w *lzwWalk) reset() { w.next, w.bits, w.last = w.clear+2, bitsOf(w.clear)+1, -1 }

func bitsOf(n int) (bits int) {
	for ; n > 1; n >>= 1 {
		bits++
	}
	return bits
}

// code takes a code in, and reports whether it can stand there.
func (w *lzwWalk) code(code int) bool {
	if code == w.clear {
		w.reset()
		return true
	}
	if code > w.next || code == w.next && (w.last < 0 || w.next == maxLZW) {
		return false
	}
	if w.last >= 0 && w.next < maxLZW {
		w.lengths[w.next] = w.size(w.last) + 1
		w.next++
		if w.next == 1<<w.bits && w.bits < 12 {
			w.bits++
		}
	}
	w.last = code
	w.pixels -= int64(w.size(code))
	return true
}

func (w *lzwWalk) size(code int) uint16 {
	if code < w.clear {
		return 1
	}
	return w.lengths[code]
}
