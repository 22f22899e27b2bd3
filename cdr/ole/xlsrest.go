package ole

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"icapd/cdr/kit"
)

// Records that hold no cells and are judged by their shape.
const (
	recPrinter   = 0x004D
	recSXTable   = 0x00D0
	recSXTablePg = 0x00D2
	recRoute     = 0x00B8
	recRouteTo   = 0x00B9
	recWebOption = 0x080B
	recRealTime  = 0x0813
	recBookExt   = 0x0863
	recFeature11 = 0x0872
	recFeature12 = 0x0878

	bookExtMost   = 22 // [MS-XLS] 2.4.23
	featureIsList = 5  // ISFLIST, the only kind of feature in these records
)

// isKnownRecord reports whether a number is in one of the ranges that records of workbooks have had ([MS-XLS] 2.3.1 and
// the versions before it): sheets, what Excel 2000 and later added, charts. Excel skips others.
func isKnownRecord(op uint16) bool {
	return op < 0x0500 || op >= 0x0800 && op < 0x0900 || op >= 0x1000 && op < 0x1100
}

// misplaced returns why a record without cells goes, "" if it stays: it is none that a workbook has, it is not where
// it can stand, or its body is not what it says.
func (w *workbook) misplaced(i int) string {
	le := binary.LittleEndian
	body := w.recs[i].body
	switch op := w.recs[i].op; op {
	case recRoute, recRouteTo:
		return vectorRoute
	case recWebOption, recRealTime: // where the components for web pages are fetched from, and what servers of data are asked for
		return vectorConnection
	case recPrinter:
		if !isPrinter(body) {
			return vectorRecord
		}
	case recBookExt:
		if len(body) > bookExtMost {
			return vectorRecord
		}
	case recFeature11, recFeature12:
		if len(body) < 14 || le.Uint16(body[12:]) != featureIsList {
			return vectorRecord
		}
	case recSXString:
		if !w.belongs(i) {
			return vectorConnection
		}
	default:
		if !isKnownRecord(op) {
			return vectorRecord
		}
	}
	return ""
}

// belongs reports whether a SXSTRING follows a record that it continues.
func (w *workbook) belongs(i int) bool {
	for i--; i >= 0; i-- {
		switch op := w.recs[i].op; op {
		case recSXString, recContinue:
		default:
			return op >= recSXTable && op <= recSXTablePg || op == recParamQuery || op == recQSI
		}
	}
	return false
}

// Settings of a printer are a DEVMODE: 32 characters of its name, versions and sizes. Those of a Macintosh are a
// property list, or a record of 120 bytes.
const (
	printerName = 64
	printerMac  = 2 + 120
)

func isPrinter(body []byte) bool {
	if len(body) == printerMac || bytes.Contains(body[:min(len(body), 512)], []byte("<plist")) {
		return true
	}
	if len(body) < 2+printerName+8 {
		return false
	}
	le := binary.LittleEndian
	version, size := le.Uint16(body[2+printerName:]), le.Uint16(body[2+printerName+4:])
	return version >= 0x0300 && version <= 0x0600 && size > printerName && int(size) <= len(body)
}

// cutExternSheet takes out what is behind the references of a BIFF8 EXTERNSHEET, or all of one that has fewer than it
// says. It reports whether the record stays.
func (w *workbook) cutExternSheet(i int) bool {
	body := w.recs[i].body
	if len(body) < 2 {
		return true
	}
	want := 2 + 6*int(binary.LittleEndian.Uint16(body))
	switch {
	case len(body) == want, i+1 < len(w.recs) && w.recs[i+1].op == recContinue:
		return true
	case len(body) > want:
		w.gone(vectorRecord, "EXTERNSHEET", kit.ActionNeutralised, "")
		w.recs[i].body = body[:want]
		return true
	}
	w.gone(vectorRecord, "EXTERNSHEET", kit.ActionRemoved, "")
	w.cut(i)
	return false
}

// caches notes which streams of _SX_DB_CUR the pivot tables of a workbook use.
func (w *workbook) caches(used map[string]bool) {
	for i := range w.recs[:w.subs[0].to] {
		if r := &w.recs[i]; r.op == recSXStream && len(r.body) >= 2 {
			used[fmt.Sprintf("%04X", binary.LittleEndian.Uint16(r.body))] = true
		}
	}
}

// cutCaches takes out the caches that no pivot table uses.
func (d *document) cutCaches(used map[string]bool) {
	store := d.root.find("_SX_DB_CUR")
	if store == nil {
		return
	}
	store.drop(func(k *entry) bool {
		if used[strings.ToUpper(k.name)] {
			return false
		}
		d.removed(vectorOrphan, store.name+"/"+k.name, kit.ActionRemoved, "")
		return true
	})
}

// isRecords reports whether data is records to its end, zeros behind it apart.
func isRecords(data []byte) bool {
	for len(data) >= 4 && !blank(data) {
		n := 4 + int(binary.LittleEndian.Uint16(data[2:]))
		if n > len(data) || !isKnownRecord(normal(binary.LittleEndian.Uint16(data))) {
			return false
		}
		data = data[n:]
	}
	return blank(data)
}
