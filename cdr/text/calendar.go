package text

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
	"icapd/scan"
)

// Calendar is the kit.Format for calendars (RFC 5545, and vCalendar before it) and address cards (RFC 6350, and vCard
// 2.1 and 3.0 before it): lines of properties, folded. What runs a program, fetches something by itself or leads where no
// link may lead goes, files in properties go through their handlers, and every other byte stays.
type Calendar struct{}

// Types implements kit.Format.
func (Calendar) Types() []string {
	return []string{"text/calendar", "text/x-vcalendar", "text/vcard", "text/x-vcard", "text/directory"}
}

// Field implements kit.Field: files may also stand in properties that nobody knows, and those are found by what they are.
func (Calendar) Field() bool { return true }

// The vectors of calendars, cards and tables, as reports name them.
const (
	vectorAlarm   = "alarm-action"
	vectorFetch   = "external-fetch"
	vectorLink    = "link-scheme"
	vectorFile    = "embedded-file"
	vectorMarkup  = "embedded-markup"
	vectorFormula = "formula"
	vectorName    = "defined-name"
)

// Disarm implements kit.Handler.
func (Calendar) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	text, back, err := kit.DecodeText(doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	w := calendar{ctx: ctx, job: job, out: make([]byte, 0, len(text)), alarm: -1}
	for w.line = 1; len(text) > 0; {
		if w.line%256 == 0 && ctx.Err() != nil {
			return kit.Result{}, ctx.Err()
		}
		p, n := readProperty(text)
		if err := w.property(&p, text[:n]); err != nil {
			return kit.Result{}, err
		}
		w.line += bytes.Count(text[:n], []byte("\n"))
		text = text[n:]
	}
	w.endAlarm()
	if !w.changed {
		return kit.Result{}, nil
	}
	return kit.Result{Data: back(w.out)}, nil
}

// property is one line of content, unfolded.
type property struct {
	first  string // the name as it is written
	name   string // upper case, without a group
	params []string
	value  string
	ends   string // the line break behind it
}

// readProperty reads the first line of content, and returns how many bytes it takes. A line goes on where the next one
// begins with white space, and in vCard 2.1 where quoted-printable text ends with an equals sign.
func readProperty(text []byte) (p property, n int) {
	var line []byte
	quoted, judged := false, -1
	for {
		end := bytes.IndexAny(text[n:], "\r\n")
		if end < 0 {
			line = append(line, text[n:]...)
			n = len(text)
			break
		}
		line = append(line, text[n:n+end]...)
		n += end + 1
		p.ends = string(text[n-1])
		if text[n-1] == '\r' && n < len(text) && text[n] == '\n' {
			n++
			p.ends = "\r\n"
		}
		soft := len(line) > 0 && line[len(line)-1] == '='
		if head := min(len(line), 1000); soft && judged != head { // once for each beginning: lines may have a million parts
			quoted, judged = quotedPrintable.Match(line[:head]), head
		}
		soft = soft && quoted
		folded := n < len(text) && (text[n] == ' ' || text[n] == '\t')
		switch {
		case soft:
			line = line[:len(line)-1]
		case folded:
			n++
		default:
			p.split(line)
			return p, n
		}
	}
	p.split(line)
	return p, n
}

var quotedPrintable = pattern.MustCompile(`(?i)^[^:]*QUOTED-PRINTABLE`)

// split takes a line apart. Colons and semicolons in quotation marks belong to a parameter.
func (p *property) split(line []byte) {
	quoted, from := false, 0
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';' || c == ':':
			if from == 0 {
				p.first = string(line[:i])
			} else {
				p.params = append(p.params, string(line[from:i]))
			}
			from = i + 1
			if c == ':' {
				p.value = string(line[i+1:])
				p.name = strings.ToUpper(strings.TrimSpace(p.first[strings.LastIndexByte(p.first, '.')+1:]))
				return
			}
		}
	}
	*p = property{ends: p.ends} // a line without a name
}

// param returns a parameter, upper case and without quotation marks.
func (p *property) param(name string) string {
	for _, s := range p.params {
		if k, v, _ := strings.Cut(s, "="); strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.ToUpper(strings.Trim(strings.TrimSpace(v), `"`))
		}
	}
	return ""
}

