package text

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"icapd/cdr/kit"
)

func run(tb testing.TB, mediaType string, in []byte) ([]byte, *kit.Job, error) {
	tb.Helper()
	for _, f := range Formats() {
		if slices.Contains(f.Types(), mediaType) {
			job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil)
			r, err := f.Disarm(tb.Context(), job, kit.Document{Data: in, Type: mediaType})
			return r.Data, job, err
		}
	}
	tb.Fatalf("nobody makes %s safe", mediaType)
	return nil, nil, nil
}

func TestCSV(t *testing.T) {
	for in, want := range map[string]string{
		"a,b\n1,2\n":                         "",
		"a,-1,+2.5,-3%\n":                    "",
		"+49 (30) 1234-5,-1.5e-3,-$5\n":      "",
		"---,- \n":                           "",
		"a,=1+1\n":                           "a,'=1+1\n",
		"=cmd|' /C calc'!A0,x":               "'=cmd|' /C calc'!A0,x",
		`"=HYPERLINK(""http://x"",""y"")",1`: `"'=HYPERLINK(""http://x"",""y"")",1`,
		"a;@SUM(1)\r\nb;\t+cmd\r\n":          "a;'@SUM(1)\r\nb;\t'+cmd\r\n",
		"-cmd|x":                             "'-cmd|x",
		"\ufeff=1+1,a":                       "\ufeff'=1+1,a",
		"a,  \" =x()\"":                      "a,  \" '=x()\"",
		"a,=\n":                              "",
		"＝1+1,b":                             "'＝1+1,b",
		"﹦1+1,\x00=1+1,\x0b@x":               "'﹦1+1,\x00'=1+1,\x0b'@x",
		"name\n'=1+1\n":                      "",
	} {
		out, job, err := run(t, "text/csv", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != want {
			t.Errorf("%q: %q, want %q", in, out, want)
		}
		if (out != nil) != (len(job.Removals()) > 0) {
			t.Errorf("%q: report %v", in, job.Removals())
		}
		if out != nil {
			if again, _, err := run(t, "text/csv", out); err != nil || again != nil {
				t.Errorf("%q: a second pass made %q of %q", in, again, out)
			}
		}
	}
}

// encode writes UTF-16 with its mark.
func encode(text []byte, little bool) []byte {
	var order binary.AppendByteOrder = binary.BigEndian
	if little {
		order = binary.LittleEndian
	}
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func TestUTF16(t *testing.T) {
	for _, little := range []bool{true, false} {
		in := encode([]byte("grün,=1+1\n"), little)
		out, _, err := run(t, "text/csv", in)
		if err != nil || !bytes.Equal(out, encode([]byte("grün,'=1+1\n"), little)) {
			t.Errorf("%q, %v", out, err)
		}
	}
	if _, _, err := run(t, "text/csv", []byte("\xff\xfea")); err == nil {
		t.Error("half a character passed")
	}
}

func TestSYLK(t *testing.T) {
	in := "ID;PWXL;N;E\r\nNN;NAuto_open;ER101C1\r\nC;X1;Y1;K0;EEXEC(\"calc\")\r\nC;X1;Y2;K\"a;;b\"\r\nE\r\n"
	out, job, err := run(t, "application/x-sylk", []byte(in))
	want := "ID;PWXL;N;E\r\n\r\nC;X1;Y1;K0\r\nC;X1;Y2;K\"a;;b\"\r\nE\r\n"
	if err != nil || string(out) != want || len(job.Removals()) != 2 {
		t.Fatalf("%q, %v, %v", out, err, job.Removals())
	}
	if again, _, err := run(t, "application/x-sylk", out); err != nil || again != nil {
		t.Fatalf("a second pass: %q, %v", again, err)
	}
	if _, _, err := run(t, "application/x-sylk", []byte("x")); err == nil {
		t.Error("no header, and yet it passed")
	}
}

func TestPointersHaveNoSafeForm(t *testing.T) {
	for _, typ := range []string{"application/x-ms-shortcut", "application/x-ms-library", "application/vnd.fdf"} {
		if out, _, err := run(t, typ, []byte("L\x00\x00\x00")); err == nil || out != nil {
			t.Fatalf("%s passed", typ)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,=1\n"))
	f.Add(encode([]byte("=x,+y"), true))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, _, err := run(t, "text/csv", in)
		if err != nil || out == nil {
			return
		}
		if again, _, err := run(t, "text/csv", out); err != nil || again != nil {
			t.Fatalf("a second pass made %q of %q: %v", again, out, err)
		}
	})
}

func FuzzSYLK(f *testing.F) {
	f.Add([]byte("ID;P\nC;K1;Ex\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, _, err := run(t, "application/x-sylk", in)
		if err != nil || out == nil {
			return
		}
		if again, _, err := run(t, "application/x-sylk", out); err != nil || again != nil {
			t.Fatalf("a second pass made %q of %q: %v", again, out, err)
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	in := []byte(strings.Repeat("name,-12.5,some text of usual length,2024-01-01\n", 20000))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := run(b, "text/csv", in); err != nil {
			b.Fatal(err)
		}
	}
}

// Records that SYLK does not know go when it is written anew.
func TestRebuiltSYLK(t *testing.T) {
	job := kit.NewJob(kit.ModeRebuild, kit.Switches{}, kit.Limits{}, nil)
	r, err := Formats()[slices.IndexFunc(Formats(), func(f kit.Format) bool { return slices.Contains(f.Types(), "application/x-sylk") })].Disarm(t.Context(), job, kit.Document{Data: []byte("ID;P\nZ;canary\nC;Y1;X1;K5\nE\n"), Type: "application/x-sylk"})
	if err != nil || string(r.Data) != "ID;P\n\nC;Y1;X1;K5\nE\n" {
		t.Errorf("%q, %v", r.Data, err)
	}
}
