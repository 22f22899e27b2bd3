package content

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"icapd/scan"
)

// tellUnclaimed tells binary forms of data without a claim: bytes of no known type that are one map with names, as a
// whole. Few bytes are that by chance.
func tellUnclaimed(b scan.Blob, head []byte) string {
	if len(head) < minEmbedded || b.Size() > maxUnclaimed {
		return ""
	}
	for _, cbor := range []bool{false, true} {
		if !packedMap(head[0], cbor) {
			continue
		}
		data, err := b.Bytes()
		if err != nil {
			return ""
		}
		if r := (packedReader{data: data, cbor: cbor, nesting: protoDepth}); r.plausible() {
			if cbor {
				return typeCBOR
			}
			return typeMsgPack
		}
	}
	return ""
}

// maxUnclaimed bounds what is read to see whether it is data.
const maxUnclaimed = 64 << 20

// packedMap reports whether a byte begins a map.
func packedMap(c byte, cbor bool) bool {
	if cbor {
		return c >= 0xa1 && c <= 0xbb || c == 0xbf
	}
	return c >= 0x81 && c <= 0x8f || c == 0xde || c == 0xdf
}

// plausible reports whether all of the data is valid, and all keys of maps are readable.
func (r *packedReader) plausible() bool {
	keys := 0
	for {
		tok, err := r.next()
		switch {
		case err != nil:
			return false
		case tok == packedEnd:
			return keys > 0
		case tok == packedOther && len(r.stack) == 0:
			return false // one map behind another is data, a number behind one is something else
		case tok == packedKey:
			if key := r.data[r.in0:r.end]; len(key) == 0 || !utf8.Valid(key) || hasControls(key) {
				return false
			}
			keys++
		}
	}
}

// protoInner looks for files in what is perhaps a Protocol Buffers message. It has no magic, and what it is for is not
// known without a claim: only fields of a known binary type, and messages that are whole, are taken for what they seem.
type protoInner struct{}

// maybeProto reports whether bytes of no known type are a whole message, or gRPC frames, with a field that may be a file.
func maybeProto(b scan.Blob, head []byte) bool {
	if len(head) < minEmbedded || b.Size() > maxUnclaimed || head[0] != 0 && (head[0]&7 > 5 || head[0]>>3 == 0) ||
		head[0] == 0 && binary.BigEndian.Uint32(head[1:]) == 0 {
		return false
	}
	data, err := b.Bytes()
	return err == nil && (validProto(data) || isGRPC(data))
}

// isProse reports whether a string is a text: names and numbers are looked at as the bytes that they are.
func isProse(v []byte) bool {
	return len(v) >= minDataText && bytes.Count(v, []byte{' '}) > 1 && utf8.Valid(v) && !hasControls(v)
}

func (protoInner) open(w *walk, n *node) error {
	d, err := w.t.doc(n.item, n.item.Blob)
	if err != nil {
		return err
	}
	d.report, d.joined = func(hazard) {}, true
	var stop error
	var text []byte
	_ = protoFormat{}.fields(w.ctx, d, func(fl *scan.Field) bool {
		if isProse(fl.Value) {
			text = append(append(text, fl.Value...), '\n')
			return true
		}
		switch _, ok := findCoding(fl.Value); {
		case len(fl.Value) < minEmbedded:
		case knownMagic(fl.Value):
			stop = w.embed(n, protoFormat{}, d, fl, embedding{to: len(fl.Value), coding: coding{bytes: true}})
		case ok:
			stop = w.embedded(n, textFormat{}, d, fl)
		}
		return stop == nil
	})
	if stop != nil || len(text) == 0 {
		return stop
	}
	return w.inner(n, child{segment: "(text)", typ: typeText, f: textFormat{}}, text)
}
