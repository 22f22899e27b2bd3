package icap

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"time"
)

// Client sends messages to ICAP servers over pooled connections. Its fields
// must not change after first use; its methods may be called concurrently.
// Close it to drop idle connections.
type Client struct {
	// DialContext makes connections; nil means a net.Dialer. For a URL such as
	// icap+unix, supply one that knows where the socket is.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is used for icaps URLs. ServerName defaults to the URL's host.
	TLS *tls.Config
	// MaxIdlePerHost limits idle connections kept to one server (16),
	// IdleTimeout their age (50 s, less than servers keep theirs).
	MaxIdlePerHost int
	IdleTimeout    time.Duration
	// DialTimeout bounds dial and handshake (10 s), IOTimeout each wait for the
	// server or for it to take data (60 s).
	DialTimeout, IOTimeout time.Duration
	// MaxHeadBytes limits each head of an answer (128 KiB).
	MaxHeadBytes int
	// BufferLimit is how much of a request body is held so that 204 can be
	// allowed outside a preview for a body that cannot be replayed (64 KiB).
	BufferLimit int
	// UserAgent is sent as User-Agent unless "".
	UserAgent string

	state clientState
}

// ClientRequest is a message to be adapted. Do fills in Host, Encapsulated,
// Preview, Allow and Connection.
type ClientRequest struct {
	// Method is REQMOD, RESPMOD or OPTIONS.
	Method string
	// URL is icap://host[:1344]/service or icaps://host[:11344]/service.
	URL string
	// Header holds additional ICAP fields.
	Header Header
	// HTTPRequest and HTTPResponse are the heads to encapsulate; either may be nil.
	HTTPRequest, HTTPResponse *Head
	// Body is the encapsulated body, nil for null-body. It is streamed.
	Body io.Reader
	// GetBody returns a further copy of Body from its first byte, which lets
	// 204 and 206 be allowed for bodies of any size. Optional.
	GetBody func() (io.Reader, error)
	// Preview is the number of bytes to send ahead: NoPreview for none (the
	// zero value is Preview: 0), PreviewFromOptions for what the service asks for.
	Preview int
	// No204, No206 and NoTrailers withhold the offers that Do makes otherwise.
	No204, No206, NoTrailers bool
}

// Values of ClientRequest.Preview that are not a number of bytes.
const (
	NoPreview          = -1
	PreviewFromOptions = -2
)

// ClientResponse is the answer to a ClientRequest.
type ClientResponse struct {
	// Status, Reason and Header are those of the ICAP answer.
	Status int
	Reason string
	Header Header
	// Unmodified tells that the server answered 204. Heads and Body are then
	// those of the request.
	Unmodified bool
	// HTTPRequest and HTTPResponse are the adapted heads, nil if absent.
	HTTPRequest, HTTPResponse *Head
	// Body is the adapted body, nil for null-body. It must be closed; only a
	// body read to io.EOF lets the connection be reused. After 206 it continues
	// with the original by itself.
	Body io.ReadCloser
	// Trailer returns the ICAP trailer fields (and HTTP's, if there were any),
	// after Body gave io.EOF.
	Trailer func() Header
	// Continued tells whether the server asked for more than the preview.
	Continued bool
	// Timing says how long the parts took.
	Timing Timing
}

// Timing is measured from the start of Do.
type Timing struct {
	// Connected is when a connection was ready, Reused whether it was pooled.
	Connected time.Duration
	Reused    bool
	// PreviewSent is when the head and preview (or all, without one) were written.
	PreviewSent time.Duration
	// FirstByte is when the first byte of the final answer arrived.
	FirstByte time.Duration
}

// Options is what a service said about itself.
type Options struct {
	Methods         []string
	ISTag           string
	Service         string
	Preview         int // NoPreview if it asked for none
	TransferPreview string
	TransferIgnore  string
	TransferFull    string // Transfer-Complete
	Allow204        bool
	Allow206        bool
	AllowTrailers   bool
	MaxConnections  int
	TTL             time.Duration // 0 if none was given
	Header          Header
	Fetched         time.Time
}

// Options returns what the service at rawURL offers, from the cache while it is
// fresh: until its TTL ends or an answer carries another ISTag.
func (c *Client) Options(ctx context.Context, rawURL string) (*Options, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return c.options(ctx, u)
}

// Do sends a message and returns the answer as soon as its heads are in. An
// ICAP status of 4xx or 5xx is not an error. ctx bounds the whole exchange, the
// reading of the answer's body included.
func (c *Client) Do(ctx context.Context, req *ClientRequest) (*ClientResponse, error) {
	return c.do(ctx, req)
}

// Close drops idle connections. Exchanges under way are not affected.
func (c *Client) Close() error { return c.closeIdle() }
