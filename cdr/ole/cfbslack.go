package ole

import "encoding/binary"

// slack looks where no reader does, for what somebody put there: the header and what fills its sector, entries of tables for sectors
// that the file does not have, unused entries of the directory, sectors that are free. What is left there of streams that were
// deleted is no reason to write a document anew.
func (r *reader) slack() {
	const class, reserved, entries = 8, 34, 76
	tables := entries + 4*min(int(r.u32(44)), headerDIFAT)
	r.unread(!r.miniText || r.miniJunk)
	r.unread(blank(r.data[class:class+16]) && blank(r.data[reserved:reserved+6]) && blank(r.data[tables:headerSize]))
	r.unread(blank(r.data[headerSize:min(max(headerSize, 1<<r.shift), len(r.data))]))
	var tail []byte
	for _, n := range r.fat[min(len(r.fat), int(r.sectors)):] {
		tail = binary.LittleEndian.AppendUint32(tail, n)
	}
	r.unread(!planted(tail))
	for i := range r.seen {
		r.unread(!r.strangeEntry(r.dir[i*dirEntrySize:][:dirEntrySize]))
	}
	for n := range r.sectors {
		if !r.used[n] && (int(n) >= len(r.fat) || r.fat[n] == sectorFree) {
			r.unread(!planted(r.sector(n)))
		}
	}
	for i, used := range r.miniUsed {
		if !used {
			r.unread(!planted(r.mini[i*miniSize : min((i+1)*miniSize, len(r.mini))]))
		}
	}
}

// strangeEntry reports whether text stands in an entry of the directory that is not in use, behind a name, or where times are.
func (r *reader) strangeEntry(b []byte) bool {
	const nameSize, times, start = 64, 100, 116
	if b[66] != kindStorage && b[66] != kindStream && b[66] != kindRoot {
		return planted(b)
	}
	n := min(int(binary.LittleEndian.Uint16(b[nameSize:])), nameSize)
	return planted(b[n:nameSize]) || planted(b[times:start])
}

// miniRest notes what stands behind the end of a small stream. Outlook once left there what was in memory, and some of that is text.
func (r *reader) miniRest(b []byte) {
	switch {
	case planted(b):
		r.miniText = true
	case !blank(b):
		r.miniJunk = true
	}
}
