package content

import (
	"fmt"
	"io"

	"icapd/scan"
)

// section is a part of another blob; it has no bytes of its own.
type section struct {
	b      scan.Blob
	off, n int64
}

// newSection returns n bytes of b from off on, or as many of them as there are.
func newSection(b scan.Blob, off, n int64) *section {
	off = min(max(off, 0), b.Size())
	return &section{b: b, off: off, n: min(max(n, 0), b.Size()-off)}
}

// ReadAt implements io.ReaderAt.
func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("content: negative offset %d", off)
	}
	if off >= s.n {
		return 0, io.EOF
	}
	cut := int64(len(p)) > s.n-off
	if cut {
		p = p[:s.n-off]
	}
	n, err := s.b.ReadAt(p, s.off+off)
	if err == nil && cut {
		err = io.EOF
	}
	return n, err
}

// Size implements scan.Blob.
func (s *section) Size() int64 { return s.n }

// Bytes implements scan.Blob.
func (s *section) Bytes() ([]byte, error) {
	data, err := s.b.Bytes()
	if err != nil {
		return nil, err
	}
	return data[s.off : s.off+s.n : s.off+s.n], nil
}
