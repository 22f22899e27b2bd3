package sanitize

import (
	"bytes"
	"slices"
)

// lookLines looks for line breaks with which a value goes on as a header, a message or a log line of its own.
func lookLines(l *look) {
	s := l.low
	if len(s) >= shortLines && (len(s) >= longLines || !l.unlayered()) {
		return // no case of line would hold
	}
	if len(l.via) == 0 && (mimePart(s) || wholeMessage(s)) {
		return
	}
	l.charge(costLines * len(s))
	breaks := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '\n' && s[i] != '\r' {
			continue
		}
		before := i
		for i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r') {
			i++
		}
		breaks++
		if breaks > 64 {
			return
		}
		l.line(before, i+1, breaks)
	}
}

// mimePart reports whether text is a part of a mail, or its head: it begins with a boundary, or with a field that
// stands at the head of mails.
func mimePart(s []byte) bool {
	first, rest, found := bytes.Cut(s, []byte("\n"))
	if !found || len(first) > 120 {
		return false
	}
	if bytes.HasPrefix(first, []byte("--")) && len(first) > 4 && bytes.IndexByte(first, ' ') < 0 {
		return bytes.HasPrefix(rest, []byte("content-"))
	}
	return bytes.HasPrefix(first, []byte("mime-version: 1.0"))
}

// wholeMessage reports whether text is an HTTP message or its head, as manuals show it: it begins with its first line or a
// field, and its lines end as those of text do. What is injected into a head begins behind a line of that head.
func wholeMessage(s []byte) bool {
	if bytes.IndexByte(s, '\r') >= 0 {
		return false
	}
	if fence, inner, ok := bytes.Cut(s, []byte("\n")); ok && bytes.HasPrefix(fence, []byte("```")) {
		s = inner
	}
	line, rest, found := bytes.Cut(s, []byte("\n"))
	if !found {
		return false
	}
	if bytes.HasPrefix(line, []byte("http/")) {
		return true
	}
	if method, target, ok := bytes.Cut(line, []byte(" ")); ok && len(method) <= 7 && bytes.IndexByte(method, ':') < 0 && bytes.Contains(target, []byte(" http/")) {
		return true
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	name, _, ok := bytes.Cut(line, []byte(": "))
	return ok && header(second) != headerNone && (string(name) == "date" || header(line) != headerNone)
}

// In a value of shortLines bytes a line is judged only if its break was written as an escape, in one of longLines not at all.
const (
	shortLines = 512
	longLines  = 4096
)

// unlayered reports whether the break was written as an escape: text has line breaks, but not as %0d%0a.
func (l *look) unlayered() bool {
	for _, v := range l.via {
		if v == "url" || v == "escape" || v == "html" || v == "overlong" {
			return true
		}
	}
	return false
}

// line judges the line that begins at start, behind a break at before.
func (l *look) line(before, start, breaks int) {
	s := l.low
	rest := s[start:min(len(s), start+200)]
	rest = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("0a")), []byte("0d"))
	line := rest
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	if end := bytes.IndexByte(line, '\r'); end >= 0 {
		line = line[:end]
	}
	if l.urlLayer() {
		line = bytes.TrimLeft(line, " \t")
	}
	prefix := s[:before]
	short := before <= 64 && breaks == 1 && len(s) < shortLines
	end := min(len(s), start+48)
	switch {
	case header(line) == headerStrong && (l.unlayered() && len(s) < longLines && wordsUpTo(prefix, 9) <= 8 || short):
		l.sign(signLinesHeader, before, end)
	case bytes.HasPrefix(line, []byte("bcc:")) && short && (before == 0 || bytes.IndexByte(prefix, '@') > 0 && bytes.IndexByte(prefix, ' ') < 0) && bytes.IndexByte(line, '@') > 0:
		l.sign(signLinesHeader, before, end)
	case header(line) == headerKnown && short && words(prefix) <= 2 && (l.unlayered() || bytes.Contains(s[before:start], []byte("\r")) || multipleHeaders(rest)):
		l.sign(signLinesHeader, before, end)
	case bytes.HasPrefix(line, []byte("http/1.")) && (short && words(prefix) <= 3 || l.urlLayer() && len(s) < shortLines && bytes.HasPrefix(line[min(len(line), 8):], []byte(" "))):
		l.sign(signLinesMessage, before, end)
	case (l.urlLayer() && short || before <= 64 && breaks <= 3 && len(s) < shortLines && before > 0 && bytes.IndexByte(prefix, ' ') < 0) && requestLine(line):
		l.sign(signLinesMessage, before, end)
	case l.urlLayer() && start-before >= 2 && bytes.Count(s[before:start], []byte("\n")) >= 2 && bytes.IndexByte(line, '<') >= 0 && short:
		l.sign(signLinesMessage, before, end)
	case l.urlLayer() && short && bytes.IndexByte(bytes.TrimSpace(prefix), ' ') < 0 && headerName(line, start-before >= 2, len(prefix)):
		l.sign(signLinesHeader, before, end)
	case protocolCommand(line) && short, short && redisArray(prefix, line), short && before > 0 && words(prefix) <= 1 && l.bareCommand(before, start, len(line)):
		l.sign(signLinesProtocol, before, end)
	case short && (l.urlLayer() && logLine(line) || forgedEntry(prefix, line, s[before] == '\r')):
		l.sign(signLinesLog, before, end)
	}
}

