package admin

import "strings"

// piece is a part of a text. New says that the text before did not have it there.
type piece struct {
	Text string
	New  bool
}

const (
	anchorSize = 12 // bytes that must agree for two texts to be in step again
	maxSkipped = 4096
	maxPieces  = 200
)

// news tells what is new in a text that was changed in places. It looks for the nearest place at which both texts go on
// alike, and gives up, which makes all the rest new, where there is none near, or too many changes.
func news(before, after string) []piece {
	var out []piece
	for len(out) < maxPieces {
		same := common(before, after)
		if same > 0 {
			out = append(out, piece{Text: after[:same]})
		}
		before, after = before[same:], after[same:]
		if after == "" {
			return out
		}
		skipped, added, ok := step(before, after)
		if !ok {
			break
		}
		if added > 0 {
			out = append(out, piece{after[:added], true})
		}
		before, after = before[skipped:], after[added:]
	}
	if after == "" {
		return out
	}
	return append(out, piece{after, true})
}

// common is the length of what two texts begin with, in whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) && n == len(b) {
		return n
	}
	for n > 0 && n < len(b) && b[n]&0xC0 == 0x80 { // within a character
		n--
	}
	return n
}

// step finds how much of both texts lies before the place at which they go on alike.
func step(before, after string) (skipped, added int, ok bool) {
	near := after[:min(len(after), maxSkipped)]
	for i := 0; i < min(len(before), maxSkipped); i++ {
		if before[i]&0xC0 == 0x80 {
			continue
		}
		anchor := before[i:min(len(before), i+anchorSize)]
		if len(anchor) < anchorSize { // the ends: they must agree whole
			if strings.HasSuffix(near, anchor) && len(near) == len(after) {
				return i, len(after) - len(anchor), true
			}
			continue
		}
		if j := strings.Index(near, anchor); j >= 0 {
			return i, j, true
		}
	}
	return 0, 0, false
}
