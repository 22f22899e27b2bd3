package clamd_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

// noise returns n bytes that hold nothing.
func noise(n int) []byte { return bytes.Repeat([]byte("0123456789abcde\n"), n/16+1)[:n] }

func zipped(tb testing.TB, first []byte, more ...[]byte) []byte {
	tb.Helper()
	members := append([][]byte{first}, more...)
	names := make([]string, len(members))
	for i := range names {
		names[i] = "member" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
	}
	return zipNamed(tb, names, members)
}

func zipNamed(tb testing.TB, names []string, members [][]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, m := range members {
		w, err := z.Create(names[i])
		if err == nil {
			_, err = w.Write(m)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func office(tb testing.TB, main, part string, data []byte) []byte {
	tb.Helper()
	types := `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>`
	return zipNamed(tb, []string{"[Content_Types].xml", "_rels/.rels", main, part},
		[][]byte{[]byte(types), []byte("<Relationships/>"), []byte("<document/>"), data})
}

func odf(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range []struct {
		name string
		data []byte
	}{{"mimetype", []byte("application/vnd.oasis.opendocument.text")}, {"content.xml", []byte("<x/>")}, {"Object 1/payload", data}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(m.data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	if err = errors.Join(err, z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func tarred(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: "member", Mode: 0o644, Size: int64(len(data))})
	if err == nil {
		_, err = w.Write(data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// encryptedZip is a zip whose member says that it is encrypted. What it holds is noise.
func encryptedZip(tb testing.TB) []byte {
	tb.Helper()
	data := zipped(tb, noise(100))
	const flags = 6 // of the local header; 8 in the central directory
	data[flags] |= 1
	i := bytes.Index(data, []byte("PK\x01\x02"))
	if i < 0 {
		tb.Fatal(io.ErrUnexpectedEOF)
	}
	data[i+8] |= 1
	return data
}
