package markup

import (
	"bytes"
	"context"
	"html"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// Markdown is the kit.Format for Markdown (CommonMark): HTML in it is treated like HTML, and links like links.
type Markdown struct{}

// Types implements kit.Format.
func (Markdown) Types() []string { return []string{"text/markdown", "text/x-markdown"} }

// Field implements kit.Field.
func (Markdown) Field() bool { return true }

// Disarm implements kit.Handler.
func (Markdown) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data := doc.Data
	r, err := HTML{}.Disarm(ctx, job, doc)
	if err != nil {
		return r, err
	}
	if r.Changed() {
		data = r.Data
	}
	out := markdownLink.ReplaceAllFunc(data, func(m []byte) []byte {
		parts := markdownLink.FindSubmatch(m)
		target := bytes.Join([][]byte{parts[2], parts[4], parts[6], parts[8]}, nil)
		kind := kindOf(html.UnescapeString(string(target)))
		if bytes.HasPrefix(target, []byte(`\`)) { // a share of another host
			kind = urlOther
		}
		switch kind {
		case urlOther, urlData:
			job.Removed(vectorLink, "link", kit.ActionNeutralised, "")
			return bytes.Join([][]byte{parts[1], parts[3], parts[5], parts[7], []byte("#"), parts[9]}, nil)
		case urlLocal, urlRelative, urlWeb, urlMessage, urlRaster:
		}
		return m
	})
	if !r.Changed() && bytes.Equal(out, data) {
		return kit.Result{}, nil
	}
	return kit.Result{Data: out}, nil
}

// markdownLink matches the target of an inline link or picture, of a reference (a footnote is text), and of an autolink that has a scheme
// other than the usual ones.
var markdownLink = pattern.MustCompile(`(\]\(\s*<)([^<>\r\n]+)|(\]\(\s*<?)([^\s<>)]+)|(?m:(^ {0,3}\[[^\]\n^][^\]\n]*\]:\s*<?)(\S+))|(<)([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*)(>)`)
