package ole

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"maps"
	"strings"
	"testing"
	"unicode/utf16"
)

// The carriers are the smallest documents that have what is looked at. They are built here, because documents of
// others are not ours to keep.

const canary = "canary-7f1e55"

func le16(v ...int) (b []byte) {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return b
}

func le32(v ...int) (b []byte) {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// ---- Excel

func rec(op int, body ...[]byte) []byte {
	b := cat(body...)
	return cat(le16(op, len(b)), b)
}

func bof(kind int) []byte { return rec(recBOF, le16(0x0600, kind, 0, 0), le32(0, 0)) }

// xlsStream builds a workbook: what is in the globals, and a sheet.
func xlsStream(globals, sheetRecords []byte, sheetType byte, sheetKind int) []byte {
	head := bof(substreamGlobals)
	bound := func(at int) []byte {
		return rec(recBoundSheet, le32(at), []byte{0, sheetType, 5, 0}, []byte("Sheet"))
	}
	size := len(head) + len(bound(0)) + len(globals) + 4
	sheet := cat(bof(sheetKind), rec(recIndex, le32(0, 0, 1, 0)), sheetRecords, rec(recEOF))
	return cat(head, bound(size), globals, rec(recEOF), sheet)
}

func xls(tb testing.TB, globals, sheetRecords []byte, more ...*entry) []byte {
	tb.Helper()
	return pack(tb, root(append(more, stream("Workbook", xlsStream(globals, sheetRecords, 0, substreamSheet)))...))
}

// text8 is a text of one byte a character, with its length.
func text8(s string) []byte { return cat(le16(len(s)), []byte{0}, []byte(s)) }

func supBook(path string) []byte { return rec(recSupBook, le16(1), text8(path)) }

func xti(book, first int) []byte { return rec(recExternSheet, le16(1, book, first, first)) }

func formulaRecord(value []byte, code []byte) []byte {
	return rec(recFormula, le16(3, 2, 15), value, le16(0), le32(0), le16(len(code)), code)
}

func number(bits int) []byte { return cat(le32(bits), le32(0x3FF00000)) }

var cachedText = []byte{0, 0, 0, 0, 0, 0, 0xFF, 0xFF}

func defined(flags int, name string, code []byte) []byte {
	return rec(recName, le16(flags), []byte{0, byte(len(name))}, le16(len(code), 0, 0), []byte{0, 0, 0, 0, 0}, []byte(name), code)
}

func stringToken(s string) []byte { return cat([]byte{tokenString, byte(len(s)), 0}, []byte(s)) }

// hlink is a Hyperlink object with a URL.
func hlink(url string) []byte {
	u := wide(url + "\x00")
	return cat(classHyperlink[:], le32(2, linkMoniker|2), classURL[:], le32(len(u)), u)
}

// ---- Word

// doc builds a document with this text, whose characters 0x13 to 0x15 mark fields, and with data that pairs of the
// file information block point to.
func docEntries(text string, inWide bool, pairs map[int][]byte, data []byte) []*entry {
	var fields []byte
	var marks []int
	runes := []rune(text)
	for i, r := range runes {
		if r >= fieldBegin && r <= fieldEnd {
			marks = append(marks, i)
			fields = append(fields, byte(r), 0x3A)
		}
	}
	all := map[int][]byte{pairFields: cat(le32(append(marks, len(runes))...), fields)}
	const textAt = 2048
	fc, body := textAt*2|0x40000000, []byte(text)
	if inWide {
		fc, body = textAt, wide(text)
	}
	all[pairClx] = cat([]byte{2}, le32(16), le32(0, len(runes)), le16(0), le32(fc), le16(0))
	maps.Copy(all, pairs)
	main := make([]byte, textAt)
	le := binary.LittleEndian
	le.PutUint16(main, fibMagic)
	le.PutUint16(main[2:], fibOldest)
	le.PutUint16(main[fibFlags:], flagTable)
	le.PutUint16(main[32:], 14)
	le.PutUint16(main[fibCounts:], 22)
	le.PutUint32(main[fibTexts:], uint32(len(runes)))
	le.PutUint16(main[fibPairs:], 136)
	table := []byte{0}
	for n := range 136 {
		if v := all[n]; len(v) > 0 {
			le.PutUint32(main[fibPairs+2+8*n:], uint32(len(table)))
			le.PutUint32(main[fibPairs+6+8*n:], uint32(len(v)))
			table = append(table, v...)
		}
	}
	return []*entry{stream("WordDocument", cat(main, body)), stream("1Table", table), stream("Data", data)}
}

func doc(tb testing.TB, text string, more ...*entry) []byte {
	tb.Helper()
	return pack(tb, root(append(docEntries(text, false, nil, []byte("data")), more...)...))
}

// sttb builds a table of texts as SttbfAssoc is one.
func sttb(texts ...string) []byte {
	b := le16(0xFFFF, len(texts), 0)
	for _, s := range texts {
		b = cat(b, le16(len(s)), wide(s))
	}
	return b
}

// ---- PowerPoint

func atom(kind, instance int, body ...[]byte) []byte {
	b := cat(body...)
	return cat(le16(instance<<4|3, kind), le32(len(b)), b)
}

// pptOf is a record with the version that says of what it is made, 0xF of records.
func pptOf(version, kind int, body []byte) []byte {
	return cat(le16(version, kind), le32(len(body)), body)
}

// theme is a package in which PowerPoint keeps what its old format has no room for.
func theme(name, text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{{"[Content_Types].xml", "<Types/>"}, {name, text}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: part[0]})
		if err != nil {
			panic(err)
		}
		_, _ = w.Write([]byte(part[1]))
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func container(kind int, body ...[]byte) []byte {
	b := cat(body...)
	return cat(le16(0xF, kind), le32(len(b)), b)
}

// ppt builds a presentation of a document container, a slide and further objects on top.
func pptEntries(document, slide []byte, objects ...[]byte) []*entry {
	tops := append([][]byte{container(0x03E8, atom(0x03E9, 0, make([]byte, 40)), document), container(0x03EE, slide)}, objects...)
	var b []byte
	directory := le32(len(tops)<<persistCountBit | 1)
	for _, top := range tops {
		directory = cat(directory, le32(len(b)))
		b = append(b, top...)
	}
	persistAt := len(b)
	b = append(b, atom(pptPersist, 0, directory)...)
	editAt := len(b)
	b = append(b, atom(pptUserEdit, 0, le32(0, 0x03000000, 0, persistAt, 1, len(tops)), le16(1, 0))...)
	user := atom(pptCurrentUser, 0, le32(20, 0xE391C05F, editAt), make([]byte, 12))
	return []*entry{stream("PowerPoint Document", b), stream("Current User", user)}
}

func ppt(tb testing.TB, document, slide []byte, objects ...[]byte) []byte {
	tb.Helper()
	return pack(tb, root(pptEntries(document, slide, objects...)...))
}

func click(action, link int, more ...[]byte) []byte {
	a := atom(pptAction, 0, le32(0, link), []byte{byte(action), 0, 0, 0, 8, 0, 0, 0})
	return container(pptInteractive, append([][]byte{a}, more...)...)
}

func exObject(kind, number, persist int) []byte {
	return container(pptExObjList, atom(0x040A, 0, le32(1)), container(kind, atom(0x0FCD, 0, le32(0, 0)), atom(pptExOleAtom, 1, le32(1, 0, number, 0, persist, 0)), atom(pptString, 1, wide(canary))))
}

func exLink(number int, target string) []byte {
	return container(pptExObjList, atom(0x040A, 0, le32(1)), container(pptExLink, atom(pptExLinkAtom, 0, le32(number)), atom(pptString, 0, wide("friendly")), atom(pptString, 1, wide(target))))
}

// ---- Outlook

// props are properties of a message: by tag, what they hold.
type props map[uint32]string

func object(head int, p props, more ...*entry) []*entry {
	list := make([]byte, head)
	kids := more
	for tag, value := range p {
		kind := tag & 0xFFFF
		if kind == typeInteger {
			list = cat(list, le32(int(tag), 6, int(value[0]), 0))
			continue
		}
		data, size := []byte(value), len(value)
		switch kind {
		case typeText16:
			data = wide(value)
			size = len(data) + 2
		case typeText8:
			size++
		}
		list = cat(list, le32(int(tag), 6, size, 0))
		kids = append(kids, stream(msgStream+strings.ToUpper(hex8(tag)), data))
	}
	return append(kids, stream(msgProperties, list))
}

func hex8(n uint32) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 8)
	for i := range b {
		b[i] = digits[n>>(28-4*i)&15]
	}
	return string(b)
}

func msg(tb testing.TB, p props, more ...*entry) []byte {
	tb.Helper()
	return pack(tb, root(object(32, p, more...)...))
}

func attach(p props, more ...*entry) *entry {
	return storage(msgAttachment+"#00000000", object(8, p, more...)...)
}
