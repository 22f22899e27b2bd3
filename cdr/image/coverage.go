package image

import "slices"

// coverage notes which bytes of a file something refers to.
type coverage struct {
	size   int
	ranges [][2]int
}

func newCoverage(size int) *coverage { return &coverage{size: size} }

// add notes that bytes from..to are used; they must be in the file.
func (c *coverage) add(from, to int) {
	if to > from {
		c.ranges = append(c.ranges, [2]int{from, to})
	}
}

// unused returns the bytes that nothing refers to, one run after the other.
func (c *coverage) unused(data []byte) []byte {
	slices.SortFunc(c.ranges, func(a, b [2]int) int { return a[0] - b[0] })
	var out []byte
	pos := 0
	for _, r := range c.ranges {
		if r[0] > pos {
			out = append(out, data[pos:r[0]]...)
		}
		pos = max(pos, r[1])
	}
	return append(out, data[min(pos, c.size):]...)
}
