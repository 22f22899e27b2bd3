//go:build unix

package icap

import (
	"errors"
	"net"
	"syscall"
)

// rawConnOf returns the descriptor of connections whose Read does nothing but
// read it. Wrappers that promote SyscallConn are left alone: their Read may
// do more.
func rawConnOf(nc net.Conn) syscall.RawConn {
	var rc syscall.RawConn
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		rc, err = c.SyscallConn()
	case *net.UnixConn:
		rc, err = c.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return rc
}

func readFD(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

func wouldBlock(err error) bool {
	return err == syscall.EAGAIN //nolint:errorlint // the system call returns a bare Errno
}

// isResource tells a lack of descriptors or memory, and peers that gave up
// before they were accepted.
func isResource(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// noDescriptor tells that the process, or the system, has no file descriptor left.
func noDescriptor(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
