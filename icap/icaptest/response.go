package icaptest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxHead is what deployed clients read of a head: Squid's limit.
const maxHead = 64 << 10

// sectionNames are the members of Encapsulated, RFC 3507 section 4.4.1.
var sectionNames = []string{"req-hdr", "res-hdr", "req-body", "res-body", "opt-body", "null-body"}

// field is a header field as it was written.
type field struct{ name, value, raw string }

// fields is a header block.
type fields []field

// get joins the values of the fields of a name.
func (f fields) get(name string) (value string, n int) {
	var values []string
	for i := range f {
		if strings.EqualFold(f[i].name, name) {
			values = append(values, f[i].value)
		}
	}
	return strings.Join(values, ", "), len(values)
}

// response is one ICAP response, read with a client's strictness: whatever is not exactly as RFC 3507 and
// RFC 9112 write it is an error.
type response struct {
	status   int
	reason   string
	head     fields
	sections []string
	http     map[string][]byte // encapsulated heads by section
	body     []byte            // as it came, without what is to be taken from the original
	original int64             // use-original-body, -1 without
	trailers fields            // of ICAP
}

var (
	statusLine = regexp.MustCompile(`^ICAP/1\.0 ([1-5][0-9][0-9]) ([ -~]+)$`)
	chunkSize  = regexp.MustCompile(`^[0-9A-Fa-f]{1,16}$`)
	fieldName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// readResponse reads a whole response.
func readResponse(s *source) (*response, error) {
	line, err := s.line(maxHead, "a status line")
	if err != nil {
		return nil, err
	}
	m := statusLine.FindStringSubmatch(line)
	if m == nil {
		return nil, fmt.Errorf("not an ICAP status line with a reason phrase: %q", line)
	}
	r := &response{reason: m[2], original: -1, http: map[string][]byte{}}
	if r.status, err = strconv.Atoi(m[1]); err != nil {
		return nil, err
	}
	if r.head, err = readFields(s, "ICAP head"); err != nil {
		return nil, err
	}
	value, n := r.head.get("Encapsulated")
	if n > 1 {
		return nil, fmt.Errorf("%d Encapsulated fields", n)
	}
	if n == 1 {
		if err := r.encapsulated(s, value); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readFields reads a header block with its empty line.
func readFields(s *source, what string) (fields, error) {
	var f fields
	for total := 0; ; {
		line, err := s.line(maxHead-total, "a line of the "+what)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return f, nil
		}
		total += len(line) + 2
		if n := len(f) - 1; n >= 0 && (line[0] == ' ' || line[0] == '\t') && mayFold(f[n].name) {
			f[n].value += " " + strings.Trim(line, " \t")
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !fieldName.MatchString(name) {
			return nil, fmt.Errorf("not a field of the %s: %q", what, line)
		}
		f = append(f, field{name, strings.Trim(value, " \t"), line})
	}
}

// mayFold reports whether a server may continue the field on further lines: its draft and its oldest clients
// want X-Violations-Found to be so. What else is folded, some client takes for a broken head.
func mayFold(name string) bool { return strings.EqualFold(name, "X-Violations-Found") }

// encapsulated reads the sections that the field announces.
func (r *response) encapsulated(s *source, value string) error {
	var offsets []int
	for item := range strings.SplitSeq(value, ",") {
		name, num, ok := strings.Cut(strings.Trim(item, " "), "=")
		off, err := strconv.ParseUint(num, 10, 31)
		if !ok || err != nil || !slices.Contains(sectionNames, name) {
			return fmt.Errorf("bad Encapsulated %q", value)
		}
		r.sections = append(r.sections, name)
		offsets = append(offsets, int(off))
	}
	last := len(r.sections) - 1
	for i, name := range r.sections {
		if strings.HasSuffix(name, "-body") != (i == last) {
			return fmt.Errorf("the Encapsulated %q: exactly the last section must be a body", value)
		}
	}
	if offsets[0] != 0 {
		return fmt.Errorf("the Encapsulated %q does not begin at 0", value)
	}
	for i, name := range r.sections[:last] {
		n := offsets[i+1] - offsets[i]
		if n < 0 {
			return fmt.Errorf("the Encapsulated %q: offsets go down", value)
		}
		b, err := s.take(n, name)
		if err != nil {
			return err
		}
		s.seen = append(s.seen, b...)
		if n > maxHead || !bytes.HasSuffix(b, []byte("\r\n\r\n")) || bytes.Count(b, []byte("\r\n\r\n")) != 1 {
			return fmt.Errorf("%s is not one header block of less than 64 KiB that ends at its offset: %.200q", name, b)
		}
		r.http[name] = b
	}
	if r.sections[last] == "null-body" {
		return nil
	}
	return r.chunks(s)
}

// chunks reads a chunked body and the trailers after it.
func (r *response) chunks(s *source) error {
	for {
		line, err := s.line(4<<10, "the size of a chunk")
		if err != nil {
			return err
		}
		size, ext, _ := strings.Cut(line, ";")
		size = strings.TrimRight(size, " \t")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil || !chunkSize.MatchString(size) {
			return fmt.Errorf("bad size of a chunk %q", line)
		}
		if err := r.extension(ext, n == 0); err != nil {
			return err
		}
		if n == 0 {
			break
		}
		b, err := s.take(int(n)+2, "a chunk")
		if err != nil {
			return err
		}
		if !bytes.HasSuffix(b, []byte("\r\n")) {
			return fmt.Errorf("a chunk of %d bytes has no CRLF at its end", n)
		}
		r.body = append(r.body, b[:n]...)
		if len(r.body) > maxReceived {
			return fmt.Errorf("the body is over %d bytes", maxReceived)
		}
	}
	if _, err := readFields(s, "trailer of the chunked body"); err != nil {
		return err
	}
	if _, n := r.head.get("Trailer"); n == 0 {
		return nil
	}
	var err error
	r.trailers, err = readFields(s, "ICAP trailer")
	return err
}

// extension looks for use-original-body, which stands on the last chunk of a 206 only.
func (r *response) extension(ext string, last bool) error {
	for e := range strings.SplitSeq(ext, ";") {
		value, ok := strings.CutPrefix(strings.TrimSpace(e), "use-original-body=")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 62)
		if err != nil || !last || r.status != 206 || r.original >= 0 {
			return fmt.Errorf("use-original-body where or how it cannot be: %q in a %d", ext, r.status)
		}
		r.original = int64(n)
	}
	return nil
}

// httpHead returns the encapsulated head that counts: the response's, else the request's.
func (r *response) httpHead() []byte {
	if b, ok := r.http["res-hdr"]; ok {
		return b
	}
	return r.http["req-hdr"]
}

// httpStart returns the start line of the encapsulated head.
func (r *response) httpStart() string {
	line, _, _ := strings.Cut(string(r.httpHead()), "\r\n")
	return line
}

// httpStatus returns the status code of the encapsulated response, 0 if there is none.
func (r *response) httpStatus() int {
	if _, ok := r.http["res-hdr"]; !ok {
		return 0
	}
	f := strings.Fields(r.httpStart())
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.Atoi(f[1])
	if err != nil {
		return 0
	}
	return n
}

// httpFields parses the encapsulated head, folded lines joined.
func (r *response) httpFields() fields { return parseHTTP(r.httpHead()) }

func parseHTTP(head []byte) fields {
	var f fields
	for i, line := range strings.Split(string(head), "\r\n") {
		switch {
		case i == 0 || line == "":
		case (line[0] == ' ' || line[0] == '\t') && len(f) > 0:
			f[len(f)-1].value += " " + strings.Trim(line, " \t")
		default:
			name, value, _ := strings.Cut(line, ":")
			f = append(f, field{name, strings.Trim(value, " \t"), line})
		}
	}
	return f
}
