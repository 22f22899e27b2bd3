package main

import (
	"io"

	"icapd/icap"
)

// echo is the service for interop and load tests. It reads the body whole and returns it unmodified: 204 where that
// is allowed, else the body as it arrives. With the query "early" it answers from the head and the preview.
func echo(w *icap.ResponseWriter, r *icap.Request) {
	if r.Query == "early" || r.Body == nil {
		_ = w.Unmodified(nil) // the client's loss, here and below
		return
	}
	_, complete := r.Preview()
	if !complete && !r.Allow204 {
		// Once more than the preview was asked for, the body must go back, and it goes as it comes.
		if err := more(r); err != nil {
			_ = w.Error(icap.StatusOf(err), "")
			return
		}
		_ = w.Unmodified(nil)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		_ = w.Error(icap.StatusOf(err), "")
		return
	}
	_ = w.Unmodified(nil)
}

// more asks for what follows the preview, if there was one.
func more(r *icap.Request) error {
	if !r.HasPreview {
		return nil
	}
	return r.Continue()
}
