package quarantine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadKey reads a vault's key from a file: KeySize bytes, or their hexadecimal digits in a line.
func ReadKey(name string) (key []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := make([]byte, 4*KeySize)
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	text = text[:n]
	if len(text) == KeySize {
		return text, nil
	}
	key, err = hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("quarantine: %s holds neither %d bytes nor their hexadecimal digits (openssl rand -hex %d)", name, KeySize, KeySize)
	}
	return key, nil
}
