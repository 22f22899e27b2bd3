package upstream

import (
	"strings"
	"testing"
	"unicode/utf8"

	"icapd/icap"
)

func TestParseInfection(t *testing.T) {
	tests := map[string]threat{
		"Type=0; Resolution=2; Threat=Eicar-Test-Signature;": {virus, "Eicar-Test-Signature", "", ""},
		"Type=1; Resolution=0; Threat=Policy 7":              {violation, "Policy 7", "", ""},
		"Type=2;Resolution=1;Threat=Encrypted archive;":      {container, "Encrypted archive", "", ""},
		" type = 2 ; THREAT = a=b ":                          {container, "a=b", "", ""},
		"":                                                   {virus, "", "", ""},
		"Eicar":                                              {virus, "", "", ""},
		"Type=9; Threat=x\x00\x1b[31m\xffy":                  {virus, "x??[31m?y", "", ""},
	}
	for in, want := range tests {
		want.from = "X-Infection-Found"
		if got := parseInfection(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

func TestParseViolations(t *testing.T) {
	tests := map[string]string{
		"X-Violations-Found: 1\r\n\t-\r\n\tEicar\r\n\t0\r\n\t0\r\n":                                   "Eicar@",
		"Via: x\r\nx-violations-found: 2\r\n a.zip\r\n A\r\n 1\r\n 2\r\n b\r\n B\r\n 1\r\n 2\r\nX: y": "A@a.zip B@b",
		"X-Violations-Found: 0\r\n":           "",
		"X-Violations-Found: 1\r\n":           "@",
		"X-Violations-Found:\r\n":             "@",
		"X-Violations-Found: 3\r\n\ta\r\n\tA": "A@a",
		"X-Other: 1\r\n\ta\r\n\tA\r\n":        "",
		"":                                    "",
	}
	for in, want := range tests {
		var got []string
		for _, th := range parseViolations(in) {
			got = append(got, th.name+"@"+th.file)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzThreats(f *testing.F) {
	f.Add("X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar;")
	f.Add("X-Infection-Found", "Type=2;;;Threat==;Type=1")
	f.Add("X-Virus-ID", "Eicar")
	f.Add("X-Virus-ID", " none ")
	f.Add("X-Violations-Found", "1\r\n\t-\r\n\tEicar\r\n\t0\r\n\t0")
	f.Add("X-Violations-Found", "99\r\n a\r\n b\r\n c")
	f.Fuzz(func(t *testing.T, name, value string) {
		all := threats(icap.NewHeader(icap.Field{Name: name, Value: value}))
		if len(all) > maxThreats {
			t.Fatalf("%d threats", len(all))
		}
		for _, th := range all {
			for _, s := range []string{th.name, th.file} {
				if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
					t.Fatalf("%q is not fit for a log", s)
				}
			}
		}
		if strings.EqualFold(name, "X-Infection-Found") && len(all) == 0 {
			t.Fatalf("%q says nothing", value)
		}
	})
}
