package sanitize_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// pointer is a ready-made path.
type pointer string

func (p pointer) AppendPath(dst []byte) []byte { return append(dst, p...) }

// level is an open object or array.
type level struct {
	object, value bool // value: the next token of an object is a value
	key           string
	index         int
}

func path(stack []level) pointer {
	var b strings.Builder
	for _, l := range stack {
		if l.object {
			b.WriteString("/" + l.key)
		} else {
			fmt.Fprintf(&b, "/%d", l.index)
		}
	}
	return pointer(b.String())
}

// jsonFields is a FieldSource for the tests of this package, over encoding/json. The real one is
// internal/content's.
func jsonFields(doc []byte) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber()
		var stack []level
		at := int64(0)
		for {
			tok, err := dec.Token()
			if err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			f := scan.Field{Span: scan.Span{Start: at, End: dec.InputOffset()}}
			for bytes.IndexByte([]byte(" \t\r\n,:"), doc[f.Span.Start]) >= 0 {
				f.Span.Start++
			}
			at = f.Span.End
			if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
				stack = stack[:len(stack)-1]
				continue
			}
			isKey := false
			if n := len(stack); n > 0 {
				top := &stack[n-1]
				if isKey = top.object && !top.value; isKey {
					top.key, _ = tok.(string)
				}
				top.value = top.object && !top.value
			}
			f.At = path(stack)
			if n := len(stack); n > 0 && !stack[n-1].object {
				stack[n-1].index++
			}
			switch v := tok.(type) {
			case json.Delim:
				stack = append(stack, level{object: v == '{'})
				continue
			case string:
				f.Value, f.Kind = []byte(v), scan.KindString
				if isKey {
					f.Kind = scan.KindKey
				}
			case json.Number:
				f.Value, f.Kind = []byte(v), scan.KindNumber
			default:
				continue
			}
			if !yield(&f) {
				return nil
			}
		}
	}
}

// textField is the FieldSource of a document without structure.
func textField(doc []byte) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		yield(&scan.Field{Kind: scan.KindText, Value: doc, Span: scan.Span{End: int64(len(doc))}, At: pointer("")})
		return nil
	}
}

func document(doc []byte, contentType string) *scan.Item {
	it := &scan.Item{Message: &scan.Message{}, Path: "body", Type: contentType, Blob: scan.Bytes(doc)}
	it.Fields = textField(doc)
	if contentType == "application/json" && json.Valid(doc) {
		it.Fields = jsonFields(doc)
	}
	return it
}

func look(tb testing.TB, e *sanitize.Engine) eval.Scan {
	tb.Helper()
	return func(ctx context.Context, doc []byte, contentType string) []scan.Finding {
		found, err := e.Scan(ctx, document(doc, contentType))
		if err != nil {
			tb.Errorf("scan of %.80q: %v", doc, err)
		}
		return found
	}
}

// TestLabelled judges the built-in rules on a labelled file: ICAPD_LABELLED names it, ICAPD_MISSES where to
// write what was judged wrong. The figures of the documentation come from icapd scan --eval.
func TestLabelled(t *testing.T) {
	name := os.Getenv("ICAPD_LABELLED")
	if name == "" {
		t.Skip("ICAPD_LABELLED names no labelled file")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var o eval.Options
	if m := os.Getenv("ICAPD_MISSES"); m != "" {
		w, err := os.Create(m)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		o.Misses = w
	}
	r, err := eval.Evaluate(t.Context(), f, look(t, builtin(t)), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteText(t.Output()); err != nil {
		t.Fatal(err)
	}
}
