package pdf

import (
	"bytes"
	"errors"

	"github.com/klauspost/compress/flate"

	"icapd/cdr/kit"
)

// The filters of ISO 32000-2, section 7.4, that are needed to look inside object streams, cross-reference streams,
// attachments and pages. The codecs of images are looked at in codec.go and not decoded.

// errFilter says that a stream has a filter that only makes sense to something else: an image codec.
var errFilter = errors.New("pdf: no decoder for this filter")

// maxFilters is more than any writer chains.
const maxFilters = 8

// filterSpec is one filter with its parameters.
type filterSpec struct {
	name  name
	parms *dict
}

// filters returns the filters of a stream in the order of decoding.
func (f *file) filters(d *dict) []filterSpec {
	names := f.list(firstOf(d, "Filter", "F"))
	parms := f.list(firstOf(d, "DecodeParms", "DP"))
	specs := make([]filterSpec, 0, len(names))
	for i, n := range names {
		s := filterSpec{}
		s.name, _ = f.resolve(n).(name)
		if i < len(parms) {
			s.parms, _ = f.resolve(parms[i]).(*dict)
		}
		specs = append(specs, s)
	}
	return specs
}

// firstOf returns the value of a key. The short form is for inline images, and some writers use it elsewhere; where
// it is no filter's name it is a file specification.
func firstOf(d *dict, long, short name) object {
	if v := d.get(long); v != nil {
		return v
	}
	if n, ok := d.get(short).(name); ok && short == "F" {
		return n
	}
	return nil
}

// list returns an array's elements, or one element for what is no array.
func (f *file) list(v object) []object {
	switch v := f.resolve(v).(type) {
	case nil:
		return nil
	case array:
		return v
	default:
		return []object{v}
	}
}

