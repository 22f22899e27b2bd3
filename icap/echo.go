package icap

import (
	"io"
	"strings"
)

// Echo returns every message unmodified: 204 where the client allows it, else
// 200 with the body as it came. It reads the body whole before it answers; with
// the query "early" it answers from the preview. It serves interoperability and
// load tests.
type Echo struct{}

// ServeICAP implements Handler.
func (Echo) ServeICAP(w *ResponseWriter, r *Request) {
	var err error
	switch {
	case r.Body == nil || r.Query == "early" || strings.Contains("&"+r.Query+"&", "&early&"):
		err = w.Unmodified(nil)
	case r.Allow204:
		if _, err = io.Copy(io.Discard, r.Body); err == nil {
			err = w.Unmodified(nil)
		}
	default:
		// Whether 204 would be legal depends on whether the body ended within
		// the preview; past it the body has to go back. Of a preview that is
		// longer than what is held of one nobody knows yet: 204 is legal.
		if _, whole := r.Preview(); !whole && r.x.up.stage.Load() != upPreview {
			err = r.Continue()
		}
		if err == nil {
			err = w.Unmodified(nil)
		}
	}
	if err != nil && w.Status() == 0 {
		_ = w.Error(StatusOf(err), "")
	}
}