// forgedEntry reports whether behind a single word a line follows that is an entry of a log; behind CR a level is enough.
func forgedEntry(prefix, line []byte, carriage bool) bool {
	if len(prefix) == 0 || bytes.IndexByte(prefix, ' ') >= 0 || logLine(prefix) {
		return false
	}
	return entry(line) || logLine(line) && (carriage || len(line) > 16 && line[0] == '[' && bytes.IndexByte(line, ']') > 0)
}

func (l *look) urlLayer() bool {
	return slices.Contains(l.via, "url")
}

type headerKind uint8

const (
	headerNone headerKind = iota
	headerKnown
	headerStrong
)

// header says whether a line begins with the name of a header field.
func header(line []byte) headerKind {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || colon > 40 {
		return headerNone
	}
	switch name := string(bytes.TrimSpace(line[:colon])); name {
	case "set-cookie", "set-cookie2", "location", "content-length", "transfer-encoding", "content-type", "refresh", "content-disposition", "content-security-policy", "access-control-allow-origin",
		"access-control-allow-credentials", "x-xss-protection", "x-forwarded-for", "x-forwarded-host", "cache-control", "clear-site-data", "strict-transport-security", "link", "content-encoding", "proxy-authenticate", "www-authenticate", "x-accel-redirect", "x-sendfile", "x-injected", "connection", "x-http-method-override", "last-modified", "etag", "p3p":
		return headerStrong
	case "to", "cc", "bcc", "from", "subject", "reply-to", "host", "cookie", "authorization", "referer", "user-agent", "origin", "mime-version", "x-mailer":
		return headerKnown
	default:
		if len(name) > 3 && name[:2] == "x-" && bytes.IndexByte([]byte(name), ' ') < 0 {
			return headerStrong
		}
	}
	return headerNone
}

// headerName reports whether a line begins with a name of header form and a colon: one with a hyphen in it behind CR LF, or
// where nothing but the break stands before it, then any name behind CR LF.
func headerName(line []byte, whole bool, before int) bool {
	name, value, found := bytes.Cut(line, []byte(":"))
	hyphen := bytes.IndexByte(name, '-') > 0
	if !found || len(name) < 3 || len(name) > 40 || len(value) == 0 {
		return false
	}
	if alone := before == 0 || whole && before == 1; !alone && (!hyphen || !whole) || !hyphen && !whole {
		return false
	}
	for _, c := range name {
		if !isWord(c) && c != '-' {
			return false
		}
	}
	return true
}

// multipleHeaders reports whether a second header follows.
func multipleHeaders(rest []byte) bool {
	i := bytes.IndexByte(rest, '\n')
	return i >= 0 && header(rest[i+1:]) != headerNone
}