// encoded reports whether the value is written in this encoding, which vCard 2.1 names without saying what it is.
func (p *property) encoded(value string) bool {
	for _, s := range p.params {
		if strings.EqualFold(strings.TrimSpace(s), value) {
			return true
		}
	}
	return p.param("ENCODING") == value
}

type calendar struct {
	ctx     context.Context
	job     *kit.Job
	out     []byte
	line    int
	changed bool

	alarm  int    // where the alarm that is open begins in out, -1 if none is
	action string // of that alarm, "" if it may stay
}

func (w *calendar) remove(vector string, p *property, action, detail string) {
	w.changed = true
	w.job.Removed(vector, "line "+strconv.Itoa(w.line)+" "+p.name, action, detail)
}

// property decides about one property: it is copied, written anew or left out.
func (w *calendar) property(p *property, raw []byte) error {
	if w.component(p, raw) {
		return nil
	}
	vector, value, err := w.judge(p)
	if err != nil {
		return err
	}
	head, cut := w.parameters(p)
	switch {
	case vector == "" && !cut:
		w.out = append(w.out, raw...)
	case vector == "":
		w.write(p, head+":"+p.value)
	case value != nil:
		w.remove(vector, p, kit.ActionRecursed, "")
		w.write(p, head+":"+*value)
	default:
		w.remove(vector, p, kit.ActionRemoved, clipped(p.value))
	}
	return nil
}

// write writes a line of content. Quoted-printable text is not folded: vCard 2.1 has another way for it.
func (w *calendar) write(p *property, line string) {
	if p.encoded("QUOTED-PRINTABLE") {
		w.out = append(append(w.out, line...), p.ends...)
		return
	}
	w.out = appendFolded(w.out, line, p.ends)
}

// component follows alarms, which go as a whole. It reports whether the property was one that begins or ends something.
func (w *calendar) component(p *property, raw []byte) bool {
	value := strings.ToUpper(strings.TrimSpace(p.value))
	switch {
	case p.name == "BEGIN" && value == "VALARM":
		w.endAlarm()
		w.alarm = len(w.out)
	case p.name == "ACTION" && w.alarm >= 0 && value != "DISPLAY" && value != "AUDIO" && value != "NONE":
		w.action = value
	case p.name == "END" && value == "VALARM":
		w.out = append(w.out, raw...)
		w.endAlarm()
		return true
	case p.name == "BEGIN" || p.name == "END":
		if value == "VEVENT" || value == "VTODO" || value == "VCALENDAR" {
			w.endAlarm()
		}
	default:
		return false
	}
	w.out = append(w.out, raw...)
	return true
}

// endAlarm takes the alarm back that does more than to show or sound.
func (w *calendar) endAlarm() {
	if w.alarm >= 0 && w.action != "" {
		w.out = w.out[:w.alarm]
		w.changed = true
		w.job.Removed(vectorAlarm, "VALARM", kit.ActionRemoved, clipped(w.action))
	}
	w.alarm, w.action = -1, ""
}

// What properties hold, by their names; all others hold words.
const (
	holdsLink   = iota + 1 // an address that a click leads to
	holdsFetch             // an address that the reader asks by itself, or a file
	holdsAction            // what a program is started by, or another card
	holdsText              // what people read
)

var properties = map[string]int{
	"URL": holdsLink, "CONFERENCE": holdsLink, "TZURL": holdsLink, "LINK": holdsLink, "STRUCTURED-DATA": holdsLink, "FBURL": holdsLink,
	"CALURI": holdsLink, "CALADRURI": holdsLink, "CAPURI": holdsLink, "ORG-DIRECTORY": holdsLink, "CONTACT-URI": holdsLink, "ATTACH": holdsLink,
	"KEY": holdsLink, "X-ATTACH": holdsLink, "CONCEPT": holdsLink, "X-URL": holdsLink,
	"SOURCE": holdsFetch, "IMAGE": holdsFetch, "PHOTO": holdsFetch, "LOGO": holdsFetch, "SOUND": holdsFetch,
	"PALARM": holdsAction, "MALARM": holdsAction, "AGENT": holdsAction, "XML": holdsAction,
	"SUMMARY": holdsText, "DESCRIPTION": holdsText, "COMMENT": holdsText, "LOCATION": holdsText, "NOTE": holdsText, "CONTACT": holdsText,
	"FN": holdsText, "N": holdsText, "ORG": holdsText, "TITLE": holdsText, "NICKNAME": holdsText, "CATEGORIES": holdsText, "LABEL": holdsText,
}

