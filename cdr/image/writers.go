package image

import (
	"bytes"

	"icapd/internal/pattern"
)

// What office programs write about themselves into the pictures of documents: every drawing that Word fills with a pattern
// has it. None of it has room for a word that somebody chose.

// gifStamp matches the comment that Office writes.
var gifStamp = pattern.MustCompile(`^Software: Microsoft Office\x00?$`)

// plainGIFComment judges a comment, of which first is the first sub-block: encoders write one.
func plainGIFComment(ext, first []byte) bool {
	const frame = 4 // two bytes in front, the length, and the end
	return len(ext) == frame+len(first) && (gifStamp.Match(first) || stamp.Match(first))
}

// plainGIFExtension judges an application extension of Office, of StarOffice or of ImageReady: a chunk of PNG with how the
// picture was packed, the size of the picture, a mark.
func plainGIFExtension(ext []byte) bool {
	const head = 14 // two bytes, the length, and a name of 11
	if len(ext) < head+2 || ext[2] != 11 || int(ext[head]) != len(ext)-head-2 {
		return false
	}
	name, body := string(ext[3:head]), ext[head+1:len(ext)-1]
	switch name {
	case "MSOFFICE9.0":
		for _, chunk := range []struct {
			begin string
			more  int // bytes behind it: numbers, and the checksum
		}{{"\x00\x00\x00\x01sRGB", 5}, {"\x00\x00\x00\x0CcmPPJCmp0712", 8}, {"\x00\x00\x00\x0CmsOPMSOFFICE9.0", 5}} {
			if more, ok := bytes.CutPrefix(body, []byte(chunk.begin)); ok {
				return len(more) == chunk.more && !words.Match(more)
			}
		}
	case "STARDIV 5.0": // and two numbers of four bytes, of which pictures use two
		return len(body) == 9 && body[0] == 1 && body[3]|body[4]|body[7]|body[8] == 0
	case "ADOBE:IR1.0":
		return string(body) == "\xDE\xED"
	}
	return false
}

// plainPalette judges what Office writes into a JPEG that replaces a picture with a palette: 256 colours.
func plainPalette(segment []byte) bool {
	colours, ok := bytes.CutPrefix(segment, []byte("MSO Palette "))
	return ok && len(colours) == 3*256 && !words.Match(colours)
}

// pngOwn matches text chunks that programs write by themselves, besides pngStamp: dates, and what they are called.
var pngOwn = pattern.MustCompile(`^(?:(?:create|modify)-date\x00[0-9][0-9T:+Z -]{7,31}|(?:Software|Creation Time)\x00[ -;=?-~]{0,80}\x00)$`)

// pngComment reports whether a text chunk is a comment that an encoder wrote about itself.
func pngComment(name string, body []byte) bool {
	for _, keyword := range []string{"Comment\x00", "comment\x00"} {
		text, ok := bytes.CutPrefix(body, []byte(keyword))
		if name == "iTXt" && ok { // not packed, no language, no translation
			text, ok = bytes.CutPrefix(text, []byte("\x00\x00\x00\x00"))
		}
		if ok {
			return stamp.Match(text)
		}
	}
	return false
}

// pngNumbers are chunks of a few numbers that the extensions to PNG name: how a picture is turned, and how a frame of a GIF
// that it was gave way to the next.
var pngNumbers = map[string]int{"iDOT": 28, "vpAg": 9, "orNT": 1, "gIFg": 4}
