package kit

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"

	"icapd/internal/pattern"
)

// Programs that go by a harmless name: what systems run is text, and is told by what stands in it. A text is one if all
// that stands in it is of the language, and something in it acts; source code between sentences is text.

// ScriptHead is how much of a text Script reads, in bytes.
const ScriptHead = 256 << 10

// language is one in which programs are written that go by any name.
type language struct {
	name  string
	signs []string         // in lower case: what calls other programs, or runs what it is given
	line  *pattern.Pattern // what a line of it is like
	least int              // lines that there must be, but for comments

	comment []string // what a line begins with, in lower case, that says nothing
}

var languages = []language{
	{
		name:  "VBScript",
		signs: []string{"createobject(", "createobject (", "getobject(", "wscript.", "execute(", "execute (", `execute "`, "executeglobal", "msgbox"},
		line: pattern.MustCompile(`(?i)^(?:['&").].*|rem\b.*|(?:re)?dim\s+\w.*|(?:public|private)\s+\w+.*|const\s+\w+\s*=.*|set\s+[\w.()]+\s*=.*|` +
			`(?:public\s+|private\s+)?(?:sub|function|class|property)\s+\w+.*|end\s+(?:sub|function|if|class|property|with|select)\b.*|(?:else)?if\b.*\bthen\b.*|else:?|` +
			`for\s+(?:each\s+\w+\s+in\b|\w+\s*=).*|next\b.*|do|do\s+(?:while|until)\b.*|loop\b.*|while\s.*|wend|on\s+error\s.*|call\s+\w.*|option\s+explicit|` +
			`exit\s+(?:sub|for|do|function)|with\s+\w[\w.]*|select\s+case\s.*|case\s.*|randomize.*|[\w.]+(?:\([^()]*\))?\s*=\s*\S.*|` +
			`[a-z_]\w*(?:\(.*\))?(?:\.\w+(?:\([^()]*\))?)+(?:\s+[\w"(&].*)?|(?:execute|executeglobal|msgbox|eval)\b\s*["(\w].*|.*\s[_&])$`),
		least:   1,
		comment: []string{"'", "rem "},
	},
	{
		name: "JScript",
		signs: []string{
			"activexobject(", "activexobject (", "wscript.", "getobject(", "eval(", "new function(", "document.write", "xmlhttprequest", "location.href", "location=", "location =",
			"require(", "fetch(", "settimeout(", "window.", "alert(",
		},
		line: pattern.MustCompile(`^(?:(?://|/\*|\*|[{}()\]\[.?:"'+]).*|.*[;{}(\[,]\s*(?://.*)?|(?:var|let|const|return|throw|new|case|else|try|do)\b.*|` +
			`(?:function|if|for|while|catch|switch)\b.*[()].*|[\w.$\[\]"']+\s*[-+]?=\s*\S.*|[\w.$]+\(.*\)|.*[&|+?:=])$`),
		least:   1,
		comment: []string{"//", "/*", "*"},
	},
	{
		name: "PowerShell",
		signs: []string{
			"invoke-", "iex ", "iex(", "iwr ", "start-process", "new-object", "[system.", "[convert]::", "[reflection.", ".downloadstring(", ".downloadfile(", "add-type",
			"set-executionpolicy", "start-bitstransfer", "powershell", "::frombase64string", "get-wmiobject", "set-mppreference", "register-scheduledtask",
		},
		line: pattern.MustCompile(`(?i)^(?:[#<$@})\]["'&|].*|(?:function|filter)\s+[\w:-]+\s*[({]?.*|(?:param|if|elseif|foreach|for|while|switch|trap|catch)\s*[({\[].*|(?:else|try|finally|begin|process|end|do)\s*\{?.*\}?|` +
			`(?:return|throw|break|continue|exit|using)\b.*|[a-z]+-[a-z]\w*(?:\s*[|;(].*|\s+(?:-\w|["'$(@{\[<]|https?:|[a-z]:\\|\.{0,2}[\\/]).*)?|` +
			`(?:start-process|saps|iex|iwr)\s+[\w.:\\/-]+(?:\s+["'$-].*)?|(?:iex|iwr|irm|icm|saps|sal|sleep|echo|write)\s*[("'$-].*|\.\s*[\\$'"(].*|powershell(?:\.exe)?\s+[-/"&].*|.*[|{(,` + "`" + `])$`),
		least:   1,
		comment: []string{"#"},
	},
	{
		name: "batch",
		signs: []string{
			"cmd /", "cmd.exe", "powershell", "certutil", "bitsadmin", "mshta", "rundll32", "regsvr32", "wscript", "cscript", "schtasks", "reg add", "@echo", "@start", "@call", `start ""`, "%~", "msiexec",
		},
		line: pattern.MustCompile(`(?i)^(?:@.*|rem\b.*|::.*|:[a-z_]\w*|set\s+(?:/[ap]\s+)?"?\w+=.*|if\s+(?:not\s|exist\s|errorlevel\s|/i\s|defined\s|["%]).*|for\s+(?:/\w\s+.*)?%.*|goto\s+:?\w+|` +
			`(?:call|start)\s+["%:\\/\w.]\S*.*|cmd(?:\.exe)?\s+/.*|(?:powershell|pwsh)(?:\.exe)?\s+[-/"&\w].*|(?:certutil|bitsadmin|mshta|rundll32|regsvr32|[wc]script|schtasks|msiexec|taskkill|xcopy|robocopy|attrib|reg|sc|net|wmic|icacls|netsh)(?:\.exe)?\s+\S.*|` +
			`(?:copy|move|del|erase|ren|md|mkdir|rd|rmdir|cd|chdir|pushd|type|title|ping|timeout|curl|wget|echo)[\s./:].*|(?:popd|pause|cls|setlocal|endlocal|exit)\b.*|"?[a-z]:\\.*|"?%.*|[)(].*|else\b.*)$`),
		least:   2,
		comment: []string{"rem", "::", "@rem"},
	},
	{
		name:  "shell",
		signs: []string{"| sh", "|sh", "| bash", "|bash", "/dev/tcp/", `eval "`, "eval $(", "eval `", "rm -rf", "chmod +x", "nohup ", "base64 -d"},
		line: pattern.MustCompile(`^(?:#.*|\w+=\S*|export\s+\w+=.*|(?:if|elif|while|until)\s+.*|then|fi|else|for\s+\w+\s+in\s.*|do|done.*|case\s.*\sin|esac|[\w-]+\(\)\s*\{?.*|[{}&|(].*|` +
			`(?:curl|wget|sudo|chmod|chown|rm|cp|mv|mkdir|cd|eval|exec|source|sh|bash|nc|ncat|cat|printf|set|trap|exit|return|tar|kill|pkill|nohup|sleep|read|shift|local|unset|crontab)(?:\s+["'$~/.<>&|\w-].*)?|` +
			`echo\s+["'$\w-].*|\./\S+.*|[\w./$"-]+\s.*\s\|\s*\w.*|.*\\)$`),
		least:   2,
		comment: []string{"#"},
	},
	{
		name:  "Python",
		signs: []string{"os.system(", "os.popen(", "subprocess.", "exec(", "eval(", "__import__(", "import socket", "urllib.request", "import ctypes", "import pty", "import os", "os.exec"},
		line: pattern.MustCompile(`^(?:#.*|import\s+[\w., ]+|from\s+[\w.]+\s+import\s.*|(?:async\s+)?def\s+\w+\(.*|class\s+\w+.*:|(?:if|elif|else|for|while|with|try|except|finally)\b.*:.*|(?:return|raise|yield|del|global|assert)\b.*|` +
			`print\(.*|@\w.*|pass|break|continue|["'].*|[\w.\[\]'", ]+\s*[-+*/|]?=\s*\S.*|[\w.]+\(.*|[)\]}(\[{].*|.*[,(\[{\\:])$`),
		least:   2,
		comment: []string{"#"},
	},
}

