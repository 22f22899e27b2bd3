package ole

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
	"icapd/scan"
)

// Names and property numbers of [MS-OXMSG] and [MS-OXPROPS].
const (
	msgProperties = "__properties_version1.0"
	msgNames      = "__nameid_version1.0"
	msgStream     = "__substg1.0_"
	msgRecipient  = "__recip_version1.0_"
	msgAttachment = "__attach_version1.0_"

	propAttachData     = 0x3701
	propAttachMethod   = 0x3705
	propAttachName     = 0x3704
	propAttachLongName = 0x3707
	propAttachExt      = 0x3703
	propAttachPath     = 0x3708
	propAttachLongPath = 0x370D
	propAttachMime     = 0x370E
	propRendering      = 0x3709
	propDisplayName    = 0x3001
	propRTF            = 0x1009
	propHTML           = 0x1013
	propFirstNamed     = 0x8000

	typeText8   = 0x001E
	typeText16  = 0x001F
	typeBinary  = 0x0102
	typeObject  = 0x000D
	typeInteger = 0x0003

	propertyLine = 16 // bytes of a line of the list

	methodNone     = 0
	methodByValue  = 1
	methodEmbedded = 5
	methodObject   = 6
)

// mail is a message at work: its properties are streams beside a stream that lists them.
type mail struct {
	d     *document
	at    *entry // the message, attachment or recipient
	path  string
	head  int // bytes in front of the list
	named map[uint16]uint32
}

func messageStream(path []string, e *entry) string {
	name := strings.ToLower(e.name)
	if e.kind == kindStream {
		if len(path) > 1 && strings.EqualFold(path[0], msgNames) {
			return known(nameStream(name))
		}
		return known(name == msgProperties || strings.HasPrefix(name, msgStream))
	}
	return known(name == msgNames && len(path) == 1 || strings.HasPrefix(name, msgRecipient) || strings.HasPrefix(name, msgAttachment) ||
		strings.HasPrefix(name, msgStream) && strings.HasSuffix(name, "000d"))
}

// nameStream reports whether a stream is one of those that give numbers to the names of properties ([MS-OXMSG] 2.2.3): sets,
// entries, names, and 31 tables to find them by.
func nameStream(name string) bool {
	number, kind, ok := propertyOf(name)
	return ok && kind == typeBinary && (number >= 2 && number <= 4 || number >= 0x1000 && number <= 0x101E)
}

func disarmMessage(d *document) error {
	return (&mail{d: d, at: d.root, head: 32, named: namedProperties(d.root)}).message(0)
}

// namedProperties reads which numbers the properties of [MS-OXPROPS] PSETID_Common have in this file
// ([MS-OXMSG] 2.2.3).
func namedProperties(root *entry) map[uint16]uint32 {
	names := root.find(msgNames)
	if names == nil {
		return nil
	}
	entries, guids := names.find(msgStream+"00030102"), names.find(msgStream+"00020102")
	if entries == nil || guids == nil {
		return nil
	}
	common := guid("00062008-0000-0000-C000-000000000046")
	le := binary.LittleEndian
	named := map[uint16]uint32{}
	for b := entries.data; len(b) >= 8; b = b[8:] {
		kind, index := le.Uint16(b[4:]), le.Uint16(b[6:])
		set := (int(kind>>1) - 3) * 16
		if kind&1 != 0 || set < 0 || set+16 > len(guids.data) || classID(guids.data[set:set+16]) != common {
			continue
		}
		named[propFirstNamed+index] = le.Uint32(b)
	}
	return named
}

// scripts are properties of PSETID_Common that hold a form with a script, or make a program fetch a file.
var scripts = map[uint32]string{
	0x850F: vectorFormScript, 0x8513: vectorFormScript, 0x851B: vectorFormScript, 0x8541: vectorFormScript, 0x851F: vectorReminder,
}

