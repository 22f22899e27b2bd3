package body

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

var codings = []string{Gzip, Deflate, Brotli, Zstd}

func encode(tb testing.TB, coding string, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := NewWriter(coding, &b)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func decode(ctx context.Context, coding string, data []byte, b *Budget) ([]byte, error) {
	in := &Counter{R: bytes.NewReader(data)}
	r, err := NewReader(coding, in)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out bytes.Buffer
	_, err = b.Copy(ctx, &out, r, in)
	return out.Bytes(), err
}

func TestCodings(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "identity": nil, "gzip": {"gzip"}, " X-GZIP , br": {"gzip", "br"}, "deflate,,identity, foo": {"deflate", "foo"},
	} {
		if got := Codings(in); !slices.Equal(got, want) {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range codings {
		for _, want := range [][]byte{nil, []byte("x"), noise(300_000), []byte(strings.Repeat("abc ", 50_000))} {
			got, err := decode(t.Context(), c, encode(t, c, want), NewBudget(0, 0))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes became %d, %v", c, len(want), len(got), err)
			}
		}
	}
}

func TestRawDeflate(t *testing.T) {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte("bare deflate"))
	_ = w.Close()
	if got, err := decode(t.Context(), Deflate, b.Bytes(), NewBudget(0, 0)); err != nil || string(got) != "bare deflate" {
		t.Errorf("%q %v", got, err)
	}
}

func TestMembers(t *testing.T) {
	for _, c := range []string{Gzip, Zstd} {
		two := append(encode(t, c, []byte("one ")), encode(t, c, []byte("two"))...)
		if got, err := decode(t.Context(), c, two, NewBudget(0, 0)); err != nil || string(got) != "one two" {
			t.Errorf("%s: %q %v", c, got, err)
		}
	}
}

func TestCorrupt(t *testing.T) {
	want := noise(5000)
	cases := 0
	for _, c := range codings {
		good := encode(t, c, want)
		for name, bad := range map[string][]byte{
			"empty": {}, "one byte": good[:1], "half": good[:len(good)/2], "without its last byte": good[:len(good)-1],
			"trailing": append(slices.Clone(good), "trailing bytes"...), "text": []byte("this is plain text, not compressed at all"),
		} {
			got, err := decode(t.Context(), c, bad, NewBudget(0, 0))
			var g *scan.Gap
			if !errors.As(err, &g) || g.Reason != scan.ReasonCorrupt {
				t.Errorf("%s %s: %d bytes, error %v", c, name, len(got), err)
			}
			if !bytes.HasPrefix(want, got) && name != "text" {
				t.Errorf("%s %s: what came before the error is wrong", c, name)
			}
			cases++
		}
	}
	if cases != 24 {
		t.Fatalf("%d cases", cases)
	}
	_, err := NewReader("compress", nil)
	if g := scan.GapFrom("", "", err); g.Reason != scan.ReasonUnsupported {
		t.Error(err)
	}
	if _, err := NewWriter("compress", nil); err == nil {
		t.Error("unknown coding written")
	}
}

func TestBudget(t *testing.T) {
	zeros := make([]byte, 64<<20)
	for _, c := range codings {
		bomb := encode(t, c, zeros)
		got, err := decode(t.Context(), c, bomb, NewBudget(1<<40, 200))
		gapOf(t, err, LimitRatio)
		if len(got) < ratioFloor || len(got) > 48<<20 {
			t.Errorf("%s: stopped at %d bytes", c, len(got))
		}
		b := NewBudget(3<<20, 0)
		got, err = decode(t.Context(), c, bomb, b)
		gapOf(t, err, LimitDecoded)
		if len(got) > 4<<20 || b.Used() < 3<<20 {
			t.Errorf("%s: stopped at %d bytes", c, len(got))
		}
		if _, err := decode(t.Context(), c, encode(t, c, zeros[:ratioFloor]), NewBudget(0, 10)); err != nil {
			t.Errorf("%s: below the floor: %v", c, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := decode(ctx, Gzip, encode(t, Gzip, zeros), NewBudget(0, 0)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for i, c := range codings {
		for _, data := range [][]byte{nil, []byte("seed seed seed"), noise(100)} {
			f.Add(uint8(i), encode(f, c, data))
		}
	}
	f.Add(uint8(1), []byte("\xcb\x48\xcd\xc9\xc9\x07\x00"))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := codings[int(which)%len(codings)]
		in := &Counter{R: bytes.NewReader(data)}
		r, err := NewReader(c, in)
		if err != nil {
			t.Fatal(err)
		}
		n, err := NewBudget(8<<20, 100).Copy(t.Context(), io.Discard, r, in)
		if err != nil {
			if _, ok := errors.AsType[*scan.Gap](err); !ok {
				t.Fatalf("%s: %d bytes, an error without a reason: %v", c, n, err)
			}
		}
		_ = r.Close()
	})
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(strings.Repeat(`{"id":12345,"name":"an ordinary value","tags":["a","b"]},`, 20_000))
	for _, c := range codings {
		data := encode(b, c, text)
		b.Run(c, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				in := &Counter{R: bytes.NewReader(data)}
				r, _ := NewReader(c, in)
				if _, err := NewBudget(0, 0).Copy(b.Context(), io.Discard, r, in); err != nil {
					b.Fatal(err)
				}
				_ = r.Close()
			}
		})
	}
}
