package odf

import (
	"bytes"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// otherDocument matches a reference to a cell of another document, in quotes, as OpenFormula writes it (part 4, section 5.8).
var otherDocument = pattern.MustCompile(`'(?:[^']|'')+'\s*#`)

// formulaText matches a text in a formula.
var formulaText = pattern.MustCompile(`"([^"]*)"`)

// actingFormula reports whether a formula fetches, calls or opens something.
func actingFormula(formula string) bool {
	if dangerFormula.MatchString(formula) || otherDocument.MatchString(formula) {
		return true
	}
	if !strings.Contains(strings.ToUpper(formula), "HYPERLINK") {
		return false
	}
	var all strings.Builder // texts that a formula joins
	for _, m := range formulaText.FindAllStringSubmatch(formula, -1) {
		if !kit.SafePlace(m[1]) {
			return true
		}
		all.WriteString(m[1])
	}
	return !kit.SafePlace(all.String())
}

// cellRanges are the attributes that name cells; those of other documents are fetched.
var cellRanges = map[string]bool{
	"cell-range-address": true, "values-cell-range-address": true, "label-cell-address": true, "data-range": true, "source-cell-range": true,
	"source-cell-range-addresses": true, "scenario-ranges": true,
	"linked-cell": true, "cell-address": true, "base-cell-address": true,
}

// property judges a property of a form or control, which programs set by its name: what has an attribute of its own is not let in
// by this way, and no other holds an address that acts.
func property(t *kit.XMLToken) string {
	var name, value string
	for a := range t.Attrs {
		switch a.Local() {
		case "property-name":
			name = a.Value()
		case "string-value", "value":
			value += a.Value()
		}
	}
	switch {
	case databaseProperties[name] && (value != "" || t.Local() == "list-property"):
		return vectorDatabase
	case name == "DefaultControl" && value != "" && !formService.MatchString(value):
		return vectorForm
	case addressProperties[name] && (outside(value) || scriptScheme.MatchString(value)), !kit.SafePlace(value):
		return vectorForm
	}
	return ""
}

// isFormControl reports whether an element is a control of a form by what only controls have: elements of text and drawings
// have the same names, and prefixes are the writer's choice.
func isFormControl(t *kit.XMLToken) bool {
	if bytes.HasPrefix(t.Name, []byte("form:")) {
		return t.Local() != "form"
	}
	for a := range t.Attrs {
		switch a.Local() {
		case "control-implementation", "button-type":
			return true
		}
	}
	return false
}

// isQueried reports whether the lines of a list come from a database.
func isQueried(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		if a.Local() == "list-source-type" {
			return a.Value() != "" && a.Value() != "value-list"
		}
	}
	return false
}

var (
	databaseProperties = map[string]bool{"DataSourceName": true, "Command": true, "URL": true, "ActiveConnection": true, "ConnectionResource": true, "Filter": true}
	addressProperties  = map[string]bool{"TargetURL": true, "ImageURL": true, "HelpURL": true, "SubmitURL": true, "TargetFrame": true}
)

// userDefined judges a property of the document that somebody named.
func userDefined(t *kit.XMLToken) string {
	for a := range t.Attrs {
		if a.Local() == "name" && kit.LoadsProgram(a.Value()) {
			return vectorExternal
		}
	}
	return ""
}

// elsewhere matches an address of another machine.
var elsewhere = pattern.MustCompile(`(?i)^(?:(?:https?|ftps?|smb|file|vnd\.sun\.star\.webdavs?)://[^/]|file:/{4,}|\\\\|//)`)

// setting judges a setting by the text that follows its tag: addresses of tables of colours and of databases are fetched.
func (c *cleaner) setting(t *kit.XMLToken) string {
	if t.Kind != kit.XMLStart {
		return ""
	}
	name, kind := "", ""
	for a := range t.Attrs {
		switch a.Local() {
		case "name":
			name = a.Value()
		case "type":
			kind = a.Value()
		}
	}
	text := c.data[t.End:]
	if i := bytes.IndexByte(text, '<'); i >= 0 {
		text = text[:i]
	}
	const most = 4096 // printers' settings are much longer, and no address is
	if len(text) > most || strings.HasPrefix(name, "Printer") || kind == "base64Binary" {
		return ""
	}
	v := strings.TrimSpace(kit.XMLUnescape(text))
	tables := strings.HasSuffix(name, "TableURL") // of a program that was installed elsewhere, mostly
	switch {
	case tables && elsewhere.MatchString(v), scriptScheme.MatchString(v), !tables && !kit.SafePlace(v):
		return vectorExternal
	case name == "CurrentDatabaseDataSource" && strings.ContainsAny(v, `:/\`):
		return vectorDatabase
	}
	return ""
}

// ownName returns the name that an entry has in the document that it belongs to: embedded documents have folders of their own.
func ownName(name string) string {
	for {
		dir, rest, ok := strings.Cut(name, "/")
		if !ok || !strings.HasPrefix(dir, "object") || strings.HasPrefix(dir, "objectreplacements") {
			return name
		}
		name = rest
	}
}

// menu judges a file of the user interface: an address in it is opened by a menu, a key or an event.
func (p *packageWalk) menu(e *kit.ZipEntry, data []byte) (acts bool) {
	if len(bytes.TrimSpace(data)) == 0 {
		return false
	}
	lower := bytes.ToLower(data)
	for _, word := range []string{"vnd.sun.star.script", "vnd.sun.star.expand", "macro:", "service:"} {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	if path.Ext(strings.ToLower(e.Name)) != ".xml" {
		return false
	}
	text, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return true
	}
	err = kit.NewXML(text, p.job.Limits.XMLDepth).Each(p.ctx, func(t *kit.XMLToken, _ int) error {
		for a := range t.Attrs {
			if v := a.Value(); !strings.HasPrefix(string(a.Name), "xmlns") && !strings.HasPrefix(v, ".uno:") && v != "" &&
				(scriptScheme.MatchString(v) || webScheme.MatchString(v) || bareScheme.MatchString(v)) {
				acts = true
			}
		}
		return nil
	})
	return acts || err != nil && p.ctx.Err() == nil
}
