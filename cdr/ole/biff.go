package ole

import (
	"encoding/binary"

	"icapd/cdr/kit"
)

// Record numbers of [MS-XLS] 2.3 that are looked at.
const (
	recFormula     = 0x0006
	recEOF         = 0x000A
	recExternSheet = 0x0017
	recName        = 0x0018
	recExternName  = 0x0023
	recFilePass    = 0x002F
	recContinue    = 0x003C
	recDCon        = 0x0050
	recDConRef     = 0x0051
	recDConName    = 0x0052
	recXCT         = 0x0059
	recCRN         = 0x005A
	recObj         = 0x005D
	recIntl        = 0x0061
	recBoundSheet  = 0x0085
	recAddMenu     = 0x00C2
	recDelMenu     = 0x00C3
	recObjProj     = 0x00D3
	recSXStream    = 0x00D5
	recDBCell      = 0x00D7
	recSXString    = 0x00CD
	recParamQuery  = 0x00DC
	recSXVS        = 0x00E3
	recDrawGroup   = 0x00EB
	recDrawing     = 0x00EC
	recDrawSel     = 0x00ED
	recExtSST      = 0x00FF
	recQSI         = 0x01AD
	recSupBook     = 0x01AE
	recCF          = 0x01B1
	recDConBin     = 0x01B5
	recHLink       = 0x01B8
	recCodeName    = 0x01BA
	recDV          = 0x01BE
	recBlank       = 0x0201
	recNumber      = 0x0203
	recLabel       = 0x0204
	recBoolErr     = 0x0205
	recString      = 0x0207
	recIndex       = 0x020B
	recArray       = 0x0221
	recTable       = 0x0236
	recShared      = 0x04BC
	recLinkTip     = 0x0800
	recWebPub      = 0x0801
	recDBQueryExt  = 0x0803
	recExtString   = 0x0804
	recTextQuery   = 0x0805
	recQSIR        = 0x0806
	recQSIF        = 0x0807
	recBOF         = 0x0809
	recOLEDBConn   = 0x080A
	recDConn       = 0x0876
	recChartLink   = 0x1051

	substreamGlobals = 0x0005
	substreamModule  = 0x0006
	substreamSheet   = 0x0010
	substreamMacro   = 0x0040
)

// record is one record of a workbook stream.
type record struct {
	at   int // where its header was
	body []byte
	op   uint16
	drop bool
}

// substream is one sheet, or the globals: records from its BOF to its EOF, those of embedded charts included.
type substream struct {
	from, to int // indices of records
	kind     uint16
}

// biff is a workbook stream as records.
type biff struct {
	recs   []record
	subs   []substream
	tail   int  // where the last substream ended
	eight  bool // BIFF8; else BIFF5
	length int
}

// readBIFF splits a workbook stream. It is corrupt if a record is longer than the stream or if the bytes between two
// sheets are not records: what a reader then sees as the next record is anybody's guess.
func readBIFF(data []byte) (*biff, error) {
	le := binary.LittleEndian
	b := &biff{length: len(data), recs: make([]record, 0, countRecords(data))}
	depth := 0
	at := 0
	for len(data)-at >= 4 {
		op, n := normal(le.Uint16(data[at:])), int(le.Uint16(data[at+2:]))
		if depth == 0 && op != recBOF {
			break
		}
		if at+4+n > len(data) {
			return nil, kit.Corrupt("record %#x at %d is longer than the workbook", op, at)
		}
		body := data[at+4 : at+4+n : at+4+n]
		if op == recBOF {
			if n < 4 {
				return nil, kit.Corrupt("a sheet without a version")
			}
			if depth == 0 {
				b.subs = append(b.subs, substream{from: len(b.recs), kind: le.Uint16(body[2:])})
			}
			depth++
		}
		b.recs = append(b.recs, record{op: op, at: at, body: body})
		at += 4 + n
		if op == recEOF {
			depth--
		}
		b.subs[len(b.subs)-1].to = len(b.recs)
	}
	b.tail = at
	if len(b.subs) == 0 {
		return nil, kit.Unsupported("a workbook that is older than Excel 5")
	}
	switch v := le.Uint16(b.recs[0].body); v {
	case 0x0600:
		b.eight = true
	case 0x0500:
	default:
		return nil, kit.Unsupported("a workbook of version %#x", v)
	}
	return b, nil
}

// countRecords returns how many records readBIFF finds. To let a list of them grow takes several times the room, and each is ten
// times as long as an empty one is in the stream.
func countRecords(data []byte) (n int) {
	depth := 0
	for len(data) >= 4 {
		op := binary.LittleEndian.Uint16(data)
		if op == recBOF {
			depth++
		}
		next := 4 + int(binary.LittleEndian.Uint16(data[2:]))
		if depth == 0 || next > len(data) {
			break
		}
		if op == recEOF {
			depth--
		}
		data = data[next:]
		n++
	}
	return n
}

// normal returns the number of a record that some readers take for the same thing by another number, which it had
// in older versions.
func normal(op uint16) uint16 {
	switch op {
	case 0x0206, 0x0406:
		return recFormula
	case 0x0218:
		return recName
	case 0x0223:
		return recExternName
	case 0x0021:
		return recArray
	}
	return op
}

// find returns the index of the record that begins at an offset, -1 if none does.
func (b *biff) find(at int) int {
	lo, hi := 0, len(b.recs)
	for lo < hi {
		mid := (lo + hi) / 2
		if b.recs[mid].at < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(b.recs) && b.recs[lo].at == at {
		return lo
	}
	return -1
}

// write puts the records together again and corrects the offsets that are in them.
func (b *biff) write() []byte {
	moved := make([]int, len(b.recs)+1)
	at := 0
	for i := range b.recs {
		moved[i] = at
		if !b.recs[i].drop {
			at += 4 + len(b.recs[i].body)
		}
	}
	moved[len(b.recs)] = at
	out := make([]byte, 0, at)
	le := binary.LittleEndian
	for i := range b.recs {
		r := &b.recs[i]
		if r.drop {
			continue
		}
		out = le.AppendUint16(out, r.op)
		out = le.AppendUint16(out, uint16(len(r.body))) //nolint:gosec // G115: bodies are at most 64 KiB - 1
		from := len(out)
		out = append(out, r.body...)
		b.relocate(r.op, out[from:], moved)
	}
	return out
}

// relocate corrects the offsets in one record: of sheets, of blocks of rows, of shared strings.
func (b *biff) relocate(op uint16, body []byte, moved []int) {
	first, step := 0, 4
	switch op {
	case recBoundSheet:
		body = body[:min(4, len(body))]
	case recIndex:
		first = 12
		if !b.eight {
			first = 8
		}
	case recExtSST:
		first, step = 2, 8
	default:
		return
	}
	le := binary.LittleEndian
	for i := first; i+4 <= len(body); i += step {
		old := int(le.Uint32(body[i:]))
		if k := b.around(old); k >= 0 {
			le.PutUint32(body[i:], uint32(moved[k]+old-b.recs[k].at)) //nolint:gosec // G115: a stream's length
		}
	}
}

// around returns the index of the record that an offset is in, -1 if it is in none.
func (b *biff) around(at int) int {
	if at >= b.tail {
		return -1
	}
	lo, hi := 0, len(b.recs)
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if b.recs[mid].at <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
