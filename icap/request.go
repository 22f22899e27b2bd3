package icap

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"strings"
)

// ICAP methods (RFC 3507 section 4.3.2).
const (
	MethodOptions = "OPTIONS"
	MethodReqmod  = "REQMOD"
	MethodRespmod = "RESPMOD"
)

// Request is one ICAP request as the server received it. Strings and heads
// stay valid for ever; Body, Preview and Continue end with ServeICAP.
//
// A Request belongs to the goroutine that serves it. Body may be read on another
// one, also while the answer is given: a read that is under way when ServeICAP
// returns is interrupted with ErrAnswered, and costs the connection.
type Request struct {
	// Method is OPTIONS, REQMOD or RESPMOD.
	Method string
	// RawURL is the request URI as received.
	RawURL string
	// Service is the path of the URI, for instance "/respmod"; "/" when it is empty.
	Service string
	// Query is what follows "?" in the URI, undecoded.
	Query string
	// Header holds the ICAP fields. Proxy-Authorization may be among them:
	// redact it in logs.
	Header Header
	// HTTPRequest is the encapsulated request head, nil if there was none.
	// Editing it does not affect what Unmodified echoes.
	HTTPRequest *Head
	// HTTPResponse is the encapsulated response head, nil if there was none.
	HTTPResponse *Head
	// Body is the encapsulated body (for OPTIONS, the opt-body), decoded from
	// its chunks, from its first byte, preview included. It is nil for null-body.
	// A read past the preview sends 100 Continue first. Errors other than io.EOF
	// mean that the body is not whole: ErrBodyTruncated, ErrBodyTimeout,
	// ErrChunkSyntax, ErrNoContinue. It implements io.WriterTo without copying.
	Body io.Reader
	// HasPreview tells whether a Preview header was sent, PreviewSize its value.
	HasPreview  bool
	PreviewSize int
	// Allow204, Allow206 and AllowTrailers say what the client offered in
	// Allow. Without an offer, 204 is still legal in answer to a preview.
	Allow204, Allow206, AllowTrailers bool
	// RemoteAddr and LocalAddr are the ends of the connection, after the PROXY
	// protocol if the listener speaks it.
	RemoteAddr, LocalAddr net.Addr
	// TLS describes the connection, nil without TLS.
	TLS *tls.ConnectionState

	x   *exchange       // nil once ServeICAP returned
	ctx context.Context // made at the first call of Context
}

// Preview returns the bytes of the preview and whether they are the whole body:
// the client said ieof, or there is no body. The server reads the preview, up
// to Server.MaxPreviewBytes, before it calls the handler. Preview consumes
// nothing: Body yields the same bytes again. The slice is valid until ServeICAP
// returns and must not be changed. Without a preview it is empty, and complete
// only for a null-body.
func (r *Request) Preview() (data []byte, complete bool) {
	if r.x == nil {
		return nil, false
	}
	return r.x.previewBytes()
}

// Continue asks the client for what follows the preview, if that was not done
// yet and there is anything: reads of Body do this by themselves. A handler
// that begins a streamed answer before it has read past the preview calls it
// first, for the client sends nothing more after a final answer.
func (r *Request) Continue() error {
	if r.x == nil {
		return ErrAnswered
	}
	return r.x.sendContinue()
}

// Trailer returns the HTTP trailer fields that followed the last chunk, after
// Body gave io.EOF.
func (r *Request) Trailer() Header {
	if r.x == nil {
		return Header{}
	}
	return r.x.trailer()
}

// Context is cancelled when ServeICAP returns, when the connection is found
// broken while its body is read, and when the server is closed hard.
func (r *Request) Context() context.Context {
	switch {
	case r.x != nil:
		return r.x.context()
	case r.ctx != nil:
		return r.ctx
	default:
		return canceled
	}
}

// canceled is the context of a request that is over.
var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// RemoteIP returns the address of the peer without its port, "" if it has none
// (a unix socket).
func (r *Request) RemoteIP() string {
	switch a := r.RemoteAddr.(type) {
	case nil:
		return ""
	case *net.TCPAddr:
		return a.IP.String()
	default:
		host, _, err := net.SplitHostPort(a.String())
		if err != nil {
			return ""
		}
		return host
	}
}

// ClientIP returns the X-Client-IP field: the peer's claim, to be trusted only
// from listed peers. It may be empty or garbage.
func (r *Request) ClientIP() string { return r.Header.Get("X-Client-IP") }

// User returns the X-Authenticated-User field without base64 and without its
// "scheme://" prefix, or X-Client-Username. It is the peer's claim.
func (r *Request) User() string {
	v, ok := r.Header.Lookup("X-Authenticated-User")
	if !ok || v == "" {
		return r.Header.Get("X-Client-Username")
	}
	return stripRealm(decodeClaim(v))
}

// Groups returns the values of X-Authenticated-Groups, decoded like User and
// split at commas. They are the peer's claim.
func (r *Request) Groups() []string {
	var out []string
	for _, v := range r.Header.Values("X-Authenticated-Groups") {
		for g := range strings.SplitSeq(decodeClaim(v), ",") {
			if g = stripRealm(strings.TrimSpace(g)); g != "" {
				out = append(out, g)
			}
		}
	}
	return out
}

// decodeClaim undoes base64 where the result is text: some clients encode the
// X-Authenticated fields and some do not.
func decodeClaim(v string) string {
	b, err := base64.StdEncoding.DecodeString(v)
	if err != nil || len(b) == 0 {
		return v
	}
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return v
		}
	}
	if !strings.Contains(string(b), "://") {
		return v
	}
	return string(b)
}

func stripRealm(v string) string {
	if _, name, ok := strings.Cut(v, "://"); ok {
		return name
	}
	return v
}
