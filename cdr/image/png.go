package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChunks are those of the PNG specification, third edition, that say how the picture looks.
var pngChunks = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true,
	"iCCP": true, "pHYs": true, "bKGD": true, "sBIT": true, "hIST": true, "sPLT": true, "tIME": true, "acTL": true,
	"fcTL": true, "fdAT": true, "cICP": true, "mDCV": true, "cLLI": true, "oFFs": true, "pCAL": true, "sCAL": true,
}

func disarmPNG(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte(pngSignature)) {
		return nil, kit.Corrupt("no PNG signature")
	}
	w := pngWalk{job: job, c: copier{src: data}, pos: len(pngSignature)}
	w.c.keep(0, len(pngSignature))
	for name := ""; name != "IEND"; w.chunks++ {
		if w.chunks%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var body []byte
		var end int
		var err error
		if name, body, end, err = pngChunk(data, w.pos); err != nil {
			return nil, err
		}
		if err := w.chunk(name, body, end); err != nil {
			return nil, err
		}
		w.pos = end
	}
	if w.c.rest(job, w.pos) {
		job.Removed(vectorTrailing, "after IEND", kit.ActionRemoved, "")
	}
	return w.c.result(), nil
}

type pngWalk struct {
	job      *kit.Job
	c        copier
	pos      int
	chunks   int
	room     int64 // bytes of packed pixels that the picture may have yet
	pixels   pngPixels
	animated bool
	frames   int
}

// chunk judges the chunk at pos.
func (w *pngWalk) chunk(name string, body []byte, end int) error {
	if w.chunks == 0 {
		if err := pngHeader(w.job, name, body); err != nil {
			return err
		}
		w.room, w.pixels.header = pngRoom(body), body
	}
	if name != "IDAT" && !w.pixels.done && len(w.pixels.parts) > 0 {
		tidyPixels(w.job, &w.c, &w.pixels)
	}
	w.animated = w.animated || name == "acTL"
	if name == "fcTL" {
		if err := countFrame(&w.frames); err != nil {
			return err
		}
	}
	if name == "IDAT" {
		if w.room -= int64(len(body)); w.room < 0 {
			return kit.Limit("pixels", "more packed pixels than the picture has")
		}
	}
	vector, err := pngVector(w.job, name, body)
	switch {
	case err != nil:
		return err
	case name == "IDAT" && !w.pixels.done:
		w.pixels.take(body, w.pos, end)
		return nil
	case name == "IDAT", (name == "fdAT" || name == "fcTL") && !w.animated:
		vector = vectorUnknown
	case vector == "":
		w.c.keep(w.pos, end)
		return nil
	case name == "IEND":
		w.c.add([]byte("\x00\x00\x00\x00IEND\xae\x42\x60\x82"))
	}
	w.job.Removed(vector, "chunk "+name, kit.ActionRemoved, "")
	return nil
}

// pngChunk reads the chunk at pos and checks its CRC.
func pngChunk(data []byte, pos int) (name string, body []byte, end int, err error) {
	if len(data)-pos < 12 {
		return "", nil, 0, kit.Corrupt("the file ends before IEND")
	}
	n := binary.BigEndian.Uint32(data[pos:])
	if int64(n) > int64(len(data)-pos-12) {
		return "", nil, 0, kit.Corrupt("a chunk of %d bytes is longer than the file", n)
	}
	end = pos + 12 + int(n)
	body = data[pos+8 : end-4]
	for _, b := range data[pos+4 : pos+8] {
		if b|0x20 < 'a' || b|0x20 > 'z' {
			return "", nil, 0, kit.Corrupt("a chunk type that is not letters")
		}
	}
	name = string(data[pos+4 : pos+8])
	if crc32.ChecksumIEEE(data[pos+4:end-4]) != binary.BigEndian.Uint32(data[end-4:]) && name[0] < 'a' {
		return "", nil, 0, kit.Corrupt("the checksum of chunk %s is wrong", name)
	}
	return name, body, end, nil
}

func pngHeader(job *kit.Job, name string, body []byte) error {
	if name != "IHDR" || len(body) != 13 {
		return kit.Corrupt("the first chunk is not a header")
	}
	return job.Image(int64(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint32(body[4:])))
}

// pngSlack is how many bytes more than its pixels a picture may have packed: what writers put in front of blocks.
const pngSlack = 64 << 10

// pngRoom returns how many bytes the packed pixels of a picture may have, by its header: twice as many as the pixels, with
// the filters of the rows and of the passes of interlacing. What unpacks to more than that is there for other reasons.
func pngRoom(header []byte) int64 {
	channels := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
	width, height := int64(binary.BigEndian.Uint32(header)), int64(binary.BigEndian.Uint32(header[4:]))
	row := (width*int64(header[8])*max(channels[header[9]], 1) + 7) / 8
	return 2*height*(row+4) + pngSlack
}