// shebang, and what is a program by its first line.
var firstLines = pattern.MustCompile(`(?i)^(?:#! ?/|@?echo off\s*$|windows registry editor version|regedit4\s*$|querytype=oledb|xlodbc\s*$)`)

// iniProgram is a section of a file of settings that systems open as a shortcut, or act upon.
var iniProgram = pattern.MustCompile(`(?mi)^[ \t]*\[(?:InternetShortcut(?:\.[AW])?|Shell|autorun(?:\.\w+)?|\.ShellClassInfo|Desktop Entry|WFClient|DefaultInstall(?:\.\w+)?|\{000214A0-0000-0000-C000-000000000046\})\][ \t]*\r?$`)

var iniLine = pattern.MustCompile(`^(?:\[[^\]]+\]|[^=\s][^=]{0,80}=.*|[;#].*)$`)

var appleScript = pattern.MustCompile(`(?m)^\s*(?:do shell script\s|tell application\s+")`)

// narrow returns a text in UTF-16 in UTF-8, and any other without its mark of the order of bytes.
func narrow(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), len(b) > 3 && b[0] != 0 && b[1] == 0 && b[3] == 0:
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	}
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) > 1; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return bytes.TrimPrefix([]byte(string(utf16.Decode(units))), []byte("\ufeff"))
}

// Script returns what kind of program, shortcut or query a text is, "" if it is none. All of it must be that, and something in
// it must act; source code between sentences is text. UTF-16 is read as well; what is behind ScriptHead is not looked at.
func Script(data []byte) string {
	text := bytes.TrimLeft(narrow(data[:min(len(data), ScriptHead)]), " \t\r\n")
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	switch {
	case len(text) == 0 || bytes.IndexByte(text, 0) >= 0:
		return ""
	case bytes.HasPrefix(text, []byte("%!")):
		return "PostScript"
	case text[0] == '<':
		return markupProgram(text)
	case firstLines.Match(bytes.TrimRight(first, "\r")):
		return "script"
	case string(bytes.TrimSpace(first)) == "WEB" && string(bytes.TrimSpace(second)) == "1":
		return "query"
	}
	if iniProgram.Match(text) && most(codeLines(text, iniComment), iniLine) {
		return "shortcut"
	}
	if kind := program(text); kind != "" {
		return kind
	}
	if appleScript.Match(text) && bytes.Contains(text, []byte("end tell")) {
		return "AppleScript"
	}
	return ""
}

