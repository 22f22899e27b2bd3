package content

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

// eachByte writes bytes one by one.
func eachByte(format, between string, p []byte) string {
	var parts []string
	for _, c := range p {
		parts = append(parts, fmt.Sprintf(format, c))
	}
	return strings.Join(parts, between)
}

// TestWrittenBytes holds that files are found that stand in texts byte by byte, or line by line in commands.
func TestWrittenBytes(t *testing.T) {
	t.Parallel()
	zip := []byte(zipOf(t, file{"inner.txt", strings.Repeat(prose, 3)}))
	signed := make([]string, len(zip))
	for i, c := range zip {
		signed[i] = fmt.Sprint(int8(c))
	}
	encoded := base64.StdEncoding.EncodeToString(zip)
	half := (len(encoded)/2 + 3) &^ 3
	var commands strings.Builder
	for line := range slices.Chunk([]byte(encoded), 64) {
		fmt.Fprintf(&commands, "echo %s>>a.b64\r\n", line)
	}
	var indented strings.Builder
	for line := range slices.Chunk([]byte(encoded), 76) {
		fmt.Fprintf(&indented, "\t\t%s\r\n", line)
	}
	for name, text := range map[string]string{
		"array of C":        "unsigned char x[] = {\n  " + eachByte("0x%02x", ", ", zip) + "\n};\n",
		"in lines":          "x = {\n" + strings.ReplaceAll(eachByte("0x%02X", ",", zip), "0A,", "0A,\n    ") + "};\n",
		"short digits":      "[" + eachByte("0x%x", ",", zip) + "]",
		"of Basic":          "Array(" + eachByte("&H%02X", ", ", zip) + ")",
		"of the registry":   "[HKEY_CURRENT_USER\\x]\r\n\"a\"=hex:" + eachByte("%02x", ",", zip) + "\r\n",
		"strings":           `{"f": [` + eachByte(`"%02x"`, ", ", zip) + "]}",
		"a dump":            "$ od -An -tx1 x\n " + eachByte("%02x", " ", zip) + "\n",
		"with a sign":       `{"f": [` + strings.Join(signed, ",") + "]}",
		"commands":          commands.String(),
		"two commands":      fmt.Sprintf("echo %s>>a.b64\r\necho %s>>a.b64\r\n", encoded[:half], encoded[half:]),
		"indented":          indented.String(),
		"small window":      "\x58\x09" + zlibbed(string(zip))[2:],
		"a value, by pairs": `{"f": "` + eachByte("%02x", ":", zip) + `"}`,
	} {
		tree := openTree(t, []byte(text), Hints{})
		got := paths(t, tree)
		found := 0
		for _, p := range got {
			if strings.HasSuffix(p, "/inner.txt text/plain") {
				found++
			}
		}
		if found != 1 || len(tree.Gaps()) > 0 {
			t.Errorf("%s: found %d times in %q, %v", name, found, got, tree.Gaps())
		}
	}
	short := brotliOf("a short line of text, of which nobody knows anything, and the same again: a short line of text\n", 11)
	if tree := openTree(t, []byte(`{"f":"`+base64.StdEncoding.EncodeToString([]byte(short))+`"}`), Hints{}); !slices.Contains(paths(t, tree), "body/f(base64)(br) text/plain") {
		t.Errorf("%d bytes of brotli are not found: %q", len(short), paths(t, tree))
	}
}

// TestLinesApart holds that a file is found in one of several lines that look like one text, whatever stands in the others.
func TestLinesApart(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte(zipOf(t, file{"inner.txt", prose})))
	encoded = strings.TrimRight(encoded, "=")
	for _, junk := range []string{strings.Repeat("q8Zx", len(encoded)/4+1)[:len(encoded)], base64.StdEncoding.EncodeToString([]byte(strings.Repeat(prose, 9)))[:len(encoded)], "short"} {
		for _, lines := range [][]string{{junk, encoded}, {encoded, junk}, {junk, encoded, junk}, {junk, junk, encoded}} {
			text := "<table><td>" + strings.Join(lines, "</td>\n<td>") + "</td>\n</table>\n"
			tree := openTree(t, []byte(text), Hints{ContentType: "text/plain"})
			if got := paths(t, tree); !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, "/inner.txt text/plain") }) {
				t.Errorf("%.20q: %q", lines, got)
			}
		}
	}
}

// TestNoRows holds that ordinary numbers are none.
func TestNoRows(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"decimal":   "[" + strings.Repeat("45, 52, 67, 71, 69, 20, ", 40) + "1]",
		"addresses": strings.Repeat("00:1a:2b:3c:4d:5e, ", 40),
		"digests":   strings.Repeat("d41d8cd98f00b204e9800998ecf8427e  f.txt\n", 40),
		"dates":     strings.Repeat("20-24-01-01, 12:30:45, ", 40),
		"balances":  "[" + strings.Repeat("-45, 52, -67, -71, 69, ", 40) + "1]",
	} {
		if got := paths(t, openTree(t, []byte(text), Hints{})); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLaterVolumes holds that parts of what only its readers put together are never clean.
func TestLaterVolumes(t *testing.T) {
	t.Parallel()
	noise := "\x80\x01\x02" + strings.Repeat("\xfe\x13\x88\x41", 500)
	for name, want := range map[string]bool{"a.7z.002": true, "a.zip.013": true, "A.Z01": true, "a.r00": true, "a.002": false, "a.bin": false, "v1.2.345": false, "a.7z": false} {
		tree := openTree(t, []byte(noise), Hints{Name: name})
		paths(t, tree)
		if got := slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool { return g.Reason == scan.ReasonUnsupported }); got != want {
			t.Errorf("%s: %v, %v", name, got, tree.Gaps())
		}
	}
	tree := openTree(t, []byte("From: a@b.example\r\nTo: c@d.example\r\nSubject: part\r\nContent-Type: message/partial; id=\"x@y\"; number=1; total=2\r\n\r\nhello\r\n"), Hints{})
	paths(t, tree)
	if len(tree.Gaps()) != 1 || tree.Gaps()[0].Reason != scan.ReasonUnsupported {
		t.Errorf("a part of a mail: %v", tree.Gaps())
	}
}

// FuzzHexRow reads rows of anything: what is found is read to its end, and nothing is read twice.
func FuzzHexRow(f *testing.F) {
	f.Add([]byte("x = {" + eachByte("0x%02x", ", ", []byte(prose)) + "}"))
	f.Add([]byte(eachByte("%02x", ",\\\r\n  ", []byte(prose))))
	f.Add([]byte(strings.Repeat("&H1,0x2 '3f", 99)))
	f.Fuzz(func(t *testing.T, p []byte) {
		for pos := 0; ; {
			r, ok := nextHexRow(p, pos)
			if !ok {
				return
			}
			if r.from < pos || r.to <= r.from || r.to > len(p) || r.count < minNumbers {
				t.Fatalf("%+v behind %d of %d", r, pos, len(p))
			}
			out := make([]byte, r.count+1)
			if n, _ := (&rowReader{p[r.from:r.to], takeHex}).Read(out); n != r.count {
				t.Fatalf("%d bytes of %d: %q", n, r.count, p[r.from:r.to])
			}
			pos = r.to
		}
	})
}
