package ooxml

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func wide(s string) []byte {
	units := utf16.Encode([]rune(s))
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(units)))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func parsed(tokens ...byte) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(tokens)))) + string(tokens) + "\x00\x00\x00\x00"
}

// binaryName is a defined name ([MS-XLSB] 2.4.711): flags, a key, a sheet, the name, what it stands for.
func binaryName(flags uint32, name, formula string) string {
	head := binary.LittleEndian.AppendUint32(nil, flags)
	return putRecord(recName, []byte(string(append(head, 0, 0xFF, 0xFF, 0xFF, 0xFF))+string(wide(name))+formula))
}

// binaryCell is a cell whose formula had the value TRUE.
func binaryCell(tokens ...byte) string {
	return putRecord(recFmlaBool, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"+parsed(tokens...)))
}

// binaryRule is a conditional format with one rule, and one value that it goes by.
func binaryRule(formula string) string {
	head := strings.Repeat("\x00", 30) + string(binary.LittleEndian.AppendUint32(nil, uint32(len(formula)))) + strings.Repeat("\x00", 8) + "\xFF\xFF\xFF\xFF"
	value := strings.Repeat("\x00", 20) + string(binary.LittleEndian.AppendUint32(nil, uint32(len(formula))))
	return putRecord(recBeginRules, nil) + putRecord(recBeginRule, []byte(head+formula)) + putRecord(recRuleValue, []byte(value+formula)) + putRecord(recEndRules, nil)
}

// binaryCheck is a check of what is typed into one cell.
func binaryCheck(first, second string) string {
	head := "\x03\x00\x00\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 16) + "\xFF\xFF\xFF\xFF" + string(wide("title")) + strings.Repeat("\xFF", 8)
	return putRecord(recBeginChecks, nil) + putRecord(recCheck, []byte(head+first+second)) + putRecord(recEndChecks, nil)
}

func xlsb(names, rows string, pieces ...piece) pkg {
	sheet := piece{name: "xl/worksheets/sheet1.bin", mime: "application/vnd.ms-excel.worksheet", rel: offRel + "worksheet", id: "s1", body: rows}
	bundle := putRecord(recBundleSheet, []byte("\x00\x00\x00\x00\x01\x00\x00\x00"+string(wide("s1"))+string(wide("One"))))
	return pkg{"xl/workbook.bin", binaryMain, bundle + names, append([]piece{sheet}, pieces...)}
}

func TestBinaryWorkbook(t *testing.T) {
	const future = 1<<17 | 1<<3 | 1<<1
	var (
		local  = binaryCell(0x44, 1, 0, 0, 0, 1, 0xC0)          // a cell of this sheet
		other  = binaryCell(0x5A, 0, 0, 0, 0, 0, 0, 2, 0)       // a cell of sheet 0 of the table
		named  = binaryCell(0x23, 1, 0, 0, 0, 0x42, 1, 0xFF, 0) // the first name
		call   = binaryCell(0x1E, 1, 0, 0x42, 1, 150, 0)        // CALL
		shares = binaryCell(0x01, 0, 0, 0, 0)                   // what a cell above has
		shared = putRecord(recSharedFmla, []byte(strings.Repeat("\x00", 16)+parsed(0x1E, 1, 0, 0x42, 1, 150, 0)))
		value  = putRecord(recCellBool, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
		link   = piece{id: "x1", rel: offRel + "externalLink", name: "xl/externalLinks/externalLink1.bin", mime: "application/vnd.ms-excel.externalLink", body: canary}
		book   = putRecord(recSupBookSrc, wide("x1"))
	)
	const arrayOfText = "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x04\x00\\\x00\\\x00h\x00\\\x00"
	head := "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"
	hyper := append([]byte{0x60}, append(make([]byte, 14), 0x42, 1, 0x67, 1)...)
	fromArray := putRecord(recFmlaBool, []byte(head+parsed(hyper...)[:4+len(hyper)]+string(binary.LittleEndian.AppendUint32(nil, uint32(len(arrayOfText))))+arrayOfText))
	longer := putRecord(recFmlaBool, []byte(head+parsed(0x1E, 1, 0)+canary))
	place := func(at string) string {
		return putRecord(recHLink, []byte(strings.Repeat("\x00", 16)+string(wide(""))+string(wide(at))+string(wide(""))+string(wide(""))))
	}
	for _, c := range []struct {
		name, names, rows, want string
		pieces                  []piece
	}{
		{"a rule that calls", "", local + binaryRule(parsed(0x1E, 1, 0, 0x42, 1, 150, 0)), local, nil},
		{"a rule that is cut off", "", local + putRecord(recBeginRules, nil) + putRecord(recBeginRule, []byte(canary)) + putRecord(recEndRules, nil), local, nil},
		{"a check that calls", "", binaryCheck(parsed(0x1E, 1, 0, 0x42, 1, 150, 0), parsed()) + local, local, nil},
		{"a check whose second formula calls", "", binaryCheck(parsed(0x1E, 1, 0), parsed(0x1E, 1, 0, 0x42, 1, 150, 0)) + local, local, nil},
		{"a check with a text behind it", "", binaryCheck(parsed(0x1E, 1, 0), parsed()+canary) + local, local, nil},
		{"a call", "", local + call, local + value, nil},
		{"a shared call", "", local + shares + shared + local, local + value + local, nil},
		{"a link whose address is in an array", "", fromArray, value, nil},
		{"bytes behind a formula", "", longer, putRecord(recFmlaBool, []byte(head+parsed(0x1E, 1, 0))), nil},
		{"a record that nobody knows", "", local + putRecord(1999, []byte(canary)), local, nil},
		{"an object that is nowhere", "", putRecord(recBeginOLE, nil) + putRecord(recOLE, []byte(strings.Repeat("\x01\x00\x00\x00", 3)+string(wide(canary))+parsed()+string(wide("rId9")))) + putRecord(recEndOLE, nil) + local, local, nil},
		{"a control that is nowhere", "", putRecord(recBeginControl, nil) + putRecord(recControl, []byte("\x01\x00\x00\x00"+string(wide("rId9"))+string(wide(canary)))) + putRecord(recEndControl, nil) + local, local, nil},
		{"a place that is an address", "", place("One!A1") + place(`\\h\`+canary), place("One!A1"), nil},
		{"a link", book, local + other, local + value, []piece{link}},
		{"a function that nobody knows, beside a link", book + binaryName(future, "_xlfn.NEW", parsed(0x1C, 0x1D)), named + other, named + value, []piece{link}},
		{"a name of the other workbook", book + binaryName(0, "far", parsed(0x3A, 0, 0, 0, 0, 0, 0, 2, 0)), named + local, value + local, []piece{link}},
		{"a name that calls", binaryName(0, "far", parsed(0x1E, 1, 0, 0x42, 1, 150, 0)), named + local, value + local, nil},
		{"a function that fetches", binaryName(future, "_xlfn.WEBSERVICE", parsed(0x1C, 0x1D)), named + local, value + local, nil},
	} {
		r, _, err := run(t, xlsb(c.names, c.rows, c.pieces...).bytes(t))
		if err != nil || !r.Changed() {
			t.Fatalf("%s: %v, changed %v", c.name, err, r.Changed())
		}
		files := unzip(t, r.Data)
		if got := files["xl/worksheets/sheet1.bin"]; got != c.want {
			t.Errorf("%s: the sheet is %x, want %x", c.name, got, c.want)
		}
		if at := survives(files); at != "" {
			t.Errorf("%s: the canary is in %s", c.name, at)
		}
		again, _, err := run(t, r.Data)
		if err != nil || again.Changed() {
			t.Errorf("%s: a second run: %v, changed %v", c.name, err, again.Changed())
		}
	}
}

// Rules and checks that only compute stay.
func TestBinaryRules(t *testing.T) {
	rows := binaryRule(parsed(0x1E, 1, 0)) + binaryCheck(parsed(0x44, 1, 0, 0, 0, 1, 0xC0), parsed()) + binaryCell(0x1D, 1)
	if r, _, err := run(t, xlsb("", rows).bytes(t)); err != nil || r.Changed() {
		t.Errorf("%v, changed %v", err, r.Changed())
	}
}

func TestBinaryNames(t *testing.T) {
	const procedure, future = 1 << 3, 1<<17 | 1<<3 | 1<<1
	plain := parsed(0x1C, 0x1D)
	for _, c := range []struct{ name, in, want string }{
		{"a function of a newer Excel", binaryName(future, "_xlfn.XLOOKUP", plain), binaryName(future, "_xlfn.XLOOKUP", plain)},
		{"what runs by itself", binaryName(0, "Auto_Open", plain), binaryName(0, "xxxxxxxxx", plain)},
		{"a macro", binaryName(procedure, "_run", plain), binaryName(0, "_r1", plain+"\xFF\xFF\xFF\xFF")},
		{"a call", binaryName(0, "far", parsed(0x1E, 1, 0, 0x42, 1, 150, 0)), binaryName(0, "far", plain)},
		{"a macro that says that it is a newer function", binaryName(future, "run", plain), binaryName(future&^procedure, "_r1", plain+"\xFF\xFF\xFF\xFF")},
	} {
		r, _, err := run(t, xlsb(c.in, binaryCell(0x1D, 1)).bytes(t))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if c.in == c.want {
			if r.Changed() {
				t.Errorf("%s: changed", c.name)
			}
			continue
		}
		if got := unzip(t, r.Data)["xl/workbook.bin"]; !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// FuzzRecords feeds names and cells to a workbook that loses a link; what comes out is settled.
func FuzzRecords(f *testing.F) {
	book := putRecord(recSupBookSrc, wide("x1"))
	link := piece{id: "x1", rel: offRel + "externalLink", name: "xl/externalLinks/externalLink1.bin", mime: "application/vnd.ms-excel.externalLink", body: canary}
	plain := parsed(0x1C, 0x1D)
	f.Add([]byte(binaryName(1<<17|1<<3, "_xlfn.NEW", plain)+binaryName(0, "Auto_Open", plain)), []byte(binaryCell(0x23, 1, 0, 0, 0, 0x42, 1, 0xFF, 0)+binaryCell(0x17, 1, 0, 65, 0)))
	f.Add([]byte{}, []byte(putRecord(recSharedFmla, []byte(strings.Repeat("\x00", 16)+parsed(0x1E, 1, 0)))+binaryCell(0x01, 0, 0, 0, 0)+binaryCell(0x19, 4, 2, 0, 0, 0, 0, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, names, rows []byte) {
		r, _, err := run(t, xlsb(book+string(names), string(rows), link).bytes(t))
		if err != nil || !r.Changed() {
			return
		}
		if again, _, err := run(t, r.Data); err == nil && again.Changed() {
			if r, _, err = run(t, again.Data); err == nil && r.Changed() {
				t.Errorf("a third run changes it: %x %x", names, rows)
			}
		}
	})
}