// judge says why a property must change, "" if it need not; value is what takes the place of the old one, nil if nothing.
func (w *calendar) judge(p *property) (vector string, value *string, err error) {
	text := p.value
	if p.encoded("QUOTED-PRINTABLE") {
		text = unquoted(text)
	}
	address := strings.TrimSpace(unescapeText(text))
	kind := properties[p.name]
	switch {
	case p.encoded("BASE64") || p.encoded("B") || p.param("VALUE") == "BINARY":
		return w.file(p, p.value, "")
	case p.param("FMTTYPE") == "TEXT/HTML" && p.param("VALUE") != "URI" && kind != holdsLink, p.name == "X-ALT-DESC":
		return w.markup(p, text)
	case kind == holdsAction:
		return vectorAlarm, nil, nil
	case dataURL.MatchString(address):
		head, data, _ := strings.Cut(address, ",")
		return w.file(p, data, head+",")
	case kind == holdsText, w.alarm >= 0 && p.name == "ATTACH" && sound.MatchString(address):
		return "", nil, nil
	case kind == holdsFetch && !w.fetched(p, address), w.alarm >= 0 && p.name == "ATTACH":
		return vectorFetch, nil, nil
	case kind == holdsLink && !follows(address), dangerous(address), dangerous(strings.TrimSpace(text)): // backslashes may be escapes, or not
		return vectorLink, nil, nil
	}
	return "", nil, nil
}

var (
	dataURL = pattern.MustCompile(`(?i)^data:[^,]*;\s*base64\s*,`)
	sound   = pattern.MustCompile(`^(?:[A-Za-z0-9 _-]*|(?i:cid):.*)$`) // of the system, or of the mail
	host    = pattern.MustCompile(`^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?(?:[/?#].*)?$`)
	schemes = pattern.MustCompile(`^(?:cid|mid|urn|uuid|geo|sips?|xmpp|im|webcals?|ftps?|news):`)
	danger  = pattern.MustCompile(`^(?:(?:java|vb|live)script|data|file|smb|nfs|jar|mhtml|res|view-source|about|shell|telnet|ldaps?|search|search-ms|ms-[a-z-]+|vnd\.[a-z.-]+):|^\\\\`)
)

// fetched reports whether an address that is asked without a click may stay.
func (w *calendar) fetched(p *property, address string) bool {
	if address == "" || strings.HasPrefix(strings.ToLower(address), "cid:") {
		return true
	}
	return p.name != "SOURCE" && w.job.Switches.RemoteImages == kit.ChoiceAllow && kit.SafeLink(address)
}

// follows reports whether an address may stand where a click leads to. Cards have hosts without a scheme.
func follows(address string) bool {
	return address == "" || kit.SafeLink(address) || schemes.MatchString(folded(address)) || host.MatchString(address) && !dangerous(address)
}

// dangerous reports whether a value of any kind begins like an address that runs or opens something.
func dangerous(value string) bool { return danger.MatchString(folded(value)) }

// folded is the beginning of an address as lenient readers compare it.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s[:min(len(s), 128)])
}

// parameters returns name and parameters without addresses that lead where none may lead, and whether there were some.
func (w *calendar) parameters(p *property) (head string, cut bool) {
	var b strings.Builder
	b.WriteString(p.first)
	for _, s := range p.params {
		k, v, _ := strings.Cut(s, "=")
		v = strings.Trim(v, `"`)
		if k = strings.ToUpper(strings.TrimSpace(k)); (k == "ALTREP" || k == "DIR") && !follows(v) || dangerous(v) {
			cut = true
			w.remove(vectorLink, p, kit.ActionNeutralised, clipped(k))
			continue
		}
		b.WriteString(";" + s)
	}
	return b.String(), cut
}

