package icap

import (
	"context"
	"net/url"
)

type clientState struct{}

func (c *Client) options(context.Context, *url.URL) (*Options, error) { return nil, errPending }
func (c *Client) do(context.Context, *ClientRequest) (*ClientResponse, error) {
	return nil, errPending
}
func (c *Client) closeIdle() error { return nil }
