package content

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"icapd/internal/deflate"
	"icapd/scan"
)

// zipWriter writes an archive with some members replaced.
type zipWriter struct {
	t       *Tree
	d       *zipDir
	src     scan.Blob
	changed map[int]*node

	comments map[zipComment][]byte // those that change
	shifts   []zipShift
	fresh    map[int]zipFresh
}

// zipShift says that what stood at or behind an offset stands delta bytes further.
type zipShift struct{ from, delta int64 }

// zipFresh is what is new about a replaced member.
type zipFresh struct {
	crc          uint32
	packed, size int64
	method       uint16
	name         string
}

func (z *zipWriter) write(ctx context.Context, dst io.Writer) error {
	z.fresh = map[int]zipFresh{}
	order := make([]int, 0, len(z.changed))
	for i := range z.changed {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(z.d.entries[a].local, z.d.entries[b].local) })
	var at, delta int64
	for _, i := range order {
		e := &z.d.entries[i]
		if err := copyRange(ctx, dst, z.src, at, e.local); err != nil {
			return err
		}
		n, err := z.member(ctx, dst, i)
		if err != nil {
			return err
		}
		at = e.end
		delta += n - (e.end - e.local)
		z.shifts = append(z.shifts, zipShift{from: e.end, delta: delta})
	}
	if err := copyRange(ctx, dst, z.src, at, z.d.start); err != nil {
		return err
	}
	return z.directory(dst)
}

// member writes one replaced member and returns how long it is.
func (z *zipWriter) member(ctx context.Context, dst io.Writer, i int) (int64, error) {
	e, k := &z.d.entries[i], z.changed[i]
	head := readAt(z.src, e.local, int(e.data-e.local))
	nameLen := int(binary.LittleEndian.Uint16(head[26:]))
	f := zipFresh{method: 8, size: k.current().Size()}
	if k.newName != "" {
		f.name = renamed(e.name, k.newName)
	}
	if e.method == 0 {
		f.method = 0
	}
	data, err := z.compress(ctx, k.current(), &f)
	if err != nil {
		return 0, err
	}
	if f.packed > 0xfffffffe || f.size > 0xfffffffe {
		return 0, errZipWide
	}
	h := bytes.NewBuffer(nil)
	h.Write(head[:zipLocalLen])
	name := head[zipLocalLen : zipLocalLen+nameLen]
	if f.name != "" {
		name = []byte(f.name)
	}
	extra := withoutExtra64(head[zipLocalLen+nameLen:])
	h.Write(name)
	h.Write(extra)
	p := h.Bytes()
	flags := binary.LittleEndian.Uint16(p[6:]) &^ zipFlagDescriptor
	binary.LittleEndian.PutUint16(p[6:], flags)
	binary.LittleEndian.PutUint16(p[8:], f.method)
	binary.LittleEndian.PutUint32(p[14:], f.crc)
	binary.LittleEndian.PutUint32(p[18:], uint32(f.packed))   //nolint:gosec // checked above
	binary.LittleEndian.PutUint32(p[22:], uint32(f.size))     //nolint:gosec // checked above
	binary.LittleEndian.PutUint16(p[26:], uint16(len(name)))  //nolint:gosec // as long as one that fitted, or bounded
	binary.LittleEndian.PutUint16(p[28:], uint16(len(extra))) //nolint:gosec // not longer than it was
	z.fresh[i] = f
	if _, err := dst.Write(p); err != nil {
		return 0, err
	}
	return int64(len(p)) + f.packed, copyBlob(ctx, dst, data)
}

// compress makes a member's data and fills in what the headers say about it.
func (z *zipWriter) compress(ctx context.Context, b scan.Blob, f *zipFresh) (scan.Blob, error) {
	crc := crc32.NewIEEE()
	if f.method == 0 {
		f.packed = f.size
		err := copyBlob(ctx, crc, b)
		f.crc = crc.Sum32()
		return b, err
	}
	sp := z.t.group.New(0, "")
	fl, err := deflate.NewWriter(sp, deflate.Small)
	if err == nil {
		err = copyBlob(ctx, io.MultiWriter(crc, fl), b)
	}
	if err == nil {
		err = fl.Close()
	}
	sp.Finish(err)
	f.crc, f.packed = crc.Sum32(), sp.Size()
	return sp, err
}

// renamed gives an entry a new base name in its folder.
func renamed(old, fresh string) string {
	dir := old[:len(old)-len(lastElem(old))]
	return dir + headerName(fresh[:min(len(fresh), maxName)])
}

func lastElem(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' || name[i] == '\\' {
			return name[i+1:]
		}
	}
	return name
}

// withoutExtra64 leaves the ZIP64 field out: the sizes are in the header now.
func withoutExtra64(extra []byte) []byte {
	var out []byte
	for len(extra) >= 4 {
		n := 4 + int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra) {
			break
		}
		if binary.LittleEndian.Uint16(extra) != 1 {
			out = append(out, extra[:n]...)
		}
		extra = extra[n:]
	}
	return out
}