// markup hands a text in HTML to its handler.
func (w *calendar) markup(p *property, text string) (vector string, value *string, err error) {
	r, err := w.job.Recurse(w.ctx, kit.Document{Data: []byte(unescapeText(text)), Type: "text/html", Path: "mail:" + p.name})
	switch {
	case w.ctx.Err() != nil:
		return "", nil, w.ctx.Err()
	case err != nil:
		return vectorMarkup, nil, nil //nolint:nilerr // what cannot be made safe goes
	case !r.Changed():
		return "", nil, nil
	}
	clean := escapeText(string(r.Data))
	if p.encoded("QUOTED-PRINTABLE") {
		clean = quoted(clean)
	}
	return vectorMarkup, &clean, nil
}

// file hands a file in base64 to its handler. What nobody knows goes, but for what is only looked at or listened to.
func (w *calendar) file(p *property, encoded, before string) (vector string, value *string, err error) {
	encoded = strings.Map(func(r rune) rune {
		if r <= ' ' || r == '=' || r == '\\' {
			return -1
		}
		return r
	}, encoded)
	data, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return vectorFile, nil, nil //nolint:nilerr // what cannot be read goes
	}
	name := strings.ToLower(p.param("FILENAME") + p.param("X-FILENAME"))
	kind := kit.Sniff(data)
	if kind == "text/plain" && path.Ext(name) == ".csv" {
		kind = "text/csv"
	}
	if kit.Script(data) != "" {
		return vectorFile, nil, nil
	}
	r, err := w.job.Recurse(w.ctx, kit.Document{Data: data, Type: kind, Name: name, Path: p.name})
	var gap *scan.Gap
	switch {
	case w.ctx.Err() != nil:
		return "", nil, w.ctx.Err()
	case errors.As(err, &gap) && gap.Reason == scan.ReasonUnsupported && shown(kind, name, p.name):
		return "", nil, nil
	case errors.As(err, &gap) && gap.Reason == scan.ReasonLimit:
		return "", nil, err
	case err != nil:
		return vectorFile, nil, nil //nolint:nilerr // what cannot be made safe goes
	case !r.Changed():
		return "", nil, nil
	}
	again := before + base64.StdEncoding.EncodeToString(r.Data)
	return vectorFile, &again, nil
}

// shown reports whether a file for which there is no handler does nothing but be looked at.
func shown(kind, name, property string) bool {
	major, _, _ := strings.Cut(kind, "/")
	switch ext := path.Ext(name); {
	case major == "image" || major == "audio" || major == "video":
		return true
	case property == "KEY": // a certificate
		return kind == "application/octet-stream" || kind == "text/plain" || strings.HasPrefix(kind, "application/x-x509") || strings.HasPrefix(kind, "application/pgp")
	case kind == "text/plain":
		return ext == "" || ext == ".txt" || ext == ".log"
	}
	return false
}

func unescapeText(s string) string { return textUnescaper.Replace(s) }

func escapeText(s string) string { return textEscaper.Replace(s) }

var (
	textUnescaper = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\:`, ":", `\\`, `\`)
	textEscaper   = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", "", ",", `\,`, ";", `\;`, `\`, `\\`)
)

// unquoted is a text whose soft breaks are gone without its quoted-printable escapes.
func unquoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func quoted(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c == '=' || c < ' ' || c >= 0x7f {
			b.WriteString("=" + string(digits[c>>4]) + string(digits[c&15]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// appendFolded writes a line of content in lines of 75 bytes at most (RFC 5545, section 3.1), never inside of a character.
func appendFolded(out []byte, line, ends string) []byte {
	if ends == "" {
		ends = "\r\n"
	}
	for most := 75; len(line) > most; most = 74 {
		cut := most
		for cut > most-4 && line[cut]&0xc0 == 0x80 {
			cut--
		}
		out = append(append(append(out, line[:cut]...), ends...), ' ')
		line = line[cut:]
	}
	return append(append(out, line...), ends...)
}

func clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), 80)], "") }
