package pdf

// The objects of ISO 32000-2, section 7.3. A nil object is null.
type (
	object  any
	boolean bool
	integer int64
	real    struct{ text string } // as written: rounding would move things on the page
	text    []byte                // a string, decoded and decrypted
	name    string                // without the slash, #xx resolved
	array   []object
	ref     struct{ num, gen int }
)

// dict keeps the order of its entries, so that what is written looks like what was read. A key that comes twice has
// the last value, as in most readers.
type dict struct {
	entries []entry
	index   map[name]int // of entries; nil while there are few
	twice   bool         // a key had two values: readers differ about which one counts
}

type entry struct {
	key   name
	value object
}

// manyEntries is from where on a map finds a key faster than looking through the entries.
const manyEntries = 24

// stream is a dictionary with data. The data is as in the file: encrypted, if crypt is set.
type stream struct {
	dict  *dict
	raw   []byte
	crypt *decrypter
}

// data returns the data, decrypted but still encoded by the stream's filters.
func (s *stream) data() ([]byte, error) {
	if s.crypt == nil {
		return s.raw, nil
	}
	return s.crypt.stream(s.raw)
}

func newDict(entries ...entry) *dict { return &dict{entries: entries} }

func (d *dict) find(key name) int {
	if d == nil {
		return -1
	}
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].key == key {
			return i
		}
	}
	return -1
}

// get returns the value as it stands, references unresolved; nil if there is none.
func (d *dict) get(key name) object {
	if i := d.find(key); i >= 0 {
		return d.entries[i].value
	}
	return nil
}

// list returns the values.
func (d *dict) list() []object {
	values := make([]object, len(d.entries))
	for i := range d.entries {
		values[i] = d.entries[i].value
	}
	return values
}

func (d *dict) has(key name) bool { return d.find(key) >= 0 }

func (d *dict) set(key name, v object) {
	if i := d.find(key); i >= 0 {
		d.entries[i].value = v
		return
	}
	d.entries = append(d.entries, entry{key, v})
	switch {
	case d.index != nil:
		d.index[key] = len(d.entries) - 1
	case len(d.entries) > manyEntries:
		d.index = make(map[name]int, 2*len(d.entries))
		for i := range d.entries {
			d.index[d.entries[i].key] = i
		}
	}
}

// classes says of each character whether it is white space (table 1) or a delimiter (table 2).
var classes = func() (c [256]uint8) {
	for _, b := range []byte("\x00\t\n\f\r ") {
		c[b] = classSpace
	}
	for _, b := range []byte("()<>[]{}/%") {
		c[b] = classDelim
	}
	return c
}()

const (
	classSpace = 1
	classDelim = 2
)

func isSpace(c byte) bool   { return classes[c] == classSpace }
func isDelim(c byte) bool   { return classes[c] == classDelim }
func isRegular(c byte) bool { return classes[c] == 0 }
