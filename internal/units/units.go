// Package units reads and writes sizes the way people write them in configuration files: 64KiB, 1GiB.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// Sizes. KiB and its kin are powers of 1024; KB and its kin, which ParseSize reads too, are powers of 1000.
const (
	Byte Size = 1
	KiB       = 1024 * Byte
	MiB       = 1024 * KiB
	GiB       = 1024 * MiB
	TiB       = 1024 * GiB
)

var binary = []struct {
	name string
	size Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", Byte}}

var factors = map[string]Size{
	"": 1, "b": 1,
	"kib": KiB, "mib": MiB, "gib": GiB, "tib": TiB,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// ParseSize reads a number with a unit, in any case: "64KiB", "1.5 GiB", "10MB", "512". Without a unit it means
// bytes. Negative sizes, units that are not whole words (such as "1G", which may mean two things) and
// fractions of a byte are errors.
func ParseSize(s string) (Size, error) {
	s = strings.TrimSpace(s)
	end := strings.LastIndexAny(s, "0123456789.") + 1
	number, unit := s[:end], strings.ToLower(strings.TrimSpace(s[end:]))
	factor, ok := factors[unit]
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is not a size such as 512, 64KiB, 1MiB, 2GiB or 10MB", s)
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/int64(factor) {
			return 0, fmt.Errorf("%q is too large", s)
		}
		return Size(n) * factor, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	bytes := f * float64(factor)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a size", s)
	case bytes >= 1<<53:
		return 0, fmt.Errorf("%q is too large", s)
	case bytes != math.Trunc(bytes):
		return 0, fmt.Errorf("%q is not a whole number of bytes", s)
	}
	return Size(bytes), nil
}

// String writes the size with the largest binary unit that needs no fraction: "64KiB", "1500B". ParseSize reads
// it back.
func (s Size) String() string {
	for _, u := range binary {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return "0"
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
