package content

import (
	"bytes"
	"encoding/binary"
	"math"

	"icapd/scan"
)

// pictureEnd returns where a picture, sound or film ends whose format says so, 0 if that cannot be told. Viewers do not look
// at what is behind.
func pictureEnd(b scan.Blob, head []byte) int64 {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return endOfPNG(b)
	case bytes.HasPrefix(head, []byte("GIF8")):
		return endOfGIF(b, head)
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return endOfJPEG(b)
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) > 12:
		return 8 + roundUp(int64(binary.LittleEndian.Uint32(head[4:])), 2)
	}
	return 0
}

// maxChunks bounds the pieces of a picture that are gone through.
const maxChunks = 1 << 20

// endOfPNG goes through the chunks (PNG, third edition, section 5.3).
func endOfPNG(b scan.Blob) int64 {
	at := int64(8)
	for range maxChunks {
		h := readAt(b, at, 8)
		if len(h) < 8 {
			return 0
		}
		at += 12 + int64(binary.BigEndian.Uint32(h))
		if string(h[4:]) == "IEND" {
			return at
		}
	}
	return 0
}

// endOfGIF goes through the blocks (GIF89a, appendix A).
func endOfGIF(b scan.Blob, head []byte) int64 {
	if len(head) < 13 {
		return 0
	}
	data, err := b.Bytes()
	if err != nil {
		return 0
	}
	at := 13 + colorTable(head[10])
	for at < len(data) {
		switch data[at] {
		case 0x3b:
			return int64(at) + 1
		case 0x21:
			at += 2
		case 0x2c:
			if at+10 > len(data) {
				return 0
			}
			at += 11 + colorTable(data[at+9])
		default:
			return 0
		}
		for at < len(data) && data[at] > 0 { // sub-blocks
			at += 1 + int(data[at])
		}
		at++
	}
	return 0
}

func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// endOfJPEG goes through the segments and the data behind each head of a scan (ITU-T T.81, annex B).
func endOfJPEG(b scan.Blob) int64 {
	const scanHead, endOfImage = 0xda, 0xd9
	data, err := b.Bytes()
	if err != nil || len(data) > math.MaxInt32 {
		return 0
	}
	for at := 2; at+4 <= len(data); {
		marker := data[at+1]
		switch {
		case data[at] != 0xff:
			return 0
		case marker == 0xff: // fill
			at++
			continue
		case marker == endOfImage:
			return int64(at) + 2
		case marker >= 0xd0 && marker <= 0xd8 || marker == 1: // markers alone
			at += 2
			continue
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == scanHead {
			at = nextMarker(data, at)
		}
	}
	if n := len(data); n >= 2 && data[n-2] == 0xff && data[n-1] == endOfImage {
		return int64(n)
	}
	return 0
}

// nextMarker returns where the next marker stands that is no part of the data of a scan.
func nextMarker(data []byte, at int) int {
	for at < len(data) {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		at += i
		if m := data[at+1]; m != 0 && (m < 0xd0 || m > 0xd7) && m != 0xff {
			return at
		}
		at++
	}
	return at
}
