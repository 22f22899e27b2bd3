package icap

import "strconv"

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

const (
	// chunkRoom is what a chunk-size line needs for a chunk that fits the buffer.
	chunkRoom = len("ffff\r\n")
	// tailRoom is kept free for the CRLF of a chunk and a bare last chunk.
	tailRoom = len("\r\n0\r\n\r\n")
)

// output builds an answer so that head, chunk-size line, data, and last chunk
// leave in one write without being copied: data is read to where it will be
// sent from, and the short head is moved against it.
type output struct {
	pooled []byte
	b      []byte // usually pooled; larger if a head did not fit
	he     int    // a head waits in b[:he]
	ds, de int    // data waits in b[ds:de]
}

// take makes sure that there is a buffer.
func (o *output) take(size int) {
	if o.pooled != nil {
		return
	}
	if size <= smallBuffer {
		o.pooled = takeSmall()
	} else {
		o.pooled = takeLarge()
	}
	o.b = o.pooled
	o.sent()
}

func (o *output) free() {
	if o.pooled != nil {
		giveBack(o.pooled)
	}
	*o = output{}
}

// setHead adopts b, which was appended to o.b[:0], as the pending head. Where
// it leaves little room for data, the buffer is made larger.
func (o *output) setHead(b []byte) {
	o.he = len(b)
	o.b = b[:cap(b)]
	if o.he+chunkRoom+tailRoom+smallBuffer/2 > len(o.b) {
		o.b = make([]byte, o.he+chunkRoom+tailRoom+smallBuffer)
		copy(o.b, b)
	}
	o.ds = o.he + chunkRoom
	o.de = o.ds
}

func (o *output) head() []byte { return o.b[:o.he] }

// space is where the next data goes. A chunk stays below 64 KiB, so that its
// size has four digits.
func (o *output) space() []byte {
	end := min(len(o.b)-tailRoom, o.ds+0xffff)
	return o.b[o.de:max(end, o.de)]
}

// chunk returns all that is pending as wire bytes; if last, with the last chunk
// and the block that follows the body.
func (o *output) chunk(last bool, lastExt, trailer string) []byte {
	start, end := o.ds, o.de
	if n := end - start; n > 0 {
		var room [chunkRoom]byte
		size := appendChunkSize(room[:0], n)
		start -= len(size)
		copy(o.b[start:], size)
		end += copy(o.b[end:], "\r\n")
	}
	if o.he > 0 {
		copy(o.b[start-o.he:start], o.b[:o.he])
		start -= o.he
	}
	out := o.b[start:end]
	if last {
		out = append(out, '0')
		out = append(out, lastExt...)
		out = append(out, '\r', '\n')
		out = append(out, trailer...)
	}
	return out
}

// sent empties the buffer.
func (o *output) sent() { o.he, o.ds, o.de = 0, chunkRoom, chunkRoom }