// pngVector says why a chunk must go, "" if it stays.
func pngVector(job *kit.Job, name string, body []byte) (string, error) {
	switch {
	case name == "tEXt" && (pngStamp.Match(body) || pngOwn.Match(body)), name == "iTXt" && bytes.HasPrefix(body, []byte("XML:com.adobe.xmp\x00")), name == "eXIf":
		if stripsMetadata(job) || judgesText(job) && !plainChunk(name, body) {
			return vectorMetadata, nil
		}
	case (name == "tEXt" || name == "iTXt") && pngComment(name, body) && !stripsMetadata(job):
	case pngWrong(name, body):
		return vectorUnknown, nil
	case pngNumbers[name] > 0 && len(body) == pngNumbers[name]:
	case name == "cmPP" && len(body) == 12 && bytes.HasPrefix(body, []byte("JCmp0712")): // of Office, which packs pictures by it
	case name == "tEXt" || name == "zTXt" || name == "iTXt":
		return vectorComment, nil
	case !pngChunks[name] && name[0] < 'a':
		return "", kit.Unsupported("unknown critical chunk %s", name)
	case !pngChunks[name]:
		return vectorUnknown, nil
	case name == "iCCP" && stripsMetadata(job) && job.Mode == kit.ModeRebuild:
		return vectorMetadata, nil
	}
	if name != "IDAT" && name != "fdAT" && foreign.Match(body) {
		return vectorForeign, nil
	}
	if name == "iCCP" && !pngProfile(job, body) {
		return vectorUnknown, nil
	}
	return "", nil
}

// pngSizes are the lengths of chunks that hold numbers and nothing else, shortest and longest.
var pngSizes = map[string][2]int{
	"IEND": {0, 0}, "gAMA": {4, 4}, "cHRM": {32, 32}, "sRGB": {1, 1}, "pHYs": {9, 9}, "bKGD": {1, 6}, "sBIT": {1, 4}, "hIST": {2, 512}, "tRNS": {0, 256},
	"tIME": {7, 7}, "acTL": {8, 8}, "fcTL": {26, 26}, "cICP": {4, 4}, "mDCV": {24, 24}, "cLLI": {8, 8}, "oFFs": {9, 9}, "sCAL": {4, 40},
}

// pngWrong reports whether a chunk cannot be what its name says, such that decoders pass over it, or over the end of it.
func pngWrong(name string, body []byte) bool {
	if sizes, ok := pngSizes[name]; ok && (len(body) < sizes[0] || len(body) > sizes[1]) {
		return true
	}
	switch name {
	case "hIST":
		return len(body)%2 != 0
	case "sPLT": // name, depth, and for each colour four samples and how often it is there
		_, rest, ok := bytes.Cut(body, []byte{0})
		return !ok || len(rest) == 0 || rest[0] == 8 && len(rest)%6 != 1 || rest[0] == 16 && len(rest)%10 != 1 || rest[0] != 8 && rest[0] != 16
	case "pCAL": // what samples measure, in words
		return words.Match(body)
	case "sCAL":
		return !pngScale.Match(body)
	}
	return false
}

// pngScale matches the unit and the two numbers of an sCAL chunk.
var pngScale = pattern.MustCompile(`^[\x01\x02][0-9.eE+-]{1,18}\x00[0-9.eE+-]{1,18}$`)

// maxProfile is how long a colour profile may be, in bytes; those of printers have some millions.
const maxProfile = 16 << 20

// pngProfile reports whether a chunk holds a colour profile (ICC.1:2022, section 7.2.12) that unpacks to its end, and nothing
// behind it: anything may be packed in it.
func pngProfile(job *kit.Job, body []byte) bool {
	_, packed, ok := bytes.Cut(body, []byte{0})
	if !ok || len(packed) < 2 || packed[0] != 0 {
		return false
	}
	src := bytes.NewReader(packed[1:])
	z, err := job.Zlib(src)
	if err != nil {
		return false
	}
	var head [40]byte
	if _, err := io.ReadFull(z, head[:]); err != nil || string(head[36:]) != "acsp" {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, maxProfile))
	return err == nil && n < maxProfile && src.Len() == 0
}

// plainChunk judges EXIF and XMP by what they say.
func plainChunk(name string, body []byte) bool {
	switch name {
	case "eXIf":
		return plainExif(body)
	case "iTXt": // keyword, not compressed, no language, no translation, text
		xmp, ok := bytes.CutPrefix(body, []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"))
		return ok && plainXMP(xmp)
	}
	return true
}

// pngStamp matches text chunks that tools write about themselves: who wrote the file and when. They are short, and
// say nothing that somebody typed.
var pngStamp = pattern.MustCompile(`^(?:Software|Creation Time|date:create|date:modify|date:timestamp|Source|Thumb::[A-Za-z:]{1,24}|svg:base-uri|pdf:Version|png:[A-Za-z.:]{1,24})\x00[ -;=?-~]{0,80}$`)
