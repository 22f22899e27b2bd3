package kit

import (
	"strings"
	"testing"
)

func TestSafeLink(t *testing.T) {
	for link, want := range map[string]bool{
		"http://a.test/": true, "https://a.test/%2e%2e?x=javascript:1": true, "HTTPS://A.TEST": true, "mailto:a@b.test": true,
		"tel:+49": true, "#top": true, "": true, " https://a.test": true, "ht\ttps://a.test": true,
		"javascript:alert(1)": false, "JaVa\nScRiPt:alert(1)": false, "java&#115;cript:x": false, "&#x6a;avascript:x": false,
		"java%73cript:x": false, "javascript%3aalert(1)": false, "\u200bjavascript:x": false, "vbscript:x": false,
		"file:///c:/x": false, `\\host\share`: false, "//host/share": false, `C:\x.exe`: false, "ms-msdt:/id": false,
		"data:text/html,x": false, "doc.html": false, "../up": false, "mailto:a@b?attach=c:/x": false, "http:x": false,
		"search-ms:query=x": false, "https:" + `\\evil\share`: false,
	} {
		if got := SafeLink(link); got != want {
			t.Errorf("SafeLink(%q) = %v", link, got)
		}
	}
}

func TestSafePlace(t *testing.T) {
	for place, want := range map[string]bool{
		"": true, "_Toc123": true, "Sheet1!A1:B2": true, "A1:B2": true, "'My Sheet'!A1": true, "#top": true, "Note: a heading|outline": true, "Table1|table": true,
		"https://a.test/": true, "mailto:a@b.test": true, "a//b": true, `a\b`: true, "C:D": true,
		`\\host\share`: false, "//host/share": false, `C:\x.exe`: false, "c:/x": false, "file:///x": false, "JaVaScript:x": false, "java&#115;cript:x": false,
		"\u200bfile:x": false, "ms-msdt:/id": false, "search-ms:x": false, "vnd.sun.star.script:x": false, "macro:///x": false, "#macro:x": false, `https:\\host\x`: false,
		"data:text/html,x": false, "mailto:a@b?attach=x": false,
	} {
		if got := SafePlace(place); got != want {
			t.Errorf("SafePlace(%q) = %v", place, got)
		}
	}
}

func TestLoadsProgram(t *testing.T) {
	for name, want := range map[string]bool{"_AssemblyLocation": true, " _assemblyname0": true, "AssemblyLocation": false, "": false, "Author": false} {
		if got := LoadsProgram(name); got != want {
			t.Errorf("LoadsProgram(%q) = %v", name, got)
		}
	}
}

func TestFieldVector(t *testing.T) {
	for code, want := range map[string]string{
		`PAGE`: "", `  PAGE \* MERGEFORMAT `: "", ``: "", `TOC \o "1-3" \h`: "", `REF _x \h`: "", `DATE \@ "yyyy"`: "",
		`DDEAUTO c:\\windows\\cmd.exe "/k calc"`: "field-dde", "\r\n dDe x y": "field-dde",
		`INCLUDEPICTURE "http://evil.test/x" \d`: "field-include", `LINK Excel.Sheet "x"`: "field-include", `AUTOTEXTLIST "x" \s Style \t "tip"`: "field-include", `AUTOTEXT x`: "",
		`SET x "DDE y z"`: "field-dde", `SET x "Link to it"`: "", `SET x "1"`: "",
		`MACROBUTTON NoMacro [type here]`: "", `MACROBUTTON AutoOpen x`: "field-macro", `PRINT 27 "x"`: "field-active",
		`HYPERLINK "https://a.test"`: "", `HYPERLINK \l "here"`: "", `HYPERLINK "x.doc" \l "here"`: "link-scheme",
		`HYPERLINK \o "tip" "file:///c:/x"`: "link-scheme", `HYPERLINK \t "_blank" https://a.test`: "",
		`HYPERLINK \l "\\\\host\\share"`: "link-scheme", `HYPERLINK "" \l "file:///c:/x"`: "link-scheme", `HYPERLINK "https://a.test" \o "file:x" \l "a:b"`: "",
		"\u200bDDEAUTO x": "field-dde", "ＤＤＥ x": "field-dde",
		`HYPERLINK “javascript:x”`: "link-scheme", `HYPERLINK "\\\\host\\share"`: "link-scheme", `HYPERLINK`: "",
	} {
		if got := FieldVector(code); got != want {
			t.Errorf("FieldVector(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestMacroButtonText(t *testing.T) {
	for code, want := range map[string]string{
		` MACROBUTTON  AllCaps Hello World `: "Hello World", `macrobutton a.b!c Click here`: "Click here",
		`MACROBUTTON AllCaps`: "", `MACROBUTTON AllCaps `: "", `MACROBUTTON Run Run me`: "", `MACROBUTTON x \s y`: "", `MACROBUTTON "a b" c`: "",
		`QUOTE x y`: "", "MACROBUTTON a b\rc": "", "MACROBUTTON a \x13b": "",
	} {
		if got, from, to, ok := MacroButtonText(code); got != want || ok != (want != "") || ok && strings.TrimSpace(code[to:]) != want || from > to {
			t.Errorf("MacroButtonText(%q) = %q, %d to %d, %v", code, got, from, to, ok)
		}
	}
}

func FuzzFieldVector(f *testing.F) {
	f.Add(`HYPERLINK "x" \l`)
	f.Add(`"“`)
	f.Fuzz(func(_ *testing.T, code string) { FieldVector(code) })
}
