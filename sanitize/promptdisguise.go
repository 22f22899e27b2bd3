package sanitize

import (
	"bytes"
	"strings"
)

// disguisedStems are words without which few orders to models do.
const disguisedStems = "ignore instruct prompt disregard forget override bypass previous system"

// disguisedTriggers are those words with a digit for a letter, or spaced out, as far as it takes to know them.
func disguisedTriggers() []string {
	var words []string
	for stem := range strings.FieldsSeq(disguisedStems) {
		for i := range stem {
			for digit, letter := range leet {
				if letter != stem[i] {
					continue
				}
				from := max(0, min(i-2, len(stem)-4))
				words = append(words, stem[from:i]+string(rune(digit))+stem[i+1:from+4])
			}
		}
		for _, gap := range []string{" ", ".", "-", "_", "*"} {
			words = append(words, strings.Join(strings.Split(stem[:5], ""), gap))
		}
	}
	return words
}

// minSpaced is how many letters in a row must stand apart for a text to be spaced out.
const minSpaced = 8

// leastSpaced is how long so many letters are with a gap behind each but the last, in bytes.
const leastSpaced = 2*minSpaced - 1

// lastPair returns where between two places the last two letters or digits stand side by side, -1 if none do: in text that
// is spaced out none do, in all other text soon.
func lastPair(s []byte, from, to int) int {
	for i := to - 2; i >= from; i-- {
		if isWord(s[i]) && isWord(s[i+1]) && s[i] != '_' && s[i+1] != '_' {
			return i
		}
	}
	return -1
}

// despaced appends the text with spaced out words put together, if there are any: "i g n o r e  a l l". Two gaps
// in a row part words; where there are none, words that the grammar knows are told apart.
func despaced(dst, s []byte) ([]byte, bool) {
	from := 0   // up to where dst has what is in s
	parted := 0 // up to where no pair begins that was not met
	for i := 0; i+leastSpaced <= len(s); {
		pair := lastPair(s, max(i, parted), i+leastSpaced)
		parted = i + leastSpaced - 1
		if pair >= 0 {
			i = pair + 2
			continue
		}
		if !isWord(s[i]) || i > 0 && isWord(s[i-1]) {
			i++
			continue
		}
		end, letters := spacedRun(s, i)
		if letters < minSpaced {
			i++
			continue
		}
		dst = together(append(dst, s[from:i]...), s[i:end])
		i, from = end, end
	}
	if from == 0 {
		return dst, false
	}
	return append(dst, s[from:]...), true
}

// spacedRun returns where the single letters end that begin at i, and how many they are.
func spacedRun(s []byte, i int) (end, letters int) {
	if i > 0 && isWord(s[i-1]) {
		return i, 0
	}
	for end = i; end < len(s) && isWord(s[end]) && s[end] != '_'; {
		letters++
		end++
		gap := end
		for gap < len(s) && gap-end < 3 && bytes.IndexByte([]byte(" .-_*"), s[gap]) >= 0 {
			gap++
		}
		if gap == end || gap+1 < len(s) && isWord(s[gap]) && isWord(s[gap+1]) && s[gap+1] != '_' {
			break
		}
		if gap < len(s) && isWord(s[gap]) {
			end = gap
		} else {
			break
		}
	}
	return end, letters
}

// together appends a run of single letters as words.
func together(dst, run []byte) []byte {
	wide := false
	var joined []byte
	for i, c := range run {
		switch {
		case isWord(c) && c != '_':
			joined = append(joined, c)
		case i > 0 && !isWord(run[i-1]):
			wide = true
			if joined[len(joined)-1] != ' ' {
				joined = append(joined, ' ')
			}
		}
	}
	if wide {
		return append(dst, joined...)
	}
	return segmented(dst, joined)
}

// segmented appends letters as the longest words that are known, one after the other.
func segmented(dst, letters []byte) []byte {
	for i := 0; i < len(letters); {
		n := 1
		for k := min(len(letters)-i, 16); k > 1; k-- {
			if promptWordOf(letters[i:i+k]) != 0 {
				n = k
				break
			}
		}
		dst = append(append(dst, letters[i:i+n]...), ' ')
		i += n
	}
	return dst
}
