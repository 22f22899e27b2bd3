package pdf

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/klauspost/compress/zlib"
)

// writer puts the objects of the output into a file.
type writer struct {
	out     []byte
	offsets []int // of objects 1, 2, …; 0 for packed ones
	packed  map[int][2]int
	deflater
}

// deflater compresses with one set of tables after the other.
type deflater struct{ z *zlib.Writer }

func (d *deflater) deflate(data []byte) []byte {
	var b bytes.Buffer
	if d.z == nil {
		d.z = zlib.NewWriter(&b)
	} else {
		d.z.Reset(&b)
	}
	_, _ = d.z.Write(data) // a bytes.Buffer does not fail
	_ = d.z.Close()
	return b.Bytes()
}

// perContainer is how many objects go into one object stream. Readers decode one for the first object that they need.
const perContainer = 100

// write writes the document: with object streams if it had some, else with a plain table that every reader knows.
func (w *walker) write() ([]byte, error) {
	o := &writer{out: make([]byte, 0, len(w.f.data)+len(w.f.data)/16+1024), packed: map[int][2]int{}}
	o.out = fmt.Appendf(o.out, "%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n", w.version())
	o.offsets = make([]int, len(w.objects))
	var small []int
	for i, v := range w.objects {
		if i%256 == 0 && w.f.ctx.Err() != nil {
			return nil, w.f.ctx.Err()
		}
		if s, ok := v.(*stream); ok {
			if err := o.stream(i+1, s); err != nil {
				return nil, err
			}
			continue
		}
		if w.f.compressed {
			small = append(small, i+1)
			continue
		}
		o.begin(i + 1)
		o.out = appendObject(o.out, v)
		o.out = append(o.out, "\nendobj\n"...)
	}
	trailer := newDict(entry{"Root", w.root})
	if r, ok := w.info.(outRef); ok {
		trailer.set("Info", r)
	}
	if id, ok := w.copyID(); ok {
		trailer.set("ID", id)
	}
	if w.f.compressed {
		if err := o.pack(w.objects, small); err != nil {
			return nil, err
		}
		return o.xrefStream(trailer)
	}
	return o.table(trailer), nil
}