// protocolCommand reports whether a line is a command of SMTP, IMAP, POP3, FTP, memcached or Redis.
func protocolCommand(line []byte) bool {
	for _, p := range []string{"rcpt to:", "mail from:", "ehlo ", "helo ", "vrfy ", "auth login", "flushall", "flush_all", "config set ", "slaveof ", "dele ", "retr ", "stor ", "eval \"", "append inbox", "delete ", "select inbox", "starttls", "quit\x00"} {
		if bytes.HasPrefix(line, []byte(p)) && p != "delete " {
			return true
		}
	}
	// IMAP: a tag and a command.
	tag, command, found := bytes.Cut(line, []byte(" "))
	if found && len(tag) >= 2 && len(tag) <= 8 && isLetter(tag[0]) && isDigit(tag[len(tag)-1]) {
		for _, c := range []string{"capability", "fetch", "login", "select", "list", "logout", "create", "delete", "examine", "store", "uid "} {
			if bytes.HasPrefix(command, []byte(c)) {
				return true
			}
		}
	}
	for _, c := range []string{"set ", "add ", "replace ", "get ", "incr "} { // memcached: set key flags time length
		if bytes.HasPrefix(line, []byte(c)) && c == "set " {
			f := bytes.Fields(line)
			return len(f) == 5 && isDigit(f[2][0]) && isDigit(f[3][0]) && isDigit(f[4][0])
		}
	}
	return false
}

// redisArray reports whether prefix and line begin a command as Redis clients write it: *3, $3.
func redisArray(prefix, line []byte) bool {
	return len(line) > 1 && line[0] == '$' && isDigit(line[1]) && len(prefix) > 1 && isDigit(prefix[len(prefix)-1]) && prefix[max(0, len(prefix)-2)] == '*'
}

// bareCommands are the commands of mail and store protocols that stand alone on a line.
var bareCommands = []string{"QUIT", "DATA", "RSET", "NOOP", "STLS", "FLUSHALL", "SHUTDOWN", "SAVE", "BGSAVE", "MULTI", "EXEC", "STAT", "LOGOUT"}

// bareCommand reports whether the line of n bytes at start, behind CR LF, is a command in capitals that ends with CR LF.
func (l *look) bareCommand(before, start, n int) bool {
	if l.view[before] != '\r' || start+n >= len(l.view) || l.view[start+n] != '\r' {
		return false
	}
	return slices.Contains(bareCommands, string(l.view[start:start+n]))
}

// logLine reports whether a line looks like the next entry of a log.
func logLine(line []byte) bool {
	line = bytes.TrimLeft(line, " [(")
	for _, p := range []string{"info", "error", "warn", "debug", "fatal", "notice", "critical", "trace", "severe"} {
		if bytes.HasPrefix(line, []byte(p)) && len(line) > len(p) && !isLetter(line[len(p)]) {
			return true
		}
	}
	return len(line) > 10 && isDigit(line[0]) && isDigit(line[3]) && (line[4] == '-' || line[4] == '/') && isDigit(line[5])
}

// requestLine reports whether a line, in lower case, is the first of an HTTP request.
func requestLine(line []byte) bool {
	method, rest, found := bytes.Cut(line, []byte(" "))
	return found && bytes.Contains(rest, []byte(" http/1.")) && len(method) >= 3 && len(method) <= 8 && !bytes.ContainsFunc(method, func(r rune) bool { return r < 'a' || r > 'z' })
}

// entry reports whether a line is a whole entry of a log: a time and a level, or one of a web server.
func entry(line []byte) bool {
	if bytes.Contains(line, []byte(" http/1.")) && bytes.Contains(line, []byte(" - ")) && bytes.Contains(line, []byte("] \"")) {
		return true
	}
	s := bytes.TrimLeft(line, "[(")
	if len(s) < 20 || !isDigit(s[0]) || !isDigit(s[3]) || (s[4] != '-' && s[4] != '/') || !isDigit(s[5]) || bytes.IndexByte(s, ':') < 0 {
		return false
	}
	for _, level := range []string{"info", "error", "warn", "debug", "fatal", "notice", "critical"} {
		if i := bytes.Index(s[:min(len(s), 60)], []byte(level)); i > 10 && !isLetter(s[i-1]) {
			return true
		}
	}
	return false
}
