package icap

import (
	"strconv"
	"strings"
)

// section names the parts of an encapsulated message.
type section uint8

const (
	secNone section = iota
	secReqHdr
	secResHdr
	secReqBody
	secResBody
	secOptBody
	secNullBody
)

var sectionNames = [...]string{
	secNone:     "",
	secReqHdr:   "req-hdr",
	secResHdr:   "res-hdr",
	secReqBody:  "req-body",
	secResBody:  "res-body",
	secOptBody:  "opt-body",
	secNullBody: "null-body",
}

func (s section) String() string { return sectionNames[s] }

// sectionSet is a set of sections that a message may have.
type sectionSet uint8

func setOf(list ...section) sectionSet {
	var set sectionSet
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (set sectionSet) has(s section) bool { return set&(1<<s) != 0 }

// What RFC 3507 section 4.4.1 lets a message contain.
var (
	reqmodSections   = setOf(secReqHdr, secReqBody, secNullBody)
	respmodSections  = setOf(secReqHdr, secResHdr, secResBody, secNullBody)
	optionsSections  = setOf(secOptBody, secNullBody)
	responseSections = setOf(secReqHdr, secResHdr, secReqBody, secResBody, secOptBody, secNullBody)
)

// encapsulated is a parsed Encapsulated header: where each head starts (-1 if
// absent), and the body, which starts where the heads end.
type encapsulated struct {
	reqHdr, resHdr int
	body           section
	bodyAt         int
}

const maxOffsetDigits = 9

// parseEncapsulated parses an Encapsulated value. Names compare without regard
// to case and white space may stand around "=" and ",". The list starts at
// offset 0, never decreases, names nothing twice, and ends with its only body.
func parseEncapsulated(value string, allowed sectionSet) (encapsulated, *Error) {
	e := encapsulated{reqHdr: -1, resHdr: -1}
	var seen sectionSet
	last := 0
	for rest, more := value, true; more; {
		var item string
		item, rest, more = strings.Cut(rest, ",")
		sec, at, err := parseSection(item)
		if err != nil {
			return e, err
		}
		switch {
		case !allowed.has(sec):
			return e, refine(ErrEncapsulatedSyntax, "%s does not belong here", sec)
		case seen.has(sec):
			return e, refine(ErrEncapsulatedSyntax, "%s twice", sec)
		case e.body != secNone:
			return e, refine(ErrEncapsulatedSyntax, "%s after the body", sec)
		case seen == 0 && at != 0:
			return e, refine(ErrEncapsulatedSyntax, "first offset is not 0")
		case at < last:
			return e, refine(ErrEncapsulatedSyntax, "offsets decrease")
		case sec == secReqHdr && seen.has(secResHdr):
			return e, refine(ErrEncapsulatedSyntax, "req-hdr after res-hdr")
		}
		seen |= setOf(sec)
		last = at
		switch sec {
		case secReqHdr:
			e.reqHdr = at
		case secResHdr:
			e.resHdr = at
		default:
			e.body, e.bodyAt = sec, at
		}
	}
	if e.body == secNone {
		return e, refine(ErrEncapsulatedSyntax, "no body section")
	}
	return e, nil
}

func parseSection(item string) (section, int, *Error) {
	name, digits, ok := strings.Cut(item, "=")
	if !ok {
		return secNone, 0, refine(ErrEncapsulatedSyntax, "section without an offset")
	}
	name, digits = strings.Trim(name, " \t"), strings.Trim(digits, " \t")
	sec := secNone
	for i := secReqHdr; i <= secNullBody; i++ {
		if sameFold(name, sectionNames[i]) {
			sec = i
			break
		}
	}
	if sec == secNone {
		return secNone, 0, refine(ErrEncapsulatedSyntax, "unknown section")
	}
	if digits == "" || len(digits) > maxOffsetDigits {
		return secNone, 0, refine(ErrEncapsulatedSyntax, "offset is not a number within reason")
	}
	at := 0
	for i := range len(digits) {
		d := digits[i]
		if d < '0' || d > '9' {
			return secNone, 0, refine(ErrEncapsulatedSyntax, "offset is not a number")
		}
		at = at*10 + int(d-'0')
	}
	return sec, at, nil
}

// heads cuts block, which is bodyAt bytes long, into its heads, and parses them
// into the storage given. Sections of length zero are absent heads.
func (e *encapsulated) heads(block string, lenient bool, reqTo, resTo *Head) (req, res *Head, err error) {
	reqEnd := e.bodyAt
	if e.resHdr >= 0 {
		reqEnd = e.resHdr
		if res, err = cutHead(block[e.resHdr:e.bodyAt], lenient, resTo); err != nil {
			return nil, nil, err
		}
	}
	if e.reqHdr >= 0 {
		if req, err = cutHead(block[e.reqHdr:reqEnd], lenient, reqTo); err != nil {
			return nil, nil, err
		}
	}
	return req, res, nil
}

func cutHead(raw string, lenient bool, h *Head) (*Head, error) {
	if raw == "" {
		return nil, nil
	}
	if lenient && !strings.HasSuffix(raw, "\r\n\r\n") {
		raw = strings.TrimRight(raw, "\r\n") + "\r\n\r\n"
	}
	if err := h.parse(raw); err != nil {
		return nil, err
	}
	return h, nil
}

// appendEncapsulated appends an Encapsulated line for at most one head.
func appendEncapsulated(dst []byte, hdr section, headLen int, body section) []byte {
	dst = append(dst, "Encapsulated: "...)
	if hdr != secNone {
		dst = append(dst, sectionNames[hdr]...)
		dst = append(dst, "=0, "...)
	}
	dst = append(dst, sectionNames[body]...)
	dst = append(dst, '=')
	dst = strconv.AppendInt(dst, int64(headLen), 10)
	return append(dst, '\r', '\n')
}