// copyID returns the file's identifier, two strings.
func (w *walker) copyID() (array, bool) {
	var out array
	for _, v := range w.f.list(w.f.trailer.get("ID")) {
		s, ok := w.f.resolve(v).(text)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, len(out) == 2
}

// version returns the version of the header, and no less than what is written needs.
func (w *walker) version() string {
	v := w.f.data[w.f.base+5:]
	s := "1.7"
	if len(v) >= 3 && v[0] >= '1' && v[0] <= '2' && v[1] == '.' && v[2] >= '0' && v[2] <= '9' {
		s = string(v[:3])
	}
	if w.f.compressed {
		s = max(s, "1.5")
	}
	return s
}

func (o *writer) begin(num int) {
	for len(o.offsets) < num {
		o.offsets = append(o.offsets, 0)
	}
	o.offsets[num-1] = len(o.out)
	o.out = strconv.AppendInt(o.out, int64(num), 10)
	o.out = append(o.out, " 0 obj\n"...)
}

func (o *writer) stream(num int, s *stream) error {
	data, err := s.data()
	if err != nil {
		return err
	}
	s.dict.set("Length", integer(len(data)))
	o.begin(num)
	o.out = appendObject(o.out, s.dict)
	o.out = append(o.out, "\nstream\n"...)
	o.out = append(o.out, data...)
	o.out = append(o.out, "\nendstream\nendobj\n"...)
	return nil
}

// pack writes objects in object streams.
func (o *writer) pack(objects []object, numbers []int) error {
	for len(numbers) > 0 {
		group := numbers[:min(len(numbers), perContainer)]
		numbers = numbers[len(group):]
		var head, body []byte
		container := max(len(o.offsets), len(objects)) + 1
		for i, num := range group {
			head = fmt.Appendf(head, "%d %d ", num, len(body))
			body = append(appendObject(body, objects[num-1]), '\n')
			o.packed[num] = [2]int{container, i}
		}
		s := &stream{raw: o.deflate(append(head, body...)), dict: newDict(
			entry{"Type", name("ObjStm")}, entry{"N", integer(len(group))}, entry{"First", integer(len(head))},
			entry{"Filter", name("FlateDecode")},
		)}
		if err := o.stream(container, s); err != nil {
			return err
		}
	}
	return nil
}

func (o *writer) table(trailer *dict) []byte {
	at := len(o.out)
	o.out = fmt.Appendf(o.out, "xref\n0 %d\n0000000000 65535 f \n", len(o.offsets)+1)
	for _, off := range o.offsets {
		o.out = fmt.Appendf(o.out, "%010d 00000 n \n", off)
	}
	trailer.set("Size", integer(len(o.offsets)+1))
	o.out = append(o.out, "trailer\n"...)
	o.out = appendObject(o.out, trailer)
	return fmt.Appendf(o.out, "\nstartxref\n%d\n%%%%EOF\n", at)
}

func (o *writer) xrefStream(trailer *dict) ([]byte, error) {
	num := len(o.offsets) + 1
	at := len(o.out)
	o.offsets = append(o.offsets, at)
	rows := make([]byte, 0, 7*(num+1))
	row := func(kind byte, field, index int) {
		rows = append(rows, kind, byte(field>>24), byte(field>>16), byte(field>>8), byte(field), byte(index>>8), byte(index)) //nolint:gosec // G115: the bytes are meant
	}
	row(0, 0, 0xffff)
	for i, off := range o.offsets {
		if p, ok := o.packed[i+1]; ok {
			row(2, p[0], p[1])
		} else {
			row(1, off, 0)
		}
	}
	d := newDict(entry{"Type", name("XRef")}, entry{"Size", integer(num + 1)}, entry{"W", array{integer(1), integer(4), integer(2)}},
		entry{"Filter", name("FlateDecode")})
	for _, e := range trailer.entries {
		d.set(e.key, e.value)
	}
	if err := o.stream(num, &stream{dict: d, raw: o.deflate(rows)}); err != nil {
		return nil, err
	}
	return fmt.Appendf(o.out, "startxref\n%d\n%%%%EOF\n", at), nil
}

// appendObject writes an object of the output.
func appendObject(b []byte, v object) []byte {
	switch v := v.(type) {
	case boolean:
		return strconv.AppendBool(b, bool(v))
	case integer:
		return strconv.AppendInt(b, int64(v), 10)
	case real:
		return append(b, v.text...)
	case outRef:
		return append(strconv.AppendInt(b, int64(v), 10), " 0 R"...)
	case name:
		return appendName(b, v)
	case text:
		return appendText(b, v)
	case array:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ' ')
			}
			b = appendObject(b, e)
		}
		return append(b, ']')
	case *dict:
		b = append(b, "<<"...)
		for _, e := range v.entries {
			b = append(appendName(b, e.key), ' ')
			b = appendObject(b, e.value)
		}
		return append(b, ">>"...)
	}
	return append(b, "null"...)
}

func appendName(b []byte, n name) []byte {
	b = append(b, '/')
	for i := range len(n) {
		if c := n[i]; c > ' ' && c < 0x7f && c != '#' && !isDelim(c) {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "#%02x", c)
		}
	}
	return b
}

func appendText(b []byte, s text) []byte {
	b = append(b, '(')
	for len(s) > 0 {
		i := bytes.IndexAny(s, "()\\\r")
		if i < 0 {
			b = append(b, s...)
			break
		}
		b = append(b, s[:i]...)
		if s[i] == '\r' {
			b = append(b, `\r`...)
		} else {
			b = append(b, '\\', s[i])
		}
		s = s[i+1:]
	}
	return append(b, ')')
}
