package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
)

// instream has clamd scan data as clamd's own client does: one connection, large chunks.
func instream(ctx context.Context, socket string, data []byte) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	const chunk = 64 << 10
	buf := make([]byte, 0, chunk+32)
	buf = append(buf, "zINSTREAM\x00"...)
	for len(data) > 0 {
		n := min(len(data), chunk)
		buf = binary.BigEndian.AppendUint32(buf, uint32(n))
		buf = append(buf, data[:n]...)
		data = data[n:]
		if len(data) == 0 {
			buf = append(buf, 0, 0, 0, 0)
		}
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(answer[:n], []byte("stream: OK")) {
		return fmt.Errorf("clamd says %q", answer[:n])
	}
	return nil
}