var iniComment = []string{"#", ";"}

// program returns the language of which most lines of a text are, if some line of it acts.
func program(text []byte) string {
	low := bytes.ToLower(text)
	for i := range languages {
		l := &languages[i]
		if !acts(low, l.signs) {
			continue
		}
		lines := codeLines(text, l.comment)
		acting := func(line []byte) bool { // what is quoted is not run
			return line[0] != '"' && line[0] != '\'' && acts(bytes.ToLower(line), l.signs) && l.line.Match(line)
		}
		if len(lines) >= l.least && slices.ContainsFunc(lines, acting) && most(lines, l.line) {
			return l.name
		}
	}
	return ""
}

// codeLines are the lines that have something in them and are no comments, without the white space around.
func codeLines(text []byte, comments []string) (lines [][]byte) {
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = bytes.TrimSpace(line); len(line) > 0 && !begins(line, comments) {
			lines = append(lines, line)
		}
	}
	return lines
}

func begins(line []byte, with []string) bool {
	for _, s := range with {
		if len(line) >= len(s) && strings.EqualFold(string(line[:len(s)]), s) {
			return true
		}
	}
	return false
}

// acts reports whether one of the signs stands in a text in lower case, and in no longer word.
func acts(low []byte, signs []string) bool {
	for _, s := range signs {
		for at := 0; ; at++ {
			i := bytes.Index(low[at:], []byte(s))
			if i < 0 {
				break
			}
			if at += i; (at == 0 || !isLetter(s[0]) || !joins(low[at-1])) && (at+len(s) == len(low) || !isLetter(s[len(s)-1]) || !isLetter(low[at+len(s)])) {
				return true
			}
		}
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

// joins reports whether a name that stands behind a character is only the end of one.
func joins(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '>' || c == ':' || c == '-'
}

// most reports whether nine of ten lines are of a language.
func most(lines [][]byte, of *pattern.Pattern) bool {
	misses := len(lines) / 10
	for _, line := range lines {
		if !of.Match(line) {
			if misses--; misses < 0 {
				return false
			}
		}
	}
	return len(lines) > 0
}

// markupRoots are elements of XML that say that a file is a script, a shortcut or a task, with what must stand in it, in
// lower case, because others have elements of that name, too.
var markupRoots = map[string]string{
	"job": "<script", "package": "<job", "scriptlet": "<script", "component": "<registration", "jnlp": "", "librarydescription": "", "searchconnectordescription": "",
	"pcsettings": "", "asx": "", "mmc_consolefile": "", "assembly": "deploymentprovider", "task": "/windows/2004/02/mit/task", "window": "there.is.only.xul",
	"overlay": "there.is.only.xul", "dialog": "there.is.only.xul",
}

// markupProgram is Script for XML and HTML.
func markupProgram(text []byte) string {
	low := bytes.ToLower(text)
	root := rootElement(low)
	if _, local, ok := strings.Cut(root, ":"); ok {
		root = local
	}
	switch must, known := markupRoots[root]; {
	case known && bytes.Contains(low, []byte(must)):
		return "script"
	case bytes.Contains(low[:min(len(low), 4<<10)], []byte("<hta:application")):
		return "HTML application"
	case root != "" && root != "fixedpage" && bytes.Contains(low[:min(len(low), 4<<10)], []byte(`"http://schemas.microsoft.com/winfx/2006/xaml/presentation"`)):
		return "XAML"
	case root == "project" && bytes.Contains(low, []byte("schemas.microsoft.com/developer/msbuild")) && (bytes.Contains(low, []byte("<exec")) || bytes.Contains(low, []byte("<usingtask"))):
		return "MSBuild"
	}
	return ""
}

// rootElement returns the name of the first element, "" if there is none.
func rootElement(b []byte) string {
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 || i+1 >= len(b) {
			return ""
		}
		b = b[i+1:]
		end := ">"
		switch {
		case bytes.HasPrefix(b, []byte("!--")):
			end = "-->"
		case b[0] == '?':
			end = "?>"
		case b[0] != '!':
			name, _, _ := strings.Cut(string(b[:min(len(b), 64)]), ">")
			name, _, _ = strings.Cut(strings.TrimRight(name, "/"), "/")
			if f := strings.Fields(name); len(f) > 0 {
				return f[0]
			}
			return ""
		}
		j := bytes.Index(b, []byte(end))
		if j < 0 {
			return ""
		}
		b = b[j+len(end):]
	}
}
