package lenient

import "testing"

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"a.txt":           "a.txt",
		"A.TXT. .":        "a.txt",
		`Dir\a.txt`:       "dir/a.txt",
		"dir. /a.txt":     "dir/a.txt",
		"./dir//./a.txt":  "dir/a.txt",
		"/dir/a.txt":      "dir/a.txt",
		"dir/":            "dir/",
		"dir./":           "dir/",
		"../a.txt":        "../a.txt",
		"dir/../../a.txt": "dir/../../a.txt",
		"./":              "/",
		"":                "",
	} {
		if got := Name(name); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
		if got := Name(want); got != want {
			t.Errorf("Name(%q) = %q: it is one already", want, got)
		}
	}
}

func TestRTF(t *testing.T) {
	for data, want := range map[string]bool{
		`{\rtf1 a}`:                       true,
		`{\rt1 a}`:                        true,
		"\xef\xbb\xbf\x00 \r\n\t{\\rtf1}": true,
		`x{\rtf1}`:                        false,
		`{\r`:                             false,
		"":                                false,
	} {
		if rest, ok := RTF([]byte(data)); ok != want || ok && rest[0] != '{' {
			t.Errorf("RTF(%q) = %q, %t", data, rest, ok)
		}
	}
}
