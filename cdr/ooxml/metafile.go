package ooxml

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"

	"icapd/cdr/kit"
)

// starView is the beginning of LibreOffice's own metafiles, which no Office shows.
var starView = []byte("VCLMTF")

func metafile(data []byte) bool {
	return kit.Metafile(data) || bytes.HasPrefix(data, starView)
}

// packedMetafile is the beginning of what gzip packed: Office packs metafiles (.emz, .wmz), and no other pictures.
var packedMetafile = []byte("\x1f\x8b\x08")

// metafile keeps metafiles whose records are whole, without their comments.
func (p *pack) metafile(ctx context.Context, at *part, data []byte) error {
	plain, packed, repack := data, bytes.HasPrefix(data, packedMetafile), false
	if packed {
		var err error
		if plain, repack, err = p.unpackMetafile(data); err != nil {
			return err
		}
	}
	var out []byte
	ok := false
	if kit.Metafile(plain) {
		out, ok = kit.CleanMetafile(ctx, p.job, plain)
	}
	switch {
	case !ok || polyglotMetafile(out):
		at.data = []byte(kit.BlankPNG)
		p.removed(vectorBroken, at.name, kit.ActionNeutralised, "")
	case len(out) != len(plain) || repack:
		at.data = out
		if packed {
			at.data = packMetafile(out)
		}
		p.removed(vectorComment, at.name, kit.ActionRemoved, "")
	}
	return nil
}

// packMetafile packs a metafile as Office does.
func packMetafile(data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(data) // to memory
	_ = z.Close()
	return out.Bytes()
}

// unpackMetafile unpacks what gzip packed, nil if that cannot be done. It is to be written anew if there is more in the
// file than that: a name, a comment, fields of programs, bytes behind the end.
func (p *pack) unpackMetafile(data []byte) (plain []byte, more bool, err error) {
	src := bytes.NewReader(data)
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, false, nil //nolint:nilerr // not a picture: it is treated like one that is broken
	}
	z.Multistream(false)
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.LimitReader(z, p.job.Limits.PartSize+1)); err != nil {
		return nil, false, nil //nolint:nilerr // as above
	}
	if err := p.job.Unpacked(int64(len(data)), int64(out.Len()), true); err != nil {
		return nil, false, err
	}
	return out.Bytes(), z.Name != "" || z.Comment != "" || len(z.Extra) > 0 || src.Len() > 0, nil
}

// polyglotMetafile is polyglot for a metafile that may hold its picture a second time, as a PDF.
func polyglotMetafile(data []byte) bool {
	const head = 16 // what it is, version, size, place
	i := bytes.Index(data, []byte(" FDP\x01\x00\x00\x00"))
	if i < 0 || i+head > len(data) {
		return polyglot(data)
	}
	pdf, _ := bytes.CutPrefix(data[i+head:], []byte("%PDF-1"))
	return polyglot(data[:i]) || polyglot(pdf)
}
