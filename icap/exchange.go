package icap

import (
	"context"
	"errors"
	"io"
	"net"
)

var errPending = errors.New("icap: under construction")

type serverState struct{}

func (*serverState) snapshot() Stats { return Stats{} }

func (s *Server) serve(net.Listener) error       { return errPending }
func (s *Server) serveConn(nc net.Conn)          { nc.Close() }
func (s *Server) shutdown(context.Context) error { return errPending }
func (s *Server) close() error                   { return errPending }

type exchange struct {
	header     Header
	trailers   Header
	istag      string
	no206      bool
	closeAfter bool
	status     int
	written    int64
}

func (x *exchange) previewBytes() ([]byte, bool)                     { return nil, false }
func (x *exchange) sendContinue() error                              { return errPending }
func (x *exchange) trailer() Header                                  { return Header{} }
func (x *exchange) context() context.Context                         { return context.Background() }
func (x *exchange) can204() bool                                     { return false }
func (x *exchange) can206(int64) bool                                { return false }
func (x *exchange) unmodified(io.Reader) error                       { return errPending }
func (x *exchange) modified(*Head, io.Reader) error                  { return errPending }
func (x *exchange) begin(*Head) (*BodyWriter, error)                 { return nil, errPending }
func (x *exchange) partial(*Head, io.Reader, int64, io.Reader) error { return errPending }
func (x *exchange) errorAnswer(int, string) error                    { return errPending }
func (x *exchange) emptyAnswer(int, string) error                    { return errPending }
func (x *exchange) declareTrailer([]string) bool                     { return false }
func (x *exchange) bodyWrite([]byte) (int, error)                    { return 0, errPending }
func (x *exchange) bodyFlush() error                                 { return errPending }
func (x *exchange) bodyClose() error                                 { return errPending }
func (x *exchange) abort()                                           {}
