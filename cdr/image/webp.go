package image

import (
	"bytes"
	"context"
	"encoding/binary"

	"icapd/cdr/kit"

	"golang.org/x/image/vp8l"
)

// Flags of the VP8X chunk (RFC 9649, section 2.7.1).
const (
	webpXMP  = 0x04
	webpEXIF = 0x08
	webpICC  = 0x20
)

func disarmWebP(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if len(data) < 20 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" {
		return nil, kit.Corrupt("no WebP header")
	}
	size := int64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > int64(len(data)) || size < 20 {
		return nil, kit.Corrupt("a file of %d bytes that says it has %d", len(data), size)
	}
	w := webpWalk{job: job, size: size, out: append(make([]byte, 0, size), data[:12]...)}
	if err := w.chunks(ctx, data[12:size]); err != nil {
		return nil, err
	}
	if !w.picture {
		return nil, kit.Corrupt("no picture in the file")
	}
	if size < int64(len(data)) && (job.Mode == kit.ModeRebuild || !padding(data[size:])) {
		w.changed = true
		job.Removed(vectorTrailing, "after the RIFF chunk", kit.ActionRemoved, "")
	}
	if !w.changed {
		return nil, nil
	}
	binary.LittleEndian.PutUint32(w.out[4:], uint32(len(w.out)-8)) //nolint:gosec // G115: shorter than the file, whose size was such a number
	if w.flagsAt > 0 {
		w.out[w.flagsAt] &^= w.dropped
	}
	return w.out, nil
}

type webpWalk struct {
	job     *kit.Job
	out     []byte
	changed bool
	picture bool  // a bitstream or a frame was seen
	flagsAt int   // where the flags of VP8X are in out, 0 if there are none
	dropped byte  // flags of what was taken out
	size    int64 // of the file
	frames  int
	decoded int64 // pixels so far
}

func (w *webpWalk) chunks(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(data) < 8 {
			return kit.Corrupt("the file ends in a chunk")
		}
		n := int64(binary.LittleEndian.Uint32(data[4:]))
		end := 8 + n + n&1
		if 8+n > int64(len(data)) {
			return kit.Corrupt("a chunk of %d bytes is longer than the file", n)
		}
		end = min(end, int64(len(data))) // writers forget the last pad byte
		if err := w.chunk(string(data[:4]), data[8:8+n], data[:end]); err != nil {
			return err
		}
		data = data[end:]
	}
	return nil
}

// webpFlags are those of VP8X that say that there is such a chunk.
var webpFlags = map[string]byte{"EXIF": webpEXIF, "XMP ": webpXMP}

// shorter writes a chunk of which something went.
func (w *webpWalk) shorter(name string, body []byte, vector string) {
	w.changed = true
	w.job.Removed(vector, "chunk "+name, kit.ActionRemoved, "")
	w.out = binary.LittleEndian.AppendUint32(append(w.out, name...), uint32(len(body))) //nolint:gosec // G115: shorter than it was
	w.out = append(w.out, body...)
}

func (w *webpWalk) chunk(name string, body, whole []byte) error {
	vector := ""
	w.picture = w.picture || name == "VP8 " || name == "VP8L" || name == "ANMF"
	switch name {
	case "VP8X":
		if len(body) < 10 {
			return kit.Corrupt("a VP8X chunk of %d bytes", len(body))
		}
		if err := w.job.Image(1+int64(uint24(body[4:])), 1+int64(uint24(body[7:]))); err != nil {
			return err
		}
		w.flagsAt = len(w.out) + 8
		if len(body) > 10 {
			w.shorter(name, body[:10], vectorHidden)
			return nil
		}
	case "VP8L":
		rest, err := w.check(whole)
		if err != nil {
			return err
		}
		if hidden := body[len(body)-min(rest, len(body)):]; len(bytes.Trim(hidden, "\x00")) > 0 {
			w.lossless(body[:len(body)-len(hidden)])
			return nil
		}
	case "VP8 ", "ALPH", "ANIM":
	case "ANMF":
		plain, err := w.frame(body)
		if err != nil {
			return err
		}
		if len(plain) < len(body) {
			w.shorter(name, plain, vectorUnknown)
			return nil
		}
	case "ICCP":
		if !isProfile(body) {
			vector, w.dropped = vectorUnknown, w.dropped|webpICC
		} else if w.job.Mode == kit.ModeRebuild {
			vector, w.dropped = vectorMetadata, w.dropped|webpICC
		}
	case "EXIF", "XMP ":
		if stripsMetadata(w.job) || foreign.Match(body) || judgesText(w.job) && !plainWebP(name, body) {
			vector, w.dropped = vectorMetadata, w.dropped|webpFlags[name]
		}
	default:
		vector = vectorUnknown
	}
	if vector == "" {
		w.out = append(w.out, whole...)
		return nil
	}
	w.changed = true
	w.job.Removed(vector, "chunk "+name, kit.ActionRemoved, "")
	return nil
}