// decode returns the data of a stream with all filters undone, within the limits of the job. What is damaged is
// decoded as far as it goes, as readers do. errFilter means that a codec of images or an unknown filter is left.
func (f *file) decode(s *stream) ([]byte, error) {
	data, err := s.data()
	if err != nil {
		return nil, err
	}
	specs := f.filters(s.dict)
	if len(specs) > maxFilters {
		return nil, kit.Limit("filters", "a PDF stream with %d filters", len(specs))
	}
	for _, spec := range specs {
		if data, err = f.unfilter(spec, data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// errLong says that a stream is longer than what it is read for can be.
var errLong = errors.New("pdf: a stream that unpacks to too much")

// decodeShort is decode for a stream of which there is no use if it is longer than most bytes: the error is errLong then.
func (f *file) decodeShort(s *stream, most int64) ([]byte, error) {
	f.longest = most
	defer func() { f.longest = 0 }()
	return f.decode(s)
}

// unpacked counts as kit.Job's does.
func (f *file) unpacked(packed, n int64, done bool) error {
	if f.longest > 0 && n > f.longest {
		return errLong
	}
	return f.job.Unpacked(packed, n, done)
}

func (f *file) unfilter(spec filterSpec, data []byte) ([]byte, error) {
	packed := int64(len(data))
	switch spec.name {
	case "FlateDecode", "Fl":
		out, err := f.inflate(data)
		if err != nil {
			return nil, err
		}
		return f.predict(out, spec.parms)
	case "LZWDecode", "LZW":
		early := true
		if n, ok := f.resolve(spec.parms.get("EarlyChange")).(integer); ok {
			early = n != 0
		}
		out, err := unlzw(data, early, func(n int) error { return f.unpacked(packed, int64(n), false) })
		if err != nil {
			return nil, err
		}
		if err := f.unpacked(packed, int64(len(out)), true); err != nil {
			return nil, err
		}
		return f.predict(out, spec.parms)
	case "ASCIIHexDecode", "AHx":
		return unhex(data), nil
	case "ASCII85Decode", "A85":
		return unascii85(data), nil
	case "RunLengthDecode", "RL":
		out, err := unrunlength(data, func(n int) error { return f.unpacked(packed, int64(n), false) })
		if err != nil {
			return nil, err
		}
		return out, f.unpacked(packed, int64(len(out)), true)
	case "Crypt":
		if n, _ := f.resolve(spec.parms.get("Name")).(name); n == "" || n == "Identity" {
			return data, nil
		}
	}
	return nil, errFilter
}

// inflate decodes a zlib stream. Its checksum is not looked at: writers get it wrong, and readers do not mind.
func (f *file) inflate(data []byte) ([]byte, error) {
	packed := int64(len(data))
	body := bytes.TrimLeft(data, "\r\n")
	if len(body) >= 2 && body[0]&0x0f == 8 && (int(body[0])<<8|int(body[1]))%31 == 0 {
		body = body[2:]
	}
	if f.inflater == nil {
		f.inflater = flate.NewReader(bytes.NewReader(body))
	} else if err := f.inflater.(flate.Resetter).Reset(bytes.NewReader(body), nil); err != nil {
		return nil, err
	}
	out := make([]byte, 0, min(4*len(data)+512, 1<<20))
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := f.inflater.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if limit := f.unpacked(packed, int64(len(out)), false); limit != nil {
			return nil, limit
		}
		if err != nil { // the end, or damage: what came until then counts
			return out, f.unpacked(packed, int64(len(out)), true)
		}
		if n == 0 && f.ctx.Err() != nil {
			return nil, f.ctx.Err()
		}
	}
}

// predict undoes the predictors of table 8.
func (f *file) predict(data []byte, parms *dict) ([]byte, error) {
	number := func(key name, def int64) int64 {
		if n, ok := f.resolve(parms.get(key)).(integer); ok {
			return int64(n)
		}
		return def
	}
	predictor := number("Predictor", 1)
	if predictor < 2 {
		return data, nil
	}
	colors, bits, columns := number("Colors", 1), number("BitsPerComponent", 8), number("Columns", 1)
	if colors < 1 || colors > 64 || bits < 1 || bits > 16 || columns < 1 || columns > 1<<24 {
		return nil, kit.Corrupt("PDF predictor with %d columns of %d times %d bits", columns, colors, bits)
	}
	row := int((columns*colors*bits + 7) / 8)
	pixel := int(max(colors*bits/8, 1))
	if predictor == 2 {
		if bits == 8 {
			for start := 0; start < len(data); start += row {
				line := data[start:min(start+row, len(data))]
				for i := pixel; i < len(line); i++ {
					line[i] += line[i-pixel]
				}
			}
			return data, nil
		}
		return nil, errFilter
	}
	return unpng(data, row, pixel), nil
}

// unpng undoes the filters of PNG, one a row.
func unpng(data []byte, row, pixel int) []byte {
	row = min(row, len(data)) // what is not there needs no room
	out := make([]byte, 0, len(data))
	prior := make([]byte, row)
	for len(data) > 0 {
		kind := data[0]
		n := min(row, len(data)-1)
		start := len(out)
		out = append(out, data[1:1+n]...)
		data = data[1+n:]
		line := out[start:]
		for i := range line {
			var left, upLeft byte
			if i >= pixel {
				left, upLeft = line[i-pixel], prior[i-pixel]
			}
			switch kind {
			case 1:
				line[i] += left
			case 2:
				line[i] += prior[i]
			case 3:
				line[i] += byte((int(left) + int(prior[i])) / 2) //nolint:gosec // G115: the mean of two bytes
			case 4:
				line[i] += paeth(left, prior[i], upLeft)
			}
		}
		copy(prior, line)
	}
	return out
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func unhex(data []byte) []byte {
	out := make([]byte, 0, len(data)/2)
	half := byte(noDigit)
	for _, c := range data {
		if c == '>' {
			break
		}
		switch d := hexDigit(c); {
		case d == noDigit:
		case half == noDigit:
			half = d
		default:
			out = append(out, half<<4|d)
			half = noDigit
		}
	}
	if half != noDigit {
		out = append(out, half<<4)
	}
	return out
}

func unascii85(data []byte) []byte {
	out := make([]byte, 0, len(data)*4/5+4)
	data = bytes.TrimPrefix(bytes.TrimLeft(data, " \t\r\n\f\x00"), []byte("<~"))
	var group uint32
	n := 0
	for _, c := range data {
		switch {
		case c == '~':
			if n > 1 {
				for i := n; i < 5; i++ {
					group = group*85 + 84
				}
				tail := []byte{byte(group >> 24), byte(group >> 16), byte(group >> 8)} //nolint:gosec // G115: the bytes are meant
				out = append(out, tail[:n-1]...)
			}
			return out
		case c == 'z' && n == 0:
			out = append(out, 0, 0, 0, 0)
		case c >= '!' && c <= 'u':
			group = group*85 + uint32(c-'!')
			if n++; n == 5 {
				out = append(out, byte(group>>24), byte(group>>16), byte(group>>8), byte(group))
				group, n = 0, 0
			}
		}
	}
	return out
}

func unrunlength(data []byte, check func(n int) error) ([]byte, error) {
	out := []byte{}
	for i := 0; i < len(data); {
		n := int(data[i])
		i++
		switch {
		case n == 128:
			return out, nil
		case n < 128:
			end := min(i+n+1, len(data))
			out = append(out, data[i:end]...)
			i = end
		case i < len(data):
			out = append(out, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		}
		if err := check(len(out)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
