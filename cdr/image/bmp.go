package image

import (
	"bytes"
	"context"
	"encoding/binary"

	"icapd/cdr/kit"
)

// disarmBMP keeps the headers, the palette and the declared pixels, as BITMAPFILEHEADER and the headers after it
// ([MS-WMF] 2.2.2 and the Windows GDI reference) describe them.
func disarmBMP(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	const fileHeader = 14
	if len(data) < fileHeader+12 || data[0] != 'B' || data[1] != 'M' {
		return nil, kit.Corrupt("no BMP header")
	}
	d, err := parseDIB(job, data[fileHeader:], false)
	if err != nil {
		return nil, err
	}
	pixels := int64(binary.LittleEndian.Uint32(data[10:]))
	headers := int64(fileHeader + d.headers)
	if pixels < headers || pixels > int64(len(data)) {
		return nil, kit.Corrupt("the pixels begin at byte %d of %d", pixels, len(data))
	}
	end := pixels + d.pixels
	if d.pixels < 0 { // compressed: as many as the header says, or all there are
		end = int64(len(data))
		if d.declared > 0 {
			end = pixels + d.declared
		}
	}
	if end > int64(len(data)) {
		return nil, kit.Corrupt("%d bytes of pixels are missing", end-int64(len(data)))
	}
	// An ICC profile may stand behind the pixels; version 5 of the header says where. It goes with the rest.
	gap, tail := data[headers:pixels], data[end:]
	if padding(gap) && !d.profile && (padding(tail) || transparency(ctx, job, tail)) {
		return nil, nil
	}
	if !padding(gap) {
		job.Removed(vectorHidden, "before the pixels", kit.ActionRemoved, "")
	}
	if !padding(tail) || d.profile {
		job.Removed(vectorTrailing, "after the pixels", kit.ActionRemoved, "")
	}
	out := append(make([]byte, 0, end), data[:headers]...)
	out = append(out, data[pixels:end]...)
	binary.LittleEndian.PutUint32(out[2:], uint32(len(out))) //nolint:gosec // G115: shorter than the file, whose size was such a number
	binary.LittleEndian.PutUint32(out[6:], 0)
	binary.LittleEndian.PutUint32(out[10:], uint32(headers)) //nolint:gosec // G115: at most the old offset
	if d.profile {
		info := out[fileHeader:]
		copy(info[56:60], "BGRs") // LCS_sRGB, instead of a profile
		clear(info[112:120])
	}
	return out, nil
}

// transparency reports whether bytes are the mask that StarView and its heirs put behind a bitmap: two numbers, a 2, and
// another bitmap with nothing behind it, in which there is nothing to remove.
func transparency(ctx context.Context, job *kit.Job, p []byte) bool {
	mask, ok := bytes.CutPrefix(p, []byte("\x62\x19\x09\x25\x01\x02\xb2\xac\x02"))
	if !ok || bytes.HasPrefix(mask, []byte("BM")) && bytes.Contains(mask, []byte("\x62\x19\x09\x25")) { // one mask, not one behind another
		return false
	}
	out, err := disarmBMP(ctx, job, mask)
	return err == nil && out == nil
}

// dib is what a device-independent bitmap says about itself.
type dib struct {
	headers  int   // bytes of header, masks and palette
	pixels   int64 // bytes of pixels; -1 if compressed
	declared int64 // bytes of pixels as the header declares them; 0 if it does not
	profile  bool  // a colour profile, or the path to one, stands behind the pixels
}

// parseDIB reads the header of a bitmap. In an icon the height counts the mask below the picture, too.
func parseDIB(job *kit.Job, b []byte, icon bool) (dib, error) {
	size := int64(binary.LittleEndian.Uint32(b))
	if size > int64(len(b)) || size > 4096 {
		return dib{}, kit.Corrupt("a bitmap header of %d bytes", size)
	}
	var width, height, bits, compression, colours, declared int64
	entry := int64(4)
	switch {
	case size == 12:
		width, height = int64(binary.LittleEndian.Uint16(b[4:])), int64(int16(binary.LittleEndian.Uint16(b[6:]))) //nolint:gosec // G115: the field is signed
		bits, entry = int64(binary.LittleEndian.Uint16(b[10:])), 3
	case size >= 40:
		width = int64(int32(binary.LittleEndian.Uint32(b[4:])))  //nolint:gosec // G115: the field is signed
		height = int64(int32(binary.LittleEndian.Uint32(b[8:]))) //nolint:gosec // G115: the field is signed
		bits, compression = int64(binary.LittleEndian.Uint16(b[14:])), int64(binary.LittleEndian.Uint32(b[16:]))
		declared, colours = int64(binary.LittleEndian.Uint32(b[20:])), int64(binary.LittleEndian.Uint32(b[32:]))
	default:
		return dib{}, kit.Corrupt("a bitmap header of %d bytes", size)
	}
	if height < 0 {
		height = -height
	}
	if err := job.Image(width, height); err != nil {
		return dib{}, err
	}
	switch bits {
	case 0, 1, 2, 4, 8, 16, 24, 32:
	default:
		return dib{}, kit.Corrupt("%d bits a pixel", bits)
	}
	if bits > 0 && bits <= 8 && (colours == 0 || colours > 1<<bits) {
		colours = 1 << bits
	}
	if colours > 256 {
		return dib{}, kit.Corrupt("a palette of %d colours", colours)
	}
	d := dib{declared: declared, pixels: -1}
	masks := int64(0)
	if size == 40 && compression == 3 {
		masks = 12
	}
	if headers := size + masks + colours*entry; headers <= int64(len(b)) {
		d.headers = int(headers)
	} else {
		return dib{}, kit.Corrupt("the palette is longer than the file")
	}
	if compression == 0 || compression == 3 || compression == 6 {
		d.pixels = (width*bits + 31) / 32 * 4 * height
		if icon {
			half := height / 2
			d.pixels = (width*bits+31)/32*4*half + (width+31)/32*4*half
		}
	}
	if size >= 124 {
		space := string(b[56:60])
		d.profile = space == "DEBM" || space == "KNIL" // MBED and LINK, little-endian
	}
	return d, nil
}
