package quarantine

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A sealed entry is
//
//	magic | 32 bytes of salt | segment, segment …
//
// Its key comes from the vault's by HKDF-SHA-256 with the salt, so that no two entries share one. Each segment is
// AES-256-GCM over at most segmentSize bytes; the nonce counts the segments and says which is the last, so that
// segments cannot be left out, changed in order, or cut off (the STREAM construction of Hoang, Reyhanitabar, Rogaway
// and Vizár). The plain text is the length of the head in 4 bytes, the head, and the body.
const (
	magic       = "icapd-quarantine-1\n"
	saltSize    = 32
	segmentSize = 64 << 10
	tagSize     = 16
	maxHead     = 16 << 20

	// KeySize is the size of a vault's key in bytes.
	KeySize = 32
)

func entryCipher(key, salt []byte) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key, salt, magic, KeySize)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return cipher.NewGCM(block)
}

func nonce(n uint64, last bool) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint64(b[3:11], n)
	if last {
		b[11] = 1
	}
	return b
}

// sealedSize is the size of an entry as stored.
func sealedSize(head, body int64) int64 {
	plain := 4 + head + body
	return int64(len(magic)) + saltSize + plain + tagSize*max(1, (plain+segmentSize-1)/segmentSize)
}

// seal writes an entry and returns the number of bytes of the body.
func seal(w io.Writer, key, head []byte, body io.Reader) (int64, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails, by its contract
	aead, err := entryCipher(key, salt)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(append([]byte(magic), salt...)); err != nil {
		return 0, fmt.Errorf("quarantine: %w", err)
	}
	counted := &counter{r: body}
	plain := io.MultiReader(bytes.NewReader(binary.BigEndian.AppendUint32(nil, uint32(len(head)))), bytes.NewReader(head), counted) //nolint:gosec // G115: an audit event
	in := bufio.NewReaderSize(plain, segmentSize)
	buf, out := make([]byte, segmentSize), make([]byte, 0, segmentSize+tagSize)
	for n := uint64(0); ; n++ {
		k, err := io.ReadFull(in, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return counted.n, fmt.Errorf("quarantine: %w", err)
		}
		last := false
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			last = true
		} else if err != nil {
			return counted.n, fmt.Errorf("quarantine: %w", err)
		}
		if _, err := w.Write(aead.Seal(out, nonce(n, last), buf[:k], nil)); err != nil {
			return counted.n, fmt.Errorf("quarantine: %w", err)
		}
		if last {
			return counted.n, nil
		}
	}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// unseal returns the head of an entry and a reader of its body.
func unseal(r io.Reader, key []byte) (head []byte, body io.Reader, err error) {
	start := make([]byte, len(magic)+saltSize)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, nil, damage(err)
	}
	if string(start[:len(magic)]) != magic {
		return nil, nil, ErrDamaged
	}
	aead, err := entryCipher(key, start[len(magic):])
	if err != nil {
		return nil, nil, err
	}
	u := &opener{r: bufio.NewReaderSize(r, segmentSize+tagSize), aead: aead, buf: make([]byte, segmentSize+tagSize)}
	var size [4]byte
	if _, err := io.ReadFull(u, size[:]); err != nil {
		return nil, nil, damage(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxHead {
		return nil, nil, ErrDamaged
	}
	head = make([]byte, n)
	if _, err := io.ReadFull(u, head); err != nil {
		return nil, nil, damage(err)
	}
	return head, u, nil
}

// damage is what an error of reading says about an entry: one that ends too early is damaged; a store that cannot be
// read has said nothing about it.
func damage(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrDamaged) {
		return ErrDamaged
	}
	return fmt.Errorf("quarantine: %w", err)
}

// opener yields the plain text of segments.
type opener struct {
	r    *bufio.Reader
	aead cipher.AEAD
	buf  []byte
	n    uint64
	rest []byte
	err  error
}

// Read implements io.Reader.
func (o *opener) Read(p []byte) (int, error) {
	for len(o.rest) == 0 {
		if o.err != nil {
			return 0, o.err
		}
		o.rest, o.err = o.segment()
	}
	k := copy(p, o.rest)
	o.rest = o.rest[k:]
	return k, nil
}

// segment opens the next one. The error after the last one is io.EOF.
func (o *opener) segment() ([]byte, error) {
	k, err := io.ReadFull(o.r, o.buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, damage(err) // io.EOF too: the last segment says that it is
	}
	_, more := o.r.Peek(1)
	if more != nil && !errors.Is(more, io.EOF) {
		return nil, damage(more)
	}
	last := more != nil
	plain, err := o.aead.Open(o.buf[:0:0], nonce(o.n, last), o.buf[:k], nil)
	if err != nil {
		return nil, ErrDamaged
	}
	o.n++
	if last {
		return plain, io.EOF
	}
	return plain, nil
}
