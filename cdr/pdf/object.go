package pdf

import "bytes"

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
	keys   []name
	values map[name]object
}

// stream is a dictionary with data. The data is as in the file, but decrypted.
type stream struct {
	dict *dict
	raw  []byte
}

func newDict() *dict { return &dict{values: map[name]object{}} }

// get returns the value as it stands, references unresolved; nil if there is none.
func (d *dict) get(key name) object {
	if d == nil {
		return nil
	}
	return d.values[key]
}

func (d *dict) has(key name) bool {
	if d == nil {
		return false
	}
	_, ok := d.values[key]
	return ok
}

func (d *dict) set(key name, v object) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
}

func (d *dict) del(key name) {
	if _, ok := d.values[key]; !ok {
		return
	}
	delete(d.values, key)
	for i, k := range d.keys {
		if k == key {
			d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
			return
		}
	}
}

// clone copies the entries, not what they refer to.
func (d *dict) clone() *dict {
	c := &dict{keys: append([]name(nil), d.keys...), values: make(map[name]object, len(d.values))}
	for k, v := range d.values {
		c.values[k] = v
	}
	return c
}

// isSpace are the white-space characters of table 1, isDelim the delimiters of table 2.
func isSpace(c byte) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}

func isDelim(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func isRegular(c byte) bool { return !isSpace(c) && !isDelim(c) }
