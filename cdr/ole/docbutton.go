package ole

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// noMacro is the name that MACROBUTTON has where nothing is run: templates mark by it where to type.
const noMacro = "MACROBUTTON NoMacro"

// unbutton makes a MACROBUTTON field without a result one that runs nothing, and shows what it did: the words behind the name,
// which stay where they are. It reports false, and changes nothing, if there are none, other fields between them, or no room.
func (w *wordDocument) unbutton(f openField, end int) bool {
	instruction := string(utf16.Decode(f.code))
	_, _, to, ok := kit.MacroButtonText(instruction)
	if !ok || len(f.code) != end-f.begin-1 {
		return false
	}
	units := len(utf16.Encode([]rune(instruction[:to]))) // of the name and what is in front of it
	if units < len(noMacro) {
		return false
	}
	text := strings.Repeat(" ", units-len(noMacro)) + noMacro
	for i := range units {
		at, size := w.offset(f.begin + 1 + i)
		if size == 0 {
			return false
		}
		if size == 2 {
			binary.LittleEndian.PutUint16(w.main[at:], uint16(text[i]))
			continue
		}
		w.main[at] = text[i]
	}
	w.written += units
	return true
}
