package icap

import (
	"context"
	"errors"
	"net/url"
)

var errPending = errors.New("icap: under construction")

type clientState struct{}

func (c *Client) options(context.Context, *url.URL) (*Options, error) { return nil, errPending }
func (c *Client) do(context.Context, *ClientRequest) (*ClientResponse, error) {
	return nil, errPending
}
func (c *Client) closeIdle() error { return nil }
