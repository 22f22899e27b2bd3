package kit

import (
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	for text, want := range map[string]string{
		"@echo off\r\ndir\r\n":                                                     "script",
		"  #!/usr/bin/env ruby\nputs 1\n":                                          "script",
		"\xef\xbb\xbfSet s = CreateObject(\"a.b\")\r\ns.Open \"x\"":                "VBScript",
		"\xff\xfeM\x00s\x00g\x00B\x00o\x00x\x00(\x001\x00)\x00":                    "VBScript",
		"// x\nvar a = new ActiveXObject('b');\na.c();":                            "JScript",
		"Invoke-WebRequest -Uri https://a.example -OutFile b":                      "PowerShell",
		"cd %TEMP%\r\nmshta https://a.example\r\n":                                 "batch",
		"A=1\nwget -qO- https://a.example | bash\n":                                "shell",
		"import subprocess\nsubprocess.run(['a'])\n":                               "Python",
		"; x\r\n[autorun]\r\nopen=a.exe\r\n":                                       "shortcut",
		"WEB\r\n1\r\nhttps://a.example\r\n":                                        "query",
		"<?xml version='1.0'?><!-- a --><scriptlet><script>a</script></scriptlet>": "script",
		"%!\n(a) run\n": "PostScript",
		"tell application \"Finder\"\ndo shell script \"a\"\nend tell": "AppleScript",

		"":       "",
		"a\x00b": "",
		"To install it, run this:\n\n    curl -s https://a.example | sh\n\nand then look at the log. It says more.\n":                             "",
		"The macro calls CreateObject(\"WScript.Shell\") to start a program.\nThat is why it was taken out of the file.\n":                        "",
		"Invoke-Expression evaluates a string as a command.\nUse it with care, or not at all.\n":                                                  "",
		"# Notes\n\nWe call `eval(` nowhere; see os.system(3).\nRemember to import os if you need it.\nThe rest is in the manual, chapter two.\n": "",
		"#include <stdio.h>\nint main(void) {\n  system(\"a\");\n  return 0;\n}\n":                                                                "",
		"[server]\nport=80\nname=a\n":                                       "",
		"<package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\"/>": "",
		"select a, b from c where d = 1;\ndelete from e;\n":                 "",
		"a,b\r\n1,2\r\n": "",
	} {
		if got := Script([]byte(text)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func FuzzScript(f *testing.F) {
	for _, s := range []string{"@echo off", "WEB\n1\n", "<job><script>", "\xff\xfe<\x00", "[Shell]\na=b", "eval(1)", "<!--", "<a/"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := Script(data); got != "" && strings.TrimSpace(got) != got {
			t.Fatal(got)
		}
	})
}
