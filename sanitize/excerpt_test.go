package sanitize

import "testing"

// An excerpt can be printed anywhere, and names what cannot be seen.
func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		view       string
		start, end int
		want       string
	}{
		{"a UNION b", 2, 7, "UNION"},
		{"\u202egpj.exe\u202c", 0, 3, "<U+202E>"},
		{"a\u200db", 0, 5, "a<U+200D>b"},
		{"a\x00\x1b[31m\xffb", 0, 9, "a..[31m.b"},
		{"שלום", 0, 8, "שלום"},
		{"x", 1, 0, ""},
		{"x", 0, 9, ""},
	} {
		if got := excerpt([]byte(tt.view), tt.start, tt.end); got != tt.want {
			t.Errorf("%q from %d to %d: %q, wants %q", tt.view, tt.start, tt.end, got, tt.want)
		}
	}
	long := make([]byte, 3*maxExcerpt)
	for i := range long {
		long[i] = 'a'
	}
	if got := excerpt(long, 0, len(long)); len(got) != maxExcerpt+3 {
		t.Errorf("%d bytes", len(got))
	}
}
