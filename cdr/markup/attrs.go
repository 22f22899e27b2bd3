package markup

import (
	"bytes"

	"icapd/cdr/kit"
)

// maxAttributes bounds the attributes of one element, about: whoever reads a document keeps those of an element all at once,
// in a hundred times the bytes that each takes in the document.
const maxAttributes = 100_000

// countAttributes says that an element has more attributes than that. It counts the white space up to the next end of a tag,
// where there is enough of it, so that no byte is looked at more than twice.
func countAttributes(data []byte) error {
	for {
		from := bytes.IndexByte(data, '<')
		if from < 0 {
			return nil
		}
		data = data[from+1:]
		end := bytes.IndexByte(data, '>')
		if end < 0 {
			end = len(data)
		}
		if end > 2*maxAttributes && data[0]|0x20 >= 'a' && data[0]|0x20 <= 'z' && spaces(data[:end]) > maxAttributes {
			return kit.Limit("parts", "an element with more than %d attributes", maxAttributes)
		}
		data = data[end:]
	}
}

// spaces counts stretches of white space.
func spaces(p []byte) (n int) {
	inside := false
	for _, c := range p {
		space := c <= ' '
		if space && !inside {
			n++
		}
		inside = space
	}
	return n
}
