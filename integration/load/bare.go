package load

import (
	"net"
)

// Bare is the floor under every ICAP server: a loop that reads the bytes of a message and answers a constant.
// It parses nothing, so it must be told how long a message is.
type Bare struct {
	Length int // of a message in bytes
	Answer string
}

// Serve answers connections until the listener is closed.
func (b Bare) Serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go b.conn(c)
	}
}

func (b Bare) conn(c net.Conn) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 32<<10)
	answer := []byte(b.Answer)
	for {
		for left := b.Length; left > 0; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			left -= n
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// Answer204 is a 204 as short as ICAP allows it to be.
const Answer204 = "ICAP/1.0 204 No Content\r\nISTag: \"bare-0000000000\"\r\nDate: Tue, 03 Nov 2026 08:15:30 GMT\r\n\r\n"
