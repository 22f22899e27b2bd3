package icap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Adapter sends HTTP messages of net/http programs through ICAP services: as an
// http.RoundTripper on the way to other servers, as an http.Handler middleware
// on the way from clients. This is the hook for API gateways written in Go.
//
// A message is delivered only as the service returned it. What goes wrong once
// a message is on its way to the service ends in an error, never in the
// unadapted message; the zero value is safe. An Adapter must not be changed
// while in use and may be used concurrently.
type Adapter struct {
	// Client talks to the services; nil means a Client shared by no one else,
	// made at first use by RoundTripper and Handler.
	Client *Client
	// Reqmod and Respmod are the URLs of the services for requests and for
	// responses; "" leaves the one or the other alone.
	Reqmod, Respmod string
	// FailOpen lets messages pass unadapted while a service cannot be reached:
	// its OPTIONS cannot be had. By default they fail.
	FailOpen bool
	// Header returns ICAP fields to send along, for instance X-Client-IP.
	// The middleware sends X-Client-IP by itself if Header is nil.
	Header func(r *http.Request) Header
	// ErrorHandler answers for the middleware when adaptation failed before
	// anything was sent; nil answers 502 with a line of text.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

// ErrAdaptation is wrapped by the errors of failed adaptations.
var ErrAdaptation = errors.New("icap: adaptation failed")

// available asks for the service's OPTIONS. It returns false if the message is
// to pass unadapted.
func (a *Adapter) available(ctx context.Context, c *Client, service string) (bool, error) {
	if service == "" {
		return false, nil
	}
	_, err := c.Options(ctx, service)
	switch {
	case err == nil:
		return true, nil
	case a.FailOpen && ctx.Err() == nil:
		return false, nil
	default:
		return false, fmt.Errorf("%w: %w", ErrAdaptation, err)
	}
}

func (a *Adapter) client() *Client {
	if a.Client != nil {
		return a.Client
	}
	return new(Client)
}

// do sends one message and maps ICAP errors to Go's.
func (a *Adapter) do(ctx context.Context, c *Client, req *ClientRequest) (*ClientResponse, error) {
	req.Preview = PreviewFromOptions
	res, err := c.Do(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAdaptation, err)
	}
	switch res.Status {
	case StatusOK, StatusNoModifications, StatusPartialContent:
		if res.HTTPRequest != nil || res.HTTPResponse != nil {
			return res, nil
		}
		err = errors.New("answer without an HTTP head")
	default:
		err = &Error{Status: res.Status, Text: "service answered " + itoa(int64(res.Status)) + " " + res.Reason}
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	return nil, fmt.Errorf("%w: %w", ErrAdaptation, err)
}

// reqmod adapts a request. It returns the request to go on with, or the
// response that the service gave instead.
func (a *Adapter) reqmod(c *Client, r *http.Request, fields Header) (*http.Request, *http.Response, error) {
	ok, err := a.available(r.Context(), c, a.Reqmod)
	if err != nil || !ok {
		return r, nil, err
	}
	icapReq := &ClientRequest{Method: MethodReqmod, URL: a.Reqmod, Header: fields, HTTPRequest: requestHeadOf(r)}
	if r.Body != nil && r.Body != http.NoBody {
		icapReq.Body = r.Body
		if r.GetBody != nil {
			icapReq.GetBody = func() (io.Reader, error) { return r.GetBody() }
		}
	}
	res, err := a.do(r.Context(), c, icapReq)
	if err != nil {
		return nil, nil, err
	}
	if res.HTTPResponse != nil {
		return nil, httpResponse(res, r), nil
	}
	out, err := httpRequest(res, r)
	if err != nil {
		closeBody(out.Body)
		return nil, nil, err
	}
	if icapReq.Body != nil && out.Body != http.NoBody {
		out.Body = &bothBodies{ReadCloser: out.Body, origin: r.Body}
	}
	return out, nil, nil
}

// respmod adapts a response.
func (a *Adapter) respmod(c *Client, r *http.Request, resp *http.Response, fields Header) (*http.Response, error) {
	ok, err := a.available(r.Context(), c, a.Respmod)
	if err != nil || !ok {
		return resp, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("%w: what follows a protocol switch cannot be looked at", ErrAdaptation)
	}
	icapReq := &ClientRequest{
		Method: MethodRespmod, URL: a.Respmod, Header: fields,
		HTTPRequest: requestHeadOf(r), HTTPResponse: responseHeadOf(resp),
	}
	if hasBody(r.Method, resp) {
		icapReq.Body = resp.Body
	}
	res, err := a.do(r.Context(), c, icapReq)
	if err != nil {
		return nil, err
	}
	if res.HTTPResponse == nil {
		if res.Body != nil {
			_ = res.Body.Close()
		}
		return nil, fmt.Errorf("%w: a request in answer to a response", ErrAdaptation)
	}
	out := httpResponse(res, r)
	out.Body = &bothBodies{ReadCloser: out.Body, origin: resp.Body}
	return out, nil
}

// bothBodies closes the origin's body with the adapted one.
type bothBodies struct {
	io.ReadCloser
	origin io.Closer
}

func (b *bothBodies) Close() error {
	return errors.Join(b.ReadCloser.Close(), b.origin.Close())
}

func hasBody(method string, resp *http.Response) bool {
	return resp.Body != nil && resp.Body != http.NoBody && method != http.MethodHead &&
		resp.StatusCode >= 200 && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified
}

// hopByHop lists fields that are about the connection and not the message
// (RFC 9110 section 7.6.1).
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func requestHeadOf(r *http.Request) *Head {
	h := HeadFromRequest(r)
	for _, name := range hopByHop {
		h.Del(name)
	}
	if r.ContentLength > 0 && !h.Has("Content-Length") {
		h.Add("Content-Length", itoa(r.ContentLength))
	}
	return h
}

func responseHeadOf(resp *http.Response) *Head {
	h := HeadFromResponse(resp)
	for _, name := range hopByHop {
		h.Del(name)
	}
	if resp.ContentLength >= 0 && !h.Has("Content-Length") && resp.StatusCode >= 200 && resp.StatusCode != http.StatusNoContent {
		h.Add("Content-Length", itoa(resp.ContentLength))
	}
	return h
}

// httpResponse makes a net/http response of an adapted one.
func httpResponse(res *ClientResponse, r *http.Request) *http.Response {
	h := res.HTTPResponse
	out := &http.Response{
		Status: itoa(int64(h.Status())) + " " + h.Reason(), StatusCode: h.Status(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h.HTTPHeader(), Request: r, Body: http.NoBody, ContentLength: -1,
	}
	for _, name := range hopByHop {
		out.Header.Del(name)
	}
	if n, ok := h.ContentLength(); ok {
		out.ContentLength = n
	}
	switch {
	case res.Body != nil:
		out.Body = res.Body
	case r.Method != http.MethodHead:
		out.ContentLength = 0
	}
	return out
}

// httpRequest makes a net/http request of an adapted one, with the context and
// connection data of the original. On an error its body is still to be closed.
func httpRequest(res *ClientResponse, r *http.Request) (*http.Request, error) {
	h := res.HTTPRequest
	out := r.Clone(r.Context())
	out.Body, out.GetBody, out.ContentLength = http.NoBody, nil, 0
	if res.Body != nil {
		out.Body, out.ContentLength = res.Body, -1
		if n, ok := h.ContentLength(); ok {
			out.ContentLength = n
		}
	}
	if res.Unmodified {
		out.ContentLength = r.ContentLength
		return out, nil
	}
	out.Method = h.Method()
	out.Header = h.HTTPHeader()
	for _, name := range hopByHop {
		out.Header.Del(name)
	}
	if host := out.Header.Get("Host"); host != "" {
		out.Host = host
		out.Header.Del("Host")
	}
	if out.Method == http.MethodConnect {
		return out, nil
	}
	u, err := url.Parse(h.Target())
	if err != nil {
		return out, fmt.Errorf("%w: target of the adapted request: %w", ErrAdaptation, err)
	}
	if r.RequestURI != "" { // on the server's side: origin-form stays origin-form
		u.Scheme, u.Host = r.URL.Scheme, r.URL.Host
		out.RequestURI = u.RequestURI()
	}
	out.URL = u
	return out, nil
}
