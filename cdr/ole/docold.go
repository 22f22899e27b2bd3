package ole

import (
	"bytes"
	"encoding/binary"

	"icapd/cdr/kit"
)

// Documents of Word 6 and Word 95 have one stream for all: the block of what is where, the text, its tables and the
// pictures. The block has the pairs of offset and length that it has today, in the same order, but in other places,
// and characters are bytes, or 16 bits each in the versions for East Asia.
const (
	oldMagic     = 0xA5DC
	oldMagicAsia = 0xA697 // up to 0xA699
	oldFirst     = 101    // the number of the version: Word 6
	oldLast      = 105
	oldHead      = 0x2AA
	oldText      = 0x18 // where the text begins and ends
	oldCounts    = 0x34
	oldPairs     = 0x58
	oldGapFrom   = 38 // some other values stand between the pairs, in front of this one
	oldGap       = 10
	oldPairCount = 62
	oldWide      = 0x1000 // a flag: characters have 16 bits

	oldPicture = 68 // a property of characters: where the picture is
)

func isOldWord(main []byte) bool {
	le := binary.LittleEndian
	if len(main) < oldHead {
		return false
	}
	magic, version := le.Uint16(main), le.Uint16(main[2:])
	return (magic == oldMagic || magic >= oldMagicAsia && magic <= oldMagicAsia+2) && version >= oldFirst && version <= oldLast
}

func oldPair(n int) int {
	at := oldPairs + 8*n
	if n >= oldGapFrom {
		at += oldGap
	}
	return at
}

// openOld does what open does. Macros of these versions are programs whose places are not told by the block alone: a
// document with some, or with commands of its own, is not made safe.
func (w *wordDocument) openOld() (*entry, error) {
	le := binary.LittleEndian
	w.old, w.pairs = true, oldPairCount
	if le.Uint16(w.main[fibFlags:])&flagCrypt != 0 {
		return nil, kit.Encrypted("the document is encrypted")
	}
	main := w.d.root.find("WordDocument")
	w.name, w.table = main.name, w.main
	commands := w.pair(pairCmds)
	const texts = 3 // of macros: their number among the texts
	if !harmlessCommands(commands) || w.pair(pairMacros) != nil || le.Uint32(w.main[oldCounts+4*texts:]) != 0 {
		return nil, kit.Unsupported("a document of Word 6 or 95 with macros or commands of its own")
	}
	return main, nil
}

func (w *wordDocument) wideOld() bool {
	return binary.LittleEndian.Uint16(w.main[fibFlags:])&oldWide != 0
}

// onePiece is the text of a document that was saved as a whole.
func (w *wordDocument) onePiece() error {
	le := binary.LittleEndian
	from, to := int64(le.Uint32(w.main[oldText:])), int64(le.Uint32(w.main[oldText+4:]))
	if from > to || to > int64(len(w.main)) || from < oldPairs {
		return kit.Corrupt("the text is outside of the document")
	}
	p := piece{to: int(to - from), at: int(from), wide: w.wideOld()}
	if p.wide {
		p.to /= 2
	}
	w.pieces = []piece{p}
	return nil
}

// oldPictures takes away the names of files that are shown in the text, and of which the document has no copy.
func (w *wordDocument) oldPictures() error {
	if w.d.job.Switches.RemoteImages == kit.ChoiceAllow {
		return nil
	}
	le := binary.LittleEndian
	plc := w.pair(pairChpx)
	count := max(0, (len(plc)-4)/6)
	for i := range count {
		if err := w.d.ctx.Err(); err != nil {
			return err
		}
		at := int(le.Uint16(plc[4*(count+1)+2*i:])) * pageSize
		if at+pageSize > len(w.main) {
			continue
		}
		eachInPage(w.main[at:at+pageSize], func(_ int, list []byte) {
			if at, ok := oldPlace(list); ok {
				w.oldFile(at)
			}
		})
	}
	return nil
}

// oldPlace finds in the properties of characters where their picture is. Which of the other properties have how many
// bytes does not matter for that: its number is followed by the length that it always has.
func oldPlace(list []byte) (at uint32, ok bool) {
	i := bytes.Index(list, []byte{oldPicture, 4})
	if i < 0 || i+6 > len(list) {
		return 0, false
	}
	return binary.LittleEndian.Uint32(list[i+2:]), true
}

// oldFile empties the name of the file that is shown at a place, if it is elsewhere.
func (w *wordDocument) oldFile(at uint32) {
	const modeFile, modeTIFF = 94, 98
	le := binary.LittleEndian
	if int64(at)+8 > int64(len(w.main)) {
		return
	}
	p := w.main[at:]
	size, head := int64(le.Uint32(p)), int64(le.Uint16(p[4:]))
	if mode := le.Uint16(p[6:]); mode != modeFile && mode != modeTIFF || size > int64(len(p)) || head >= size {
		return
	}
	if name := p[head:size]; bytes.ContainsAny(name, `\/:`) {
		clear(name)
		w.changed = true
		w.d.removed(vectorImage, w.name, kit.ActionNeutralised, "")
	}
}

// oldAssociated does what associated does with texts of bytes, each of which begins with its length.
func (w *wordDocument) oldAssociated() {
	b := w.pair(pairAssoc)
	if len(b) < 2 {
		return
	}
	rest := b[2:]
	for i := 0; len(rest) > 0; i++ {
		n := 1 + int(rest[0])
		if n > len(rest) {
			return
		}
		if text := rest[1:n]; leadsAway(i, string(text)) {
			for k := range text {
				text[k] = ' '
			}
			w.changed = true
			w.d.removed(vectorTemplate, w.name, kit.ActionRemoved, "")
		}
		rest = rest[n:]
	}
}
