package content

import "bytes"

// Bytes that are written as pairs of hex digits with something between them: arrays in C, PowerShell and JavaScript, values
// of the Windows registry, dumps.

// maxHexJoint is how much stands between two pairs at most: the end of a line, and how the next one begins.
const maxHexJoint = 24

// hexRowBytes are what stands in such a row.
var hexRowBytes = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = unhex(c) <= 15 || isHexJoint(c) || c|0x20 == 'x' || c|0x20 == 'h' || c == '&'
	}
	return t
}()

// isHexJoint reports whether a sign may stand between two pairs.
func isHexJoint(c byte) bool { return isSpace(c) || bytes.IndexByte([]byte(`,;:"'\\+_`), c) >= 0 }

// nextHexRow finds the next row of pairs at or behind pos.
func nextHexRow(p []byte, pos int) (numberRun, bool) {
	const least = 3*minNumbers - 1
	for at := pos + least - 1; at < len(p); {
		if !hexRowBytes[p[at]] {
			at += least
			continue
		}
		from, to := at, at+1
		for from > pos && hexRowBytes[p[from-1]] {
			from--
		}
		for to < len(p) && hexRowBytes[p[to]] {
			to++
		}
		for from < to {
			if from > 0 && base64Kind[p[from-1]] == 1 { // inside of a word
				from++
				continue
			}
			r, end := hexRowAt(p[:to], from)
			if r.count >= minNumbers && r.isHex(p) {
				return r, true
			}
			from = max(end, from+1)
		}
		pos = to
		at = pos + least - 1
	}
	return numberRun{}, false
}

// isHex reports whether the pairs of a row are hex digits and no decimal numbers, and not a value as a whole, which is
// another's (separatedHex).
func (r numberRun) isHex(p []byte) bool {
	v := p[r.from:r.to]
	if _, ok := separatedHex(v); ok && (r.from == 0 || bytes.IndexByte([]byte(`"'>`), p[r.from-1]) >= 0) {
		return false
	}
	letters := 0
	for _, c := range v {
		if c|0x20 >= 'a' && c|0x20 <= 'f' || c|0x20 == 'x' {
			letters++
		}
	}
	return letters >= r.count/16
}

// hexRowAt reads the row that begins at from, if one does, and returns how far it read.
func hexRowAt(p []byte, from int) (r numberRun, at int) {
	at = from
	for {
		n, _ := hexPair(p[at:])
		if n == 0 {
			return r, at
		}
		if r.count == 0 {
			r.from = at
		}
		at += n
		r.to = at
		r.count++
		joint := 0
		for at+joint < len(p) && joint < maxHexJoint && isHexJoint(p[at+joint]) {
			joint++
		}
		if joint == 0 || joint == maxHexJoint {
			return r, at
		}
		at += joint
	}
}

// hexPair returns how long the pair is that p begins with, with what says that it is hex, and where its digits are; n is 0
// if it begins with none.
func hexPair(p []byte) (n, digits int) {
	if len(p) > 2 && (p[0] == '0' && p[1]|0x20 == 'x' || p[0] == '&' && p[1]|0x20 == 'h') {
		digits = 2
	}
	n = digits
	for n < len(p) && n < digits+3 && unhex(p[n]) <= 15 {
		n++
	}
	if k := n - digits; k != 2 && (k != 1 || digits == 0) {
		return 0, 0
	}
	return n, digits
}

// takeHex takes a pair with what stands in front of it.
func takeHex(p []byte) (v byte, n int) {
	for n < len(p) && isHexJoint(p[n]) {
		n++
	}
	k, digits := hexPair(p[n:])
	if k == 0 {
		return 0, 0
	}
	for _, c := range p[n+digits : n+k] {
		v = v<<4 | unhex(c)
	}
	return v, n + k
}
