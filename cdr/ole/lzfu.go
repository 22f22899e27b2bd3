package ole

import (
	"encoding/binary"

	"icapd/cdr/kit"
)

// Numbers of [MS-OXRTFCP] 2.1 and 2.2.
const (
	rtfHeader       = 16
	rtfCompressed   = 0x75465A4C // "LZFu"
	rtfUncompressed = 0x414C454D // "MELA"
	rtfWindow       = 4096
)

// rtfDictionary is what the window holds at the beginning (2.1.3.1.2): words that RTF of Outlook begins with.
const rtfDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` + "\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// unpackRTF decodes the compressed RTF of a message.
func unpackRTF(job *kit.Job, data []byte) ([]byte, error) {
	if len(data) < rtfHeader {
		return nil, kit.Corrupt("compressed RTF of %d bytes", len(data))
	}
	le := binary.LittleEndian
	raw, kind := int64(le.Uint32(data[4:])), le.Uint32(data[8:])
	body := data[rtfHeader:]
	if n := int64(le.Uint32(data)) - 12; n >= 0 && n < int64(len(body)) {
		body = body[:n]
	}
	switch kind {
	case rtfUncompressed:
		return body[:min(raw, int64(len(body)))], nil
	case rtfCompressed:
	default:
		return nil, kit.Corrupt("RTF that is compressed in an unknown way")
	}
	if err := job.Unpacked(int64(len(data)), raw, true); err != nil {
		return nil, err
	}
	return inflateRTF(body, int(raw)), nil
}

// packedRTF returns how many bytes the compressed RTF of a message has by its own account, at most all.
func packedRTF(data []byte) int {
	const uncounted = 4 // the count itself
	return int(min(int64(binary.LittleEndian.Uint32(data))+uncounted, int64(len(data))))
}

// inflateRTF undoes the compression: runs of eight literals or references into a window of the last 4096 bytes.
// The text ends with its input, with a reference to the place that is written next, or when it is longer than said.
func inflateRTF(in []byte, size int) []byte {
	var window [rtfWindow]byte
	at := copy(window[:], rtfDictionary)
	out := make([]byte, 0, min(size, 18*len(in)))
	for len(in) > 0 {
		control := in[0]
		in = in[1:]
		for bit := 0; bit < 8 && len(in) > 0; bit++ {
			if control>>bit&1 == 0 {
				window[at] = in[0]
				out = append(out, in[0])
				at = (at + 1) % rtfWindow
				in = in[1:]
				continue
			}
			if len(in) < 2 {
				return out
			}
			token := int(in[0])<<8 | int(in[1])
			in = in[2:]
			from, n := token>>4, token&0xF+2
			if from == at || len(out) > size {
				return out
			}
			for range n {
				c := window[from]
				window[at] = c
				out = append(out, c)
				at, from = (at+1)%rtfWindow, (from+1)%rtfWindow
			}
		}
	}
	return out
}

// packRTF wraps RTF in the form for text that is not compressed, which all readers know too.
func packRTF(text []byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, 0, rtfHeader+len(text))
	out = le.AppendUint32(out, uint32(len(text)+12)) //nolint:gosec // G115: Limits.Bytes is lower
	out = le.AppendUint32(out, uint32(len(text)))    //nolint:gosec // G115: likewise
	out = le.AppendUint32(out, rtfUncompressed)
	out = le.AppendUint32(out, 0)
	return append(out, text...)
}
