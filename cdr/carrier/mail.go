package carrier

import (
	"bytes"
	"mime"
	"strings"

	"icapd/internal/pattern"
)

// mailHead is one head of a mail or of one of its parts.
type mailHead struct {
	fields []mailField
	end    int // behind the empty line, or behind the last field
}

// maxMailField is how much of a folded field is read, in bytes.
const maxMailField = 4 << 10

// mailField is one field with its folded lines.
type mailField struct {
	from, to    int
	name, value string // the name in lower case
}

// tracking are the fields by which a mail asks its reader for an answer when it is delivered or opened (RFC 8098, and what
// programs had before and have beside it), and the one by which a reader finds an attachment elsewhere.
var tracking = map[string]bool{
	"disposition-notification-to": true, "disposition-notification-options": true, "return-receipt-to": true, "return-receipt-requested": true,
	"read-receipt-to": true, "x-confirm-reading-to": true, "x-imap-confirm-reading-to": true, "x-receipt-to": true, "x-pmrqc": true,
	"delivery-receipt-to": true, "generate-delivery-report": true, "notice-requested-upon-delivery-to": true,
	"registered-mail-reply-requested-by": true, "x-mozilla-external-attachment-url": true,
}

// tidyMail returns a mail without the addresses by which its reader completes others (Content-Base and Content-Location, RFC 2557
// and RFC 2110): a picture that is in no part would be fetched from there. Parts of a page that was saved with what belongs to it
// are known by them, and keep theirs. Nor does it ask for receipts any more. What readers take for different mails is written
// as the walk read it: lines that end in CR alone, and fields about the parts that are there twice. It returns nil if there is
// nothing of the kind.
func tidyMail(data []byte) []byte {
	changed := false
	if loneBreaks(data) {
		data, changed = wholeBreaks(data), true
	}
	heads := mailHeads(data)
	located, related := 0, false
	for i := range heads {
		for _, f := range heads[i].fields {
			switch f.name {
			case "content-location":
				located++
			case "content-type":
				related = related || strings.HasPrefix(strings.ToLower(f.value), "multipart/related")
			}
		}
	}
	var out []byte
	from := 0
	end := missingEnd(data, heads)
	changed = changed || end != ""
	for i := range heads {
		once := map[string]bool{}
		for _, f := range heads[i].fields {
			twice := structural[f.name] && once[f.name]
			once[f.name] = true
			if twice || f.name == "content-base" || tracking[f.name] || f.name == "content-location" && !plainLocation(f.value, related && located > 1) {
				out = append(out, data[from:f.from]...)
				from, changed = f.to, true
			} else if fresh := f.plain(); fresh != "" {
				out = append(append(out, data[from:f.from]...), data[f.from:f.from+len(f.name)]...)
				out = append(append(out, ": "+fresh...), lineBreak(data[f.from:f.to])...)
				from, changed = f.to, true
			}
		}
	}
	if !changed {
		return nil
	}
	return append(append(out, data[from:]...), end...)
}

// missingEnd returns what a mail with parts has to end with if its last delimiter is missing, "" if it is there. In a mailbox
// the end is that of another mail.
func missingEnd(data []byte, heads []mailHead) string {
	if len(heads) == 0 || bytes.HasPrefix(data, []byte("From ")) {
		return ""
	}
	for _, f := range heads[0].fields {
		kind, params, err := mime.ParseMediaType(withoutComments(f.value))
		delimiter := "\n--" + strings.TrimRight(params["boundary"], " \t")
		if f.name != "content-type" || err != nil || !strings.HasPrefix(kind, "multipart/") || params["boundary"] == "" {
			continue
		}
		body := data[max(0, heads[0].end-1):]
		if !bytes.Contains(body, []byte(delimiter)) || bytes.Contains(body, []byte(delimiter+"--")) {
			return ""
		}
		eol := lineBreak(data)
		if bytes.HasSuffix(data, []byte("\n")) {
			return delimiter[1:] + "--" + eol
		}
		return eol + delimiter[1:] + "--" + eol
	}
	return ""
}

// lineBreak is the break that the first line ends with.
func lineBreak(data []byte) string {
	if i := bytes.IndexByte(data, '\n'); i == 0 || i > 0 && data[i-1] != '\r' {
		return "\n"
	}
	return "\r\n"
}

// plain returns how a field about a part is written that has what not all readers know: comments, and parameters in pieces (RFC
// 2231, section 3). It returns "" for one that has neither, or cannot be read.
func (f *mailField) plain() string {
	v := withoutComments(f.value)
	switch f.name {
	case "content-transfer-encoding":
		if v != f.value {
			return strings.TrimSpace(v)
		}
	case "content-type", "content-disposition":
		if v == f.value && !strings.Contains(v, "*0=") && !strings.Contains(v, "*0*=") {
			return ""
		}
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(v))
		if err != nil || len(f.value) >= maxMailField {
			return ""
		}
		return mime.FormatMediaType(kind, params)
	}
	return ""
}

// comment is a comment in the value of a field, or what is quoted, in which there are none (RFC 5322, section 3.2.2).
var comment = pattern.MustCompile(`"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)`)

