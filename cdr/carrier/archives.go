package carrier

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime/debug"
	"strings"
	"unicode"

	"icapd/internal/lenient"
	"icapd/scan"
)

// tidyLimit is the size of the largest archive that is written anew, which is done in memory.
const tidyLimit = 256 << 20

// maxEntries bounds the memory that the directory of a zip takes.
const maxEntries = 200_000

var errTooMany = fmt.Errorf("a zip of more than %d entries is not written anew", maxEntries)

// errShared is of an archive that would grow when it is written anew, by any factor.
var errShared = errors.New("files of the archive share their bytes, or have holes")

// errTwins is of an archive that does not say which of its files is meant.
var errTwins = errors.New("two files of the archive have one name")

var errTooLarge = fmt.Errorf("an archive of more than %d MiB is not written anew", tidyLimit>>20)

// tidy returns an archive without what readers do not show: bytes around it, comments, extra fields of zip entries, and
// members that are no files or have names that no file may have; and a mail without addresses that complete others. It
// returns nil if there is nothing of the kind, and an error if the archive cannot be read or is too large; the caller has
// no output then.
func tidy(it *scan.Item) (fresh []byte, err error) {
	defer func() { // whoever surveys items has nobody around to do so
		if p := recover(); p != nil {
			fresh, err = nil, &scan.PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	if aside(it) {
		return []byte{}, nil
	}
	switch it.Type {
	case "application/zip", "application/x-tar", "application/gzip", "application/zstd", "application/x-lz4", "message/rfc822":
	case "application/octet-stream", "text/plain": // readers of zip look for the directory from the end
		if it.Parent != nil || !endsAsZip(it.Blob) {
			return nil, nil
		}
	default:
		return nil, nil
	}
	data, err := it.Blob.Bytes()
	if err != nil {
		return nil, err
	}
	switch it.Type {
	case "application/x-tar":
		return tidyTar(data)
	case "application/gzip":
		return tidyGzip(data)
	case "application/zstd", "application/x-lz4":
		return withoutSkipped(data), nil
	case "message/rfc822":
		return tidyMail(data), nil
	}
	return tidyZip(data)
}

// aside reports whether an item is what a mail has where one reader looks and another does not: around its parts, or behind the
// padding of base64, where some go on.
func aside(it *scan.Item) bool { return aroundParts(it) || behindPadding(it) }

func behindPadding(it *scan.Item) bool {
	return it.Parent != nil && it.Blob.Size() > 0 && inHolder(it) && strings.HasSuffix(it.Path, "(behind the padding)")
}

// aroundParts reports whether an item is the text in front of the parts of a mail, or behind them, where no reader looks
// and programs leave at most a line.
func aroundParts(it *scan.Item) bool {
	if it.Name != "" || it.Claimed != "" || it.Blob.Size() == 0 || !inHolder(it) {
		return false
	}
	return it.Path == it.Parent.Path+"/preamble" || it.Path == it.Parent.Path+"/epilogue"
}

func endsAsZip(b scan.Blob) bool {
	const most = 1<<16 + 22
	tail := make([]byte, min(b.Size(), most))
	if n, err := b.ReadAt(tail, b.Size()-int64(len(tail))); n < len(tail) || err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if !bytes.Contains(tail, []byte("PK\x05\x06")) {
		return false
	}
	if data, err := b.Bytes(); err != nil || bytes.Count(data, []byte(entryMark)) > maxEntries {
		return err == nil // tidyZip says why it is not read
	}
	r, err := zip.NewReader(b, b.Size())
	return (err == nil || errors.Is(err, zip.ErrInsecurePath)) && len(r.File) > 0
}

// plainExtra are the fields of zip entries that archivers write by themselves, with the size up to which they are what
// they say: Zip64, NTFS times, Unix times, owners, the mark of Java, padding of Android, names in Unicode.
var plainExtra = map[uint16]int{
	0x0001: 28, 0x000a: 36, 0x5455: 13, 0x5855: 12, 0x7855: 8, 0x7875: 16, 0xcafe: 0, 0xd935: 0, 0x000d: 12, unicodeName: 512, 0x6375: 0,
}

// unicodeName is the field that holds an entry's name in UTF-8, for those who do not know the archive's alphabet.
const unicodeName = 0x7075

func plainExtras(b []byte) bool {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		most, known := plainExtra[id]
		if !known || n > most || n > len(b)-4 {
			return false
		}
		b = b[4+n:]
	}
	return len(bytes.Trim(b, "\x00")) == 0
}

// keptExtras are the fields that say what an entry is called: without its Unicode name, one from another alphabet could
// not be read.
func keptExtras(b []byte) []byte {
	for len(b) >= 4 {
		n := 4 + int(binary.LittleEndian.Uint16(b[2:]))
		if n > len(b) {
			break
		}
		if binary.LittleEndian.Uint16(b) == unicodeName && n <= 4+plainExtra[unicodeName] {
			return bytes.Clone(b[:n])
		}
		b = b[n:]
	}
	return nil
}

const (
	localHead = 30 // bytes of an entry's own header, before its name
	localMark = "PK\x03\x04"
	endHead   = 22 // bytes of the record at the archive's end, before its comment
	endMark   = "PK\x05\x06"
	entryMark = "PK\x01\x02" // before each entry of the directory
)

// tidyZip copies the packed bytes of each entry.
func tidyZip(data []byte) ([]byte, error) {
	if bytes.Count(data, []byte(entryMark)) > maxEntries {
		return nil, errTooMany
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	again, err := twins(r.File, uint64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(again) == 0 && !dirtyZip(data, r) {
		return nil, nil
	}
	if len(data) > tidyLimit {
		return nil, errTooLarge
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	packed := uint64(0)
	for _, f := range r.File {
		if oddName(f.Name) || !plainMode(f) || again[f] {
			continue
		}
		if packed += f.CompressedSize64; packed > uint64(len(data)) {
			return nil, errShared
		}
		h := f.FileHeader
		h.Extra, h.Comment = keptExtras(h.Extra), ""
		if f.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			h.SetMode(f.Mode() &^ (fs.ModeSetuid | fs.ModeSetgid))
		}
		to, err := w.CreateRaw(&h)
		if err != nil {
			return nil, err
		}
		from, err := f.OpenRaw()
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(to, from); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// twins returns an error if two files of an archive have one name, or names that are one to many systems, and differ: who
// looks at the first and who unpacks the last see two archives. It returns the files that stand in it again, byte by byte
// the same under the same name. An archive of size bytes in which they have more than that share them: errShared.
func twins(files []*zip.File, size uint64) (again map[*zip.File]bool, err error) {
	names := make(map[string]*zip.File, len(files))
	for _, f := range files {
		name := lenient.Name(f.Name)
		before := names[name]
		names[name] = f
		if before == nil {
			continue
		}
		same := before.CRC32 == f.CRC32 && before.UncompressedSize64 == f.UncompressedSize64
		if same && before.Name == f.Name { // sums can be made to agree
			if f.CompressedSize64 > size {
				return nil, errShared
			}
			size -= f.CompressedSize64
			if same, err = samePacked(before, f); err != nil {
				return nil, err
			}
			if again == nil {
				again = map[*zip.File]bool{}
			}
			again[f] = true
		}
		if !same {
			return nil, fmt.Errorf("%w: %.100q", errTwins, name)
		}
	}
	return again, nil
}

// samePacked reports whether two files of a zip are packed in the same way into the same bytes.
func samePacked(a, b *zip.File) (bool, error) {
	if a.Method != b.Method || a.CompressedSize64 != b.CompressedSize64 {
		return false, nil
	}
	one, err := a.OpenRaw()
	if err != nil {
		return false, err
	}
	other, err := b.OpenRaw()
	if err != nil {
		return false, err
	}
	var p, q [4 << 10]byte
	for {
		n, err := io.ReadFull(one, p[:])
		if m, _ := io.ReadFull(other, q[:]); !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func dirtyZip(data []byte, r *zip.Reader) bool {
	end := bytes.LastIndex(data, []byte(endMark))
	if end < 0 || end+endHead > len(data) || r.Comment != "" || len(bytes.Trim(data[end+endHead:], "\x00")) > 0 {
		return true
	}
	if le := binary.LittleEndian; le.Uint32(data[end+12:]) == math.MaxUint32 || le.Uint32(data[end+16:]) == math.MaxUint32 {
		return true // of ZIP64, which it is too small for: others see no archive, or another one
	}
	starts := make(map[int64]string, len(r.File)) // where the entries' packed bytes begin, and what they are called
	for _, f := range r.File {
		at, err := f.DataOffset()
		if err != nil || f.Comment != "" || !plainExtras(f.Extra) || oddName(f.Name) || !plainMode(f) || f.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			return true
		}
		starts[at] = f.Name
	}
	if _, ok := starts[headerSize(data)]; len(r.File) > 0 && !ok || len(r.File) == 0 && end != 0 {
		return true // it does not begin with an entry
	}
	return gapsInZip(data, r.File, int64(binary.LittleEndian.Uint32(data[end+16:]))) || !plainLocals(data, starts)
}

// plainMode reports whether an entry is a file or a folder, and no link, device or pipe.
func plainMode(f *zip.File) bool { return f.Mode()&fs.ModeType&^fs.ModeDir == 0 }

// headerSize returns the size of the local header with which b begins, and 0 if it begins with none.
func headerSize(b []byte) int64 {
	if len(b) < localHead || string(b[:len(localMark)]) != localMark {
		return 0
	}
	return localHead + int64(binary.LittleEndian.Uint16(b[26:])) + int64(binary.LittleEndian.Uint16(b[28:]))
}

// plainLocals reports whether the extra fields of the local headers that end where packed bytes begin are plain, and the
// names those of the directory: who unpacks a stream goes by them. They may say other things than the directory, and may
// themselves hold what looks like a header: all must be plain.
func plainLocals(data []byte, starts map[int64]string) bool {
	for i := 0; ; i++ {
		n := bytes.Index(data[i:], []byte(localMark))
		if n < 0 {
			return true
		}
		i += n
		size := headerSize(data[i:])
		name, ok := starts[int64(i)+size]
		if size == 0 || !ok {
			continue
		}
		head := data[i : int64(i)+size]
		named := localHead + int(binary.LittleEndian.Uint16(head[26:]))
		if string(head[localHead:named]) != name || !plainExtras(head[named:]) {
			return false
		}
	}
}

// reserved are names of devices, by which Windows opens no file.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}

// oddName reports whether a member's name leads out of the folder that it is unpacked in, is one that systems open
// something else by, or is not what it looks like.
func oddName(name string) bool {
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || turns(r) }) {
		return true
	}
	name = strings.ReplaceAll(name, `\`, "/")
	if strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':' {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		stem, _, _ := strings.Cut(strings.ToLower(part), ".")
		stem = strings.TrimRight(stem, " ")
		port := len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && stem[3] >= '0' && stem[3] <= '9'
		if part == ".." || reserved[stem] || port {
			return true
		}
	}
	return false
}

// turns reports whether a character shows what follows in another order: embeddings, overrides and isolates. Marks of
// direction are what names in Hebrew and Arabic have.
func turns(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// tidyTar writes files and folders again, with their names and times, each once. Holes of sparse files are written, too, as
// far as that makes it no larger than it was.
func tidyTar(data []byte) ([]byte, error) {
	dirty, err := dirtyTar(data)
	if !dirty || err != nil {
		return nil, err
	}
	if len(data) > tidyLimit {
		return nil, errTooLarge
	}
	var out bytes.Buffer
	files, written := int64(0), map[string]bool{}
	w := tar.NewWriter(&out)
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, err
		}
		if !plainMember(h) || written[h.Name] { // dirtyTar has seen that it is the same again
			continue
		}
		written[h.Name] = true
		fresh := &tar.Header{Typeflag: tar.TypeReg, Name: h.Name, Size: h.Size, Mode: h.Mode & 0o777, ModTime: h.ModTime}
		if h.Typeflag == tar.TypeDir {
			fresh.Typeflag, fresh.Size = tar.TypeDir, 0
		}
		if files += fresh.Size; fresh.Size > int64(len(data)) || files > int64(len(data)) {
			return nil, errShared
		}
		if err := w.WriteHeader(fresh); err != nil {
			return nil, err
		}
		if _, err := io.CopyN(w, r, fresh.Size); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// dirtyTar reports whether there is what is no file or folder, a header of pax that says what somebody typed, a name that
// no file may have, a program that would run as somebody else, a member that stands in it again, or bytes behind the end.
// Two of one name that are not byte by byte the same are an error.
func dirtyTar(data []byte) (bool, error) {
	src := bytes.NewReader(data)
	r := tar.NewReader(src)
	files, dirty := map[string]tarMember{}, false
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dirty || len(bytes.Trim(data[len(data)-src.Len():], "\x00")) > 0, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return false, err
		}
		plain := plainMember(h)
		dirty = dirty || !plain || oddRecords(h.PAXRecords) || h.Mode&0o6000 != 0
		if !plain {
			continue
		}
		at, f := len(data)-src.Len(), tarMember{name: h.Name, kind: h.Typeflag}
		if h.Typeflag == tar.TypeReg {
			end := min(int64(len(data)), int64(at)+h.Size)
			f.body = data[at:end]
			dirty = dirty || !blank(data[end:min(int64(len(data)), (end+tarBlock-1)/tarBlock*tarBlock)])
		}
		name := lenient.Name(h.Name)
		if before, ok := files[name]; ok {
			if !before.same(f) {
				return true, fmt.Errorf("%w: %.100q", errTwins, name)
			}
			dirty = dirty || before.name == f.name
		}
		files[name] = f
	}
}

// tarBlock is the size of the pieces that a tar archive is made of, in bytes.
const tarBlock = 512

// blank reports whether bytes are zeros, or few: some archivers leave what was in their memory behind the end of a file.
func blank(b []byte) bool { return len(bytes.Trim(b, "\x00")) < leastHidden }

// leastHidden is how many bytes are more than chance, where nothing should be.
const leastHidden = 12

// tarMember is what two members of one name are compared by.
type tarMember struct {
	name string
	kind byte
	body []byte // of plain files
}

// same reports whether two members make the same file or folder. Of those with holes nobody compares the bytes.
func (m tarMember) same(o tarMember) bool {
	switch {
	case m.kind != o.kind:
		return false
	case m.kind == tar.TypeReg:
		return bytes.Equal(m.body, o.body)
	}
	return m.kind == tar.TypeDir
}

// plainMember reports whether a member is a folder, or has bytes that readers show (also one with holes, or one that is to
// lie in one piece), under a name that a file may have.
func plainMember(h *tar.Header) bool {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont, tar.TypeDir:
		return !oddName(h.Name)
	}
	return false
}

// plainRecords are the pax headers that are about a member's name, size, owner and times.
var plainRecords = map[string]bool{
	"path": true, "linkpath": true, "size": true, "uid": true, "gid": true, "uname": true, "gname": true, "mtime": true, "atime": true,
	"ctime": true, "hdrcharset": true, "charset": true, "LIBARCHIVE.creationtime": true, "SCHILY.dev": true, "SCHILY.ino": true,
	"SCHILY.nlink": true, "SCHILY.fflags": true,
}

// oddRecords reports whether a pax header says what somebody typed.
func oddRecords(records map[string]string) bool {
	for key := range records {
		if !plainRecords[key] && !strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}