// moved returns where what stood at an offset stands now.
func (z *zipWriter) moved(off int64) int64 {
	delta := int64(0)
	for _, s := range z.shifts {
		if off >= s.from {
			delta = s.delta
		}
	}
	return off + delta
}

// directory writes the central directory and the end record.
func (z *zipWriter) directory(dst io.Writer) error {
	size := int64(0)
	for i := range z.d.entries {
		e := &z.d.entries[i]
		p := slices.Clone(e.central)
		if c, ok := z.comments[zipComment(i)]; ok {
			p = withComment(p, c)
		}
		if f, ok := z.fresh[i]; ok {
			p = freshCentral(p, &f)
		}
		off := z.moved(e.local) - z.d.base
		switch _, fresh := z.fresh[i]; {
		case off < 0:
			return errZipWrite
		case e.wide > 0 && !fresh:
			binary.LittleEndian.PutUint64(p[e.wide:], uint64(off))
		case off > 0xfffffffe:
			return errZipWide
		default:
			binary.LittleEndian.PutUint32(p[42:], uint32(off))
		}
		size += int64(len(p))
		if _, err := dst.Write(p); err != nil {
			return err
		}
	}
	start := z.moved(z.d.start) - z.d.base
	if start < 0 {
		return errZipWrite
	}
	if err := z.end64(dst, start, size); err != nil {
		return err
	}
	end := slices.Clone(z.d.end)
	if c, ok := z.comments[zipOwnComment]; ok {
		end = append(end[:zipEndLen:zipEndLen], c...)
		binary.LittleEndian.PutUint16(end[20:], uint16(len(c))) //nolint:gosec // see pack
	}
	for at, v := range map[int]int64{12: size, 16: start} {
		switch old := binary.LittleEndian.Uint32(end[at:]); {
		case old == 0xffffffff && z.d.wide:
		case v > 0xfffffffe:
			return errZipWide
		default:
			binary.LittleEndian.PutUint32(end[at:], uint32(v)) //nolint:gosec // checked above
		}
	}
	if _, err := dst.Write(end); err != nil {
		return err
	}
	return copyRange(context.Background(), dst, z.src, z.d.endAt+int64(len(z.d.end)), z.src.Size())
}

// end64 writes the ZIP64 end record and its locator (sections 4.3.14 and 4.3.15), if the archive has them: with what they
// had besides the place of the directory.
func (z *zipWriter) end64(dst io.Writer, start, size int64) error {
	if !z.d.wide {
		return nil
	}
	const most = 64 << 10
	n := z.d.endAt - z.d.wideAt
	if n < 56+20 || n > most {
		return errZipWrite
	}
	p := readAt(z.src, z.d.wideAt, int(n))
	if int64(len(p)) != n {
		return errZipWrite
	}
	binary.LittleEndian.PutUint64(p[40:], uint64(size))           //nolint:gosec // not negative
	binary.LittleEndian.PutUint64(p[48:], uint64(start))          //nolint:gosec // not negative
	binary.LittleEndian.PutUint64(p[n-20+8:], uint64(start+size)) //nolint:gosec // not negative
	_, err := dst.Write(p)
	return err
}

func freshCentral(p []byte, f *zipFresh) []byte {
	nameLen, extraLen := int(binary.LittleEndian.Uint16(p[28:])), int(binary.LittleEndian.Uint16(p[30:]))
	name := p[zipCentralLen : zipCentralLen+nameLen]
	extra := withoutExtra64(p[zipCentralLen+nameLen : zipCentralLen+nameLen+extraLen])
	comment := p[zipCentralLen+nameLen+extraLen:]
	if f.name != "" {
		name = []byte(f.name)
	}
	out := slices.Concat(p[:zipCentralLen], name, extra, comment)
	if binary.LittleEndian.Uint16(p[34:]) == 0xffff { // the number of the first disk, which stood in the ZIP64 field
		binary.LittleEndian.PutUint16(out[34:], 0)
	}
	binary.LittleEndian.PutUint16(out[8:], binary.LittleEndian.Uint16(p[8:])&^zipFlagDescriptor)
	binary.LittleEndian.PutUint16(out[10:], f.method)
	binary.LittleEndian.PutUint32(out[16:], f.crc)
	binary.LittleEndian.PutUint32(out[20:], uint32(f.packed))   //nolint:gosec // checked when it was written
	binary.LittleEndian.PutUint32(out[24:], uint32(f.size))     //nolint:gosec // checked when it was written
	binary.LittleEndian.PutUint16(out[28:], uint16(len(name)))  //nolint:gosec // see member
	binary.LittleEndian.PutUint16(out[30:], uint16(len(extra))) //nolint:gosec // not longer than it was
	return out
}
