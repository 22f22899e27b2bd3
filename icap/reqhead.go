package icap

import (
	"bytes"
	"strings"
)

// requestHead is a parsed ICAP request head, without what it encapsulates.
type requestHead struct {
	method, uri    string
	service, query string
	fields         string
	host           bool
	enc            encapsulated
	hasEnc         bool
	preview        int
	hasPreview     bool
	allow204       bool
	allow206       bool
	allowTrailers  bool
	close          bool
}

// headEnd returns the length of the head at the start of b, its blank line
// included, or -1 if it is not complete. from is how much was searched before.
func headEnd(b []byte, from int, lenient bool) int {
	from = max(from-3, 0)
	if i := bytes.Index(b[from:], []byte("\r\n\r\n")); i >= 0 && !lenient {
		return from + i + 4
	}
	if !lenient {
		return -1
	}
	for i := from; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		switch {
		case i+1 < len(b) && b[i+1] == '\n':
			return i + 2
		case i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n':
			return i + 3
		}
	}
	return -1
}

// parseRequestHead parses an ICAP request head including its blank line. On an
// error the returned head holds what was understood before it.
func parseRequestHead(raw string, lenient bool) (requestHead, *Error) {
	var h requestHead
	i := strings.IndexByte(raw, '\n')
	if i < 0 {
		return h, ErrHeadSyntax
	}
	line, ok := cutLineEnd(raw[:i+1], lenient)
	if !ok {
		return h, refine(ErrHeadSyntax, "request line without CRLF")
	}
	if err := h.parseRequestLine(line); err != nil {
		return h, err
	}
	end := len(raw) - 2
	if raw[len(raw)-2] != '\r' {
		end = len(raw) - 1
	}
	if end < i+1 {
		return h, ErrHeadSyntax
	}
	h.fields = raw[i+1 : end]
	return h, h.parseFields(lenient)
}

func cutLineEnd(line string, lenient bool) (string, bool) {
	line = line[:len(line)-1]
	if strings.HasSuffix(line, "\r") {
		return line[:len(line)-1], true
	}
	return line, lenient
}

func (h *requestHead) parseRequestLine(line string) *Error {
	method, rest, ok := strings.Cut(line, " ")
	uri, version, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 || method == "" || uri == "" {
		return refine(ErrHeadSyntax, "request line is not METHOD URI VERSION")
	}
	for i := range len(method) {
		if !tokenTable[method[i]] {
			return refine(ErrHeadSyntax, "method is not a token")
		}
	}
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] == 0x7f {
			return refine(ErrHeadSyntax, "control character in the URI")
		}
	}
	if version != "ICAP/1.0" {
		if isVersion(version) {
			return ErrVersion
		}
		return refine(ErrHeadSyntax, "not ICAP")
	}
	h.uri = uri
	switch method {
	case MethodReqmod:
		h.method = MethodReqmod
	case MethodRespmod:
		h.method = MethodRespmod
	case MethodOptions:
		h.method = MethodOptions
	default:
		return ErrMethod
	}
	return h.parseURI()
}

func isVersion(v string) bool {
	rest, ok := strings.CutPrefix(v, "ICAP/")
	major, minor, dot := strings.Cut(rest, ".")
	return ok && dot && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (h *requestHead) parseURI() *Error {
	path := h.uri
	if path[0] != '/' && path != "*" {
		scheme, rest, ok := strings.Cut(path, "://")
		if !ok || (!sameFold(scheme, "icap") && !sameFold(scheme, "icaps")) {
			return ErrURI
		}
		i := strings.IndexAny(rest, "/?")
		if i == 0 || rest == "" {
			return refine(ErrURI, "no host")
		}
		if i < 0 {
			i = len(rest)
		}
		path = rest[i:]
	}
	h.service, h.query, _ = strings.Cut(path, "?")
	if h.service == "" {
		h.service = "/"
	}
	return nil
}

func (h *requestHead) parseFields(lenient bool) *Error {
	if strings.IndexByte(h.fields, 0) >= 0 {
		return refine(ErrHeadSyntax, "NUL in the head")
	}
	for rest := h.fields; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		colon := fieldColon(line)
		// Almost every line has its one CR at its end and is neither folded nor
		// bare; the others are looked at more closely.
		if colon < 0 || strings.IndexByte(line, '\r') != len(line)-2 {
			if !lenient && bareLF(line) {
				return refine(ErrHeadSyntax, "line without CRLF")
			}
			if !validField(line, false) {
				return refine(ErrHeadSyntax, "malformed header field")
			}
		}
		if err := h.field(line[:colon], line[colon+1:]); err != nil {
			return err
		}
	}
	if !h.host && !lenient {
		return ErrHostMissing
	}
	if !h.hasEnc && h.method != MethodOptions {
		return ErrEncapsulatedMissing
	}
	return nil
}

