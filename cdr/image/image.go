// Package image makes pictures safe by their structure: what a decoder needs to show the picture is copied, and what
// travels along unseen (comments, unknown chunks, bytes after the end, a second file in the same bytes) is not. The
// pixels are not touched, so that the output looks the same to the bit.
//
// Metadata that cameras and editors write by themselves into the standard containers (EXIF, XMP, Photoshop's resources,
// ICC) stays, unless kit.Switches.StripMetadata or the rebuild mode wants it gone. Free text that no viewer shows goes
// always, and so does a block of metadata that has text which somebody typed, or bytes that nobody can read.
package image

import (
	"context"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// Format makes one kind of picture safe.
type Format struct {
	types  []string
	disarm func(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) // nil data: nothing to change
}

// Formats returns all formats of this room.
func Formats() []kit.Format {
	return []kit.Format{
		Format{[]string{"image/png", "image/apng", "image/vnd.mozilla.apng"}, disarmPNG},
		Format{[]string{"image/jpeg"}, disarmJPEG},
		Format{[]string{"image/gif"}, disarmGIF},
		Format{[]string{"image/webp"}, disarmWebP},
		Format{[]string{"image/bmp", "image/x-ms-bmp"}, disarmBMP},
		Format{[]string{"image/tiff"}, disarmTIFF},
		Format{[]string{"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence", "image/avif", "image/avis"}, disarmHEIF},
		Format{[]string{"image/x-icon", "image/vnd.microsoft.icon"}, disarmICO},
		Format{[]string{"image/emf", "image/wmf", "image/x-emf", "image/x-wmf"}, disarmMetafile},
	}
}

// Types implements kit.Format.
func (f Format) Types() []string { return f.types }

// Disarm implements kit.Handler.
func (f Format) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if err := ctx.Err(); err != nil {
		return kit.Result{}, err
	}
	out, err := f.disarm(ctx, job, doc.Data)
	return kit.Result{Data: out}, err
}

// maxFrames is how many frames an animation may have. Each is cheap to write and is drawn, as large as the whole picture, by
// whoever shows it.
const maxFrames = 10_000

func countFrame(n *int) error {
	if *n++; *n > maxFrames {
		return kit.Limit("frames", "an animation of more than %d frames", maxFrames)
	}
	return nil
}

// stripsMetadata reports whether EXIF, XMP and their like must go.
func stripsMetadata(job *kit.Job) bool {
	return job.Switches.StripMetadata || job.Mode == kit.ModeRebuild
}

// judgesText reports whether metadata must be such as programs write by themselves. Pictures in documents are parts of
// what somebody wrote, as is all of the document's own metadata; those that travel alone are judged.
func judgesText(job *kit.Job) bool {
	return !job.Embedded()
}

// foreign matches what other programs take for the beginning of their own: an archive, a document, a script or a
// program inside a picture's side data makes a file that is two things at once.
var foreign = pattern.MustCompile(`PK\x03\x04|PK\x05\x06|%PDF-1|(?i:<script[\s>/])|<\?php|(?i:<html[\s>])|(?i:<svg[\s>])|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|MZ\x90\x00|\x7fELF`)

// stamp matches what encoders write about themselves into comments. It is kept because nobody typed it: files with
// nothing else in them come out as they went in.
var stamp = pattern.MustCompile(`^(?:Created with (?:The )?GIMP(?: on an? [A-Za-z]{1,12})?|` +
	`CREATOR: gd-jpeg v[0-9.]{1,8} \(using IJG JPEG v[0-9a-z]{1,4}\)(?:, (?:default )?quality(?: = [0-9]{1,3})?)?\.?|` +
	`LEAD Technologies(?:,)? Inc\. V[0-9.]{1,6}|Lavc[0-9.]{1,12}|Optimized by JPEGmini [0-9.]{1,10} 0x[0-9a-f]{1,8}|` +
	`AppleMark|File written by Adobe Photoshop. [0-9.]{1,6}|` +
	`Intel\(R\) JPEG Library, version [0-9.\[\]-]{1,20})?(?:[\s\x00]{0,4}| {1,64}\x00?)$`)

// The vectors of pictures, as reports name them.
const (
	vectorTrailing = "trailing-data"   // bytes after the picture's end
	vectorHidden   = "hidden-data"     // bytes inside the file that nothing refers to
	vectorComment  = "comment"         // free text
	vectorUnknown  = "unknown-segment" // a chunk, segment or tag that no specification names
	vectorForeign  = "polyglot"        // the beginning of another file format in side data
	vectorMetadata = "metadata"        // EXIF, XMP, IPTC, ICC …
	vectorPictures = "extra-pictures"  // the index of further pictures after the first
)

// copier collects the parts of a file that stay. While they are the file's own bytes in order it copies nothing.
type copier struct {
	src  []byte
	out  []byte
	next int // src[:next] was kept whole, while out is nil
}

// keep appends src[from:to].
func (c *copier) keep(from, to int) {
	if c.out == nil && from == c.next {
		c.next = to
		return
	}
	c.fork()
	c.out = append(c.out, c.src[from:to]...)
}

// add appends bytes that are not in the source.
func (c *copier) add(b []byte) {
	c.fork()
	c.out = append(c.out, b...)
}

func (c *copier) fork() {
	if c.out == nil {
		c.out = make([]byte, 0, len(c.src))
		c.out = append(c.out, c.src[:c.next]...)
	}
}

// result returns the new file, nil if it is the old one.
func (c *copier) result() []byte {
	if c.out == nil && c.next == len(c.src) {
		return nil
	}
	c.fork()
	return c.out
}

// rest decides about what stands behind the picture: writers and cameras fill up the last block of a file, and that stays
// as long as nothing else has to change. It reports whether more than that is there.
func (c *copier) rest(job *kit.Job, pos int) bool {
	if pos >= len(c.src) {
		return false
	}
	if job.Mode != kit.ModeRebuild && padding(c.src[pos:]) {
		if c.out == nil {
			c.keep(pos, len(c.src))
		}
		return false
	}
	return true
}

// padding reports whether bytes carry nothing: zeros, line ends, blanks, or fill bytes, as writers leave them.
func padding(b []byte) bool {
	for _, c := range b {
		switch c {
		case 0, ' ', '\r', '\n', 0xff:
		default:
			return false
		}
	}
	return true
}
