package clamd

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"icapd/scan"
)

// eicar returns the EICAR test file. It is put together at run time so that no scanner takes the program
// itself for it.
func eicar() []byte {
	return []byte(strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}`, "$EICAR", "-STANDARD-", "ANTIVIRUS-", "TEST-FILE!", "$H+H*"}, ""))
}

// nestedLevels is more than the largest MaxRecursion that clamd accepts (100).
const nestedLevels = 104

// nested returns a zip in a zip in a zip ..., a few KB. The seed keeps clamd's cache of clean files out.
func nested(seed int64) ([]byte, error) {
	deflate, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	data := strconv.AppendInt(nil, seed, 36)
	for range nestedLevels {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
			deflate.Reset(w) // one for all levels: a new one costs a megabyte
			return deflate, nil
		})
		w, err := z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		data = b.Bytes()
	}
	return data, nil
}

// canary scans EICAR at one address. found says whether it was seen; an error, that scans fail there.
func canary(ctx context.Context, a address, dialTimeout time.Duration) (found bool, err error) {
	r, err := exchange(ctx, a, dialTimeout, scan.Bytes(eicar()))
	switch {
	case err != nil:
		return false, fmt.Errorf("EICAR canary: %w", err)
	case r.kind == replyFound:
		return true, nil
	case r.kind == replyOK:
		return false, nil
	}
	return false, fmt.Errorf("EICAR canary: %w", r.err())
}

// showsLimits asks whether clamd says so when it reaches a limit in an archive. It says no too if clamd does
// not open archives at all, because both have the same consequence: its OK for an archive is worth little.
func showsLimits(ctx context.Context, a address, dialTimeout time.Duration) (bool, error) {
	data, err := nested(time.Now().UnixNano())
	if err != nil {
		return false, err
	}
	r, err := exchange(ctx, a, dialTimeout, scan.Bytes(data))
	if err != nil {
		return false, fmt.Errorf("limits probe: %w", err)
	}
	return r.kind == replyFound && strings.HasPrefix(r.text, limitsPrefix), nil
}