// message judges a message and what is in it.
func (m *mail) message(depth int) error {
	if depth > m.d.job.Limits.Depth {
		return kit.Limit("depth", "%d messages inside each other", depth)
	}
	if err := m.d.ctx.Err(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	if err := m.bodies(); err != nil {
		return err
	}
	m.forms()
	for _, e := range m.at.kids {
		name := strings.ToLower(e.name)
		if e.kind == kindStorage && strings.HasPrefix(name, msgRecipient) {
			r := &mail{d: m.d, at: e, path: strings.TrimPrefix(m.path+"/"+e.name, "/"), head: 8}
			if err := r.check(); err != nil {
				return err
			}
			r.unlisted()
		}
		if e.kind != kindStorage || !strings.HasPrefix(name, msgAttachment) {
			continue
		}
		a := &mail{d: m.d, at: e, path: strings.TrimPrefix(m.path+"/"+e.name, "/"), head: 8, named: m.named}
		if err := a.attachment(depth); err != nil {
			return err
		}
	}
	return nil
}

func (m *mail) check() error {
	p := m.at.find(msgProperties)
	if p == nil || p.kind != kindStream || len(p.data) < m.head {
		return kit.Corrupt("a part of the message has no list of its properties")
	}
	if n := len(p.data) - (len(p.data)-m.head)%propertyLine; !blank(p.data[n:]) {
		m.d.removed(vectorTrailing, strings.TrimPrefix(m.path+"/"+p.name, "/"), kit.ActionRemoved, "")
		p.data = p.data[:n]
	}
	return nil
}

// get returns the stream of a property, of any of the types; nil if there is none.
func (m *mail) get(number uint16, types ...uint16) (*entry, uint16) {
	for _, t := range types {
		if e := m.at.find(fmt.Sprintf("%s%04X%04X", msgStream, number, t)); e != nil && e.kind == kindStream {
			return e, t
		}
	}
	return nil, 0
}

// text returns a property that is a text.
func (m *mail) text(number uint16) string {
	e, t := m.get(number, typeText16, typeText8)
	if e == nil {
		return ""
	}
	return textOf(e, t)
}

// textOf decodes the stream of a text.
func textOf(e *entry, kind uint16) string {
	if kind == typeText16 {
		return strings.TrimRight(utf16Text(e.data), "\x00")
	}
	return strings.TrimRight(latin(e.data), "\x00")
}

// setText replaces a text, if the property is there.
func (m *mail) setText(number uint16, text string) {
	for _, t := range []uint16{typeText16, typeText8} {
		e, _ := m.get(number, t)
		if e == nil {
			continue
		}
		e.data = []byte(text)
		size := len(text) + 1
		if t == typeText16 {
			e.data = nil
			for _, u := range utf16.Encode([]rune(text)) {
				e.data = binary.LittleEndian.AppendUint16(e.data, u)
			}
			size = len(e.data) + 2
		}
		m.setSize(number, t, size)
	}
}

// list returns the entry of a property in the list, nil if it is not there. It may be written to.
func (m *mail) list(number, kind uint16) []byte {
	p := m.at.find(msgProperties)
	want := uint32(number)<<16 | uint32(kind)
	for at := m.head; at+16 <= len(p.data); at += 16 {
		if binary.LittleEndian.Uint32(p.data[at:]) == want {
			p.data = append([]byte(nil), p.data...)
			return p.data[at : at+16]
		}
	}
	return nil
}

func (m *mail) setSize(number, kind uint16, size int) {
	if b := m.list(number, kind); b != nil {
		binary.LittleEndian.PutUint32(b[8:], uint32(size)) //nolint:gosec // G115: Limits.Bytes is lower
	}
}

// remove takes a property out: its stream and its line in the list.
func (m *mail) remove(e *entry) {
	m.at.drop(func(k *entry) bool { return k == e })
	number, kind, ok := propertyOf(e.name)
	if !ok {
		return
	}
	p := m.at.find(msgProperties)
	want := uint32(number)<<16 | uint32(kind)
	out := append([]byte(nil), p.data[:m.head]...)
	for at := m.head; at < len(p.data); at += 16 {
		line := p.data[at:min(at+16, len(p.data))]
		if len(line) < 4 || binary.LittleEndian.Uint32(line) != want {
			out = append(out, line...)
		}
	}
	p.data = out
}

// propertyOf reads number and type from the name of a property's stream.
func propertyOf(name string) (number, kind uint16, ok bool) {
	var n uint32
	if len(name) < len(msgStream)+8 {
		return 0, 0, false
	}
	if _, err := fmt.Sscanf(name[len(msgStream):len(msgStream)+8], "%08X", &n); err != nil {
		return 0, 0, false
	}
	return uint16(n >> 16), uint16(n & 0xFFFF), true
}

// bodies has the bodies looked at by the handlers for HTML and RTF.
func (m *mail) bodies() error {
	for _, t := range []uint16{typeBinary, typeText8, typeText16} { // readers differ about which of them they show
		if e, _ := m.get(propHTML, t); e != nil && len(e.data) > 0 {
			if err := m.html(e, t); err != nil {
				return err
			}
		}
	}
	e, _ := m.get(propRTF, typeBinary)
	if e == nil || len(e.data) == 0 {
		return nil
	}
	return m.rtf(e)
}

// html has one body in HTML looked at.
func (m *mail) html(e *entry, kind uint16) error {
	r, err := m.d.job.Recurse(m.d.ctx, kit.Document{Data: e.data, Type: "text/html", Path: m.body("html")})
	switch {
	case unhandled(err):
		m.bodyGone(e, "no handler for it")
	case err != nil:
		return err
	case r.Changed():
		m.d.changed = true
		e.data = r.Data
		m.setSize(propHTML, kind, len(r.Data))
	}
	return nil
}

// body is the path of a body. The handler for HTML goes by "mail:", as mails are read by programs that must not
// fetch anything.
func (m *mail) body(what string) string {
	return "mail:" + strings.TrimPrefix(m.path+"/"+what, "/")
}

func (m *mail) bodyGone(e *entry, why string) {
	m.d.removed(vectorBody, strings.TrimPrefix(m.path+"/"+e.name, "/"), kit.ActionRemoved, why)
	m.remove(e)
}

// rtf judges the RTF body. One that was made of HTML holds that HTML, in destinations that RTF itself has no use
// for: it stays as it is if both are harmless, else it is made anew of the HTML that is left.
func (m *mail) rtf(e *entry) error {
	text, err := unpackRTF(m.d.job, e.data)
	if err != nil {
		return err
	}
	if n := packedRTF(e.data); !blank(e.data[n:]) {
		m.d.removed(vectorTrailing, m.path+"/"+e.name, kit.ActionRemoved, "")
		e.data = e.data[:n]
		m.setSize(propRTF, typeBinary, n)
	}
	if len(bytes.TrimSpace(text[:min(len(text), 64)])) == 0 {
		return nil
	}
	html, ok := unwrapHTML(text)
	if !ok {
		return m.plainRTF(e, text)
	}
	if m.harmless(text, html) {
		return nil
	}
	r, err := m.d.job.Recurse(m.d.ctx, kit.Document{Data: html, Type: "text/html", Path: m.body("rtf")})
	if err != nil {
		return m.plainRTF(e, text)
	}
	if !r.Changed() { // what has to go is in the RTF around it
		r.Data = html
		m.d.removed(vectorBody, m.path+"/"+e.name, kit.ActionNeutralised, "RTF made anew of its HTML")
	}
	m.setRTF(e, wrapHTML(r.Data, codePage(text)))
	return nil
}

func (m *mail) setRTF(e *entry, text []byte) {
	m.d.changed = true
	e.data = packRTF(text)
	m.setSize(propRTF, typeBinary, len(e.data))
}

func (m *mail) plainRTF(e *entry, text []byte) error {
	r, err := m.d.job.Recurse(m.d.ctx, kit.Document{Data: text, Type: "text/rtf", Path: m.body("rtf")})
	switch {
	case unhandled(err):
		m.bodyGone(e, "no handler for it")
	case err != nil:
		m.bodyGone(e, "damaged RTF")
		return m.d.ctx.Err()
	case r.Changed():
		m.setRTF(e, r.Data)
	}
	return nil
}

// harmless reports whether nothing in RTF that wraps HTML has to go, neither in the RTF nor in the HTML.
func (m *mail) harmless(text, html []byte) bool {
	job := m.d.job
	scratch := kit.NewJob(job.Mode, job.Switches, job.Limits, job.Dispatch)
	for _, tag := range mimeTag.FindAllSubmatch(text, -1) { // what the HTML was before, in mails of parts
		html = append(slices.Clip(html), tag[1]...)
	}
	r, err := scratch.Recurse(m.d.ctx, kit.Document{Data: cutSettings(html), Type: "text/html", Path: m.body("html")})
	if err != nil || r.Changed() {
		return false
	}
	if _, err := scratch.Recurse(m.d.ctx, kit.Document{Data: text, Type: "text/rtf", Path: m.body("rtf")}); err != nil {
		return false
	}
	for _, r := range scratch.Removals() {
		if r.Vector != "html-tag" {
			return false
		}
	}
	return true
}

var mimeTag = pattern.MustCompile(`\\mhtmltag[0-9]* ?([^{}]*)`)

// unhandled reports whether an error says that there is no handler.
func unhandled(err error) bool {
	var g *scan.Gap
	return errors.As(err, &g) && g.Reason == scan.ReasonUnsupported
}

// forms takes scripts of forms out, and names of files on other machines, which a reminder would fetch its sound
// from.
func (m *mail) forms() {
	for _, e := range append([]*entry(nil), m.at.kids...) {
		number, kind, ok := propertyOf(e.name)
		if !ok || e.kind != kindStream {
			continue
		}
		if number < propFirstNamed {
			if !m.listed(number) {
				m.d.removed(vectorProperty, strings.TrimPrefix(m.path+"/"+e.name, "/"), kit.ActionRemoved, "")
				m.remove(e)
			}
			continue
		}
		vector := scripts[m.named[number]]
		if vector == "" && !m.listed(number) {
			vector = vectorProperty
		}
		if vector == "" && (kind == typeText8 || kind == typeText16) && remoteFile(textOf(e, kind)) {
			vector = vectorRemoteFile
		}
		if vector != "" {
			m.d.removed(vector, strings.TrimPrefix(m.path+"/"+e.name, "/"), kit.ActionRemoved, "")
			m.remove(e)
		}
	}
}

// unlisted takes out the streams of properties that the list does not have.
func (m *mail) unlisted() {
	for _, e := range append([]*entry(nil), m.at.kids...) {
		if number, _, ok := propertyOf(e.name); ok && e.kind == kindStream && !m.listed(number) {
			m.d.removed(vectorProperty, strings.TrimPrefix(m.path+"/"+e.name, "/"), kit.ActionRemoved, "")
			m.remove(e)
		}
	}
}

// listed reports whether the list of properties has one with this number, of whatever type.
func (m *mail) listed(number uint16) bool {
	p := m.at.find(msgProperties)
	for at := m.head; at+4 <= len(p.data); at += 16 {
		if binary.LittleEndian.Uint16(p.data[at+2:]) == number {
			return true
		}
	}
	return false
}

func remoteFile(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return strings.HasPrefix(s, `\\`) || strings.HasPrefix(s, "//") || strings.HasPrefix(s, "file:")
}

// attachment judges one attachment.
func (m *mail) attachment(depth int) error {
	if err := m.check(); err != nil {
		return err
	}
	m.unlisted()
	if e, _ := m.get(propRendering, typeBinary); e != nil && len(e.data) > 0 && !m.d.plainPicture(e.data) {
		m.d.removed(vectorProperty, m.path+"/"+e.name, kit.ActionRemoved, "icon of the attachment")
		m.remove(e)
	}
	method := uint32(methodByValue)
	if b := m.list(propAttachMethod, typeInteger); b != nil {
		method = binary.LittleEndian.Uint32(b[8:])
	}
	inner := m.at.find(fmt.Sprintf("%s%04X%04X", msgStream, propAttachData, typeObject))
	if inner != nil && inner.kind == kindStorage && inner.find(msgProperties) != nil {
		return (&mail{d: m.d, at: inner, path: m.path + "/message", head: 24, named: m.named}).message(depth + 1)
	}
	if inner != nil {
		m.d.removed(vectorObject, m.path, kit.ActionRemoved, "")
		m.remove(inner)
		m.setMethod(methodNone)
	}
	for _, number := range []uint16{propAttachPath, propAttachLongPath} {
		if e, _ := m.get(number, typeText16, typeText8); e != nil && (method > methodByValue && method != methodEmbedded && method != methodObject || remoteFile(m.text(number))) {
			m.d.removed(vectorOLELink, m.path, kit.ActionRemoved, "attached by reference")
			m.remove(e)
			m.setMethod(methodNone)
		}
	}
	return m.file()
}

func (m *mail) setMethod(method uint32) {
	if b := m.list(propAttachMethod, typeInteger); b != nil {
		binary.LittleEndian.PutUint32(b[8:], method)
	}
}

// file judges the attached file.
func (m *mail) file() error {
	name := m.text(propAttachLongName)
	if name == "" {
		name = m.text(propAttachName)
	}
	e, _ := m.get(propAttachData, typeBinary)
	if e == nil {
		if executableName(name) {
			m.placeholder(nil, name)
		}
		return nil
	}
	if name == removedName && string(e.data) == removedText {
		return nil
	}
	switch m.d.job.Switches.EmbeddedFiles {
	case kit.ChoiceBlock:
		return kit.Blocked("a message with an attachment")
	case kit.ChoiceRemove:
		m.placeholder(e, name)
		return nil
	default:
	}
	typ := kit.Sniff(e.data)
	if executableName(name) || executableName(m.text(propAttachName)) || executableType(typ) || kit.Script(e.data) != "" {
		m.placeholder(e, name)
		return nil
	}
	r, err := m.d.job.Recurse(m.d.ctx, kit.Document{Data: e.data, Type: typ, Name: name, Path: m.path})
	return m.replace(e, name, typ, r, err)
}

// replace puts what became of a file in its place.
func (m *mail) replace(e *entry, name, typ string, r kit.Result, err error) error {
	switch {
	case m.d.ctx.Err() != nil:
		return m.d.ctx.Err()
	case unhandled(err) && (passive(typ) || m.d.job.Switches.EmbeddedFiles == kit.ChoiceAllow):
		return nil
	case err != nil:
		m.placeholder(e, name)
	case r.Changed():
		m.d.changed = true
		e.data = r.Data
		m.setSize(propAttachData, typeBinary, len(r.Data))
		if r.Name != "" {
			m.rename(r.Name)
		}
	}
	return nil
}

// rename gives an attachment another name, in all properties that have it.
func (m *mail) rename(name string) {
	m.setText(propAttachLongName, name)
	m.setText(propDisplayName, name)
	m.setText(propAttachName, name)
	m.setText(propAttachExt, path.Ext(name))
}

// What stands in the place of an attachment that went.
const (
	removedText = "This attachment was removed because it could not be made safe.\r\n"
	removedName = "removed.txt"
)

// placeholder puts a text in the place of a file that goes. Attachments are counted, which is why it stays one.
func (m *mail) placeholder(e *entry, name string) {
	m.d.removed(vectorAttachment, m.path, kit.ActionRemoved, clean(name))
	if e != nil {
		e.data = []byte(removedText)
		m.setSize(propAttachData, typeBinary, len(e.data))
	}
	m.rename(removedName)
	m.setText(propAttachMime, "text/plain")
}
