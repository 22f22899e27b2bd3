package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"icapd/scan"
)

// Rewriter returns a [scan.Rewriter] that takes the server's bytes in the place of an item that it made safe.
// It asks the server again, and refuses where that names a threat or blocks. It wants nothing unless
// [Options.Adapt] is set.
func (e *Engine) Rewriter() scan.Rewriter { return rewriter{e} }

type rewriter struct{ e *Engine }

// Name implements [scan.Rewriter]: the engine's name.
func (r rewriter) Name() string { return r.e.o.Name }

// Wants implements [scan.Rewriter].
func (r rewriter) Wants(it *scan.Item) bool { return r.e.o.Adapt && r.e.Wants(it) }

// Rewrite implements [scan.Rewriter]. Without a finding of this engine it changes nothing.
func (r rewriter) Rewrite(ctx context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	if !r.concerned(findings) {
		return scan.Replacement{}, nil
	}
	if err := ctx.Err(); err != nil {
		return scan.Replacement{}, err
	}
	a, err := r.e.ask(ctx, it)
	if err != nil {
		return scan.Replacement{}, err
	}
	defer a.close()
	fs, err := a.verdict()
	switch {
	case err != nil:
		return scan.Replacement{}, err
	case len(fs) > 0:
		return scan.Replacement{}, fmt.Errorf("%s does not make it safe: %s", r.e.o.Name, fs[0].Rule)
	case a.res.Unmodified:
		return scan.Replacement{}, errors.New(r.e.o.Name + " has nothing to change any more")
	}
	data, err := a.body()
	if err != nil {
		return scan.Replacement{}, err
	}
	kind := it.Type
	if t, _, err := mime.ParseMediaType(a.res.HTTPResponse.Get("Content-Type")); err == nil {
		kind = strings.ToLower(t)
	}
	out := scan.Replacement{Blob: scan.Bytes(data), Changes: []scan.Change{{
		Rewriter: r.Name(), Path: it.Path, Vector: "adapted", Action: "replaced",
		Detail: fmt.Sprintf("%d bytes became %d bytes of %s", it.Blob.Size(), len(data), r.e.o.Name), Count: 1,
	}}}
	if kind != it.Type {
		out.Type = kind
	}
	return out, nil
}

func (r rewriter) concerned(fs []scan.Finding) bool {
	for i := range fs {
		if fs[i].Engine == r.e.o.Name {
			return true
		}
	}
	return false
}

// body reads the adapted body.
func (a *answer) body() ([]byte, error) {
	if a.res.Body == nil {
		return nil, nil
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(a.res.Body, a.e.o.MaxAdapted+1))
	switch {
	case err != nil:
		return nil, a.explain(err)
	case n > a.e.o.MaxAdapted:
		return nil, &scan.Gap{Reason: scan.ReasonLimit, Limit: "upstream_adapted_bytes", Err: fmt.Errorf("more than %d bytes", a.e.o.MaxAdapted)}
	}
	return b.Bytes(), nil
}
