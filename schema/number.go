package schema

import (
	"bytes"
	"math/big"
	"strconv"
)

// decimal is a number as it was written, taken apart: 0.digits × 10^exp, without zeros at either end. Zero has no
// digits. Numbers are compared by it whatever their size: 1e999999999 costs no more than 1.
type decimal struct {
	negative bool
	digits   []byte
	exp      int
}

// exponents beyond this are taken for this: no schema can tell them apart.
const maxExponent = 1 << 30

// parseDecimal takes a JSON number apart. buf is memory for digits that are not in one piece.
func parseDecimal(raw, buf []byte) decimal {
	var d decimal
	if d.negative = raw[0] == '-'; d.negative {
		raw = raw[1:]
	}
	exp := 0
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(raw[i+1:]))
		switch {
		case err == nil:
			exp = min(max(n, -maxExponent), maxExponent)
		case raw[i+1] == '-':
			exp = -maxExponent
		default:
			exp = maxExponent
		}
		raw = raw[:i]
	}
	digits := raw
	whole := len(raw)
	if i := bytes.IndexByte(raw, '.'); i >= 0 {
		digits = append(append(buf[:0], raw[:i]...), raw[i+1:]...)
		whole = i
	}
	trimmed := bytes.TrimLeft(digits, "0")
	d.exp = exp + whole - (len(digits) - len(trimmed))
	d.digits = bytes.TrimRight(trimmed, "0")
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

// whole reports whether the number has no fraction.
func (d *decimal) whole() bool { return len(d.digits) <= d.exp || len(d.digits) == 0 }

// sign is -1, 0 or 1.
func (d *decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compare is -1, 0 or 1.
func (d *decimal) compare(o *decimal) int {
	if s, t := d.sign(), o.sign(); s != t || s == 0 {
		if s < t {
			return -1
		}
		return min(s-t, 1)
	}
	c := 0
	switch {
	case d.exp != o.exp && d.exp < o.exp:
		c = -1
	case d.exp != o.exp:
		c = 1
	default:
		c = bytes.Compare(d.digits, o.digits)
	}
	if d.negative {
		return -c
	}
	return c
}

// maxExact bounds the digits of numbers that are divided exactly.
const maxExact = 400

// multiple reports whether the number, which was written as raw, is a multiple of the divisor. ok is false for one too
// long to tell.
func (d *decimal) multiple(raw []byte, by *divisor) (yes, ok bool) {
	if len(d.digits) == 0 {
		return true, true
	}
	least := min(d.exp-len(d.digits), by.exp-len(by.digits))
	if a, fits := d.scaled(least); fits {
		if b, fits := by.scaled(least); fits && b > 0 {
			return a%b == 0, true
		}
	}
	if len(d.digits) > maxExact || d.exp > maxExact || d.exp < -maxExact {
		return false, false
	}
	r, ok := new(big.Rat).SetString(string(raw))
	if !ok || by.rat.Sign() == 0 {
		return false, false
	}
	return r.Quo(r, by.rat).IsInt(), true
}

// scaled is the number's size in units of 10^exp, if it is whole and small enough.
func (d *decimal) scaled(exp int) (n int64, ok bool) {
	zeros := d.exp - len(d.digits) - exp
	if zeros < 0 || len(d.digits)+zeros > 18 {
		return 0, false
	}
	for _, c := range d.digits {
		n = n*10 + int64(c-'0')
	}
	for range zeros {
		n *= 10
	}
	return n, true
}

// divisor is a number that others are to be multiples of.
type divisor struct {
	decimal
	rat *big.Rat
}

func newDivisor(r *big.Rat) *divisor {
	if r == nil {
		return nil
	}
	return &divisor{*ratDecimal(r), r}
}

// ratDecimal is a number of a schema. Those are written in decimal, so that this is exact.
func ratDecimal(r *big.Rat) *decimal {
	if r == nil {
		return nil
	}
	n, exact := r.FloatPrec()
	if !exact {
		n = maxExact
	}
	d := parseDecimal([]byte(r.FloatString(n)), nil)
	return &d
}
