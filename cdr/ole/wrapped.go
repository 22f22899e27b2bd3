package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// wrapped is a package of Office 2007 and later in a compound file, which OLE makes of an embedded document
// ([MS-OLEDS]): the package is one stream, beside the name of its class and pictures for programs that have none.
var wrapped = family{
	name: "Package", streams: wrappedStream, disarm: disarmWrapped,
	classes: []string{
		"F4754C9B-64F5-4B40-8AF4-679732AC0607", "18A06B6B-2F3F-4E2B-A611-52BE631B2D22", // Word
		"00020830-0000-0000-C000-000000000046", "00020832-0000-0000-C000-000000000046", // Excel
		"00020833-0000-0000-C000-000000000046",
		"CF4F55F4-8F87-4D47-80BB-5808164BB3F8", "048EB43E-2059-422F-95E0-557DA96038AF", // PowerPoint
		"DC020317-E6E2-4A62-B9FA-B3EFE16626F4",
	},
}

const packageStream = "Package"

func wrappedStream(path []string, e *entry) string {
	return known(len(path) == 1 && e.kind == kindStream && (framing(e) || among(e.name, packageStream, "\x01CompObj", "\x01Ole")))
}

// disarmWrapped hands the package to its handler. What is no document of Office, or cannot be made safe, refuses the
// whole: nothing is left of it then.
func disarmWrapped(d *document) error {
	e := d.root.find(packageStream)
	if e.lost != nil {
		return e.lost
	}
	kind := kit.Sniff(e.data)
	if !strings.HasPrefix(kind, "application/vnd.openxmlformats-officedocument.") {
		return kit.Unsupported("an object with %s in it", kind)
	}
	r, err := d.job.Recurse(d.ctx, kit.Document{Data: e.data, Type: kind, Path: packageStream})
	if err != nil {
		return err
	}
	if r.Changed() {
		e.data, d.changed = r.Data, true
	}
	return nil
}

// framing reports whether a stream says how an embedded document is shown: flags, and pictures for programs that have
// none. Which pictures stay is decided by presentations.
func framing(e *entry) bool {
	return e.lost == nil && (isPresentation(e) || among(e.name, "\x03ObjInfo") && len(e.data) <= 6)
}

func isPresentation(e *entry) bool {
	return strings.HasPrefix(e.name, "\x02OlePres") && len(e.name) == len("\x02OlePres000") && e.kind == kindStream
}

// presentations takes the pictures out in which something has to go: programs make them anew.
func (d *document) presentations() {
	d.root.drop(func(k *entry) bool {
		if !isPresentation(k) || d.plainPresentation(k) {
			return false
		}
		d.removed(vectorUnknown, k.name, kit.ActionRemoved, "")
		return true
	})
}

// plainPresentation reports whether a stream is a picture of an object ([MS-OLEDS] 2.3.4), or says that there is none: a
// metafile in which nothing has to go, and behind it nothing but the table of further pictures, which are none.
func (d *document) plainPresentation(e *entry) bool {
	const head, standard, device, sizeAt, most = 40, 1<<32 - 1, 4, 36, 256
	le := binary.LittleEndian
	b := e.data
	if e.lost != nil || len(b) < head || le.Uint32(b) != standard || le.Uint32(b[8:]) != device {
		return false
	}
	n := int64(le.Uint32(b[sizeAt:]))
	if n > int64(len(b)-head) {
		return false
	}
	picture, rest := b[head:head+n], b[head+n:]
	if len(rest) > most || shortText.Match(bytes.ReplaceAll(rest, []byte("NANI"), nil)) {
		return false
	}
	if n == 0 {
		return true
	}
	return d.plainPicture(picture)
}

// plainPicture reports whether bytes are a metafile in which nothing has to go.
func (d *document) plainPicture(picture []byte) bool {
	before := len(d.job.Removals())
	out, ok := kit.CleanMetafile(d.ctx, d.job, picture)
	d.job.Retract(before)
	return ok && kit.Metafile(picture) && len(out) == len(picture)
}

// shortText matches what could be text among numbers.
var shortText = pattern.MustCompile(`[A-Za-z0-9_./:-]{5}|(?:[A-Za-z0-9_./:-]\x00){4}`)