func withoutComments(value string) string {
	if strings.IndexByte(value, '(') < 0 {
		return value
	}
	return comment.ReplaceAllStringFunc(value, func(m string) string {
		if m[0] == '(' {
			return ""
		}
		return m
	})
}

// structural are the fields that say what a part is. Of two, the first counts.
var structural = map[string]bool{
	"content-type": true, "content-transfer-encoding": true, "content-disposition": true, "mime-version": true, "content-id": true, "content-location": true,
}

// loneBreaks reports whether a mail has a CR without its LF where a reader may see the end of a line that others do not: in
// the head, or in front of a delimiter.
func loneBreaks(data []byte) bool {
	head := headEnd(data)
	for i := 0; ; i++ {
		n := bytes.IndexByte(data[i:], '\r')
		if n < 0 {
			return false
		}
		if i += n; i+1 < len(data) && data[i+1] != '\n' && data[i+1] != '\r' && (i < head || bytes.HasPrefix(data[i+1:], []byte("--"))) {
			return true
		}
	}
}

// headEnd returns where the head of the mail ends that data begins with.
func headEnd(data []byte) int {
	end := min(len(data), maxMailHead)
	for _, empty := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(data[:end], []byte(empty)); i >= 0 {
			end = i
		}
	}
	return end
}

// maxMailHead is how long the head of a mail is, in bytes, in which lone breaks are looked for.
const maxMailHead = 64 << 10

// wholeBreaks gives each CR its LF.
func wholeBreaks(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(data)/32)
	for i, c := range data {
		if out = append(out, c); c == '\r' && (i+1 == len(data) || data[i+1] != '\n') {
			out = append(out, '\n')
		}
	}
	return out
}

// plainLocation reports whether the address of a part is only its name among the parts.
func plainLocation(value string, page bool) bool {
	v := strings.ToLower(strings.Trim(strings.Join(strings.Fields(value), ""), `"<>`))
	scheme, rest, ok := strings.Cut(v, ":")
	switch {
	case strings.HasPrefix(v, `\`), strings.HasPrefix(v, "//"):
		return false
	case !ok, scheme == "cid", scheme == "mid", scheme == "thismessage":
		return true
	case scheme == "http", scheme == "https":
		return page
	case scheme == "file": // a page that was saved from a disk
		return page && strings.HasPrefix(rest, "///") && !strings.HasPrefix(rest, "////")
	}
	return false
}

// mailHeads finds the head of a mail, those of its parts, and those of the mails in it that are not encoded.
func mailHeads(data []byte) []mailHead {
	const most = 100_000
	var heads []mailHead
	boundaries := map[string]bool{}
	for pos, inHead := 0, true; pos < len(data) && len(heads) < most; {
		if inHead {
			h := readMailHead(data, pos)
			heads = append(heads, h)
			pos = h.end
			inHead = h.mail(boundaries)
			continue
		}
		line, next := mailLine(data, pos)
		if rest, ok := bytes.CutPrefix(line, []byte("--")); ok && len(boundaries) > 0 && len(rest) < 200 {
			inHead = boundaries[strings.TrimRight(string(rest), " \t")]
		}
		pos = next
	}
	return heads
}

// mail notes the boundary that a head names, and reports whether another head follows it: that of a mail in a part.
func (h *mailHead) mail(boundaries map[string]bool) bool {
	kind, encoded := "", false
	for _, f := range h.fields {
		switch f.name {
		case "content-type":
			var params map[string]string
			kind, params, _ = mime.ParseMediaType(withoutComments(f.value))
			if b := params["boundary"]; b != "" {
				boundaries[strings.TrimRight(b, " \t")] = true
			}
		case "content-transfer-encoding":
			v := strings.ToLower(strings.TrimSpace(f.value))
			encoded = v == "base64" || v == "quoted-printable"
		}
	}
	return kind == "message/rfc822" && !encoded
}

// readMailHead reads fields up to an empty line, or to what is none.
func readMailHead(data []byte, pos int) mailHead {
	h := mailHead{end: pos}
	for h.end < len(data) {
		line, next := mailLine(data, h.end)
		switch {
		case len(line) == 0:
			h.end = next
			return h
		case line[0] == ' ' || line[0] == '\t':
			if n := len(h.fields); n > 0 {
				h.fields[n-1].to = next
				if len(h.fields[n-1].value)+len(line) < maxMailField {
					h.fields[n-1].value += " " + string(bytes.TrimSpace(line))
				}
			}
		default:
			name, value, ok := strings.Cut(string(line), ":")
			if !ok && len(h.fields) > 0 || strings.HasPrefix(name, "--") {
				return h
			}
			h.fields = append(h.fields, mailField{from: h.end, to: next, name: strings.ToLower(strings.TrimSpace(name)), value: strings.TrimSpace(value)})
		}
		h.end = next
	}
	return h
}

// mailLine returns the line at pos without its break, and where the next one begins.
func mailLine(data []byte, pos int) (line []byte, next int) {
	next = len(data)
	if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
		next = pos + i + 1
	}
	return bytes.TrimRight(data[pos:next], "\r\n"), next
}