// fieldColon returns the length of the name that a field line starts with, or -1.
func fieldColon(line string) int {
	colon := 0
	for colon < len(line) && tokenTable[line[colon]] {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return -1
	}
	return colon
}

// field takes note of the fields that the protocol itself needs.
func (h *requestHead) field(name, value string) *Error {
	switch len(name) {
	case len("Host"):
		h.host = h.host || equalFold(name, "Host")
	case len("Allow"):
		if equalFold(name, "Allow") {
			h.parseAllow(trimValue(value))
		}
	case len("Preview"):
		if equalFold(name, "Preview") {
			return h.parsePreview(trimValue(value))
		}
	case len("Connection"):
		h.close = h.close || equalFold(name, "Connection") && listHas(trimValue(value), "close")
	case len("Encapsulated"):
		if equalFold(name, "Encapsulated") {
			return h.parseEncapsulated(trimValue(value))
		}
	}
	return nil
}

// validField checks a field line, possibly folded: a token, a colon straight
// behind it, and no NUL or stray CR. cont allows it to be a continuation.
func validField(line string, cont bool) bool {
	if cont && (line[0] == ' ' || line[0] == '\t') {
		return strings.IndexByte(line, 0) < 0
	}
	colon := fieldColon(line)
	if colon < 0 {
		return false
	}
	value := line[colon+1:]
	if strings.IndexByte(value, 0) >= 0 {
		return false
	}
	for {
		i := strings.IndexByte(value, '\r')
		if i < 0 {
			return true
		}
		if i+1 >= len(value) || value[i+1] != '\n' {
			return false
		}
		value = value[i+2:]
	}
}

var tokenTable = func() (t [256]bool) {
	for i := range t {
		t[i] = isToken(byte(i))
	}
	return t
}()

func bareLF(line string) bool {
	for {
		i := strings.IndexByte(line, '\n')
		if i < 0 {
			return false
		}
		if i == 0 || line[i-1] != '\r' {
			return true
		}
		line = line[i+1:]
	}
}

func (h *requestHead) parseAllow(list string) {
	for more := true; more; {
		var item string
		item, list, more = strings.Cut(list, ",")
		switch item = strings.Trim(item, " \t"); {
		case item == "204":
			h.allow204 = true
		case item == "206":
			h.allow206 = true
		case sameFold(item, "trailers"):
			h.allowTrailers = true
		}
	}
}

func (h *requestHead) parsePreview(v string) *Error {
	if !isDigits(v) || len(v) > maxOffsetDigits {
		return ErrPreviewSyntax
	}
	n := 0
	for i := range len(v) {
		n = n*10 + int(v[i]-'0')
	}
	if h.hasPreview && n != h.preview {
		return refine(ErrPreviewSyntax, "two different values")
	}
	h.hasPreview, h.preview = true, n
	return nil
}

func (h *requestHead) parseEncapsulated(v string) *Error {
	if h.hasEnc {
		return refine(ErrEncapsulatedSyntax, "more than one header")
	}
	allowed := optionsSections
	switch h.method {
	case MethodReqmod:
		allowed = reqmodSections
	case MethodRespmod:
		allowed = respmodSections
	}
	var err *Error
	h.enc, err = parseEncapsulated(v, allowed)
	h.hasEnc = err == nil
	return err
}
