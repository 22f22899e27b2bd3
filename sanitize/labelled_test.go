package sanitize_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// pointer is a ready-made path.
type pointer string

func (p pointer) AppendPath(dst []byte) []byte { return append(dst, p...) }

// jsonFields is a FieldSource for the tests of this package, over encoding/json. The real one is
// internal/content's.
func jsonFields(doc []byte) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber()
		type level struct{ object, value bool }
		var stack []level
		at := int64(0)
		for {
			tok, err := dec.Token()
			if err != nil {
				if len(bytes.TrimSpace(doc[at:])) == 0 {
					return nil
				}
				return err
			}
			end := dec.InputOffset()
			start := at
			for start < end && bytes.IndexByte([]byte(" \t\r\n,:"), doc[start]) >= 0 {
				start++
			}
			at = end
			f := scan.Field{Span: scan.Span{Start: start, End: end}, At: pointer("/v")}
			isKey := len(stack) > 0 && stack[len(stack)-1].object && !stack[len(stack)-1].value
			if d, ok := tok.(json.Delim); ok {
				switch d {
				case '{', '[':
					if len(stack) > 0 && stack[len(stack)-1].object {
						stack[len(stack)-1].value = false
					}
					stack = append(stack, level{object: d == '{'})
				default:
					stack = stack[:len(stack)-1]
				}
				continue
			}
			if len(stack) > 0 && stack[len(stack)-1].object {
				stack[len(stack)-1].value = !stack[len(stack)-1].value
			}
			switch v := tok.(type) {
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

func look(t testing.TB, e *sanitize.Engine) eval.Scan {
	t.Helper()
	return func(ctx context.Context, doc []byte, contentType string) []scan.Finding {
		found, err := e.Scan(ctx, document(doc, contentType))
		if err != nil {
			t.Errorf("scan of %.80q: %v", doc, err)
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
