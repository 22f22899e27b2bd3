package image

import (
	"bytes"
	"context"
	"encoding/binary"

	"icapd/cdr/kit"
)

// disarmICO checks each picture of an icon or cursor and writes them anew, one behind the other, if the file holds
// anything else or a picture had to be changed. A picture to which more than one line of the directory leads is looked at
// and written once: 65,535 lines may lead to one that is as long as the file.
func disarmICO(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if len(data) < 6 || data[0] != 0 || data[1] != 0 || data[3] != 0 || data[2] != 1 && data[2] != 2 {
		return nil, kit.Corrupt("no icon header")
	}
	n := int(binary.LittleEndian.Uint16(data[4:]))
	directory := 6 + 16*n
	if n == 0 || directory > len(data) {
		return nil, kit.Corrupt("a directory of %d pictures in %d bytes", n, len(data))
	}
	used := newCoverage(len(data))
	used.add(0, directory)
	pictures := make([][]byte, n)
	first := make([]int, n) // the line of the directory that leads to the same picture first
	seen := map[[2]int64]int{}
	total, changed := int64(0), false
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := 6 + 16*i
		size, offset := int64(binary.LittleEndian.Uint32(data[at+8:])), int64(binary.LittleEndian.Uint32(data[at+12:]))
		if offset < int64(directory) || size == 0 || offset+size > int64(len(data)) {
			return nil, kit.Corrupt("picture %d is outside of the file", i)
		}
		if j, ok := seen[[2]int64{offset, size}]; ok {
			first[i] = j
			continue
		}
		seen[[2]int64{offset, size}], first[i] = i, i
		if total += size; total > 2*int64(len(data)) {
			return nil, kit.Limit("work", "pictures of an icon share bytes")
		}
		used.add(int(offset), int(offset+size))
		picture, touched, err := disarmIconPicture(ctx, job, data[offset:offset+size])
		if err != nil {
			return nil, err
		}
		pictures[i] = picture
		changed = changed || touched
	}
	if !padding(used.unused(data)) {
		job.Removed(vectorHidden, "between the pictures", kit.ActionRemoved, "")
		changed = true
	}
	if !changed {
		return nil, nil
	}
	out := append(make([]byte, 0, len(data)), data[:directory]...)
	for i, p := range pictures {
		if line := out[6+16*i+8 : 6+16*i+16]; first[i] < i {
			copy(line, out[6+16*first[i]+8:])
		} else {
			binary.LittleEndian.PutUint32(line, uint32(len(p)))       //nolint:gosec // G115: a part of a file whose size was such a number
			binary.LittleEndian.PutUint32(line[4:], uint32(len(out))) //nolint:gosec // G115: likewise
			out = append(out, p...)
		}
	}
	return out, nil
}

func disarmIconPicture(ctx context.Context, job *kit.Job, data []byte) (out []byte, changed bool, err error) {
	if bytes.HasPrefix(data, []byte(pngSignature)) {
		out, err = disarmPNG(ctx, job, data)
		if err != nil || out == nil {
			return data, false, err
		}
		return out, true, nil
	}
	if len(data) < 40 {
		return nil, false, kit.Corrupt("a picture of %d bytes", len(data))
	}
	d, err := parseDIB(job, data, true)
	if err != nil {
		return nil, false, err
	}
	end := int64(d.headers) + d.pixels
	if d.pixels < 0 || end >= int64(len(data)) || padding(data[end:]) {
		return data, false, nil
	}
	job.Removed(vectorTrailing, "after a picture", kit.ActionRemoved, "")
	return data[:end], true, nil
}
