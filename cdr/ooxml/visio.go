package ooxml

import (
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// startCell judges the formula of a drawing's cell: those that run something go, and links by their scheme.
func startCell(w *walk, t *kit.XMLToken, _ *element) bool {
	name, _ := t.Attr("N")
	for a := range t.Attrs {
		switch v := a.Value(); {
		case string(a.Name) == "F" && strings.IndexByte(v, '(') >= 0 && runningFormula.MatchString(v) && !namedAddOn.MatchString(v):
			w.remove(vectorAction, "<Cell> "+name, kit.ActionNeutralised, v)
			w.edits.cut(a.Start, a.End)
		case name == "Address" && (string(a.Name) == "V" || string(a.Name) == "F") && v != "Inh" && !kit.SafeLink(v):
			w.remove(vectorLink, "<Cell> "+name, kit.ActionNeutralised, v)
			w.edits.replace(a.Start, a.End, " "+string(a.Name)+`=""`)
		}
	}
	return false
}

// runningFormula matches ShapeSheet functions that run macros, add-ons and programs, or open files.
var runningFormula = pattern.MustCompile(`(?i)\b(?:RUNMACRO|RUNADDON|RUNADDONWARGS|CALLTHIS|OPENFILE|OPENGROUPWIN|QUEUEMARKEREVENT|FOLLOWHYPERLINK|HYPERLINK|DDE\w*)\s*\(`)

// namedAddOn matches a call of one of the program's own add-ons, by its name as the program writes it.
var namedAddOn = pattern.MustCompile(`^(?:(?i:RUNADDON)\("[A-Z &]{1,40}"\)|(?i:QUEUEMARKEREVENT)\("[^"|\\]*"\))$`)

// startEvent keeps events that only put a mark into the program's queue.
func startEvent(w *walk, t *kit.XMLToken, _ *element) bool {
	action, _ := t.Attr("Action")
	if target, _ := t.Attr("Target"); target == "QueueMarkerEvent" && action == "1" {
		return false
	}
	w.remove(vectorAction, "<EventItem>", kit.ActionRemoved, "")
	return true
}