// frame checks the lossless bitstreams of an animation's frame, whose chunks begin after 16 bytes of position, and returns the
// frame without chunks that no frame has.
func (w *webpWalk) frame(body []byte) ([]byte, error) {
	const place = 16
	if err := countFrame(&w.frames); err != nil {
		return nil, err
	}
	if len(body) < place+8 {
		return nil, kit.Corrupt("an animation frame of %d bytes", len(body))
	}
	plain := append(make([]byte, 0, len(body)), body[:place]...)
	for rest := body[place:]; len(rest) >= 8; {
		n := int64(binary.LittleEndian.Uint32(rest[4:]))
		if n > int64(len(rest)-8) {
			return nil, kit.Corrupt("a chunk of a frame is longer than the frame")
		}
		end := min(8+n+n&1, int64(len(rest)))
		switch string(rest[:4]) {
		case "VP8L":
			if _, err := w.check(rest[:8+n]); err != nil {
				return nil, err
			}
			plain = append(plain, rest[:end]...)
		case "VP8 ", "ALPH":
			plain = append(plain, rest[:end]...)
		}
		rest = rest[end:]
	}
	return plain, nil
}

// lossless writes a bitstream without what stood behind it.
func (w *webpWalk) lossless(body []byte) {
	w.changed = true
	w.job.Removed(vectorHidden, "behind the pixels", kit.ActionRemoved, "")
	w.out = append(w.out, "VP8L"...)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(len(body))) //nolint:gosec // G115: no longer than it was
	w.out = append(w.out, body...)
	if len(body)&1 == 1 {
		w.out = append(w.out, 0)
	}
}

// What bounds what check decodes: 4 bytes of memory a pixel, from files of any smallness, and all the time that there is
// for a file that has thousands of such frames. All frames of a file together may have maxLossless more.
const (
	maxLossless    = 25_000_000
	framesLossless = 32 // pixels for each byte of the file
)

// check decodes a lossless bitstream, because decoders in the field crashed on ones that lie about their
// Huffman tables (CVE-2023-4863): what this decoder does not take is not passed on. It returns how many bytes stand behind
// the pixels.
func (w *webpWalk) check(chunk []byte) (rest int, err error) {
	const head = 8
	if len(chunk) < head {
		return 0, kit.Corrupt("a lossless picture of %d bytes", len(chunk))
	}
	n := int64(binary.LittleEndian.Uint32(chunk[4:]))
	body := chunk[head:min(int64(len(chunk)), head+n)]
	cfg, err := vp8l.DecodeConfig(bytes.NewReader(body))
	if err != nil {
		return 0, kit.Corrupt("the lossless picture cannot be decoded: %w", err)
	}
	if err := w.job.Image(int64(cfg.Width), int64(cfg.Height)); err != nil {
		return 0, err
	}
	pixels := int64(cfg.Width) * int64(cfg.Height)
	if w.decoded += pixels; w.decoded > 2*maxLossless+framesLossless*w.size {
		return 0, kit.Limit("pixels", "lossless frames of more than %d pixels, which would have to be decoded", w.decoded-pixels)
	}
	if pixels > maxLossless {
		return 0, kit.Limit("pixels", "a lossless picture of %d x %d pixels, which would have to be decoded", cfg.Width, cfg.Height)
	}
	src := bytes.NewReader(body)
	if _, err := vp8l.Decode(src); err != nil {
		return 0, kit.Corrupt("the lossless picture cannot be decoded: %w", err)
	}
	return src.Len(), nil
}

// isProfile reports whether bytes begin like a profile of colours (ICC.1:2022, section 7.2).
func isProfile(b []byte) bool { return len(b) >= 128 && string(b[36:40]) == "acsp" }

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

// plainWebP judges EXIF and XMP by what they say. Some writers put JPEG's mark before EXIF.
func plainWebP(name string, body []byte) bool {
	if name == "EXIF" {
		return plainExif(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
	}
	return plainXMP(body)
}
